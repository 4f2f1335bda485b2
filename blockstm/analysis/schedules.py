"""How long a block takes at least: on cores without limit, and on a few under greedy list scheduling."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

from blockstm.analysis.dependencies import Dependencies

__all__ = ["critical_path", "finish_times", "greedy_schedule"]


def critical_path(graph: Dependencies, weights: Sequence[float]) -> float:
    """Return the weight of the heaviest chain of dependent transactions: no number of cores does it in less.

    Arguments:
        graph: the dependencies between the transactions.
        weights: of each transaction, in seconds, gas or whatever; the result is in the same.

    Raises:
        ValueError: there is not one weight for each transaction.
    """
    return max(finish_times(graph, weights), default=0)


def finish_times(graph: Dependencies, weights: Sequence[float]) -> list[float]:
    """Return for each transaction the weight of the heaviest chain that ends with it.

    Arguments and errors as of `critical_path`.
    """
    _check(graph, weights)
    done: list[float] = [0] * len(graph.waits)
    for node in graph.order:
        start = max((done[earlier] for earlier in graph.waits[node]), default=0)
        done[node] = start + weights[node] if node < graph.transactions else start
    return done[: graph.transactions]


def greedy_schedule(graph: Dependencies, weights: Sequence[float], cores: int) -> float:
    """Return how long a block takes where a free core takes the lowest transaction that waits for nothing.

    It is list scheduling in the preset order with perfect knowledge (Graham 1966): no execution is in vain, and
    handing out costs nothing.

    Arguments:
        graph: the dependencies between the transactions.
        weights: of each transaction, in seconds, gas or whatever; the result is in the same.
        cores: how many transactions can run at once.

    Raises:
        ValueError: there is not one weight for each transaction.
    """
    _check(graph, weights)
    count, followers = graph.transactions, graph.followers
    waiting = list(map(len, graph.waits))
    ready = [txn_idx for txn_idx in range(count) if not waiting[txn_idx]]
    running: list[tuple[float, int]] = []
    now: float = 0
    free = cores
    while ready or running:
        while ready and free:
            txn_idx = heappop(ready)
            heappush(running, (now + weights[txn_idx], txn_idx))
            free -= 1
        now, ended = heappop(running)
        free += 1
        released = [ended]
        for node in released:
            for follower in followers[node]:
                waiting[follower] -= 1
                if not waiting[follower]:
                    if follower < count:
                        heappush(ready, follower)
                    else:  # a join takes no time
                        released.append(follower)
    return now


def _check(graph: Dependencies, weights: Sequence[float]) -> None:
    if len(weights) != graph.transactions:
        raise ValueError(f"there are {len(weights)} weights for {graph.transactions} transactions")
