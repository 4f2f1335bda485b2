"""The keys through which most transactions depend on another, and what the bound would be without each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.bounds import Bound
from blockstm.analysis.dependencies import dependencies
from blockstm.analysis.schedules import critical_path

__all__ = ["HotKey", "hot_keys"]


@dataclass(frozen=True)
class HotKey:
    """A key that makes transactions wait.

    Arguments:
        key: the key.
        transactions: how many wait for an earlier one because of this key.
        longest_chain: the most transactions of which each waits for the one before because of this key.
        bound: what the block's would be if no transaction waited because of this key.
    """

    key: bytes
    transactions: int
    longest_chain: int
    bound: Bound


def hot_keys(accesses: Sequence[AccessSet], weights: Sequence[float], count: int) -> list[HotKey]:
    """Return the keys that make most transactions wait.

    The one that most wait for comes first; of several the one without which the block could be fastest.

    Arguments:
        accesses: of the transactions, in the preset order.
        weights: of each transaction.
        count: how many keys at most.
    """
    chained: Counter[bytes] = Counter()
    changed: set[bytes] = set()
    for access in accesses:
        chained.update(access.reads & changed)
        changed |= access.changes
    hottest = sorted(chained, key=lambda key: (-chained[key], key))[:count]
    found = [_without(accesses, weights, key, chained[key]) for key in hottest]
    return sorted(found, key=lambda hot: (-hot.transactions, -(hot.bound.unlimited or 0), hot.key))


def _without(accesses: Sequence[AccessSet], weights: Sequence[float], key: bytes, chained: int) -> HotKey:
    alone = dependencies(access.only(key) for access in accesses)
    others = dependencies(access.without(key) for access in accesses)
    return HotKey(key, chained, int(critical_path(alone, [1] * len(accesses))), Bound.of(others, weights))
