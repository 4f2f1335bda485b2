"""How long a block takes at least: on cores without limit, and on a few under greedy list scheduling."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

__all__ = ["critical_path", "greedy_schedule"]


def critical_path(dependencies: Sequence[set[int]], weights: Sequence[float]) -> float:
    """Return the weight of the heaviest chain of dependent transactions: no number of cores does it in less.

    Arguments:
        dependencies: for each transaction the earlier ones that it waits for.
        weights: of each transaction, in seconds, gas or whatever; the result is in the same.
    """
    done: list[float] = []
    for waits_for, weight in zip(dependencies, weights, strict=True):
        done.append(weight + max((done[txn_idx] for txn_idx in waits_for), default=0))
    return max(done, default=0)


def greedy_schedule(dependencies: Sequence[set[int]], weights: Sequence[float], cores: int) -> float:
    """Return how long a block takes where a free core takes the lowest transaction that waits for nothing.

    It is list scheduling in the preset order with perfect knowledge (Graham 1966): no execution is in vain, and
    handing out costs nothing.

    Arguments:
        dependencies: for each transaction the earlier ones that it waits for.
        weights: of each transaction, in seconds, gas or whatever; the result is in the same.
        cores: how many transactions can run at once.
    """
    followers: list[list[int]] = [[] for _ in dependencies]
    waiting = [len(waits_for) for waits_for in dependencies]
    for txn_idx, waits_for in enumerate(dependencies):
        for earlier in waits_for:
            followers[earlier].append(txn_idx)
    ready = [txn_idx for txn_idx, count in enumerate(waiting) if count == 0]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now: float = 0
    while ready or running:
        while ready and len(running) < cores:
            txn_idx = heapq.heappop(ready)
            heapq.heappush(running, (now + weights[txn_idx], txn_idx))
        now, txn_idx = heapq.heappop(running)
        for follower in followers[txn_idx]:
            waiting[follower] -= 1
            if waiting[follower] == 0:
                heapq.heappush(ready, follower)
    return now
