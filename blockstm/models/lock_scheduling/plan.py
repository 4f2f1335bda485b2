"""What a lock scheduler decides of a block: the order, the worker and the start of each transaction."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LockSchedule"]


@dataclass(frozen=True, slots=True)
class LockSchedule:
    """What a lock scheduler has decided. Transactions are numbered as the block has them.

    Two transactions with conflicting locks stand in `order` in the order in which they run, and do not overlap.

    Arguments:
        order: the transactions in the order in which they were handed out.
        workers: the worker of each, which works off what it is given in that order.
        starts_compute_units: when each starts: the compute units that a worker without a pause would have done.
        batches: the batches in which they were sent to workers, in the order of their numbers from 0 on: the
            number of each transaction's. The locks of a batch are given back together, when all of it is done.
        makespan_compute_units: when the last one ends.
    """

    order: tuple[int, ...]
    workers: tuple[int, ...]
    starts_compute_units: tuple[int, ...]
    batches: tuple[int, ...]
    makespan_compute_units: int
