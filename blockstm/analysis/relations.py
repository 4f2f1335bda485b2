"""What studies count as a conflict between two transactions: the relations of a block, each as a graph.

Engines differ in what they let overlap, and studies in what they count, so published figures differ although the
blocks do not. A relation says which earlier transactions a later one is related to; what can be said of a graph
(chains, components, independence) can be said under each of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, Literal, TypeAlias

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.dependencies import Dependencies, GraphBuilder, dependencies

__all__ = ["ConflictKind", "Relation", "conflict_graph", "degrees", "pairs", "related"]


class Relation(StrEnum):
    """What relates a transaction to an earlier one; each relates all that the one before relates, or more."""

    TRUE_DEPENDENCY = "true-dependency"
    """It reads the version of a key that the earlier one made; see `dependencies`. Nothing else has to wait in a
    multi-version memory (Bernstein, Hadzilacos and Goodman 1987; Block-STM, arXiv 2203.06871)."""
    ACCESS_AFTER_WRITE = "access-after-write"
    """It reads or changes a key that the earlier one has changed, whether others have changed it in between or not
    (the dependency graphs of ethresear.ch 22150, from which EIP-7928 has its share of independent transactions)."""
    CONFLICT = "conflict"
    """Both access a key, and one of them changes it: what account locks exclude (Solana), and the conflict graph of
    arXiv 2505.05358, arXiv 2507.20196 and SEA 2026 (arXiv 2602.03444)."""


class ConflictKind(StrEnum):
    """How two transactions conflict: what the earlier one does with the key, then what the later one does.

    Two transactions may conflict in several ways. An add is a write, except to another add, with which it commutes.
    """

    WRITE_READ = "write-read"
    """A true dependency if nothing is written in between."""
    WRITE_WRITE = "write-write"
    READ_WRITE = "read-write"


_Verb: TypeAlias = Literal["reads", "writes", "adds"]
_Meets: TypeAlias = Mapping[_Verb, tuple[_Verb, ...]]

_MEETS: Final[Mapping[ConflictKind, _Meets]] = {
    ConflictKind.WRITE_READ: {"reads": ("writes", "adds")},
    ConflictKind.WRITE_WRITE: {"writes": ("writes", "adds"), "adds": ("writes",)},
    ConflictKind.READ_WRITE: {"writes": ("reads",), "adds": ("reads",)},
}
"""By what the later transaction does with a key, what an earlier one did with it for the two to conflict."""


def related(accesses: Sequence[AccessSet], relation: Relation) -> Dependencies:
    """Return which transactions a relation relates: `Dependencies.direct` gives the earlier ones of each.

    Arguments:
        accesses: of the transactions, in the preset order.
        relation: the relation.
    """
    match relation:
        case Relation.TRUE_DEPENDENCY:
            return dependencies(accesses)
        case Relation.ACCESS_AFTER_WRITE:
            return conflict_graph(accesses, (ConflictKind.WRITE_READ, ConflictKind.WRITE_WRITE))
        case Relation.CONFLICT:
            return conflict_graph(accesses, tuple(ConflictKind))


def conflict_graph(accesses: Sequence[AccessSet], kinds: Collection[ConflictKind]) -> Dependencies:
    """Return which transactions conflict in one of some ways, in space that grows with the accesses.

    Arguments:
        accesses: of the transactions, in the preset order.
        kinds: the ways that count.
    """
    nodes = GraphBuilder()
    # By what was done with which key, the transactions that have done it.
    gathered: dict[tuple[_Verb, bytes], _Gathering] = {}
    for txn_idx, access in enumerate(accesses):
        did = list(_verbs(access))
        met = {
            (earlier, key)
            for later, keys in did
            for kind in kinds
            for earlier in _MEETS[kind].get(later, ())
            for key in keys
        }
        nodes.add_transaction({gathered[each].node(nodes) for each in met if each in gathered})
        for verb, keys in did:
            for key in keys:
                gathered.setdefault((verb, key), _Gathering()).add(txn_idx)
    return nodes.graph()


def degrees(graph: Dependencies) -> list[int]:
    """Return for each transaction how many others, earlier and later, it is related to.

    It takes time and space that grow with the square of the transactions, if with a small factor.
    """
    earlier = _counts(graph, graph.waits, graph.order)
    later = _counts(graph, graph.followers, graph.order[::-1])
    return [before + after for before, after in zip(earlier, later, strict=True)]


def pairs(graph: Dependencies) -> int:
    """Return how many pairs of transactions are related; takes as much as `degrees`."""
    return sum(_counts(graph, graph.waits, graph.order))


class _Gathering:
    """Transactions that have done the same with a key; one node stands for all of them where one is asked for."""

    __slots__ = ("_nodes",)

    def __init__(self) -> None:
        self._nodes: list[int] = []

    def add(self, txn_idx: int) -> None:
        self._nodes.append(txn_idx)

    def node(self, nodes: GraphBuilder) -> int:
        """Return the node that stands for those that are here so far."""
        self._nodes = [nodes.join(self._nodes)]
        return self._nodes[0]


def _verbs(access: AccessSet) -> Iterator[tuple[_Verb, frozenset[bytes]]]:
    yield "reads", access.reads
    yield "writes", access.writes
    yield "adds", access.adds


def _counts(graph: Dependencies, neighbours: Sequence[Sequence[int]], order: Sequence[int]) -> list[int]:
    """Return for each transaction to how many others edges lead, directly or by joins.

    Arguments:
        graph: the graph.
        neighbours: for each node those that its edges lead to.
        order: the nodes, each after its neighbours.
    """
    counts = [0] * graph.transactions
    # A set of transactions is a number with a bit for each: to unite two takes a step for every 64 transactions.
    joined: dict[int, int] = {}
    for node in order:
        reached = 0
        for each in neighbours[node]:
            reached |= 1 << each if each < graph.transactions else joined[each]
        if node < graph.transactions:
            counts[node] = reached.bit_count()
        else:
            joined[node] = reached
    return counts
