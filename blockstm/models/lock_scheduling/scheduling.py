"""The entry of the lock schedulers: from lock sets by key to a schedule."""

from __future__ import annotations

from collections.abc import Sequence

from blockstm.errors import UsageError, shown
from blockstm.limits import WORKERS_MAX
from blockstm.models.lock_scheduling.graph import GraphScheduler
from blockstm.models.lock_scheduling.greedy import GreedyScheduler
from blockstm.models.lock_scheduling.locks import LockSet, numbered_locks
from blockstm.models.lock_scheduling.plan import LockSchedule

__all__ = ["schedule_locks"]


def schedule_locks(
    accesses: Sequence[LockSet],
    costs: Sequence[int],
    workers: int,
    scheduler: GreedyScheduler | GraphScheduler,
    priorities: Sequence[int] | None = None,
) -> LockSchedule:
    """Decide in which order, and by which worker, transactions run under locks. A function of its arguments only.

    The schedulers are simulated: each worker does one compute unit in a unit of time, deciding takes no time, and
    the scheduler decides again whenever batches are done and give back their locks.

    Arguments:
        accesses: the locks of each transaction.
        costs: the compute units of each, 0 or more.
        workers: how many workers there are, from 1 to `blockstm.limits.WORKERS_MAX`.
        scheduler: how it is decided, with its options.
        priorities: the priority of each transaction, the highest first; of equals the one that stands first. None
            for the order in which they stand.

    Raises:
        UsageError: there is not one cost and one priority for each transaction, a cost is negative, or the number
            of workers is out of bounds.
    """
    _check(accesses, costs, workers, priorities)
    places = range(len(accesses))
    ranked = list(places) if priorities is None else sorted(places, key=lambda txn: -priorities[txn])
    locks, keys = numbered_locks([accesses[txn] for txn in ranked])
    by_rank = scheduler.schedule(locks, keys, [costs[txn] for txn in ranked], workers)
    if priorities is None:
        return by_rank
    ranks = sorted(places, key=ranked.__getitem__)
    return LockSchedule(
        tuple([ranked[rank] for rank in by_rank.order]),
        tuple([by_rank.workers[rank] for rank in ranks]),
        tuple([by_rank.starts_compute_units[rank] for rank in ranks]),
        tuple([by_rank.batches[rank] for rank in ranks]),
        by_rank.makespan_compute_units,
    )


def _check(
    accesses: Sequence[LockSet], costs: Sequence[int], workers: int, priorities: Sequence[int] | None
) -> None:
    for name, given in (("costs", costs), ("priorities", priorities)):
        if given is not None and len(given) != len(accesses):
            raise UsageError(
                f"there are {len(given)} {name} for {len(accesses)} transactions; give one for each transaction"
            )
    if any(cost < 0 for cost in costs):
        raise UsageError(f"a cost is {shown(min(costs))}; give compute units, 0 or more")
    if not 1 <= workers <= WORKERS_MAX:
        raise UsageError(f"workers is {shown(workers)}; give a number from 1 to {WORKERS_MAX}")
