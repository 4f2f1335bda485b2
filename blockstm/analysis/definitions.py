"""The figures that studies tell of how parallel a block is, under each relation, beside each other.

Studies use the same words for different figures: what counts as a conflict differs, and a "chain" is a path in one
and a connected component in another. So each figure stands here with its exact definition and under each relation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Final

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.conflicts import is_independent
from blockstm.analysis.dependencies import Dependencies
from blockstm.analysis.profile import Weight
from blockstm.analysis.relations import ConflictKind, Relation, conflict_graph, degrees, pairs, related
from blockstm.analysis.schedules import critical_path

__all__ = ["PAIRS_TRANSACTIONS_MAX", "SOURCES", "BusiestKey", "DefinedFigures", "Definition", "Figure"]

PAIRS_TRANSACTIONS_MAX: Final = 10_000
"""Pairs are counted in blocks of at most so many transactions, as their number grows with the square."""


class Definition(StrEnum):
    """What a figure is of; its unit says whether transactions count alike or by their weight.

    A share is one of the block's transactions or of their whole weight, where nothing else is said.
    """

    LONGEST_CHAIN = "longest-chain"
    """The most transactions of which each is related to the one before."""
    HEAVIEST_CHAIN = "heaviest-chain"
    """The weight of the heaviest such chain: the critical path, which need not be the longest chain."""
    LARGEST_COMPONENT = "largest-component"
    """The transactions of the largest connected component: those that lead to one another by relations in either
    direction. Its transactions need not take turns, so it bounds no schedule."""
    INDEPENDENT = "independent"
    """The transactions that are related to no other, earlier or later."""
    PAIRS = "related-pairs"
    """The pairs of transactions that are related; the share is of all pairs, the density of the graph."""
    HUB = "hub"
    """The pairs that the transaction with the most of them is in; the share is of all related pairs, and is 1 in a
    star."""
    WRITE_READ = "write-read"
    """The pairs that conflict in this way; the share is of all that conflict. The three may add up to more than 1,
    as a pair may conflict in several ways."""
    WRITE_WRITE = "write-write"
    READ_WRITE = "read-write"
    BUSIEST_KEY = "busiest-key"
    """The transactions that write the key whose writers weigh the most. Under locks they take turns. Adds are not
    counted where they commute; see `Rules`."""


SOURCES: Final[Mapping[str, str]] = {
    Relation.TRUE_DEPENDENCY: "what waits in a multi-version memory: Block-STM (arXiv 2203.06871)",
    Relation.ACCESS_AFTER_WRITE: "ethresear.ch 22150, of storage only; the 60 to 80 % of EIP-7928",
    Relation.CONFLICT: "Solana's account locks; arXiv 2505.05358, 2507.20196, 2602.03444 (SEA 2026)",
    Definition.LONGEST_CHAIN: "arXiv 2505.05358, as the word says; its 58 % for Solana look like a component",
    Definition.HEAVIEST_CHAIN: "the critical path of scheduling: Graham 1966; SEA 2026 (arXiv 2602.03444)",
    Definition.LARGEST_COMPONENT: "group conflict rate: Reijsbergen and Dinh, ICDCS 2020",
    Definition.INDEPENDENT: "EIP-7928, arXiv 2505.05358; 1 less the single-transaction conflict rate of ICDCS 2020",
    Definition.PAIRS: "the conflict graphs of arXiv 2507.20196",
    Definition.HUB: "the stars of arXiv 2507.20196",
    Definition.WRITE_READ: "the kinds of conflict of Bernstein, Hadzilacos and Goodman 1987, as the next two",
    Definition.BUSIEST_KEY: "Solana's limit on the compute units of the writers of one account in a block",
}
"""By relation and by definition, who uses it."""

_CONFLICT_KINDS: Final[Mapping[Definition, ConflictKind]] = {
    Definition.WRITE_READ: ConflictKind.WRITE_READ,
    Definition.WRITE_WRITE: ConflictKind.WRITE_WRITE,
    Definition.READ_WRITE: ConflictKind.READ_WRITE,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a block.

    Arguments:
        definition: what it is of.
        relation: what relates transactions.
        unit: "transactions", "pairs", or what the weight is.
        value: how many, or how much.
        share: the same as a share of 1; see `Definition`. None where there is nothing that it could be a share of.
    """

    definition: Definition
    relation: Relation
    unit: str
    value: float
    share: float | None


@dataclass(frozen=True, slots=True)
class BusiestKey:
    """The key whose writers weigh the most.

    Arguments:
        key: the key.
        transactions: how many write it.
        weight: of these.
    """

    key: bytes
    transactions: int
    weight: float

    @classmethod
    def of(cls, accesses: Sequence[AccessSet], weights: Sequence[float]) -> BusiestKey | None:
        """Return that of a block; None if nothing is written. Of several it is the one with the most writers."""
        writers: Counter[bytes] = Counter()
        written: dict[bytes, float] = {}
        for access, weight in zip(accesses, weights, strict=True):
            for key in access.writes:
                writers[key] += 1
                written[key] = written.get(key, 0) + weight
        if not written:
            return None
        key = min(written, key=lambda key: (-written[key], -writers[key], key))
        return cls(key, writers[key], written[key])


@dataclass(frozen=True)
class DefinedFigures:
    """The figures of a block, by all definitions.

    Arguments:
        accesses: of its transactions, in the preset order, under the rules that say what commutes.
        weights: of each transaction.
        weight: what the weights are.
    """

    accesses: Sequence[AccessSet]
    weights: Sequence[float]
    weight: Weight

    @property
    def busiest_key(self) -> BusiestKey | None:
        """The key whose writers weigh the most."""
        return BusiestKey.of(self.accesses, self.weights)

    def figures(self) -> Iterator[Figure]:
        """Yield the figures, by definition and then by relation.

        Those by weight are left out where every transaction weighs the same, and those of pairs where there are
        more than PAIRS_TRANSACTIONS_MAX transactions.
        """
        counted = [_Weighed("transactions", [1] * len(self.accesses))]
        measured = [_Weighed(self.weight, self.weights)] if self.weight != "transactions" else []
        graphs = {relation: _Related(related(self.accesses, relation)) for relation in Relation}
        for definition, weighings, measure in (
            (Definition.LONGEST_CHAIN, counted, _Related.heaviest_chain),
            (Definition.HEAVIEST_CHAIN, measured, _Related.heaviest_chain),
            (Definition.LARGEST_COMPONENT, counted + measured, _Related.heaviest_component),
            (Definition.INDEPENDENT, counted + measured, _Related.independent),
        ):
            for weighed in weighings:
                for relation, graph in graphs.items():
                    yield weighed.figure(definition, relation, measure(graph, weighed.weights))
        if len(self.accesses) <= PAIRS_TRANSACTIONS_MAX:
            yield from self._figures_of_pairs(graphs)
        if busiest := self.busiest_key:
            for weighed, value in zip(
                counted + measured, (busiest.transactions, busiest.weight), strict=False
            ):
                yield weighed.figure(Definition.BUSIEST_KEY, Relation.CONFLICT, value)

    def _figures_of_pairs(self, graphs: Mapping[Relation, _Related]) -> Iterator[Figure]:
        count = len(self.accesses)
        by_relation = {relation: degrees(each.graph) for relation, each in graphs.items()}
        related_pairs = {relation: sum(each) // 2 for relation, each in by_relation.items()}
        for relation, found in related_pairs.items():
            yield Figure(Definition.PAIRS, relation, "pairs", found, _share(found, count * (count - 1) // 2))
        for relation, each in by_relation.items():
            hub = max(each, default=0)
            yield Figure(Definition.HUB, relation, "pairs", hub, _share(hub, related_pairs[relation]))
        conflicting = related_pairs[Relation.CONFLICT]
        for definition, kind in _CONFLICT_KINDS.items():
            found = pairs(conflict_graph(self.accesses, [kind]))
            yield Figure(definition, Relation.CONFLICT, "pairs", found, _share(found, conflicting))


@dataclass(frozen=True, slots=True)
class _Weighed:
    """What transactions weigh, in some unit."""

    unit: str
    weights: Sequence[float]

    def figure(self, definition: Definition, relation: Relation, value: float) -> Figure:
        return Figure(definition, relation, self.unit, value, _share(value, sum(self.weights)))


@dataclass(frozen=True)
class _Related:
    """The transactions that a relation relates, and what chains, components and the others weigh."""

    graph: Dependencies

    def heaviest_chain(self, weights: Sequence[float]) -> float:
        return critical_path(self.graph, weights)

    def heaviest_component(self, weights: Sequence[float]) -> float:
        found: dict[int, float] = {}
        for component, weight in zip(self._components, weights, strict=True):
            found[component] = found.get(component, 0) + weight
        return max(found.values(), default=0)

    def independent(self, weights: Sequence[float]) -> float:
        return sum(weight for idx, weight in enumerate(weights) if is_independent(self.graph, idx))

    @cached_property
    def _components(self) -> Sequence[int]:
        """For each transaction a node that stands for its connected component."""
        parents = list(range(len(self.graph.waits)))

        def root(node: int) -> int:
            while parents[node] != node:
                parents[node] = parents[parents[node]]
                node = parents[node]
            return node

        for node, waits_for in enumerate(self.graph.waits):
            for earlier in waits_for:
                parents[root(node)] = root(earlier)
        return list(map(root, range(self.graph.transactions)))


def _share(value: float, whole: float) -> float | None:
    return value / whole if whole else None
