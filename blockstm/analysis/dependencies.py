"""The dependencies between the transactions of a block, from what they read, wrote and added."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from blockstm.analysis.accesses import Accesses

__all__ = ["Dependencies", "GraphBuilder", "dependencies"]


@dataclass(frozen=True)
class Dependencies:
    """Which transactions wait for which, in space that grows with the accesses and not with the pairs.

    Its nodes are the transactions, by txn_idx, and after them joins. A join takes no time; it stands for all
    transactions that have changed a key, so that a thousand readers of a thousand adds need two thousand edges.

    Arguments:
        transactions: how many there are.
        waits: for each node those that it waits for.
        order: all nodes, each after those that it waits for; transactions among themselves in the preset order.
    """

    transactions: int
    waits: Sequence[Sequence[int]]
    order: Sequence[int]

    @classmethod
    def of(cls, waits: Sequence[Iterable[int]]) -> Dependencies:
        """Return the graph in which each transaction waits for the earlier ones that are named."""
        return cls(len(waits), [sorted(waits_for) for waits_for in waits], range(len(waits)))

    @cached_property
    def followers(self) -> Sequence[Sequence[int]]:
        """For each node those that wait for it."""
        followers: list[list[int]] = [[] for _ in self.waits]
        for node, waits_for in enumerate(self.waits):
            for earlier in waits_for:
                followers[earlier].append(node)
        return followers

    @cached_property
    def nearest(self) -> Sequence[int | None]:
        """For each transaction the latest of those that it waits for."""
        latest: list[int | None] = [None] * len(self.waits)
        for node in self.order:
            found = [
                earlier if earlier < self.transactions else latest[earlier] for earlier in self.waits[node]
            ]
            latest[node] = max((one for one in found if one is not None), default=None)
        return latest[: self.transactions]

    def direct(self, txn_idx: int) -> set[int]:
        """Return the transactions that one waits for, without those that only they wait for."""
        found: set[int] = set()
        stack = list(self.waits[txn_idx])
        while stack:
            node = stack.pop()
            if node < self.transactions:
                found.add(node)
            else:
                stack += self.waits[node]
        return found


def dependencies(accesses: Iterable[Accesses]) -> Dependencies:
    """Return which transactions wait for which.

    A reader of a key waits for its last writer, and for all that have added to it since then. Writers do not wait
    for earlier writers, as each has a version of its own, and adds do not wait at all. A transaction that has read
    a key and adds to it has written it.
    """
    builder = _Builder()
    for access in accesses:
        builder.add(access)
    return builder.nodes.graph()


class GraphBuilder:
    """The nodes of a graph of dependencies as they come up, the transactions in the preset order.

    Joins get negative numbers at first: how many transactions there are is known at the end.
    """

    def __init__(self) -> None:
        """Begin without nodes."""
        self._transactions: list[list[int]] = []
        self._joins: list[list[int]] = []
        self._order: list[int] = []

    def add_transaction(self, waits_for: Iterable[int]) -> None:
        """Take the next transaction, and the nodes that it waits for."""
        self._order.append(len(self._transactions))
        self._transactions.append(list(waits_for))

    def join(self, sources: Sequence[int]) -> int:
        """Return a node that stands for one or more others; only one of them needs no join."""
        if len(sources) == 1:
            return sources[0]
        self._joins.append(list(sources))
        node = -len(self._joins)
        self._order.append(node)
        return node

    def graph(self) -> Dependencies:
        """Return what came of it."""
        count = len(self._transactions)

        def numbered(nodes: Iterable[int]) -> list[int]:
            return [node if node >= 0 else count - 1 - node for node in nodes]

        return Dependencies(
            count, [numbered(nodes) for nodes in self._transactions + self._joins], numbered(self._order)
        )


class _Builder:
    """Goes through the transactions in the preset order."""

    def __init__(self) -> None:
        self.nodes = GraphBuilder()
        self._count = 0
        self._settled: dict[bytes, int] = {}
        """By key the node after which the last write, and the adds that are not listed, are done."""
        self._adders: dict[bytes, list[int]] = {}
        """By key the transactions that have added to it since."""

    def add(self, access: Accesses) -> None:
        """Take the next transaction."""
        txn_idx = self._count
        reads = frozenset(access.reads)
        waits_for: set[int] = set()
        for key in reads:
            if key in self._adders:
                self._settle(key, self._all_changes(key))
            if key in self._settled:
                waits_for.add(self._settled[key])
        self.nodes.add_transaction(waits_for)
        self._count += 1
        for key in access.writes:
            self._settle(key, txn_idx)
        for key in access.adds:
            if key in reads:
                self._settle(key, txn_idx)  # it has waited for all that changed the key
            else:
                self._adders.setdefault(key, []).append(txn_idx)

    def _all_changes(self, key: bytes) -> int:
        """Return the node that stands for all changes of a key that has been added to."""
        sources = self._adders[key]
        return self.nodes.join([self._settled[key], *sources] if key in self._settled else sources)

    def _settle(self, key: bytes, node: int) -> None:
        self._settled[key] = node
        self._adders.pop(key, None)
