"""The dependencies of a block as a graph in the DOT language of Graphviz."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from blockstm.analysis.dependencies import Dependencies
from blockstm.analysis.schedules import finish_times

__all__ = ["dot_lines", "drawn_transactions"]


def drawn_transactions(graph: Dependencies, weights: Sequence[float], nodes_max: int) -> list[int]:
    """Return the transactions to draw: those that wait or are waited for, of too many those on the heaviest chains.

    Arguments:
        graph: the dependencies between the transactions.
        weights: of each transaction.
        nodes_max: how many at most.
    """
    through = _heaviest_through(graph, weights)
    dependent = [
        txn_idx for txn_idx in range(graph.transactions) if graph.waits[txn_idx] or graph.followers[txn_idx]
    ]
    return sorted(sorted(dependent, key=lambda txn_idx: (-through[txn_idx], txn_idx))[:nodes_max])


def dot_lines(
    graph: Dependencies, weights: Sequence[float], unit: str, drawn: Sequence[int], title: str
) -> Iterator[str]:
    """Yield the lines of a DOT file: an edge leads from a transaction to one that must wait for it.

    Edges that follow from others are left out (transitive reduction), so between transactions that are drawn there
    is a path just if one waits for the other, also if only through some that are not drawn. Those on a heaviest
    chain have a bold frame.

    Arguments:
        graph: the dependencies between the transactions.
        weights: of each transaction.
        unit: what they are of.
        drawn: the transactions to draw, in the preset order.
        title: what to write below the graph.
    """
    through = _heaviest_through(graph, weights)
    heaviest = max(through, default=0)
    yield "digraph dependencies {"
    yield f"  label={_quoted(title)};"
    yield "  node [shape=box];"
    for txn_idx in drawn:
        # Sums in another order may differ in their last digits.
        style = ", style=bold" if through[txn_idx] >= heaviest * (1 - 1e-9) else ""
        yield f"  t{txn_idx} [label={_quoted(f'{txn_idx}: {weights[txn_idx]:.6g} {unit}')}{style}];"
    for earlier, later in _reduced(graph, drawn):
        yield f"  t{earlier} -> t{later};"
    yield "}"


def _heaviest_through(graph: Dependencies, weights: Sequence[float]) -> list[float]:
    """Return for each transaction the weight of the heaviest chain that it is part of."""
    before = finish_times(graph, weights)
    after: list[float] = [0] * len(graph.waits)
    for node in reversed(graph.order):
        weight = weights[node] if node < graph.transactions else 0
        after[node] = weight + max((after[later] for later in graph.followers[node]), default=0)
    return [before[txn_idx] + after[txn_idx] - weights[txn_idx] for txn_idx in range(graph.transactions)]


def _reduced(graph: Dependencies, drawn: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the edges of the least graph among some transactions in which the same ones can be reached."""
    bits = {txn_idx: 1 << place for place, txn_idx in enumerate(drawn)}
    # For each node the drawn transactions that it waits for, through whatever.
    ancestors = [0] * len(graph.waits)
    for node in graph.order:
        found = 0
        for earlier in graph.waits[node]:
            found |= ancestors[earlier] | bits.get(earlier, 0)
        ancestors[node] = found
        if node not in bits:
            continue
        while found:
            place = found.bit_length() - 1
            nearest = drawn[place]
            yield nearest, node
            found &= ~(ancestors[nearest] | 1 << place)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
