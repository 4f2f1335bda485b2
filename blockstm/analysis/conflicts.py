"""Which transactions access the same keys, by kind, and how far apart those are that depend on each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.dependencies import Dependencies

__all__ = [
    "CONFLICT_KINDS",
    "DEPENDENCY_KINDS",
    "conflicts",
    "distances",
    "independent_transactions",
    "is_independent",
]

DEPENDENCY_KINDS: Final = ("read-after-write", "read-after-add")
"""Those that make a transaction wait."""
CONFLICT_KINDS: Final = (
    *DEPENDENCY_KINDS,
    "write-after-write",
    "write-after-read",
    "write-after-add",
    "add-after-add",
    "add-after-write",
    "add-after-read",
)
"""What a transaction does with a key, and what an earlier one has done with the version that it finds."""


def conflicts(accesses: Sequence[AccessSet]) -> dict[str, int]:
    """Return by kind how many accesses of a transaction to a key meet one of an earlier transaction.

    An earlier access is met if no transaction between has written the key, nor that earlier one itself, unless it
    is the write that is met. A transaction counts once for a key and a kind, however many it meets; one that reads
    and writes a key may count for both.
    """
    found: Counter[str] = Counter()
    written: set[bytes] = set()
    # By key, since it was last written: whether anybody has read it, or added to it.
    read: set[bytes] = set()
    added: set[bytes] = set()
    for access in accesses:
        for name, keys in (("read", access.reads), ("write", access.writes), ("add", access.adds)):
            found[f"{name}-after-write"] += len(keys & written)
            found[f"{name}-after-add"] += len(keys & added)
            found[f"{name}-after-read"] += len(keys & read)
        written |= access.writes
        read -= access.writes
        read |= access.reads - access.writes
        added -= access.writes
        added |= access.adds
    return {kind: found[kind] for kind in CONFLICT_KINDS}


def distances(graph: Dependencies) -> dict[int, int]:
    """Return how many transactions have the nearest of those that they wait for how far before them.

    Returns:
        by the lower end of a range (1, 2, 4, ...; each reaches up to the next) the transactions in it; the ranges
        up to the farthest are all there.
    """
    found: Counter[int] = Counter()
    for txn_idx, earlier in enumerate(graph.nearest):
        if earlier is not None:
            found[(txn_idx - earlier).bit_length() - 1] += 1
    return {1 << exponent: found[exponent] for exponent in range(max(found, default=-1) + 1)}


def is_independent(graph: Dependencies, txn_idx: int) -> bool:
    """Tell whether a transaction waits for no other, and no other waits for it."""
    return not graph.waits[txn_idx] and not graph.followers[txn_idx]


def independent_transactions(graph: Dependencies) -> int:
    """Return how many transactions wait for no other, and no other waits for them."""
    return sum(is_independent(graph, txn_idx) for txn_idx in range(graph.transactions))
