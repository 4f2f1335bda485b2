"""Handing out transactions to workers under locks and a budget: what all lock schedulers have in common."""

from __future__ import annotations

from collections.abc import Sequence

from blockstm.models.lock_scheduling.candidates import NO_WORKER, Candidates
from blockstm.models.lock_scheduling.locks import LockTable, NumberedLocks
from blockstm.models.lock_scheduling.plan import LockSchedule
from blockstm.models.lock_scheduling.worker_queues import WorkerQueues

__all__ = ["Dispatcher"]


class Dispatcher:
    """Hands out transactions to workers; each stands for its place in the order of their priorities.

    Arguments:
        locks: what each transaction locks.
        keys: how many keys there are.
        costs: the compute units of each transaction.
        workers: how many workers there are.
        budget_compute_units: what all workers together may have before them; a worker that has its share or more
            gets nothing.
    """

    __slots__ = (
        "_share_compute_units",
        "_table",
        "_tried_from",
        "_with_room",
        "candidates",
        "order",
        "queues",
        "workers",
    )

    def __init__(
        self,
        locks: Sequence[NumberedLocks],
        keys: int,
        costs: Sequence[int],
        workers: int,
        budget_compute_units: int,
    ) -> None:
        """Begin with nothing handed out."""
        # A share of nothing would be used up before anything is handed out.
        self._share_compute_units = max(1, budget_compute_units // workers)
        self._table = LockTable(locks, keys, workers)
        self._with_room = 0
        self._tried_from = NO_WORKER
        self.candidates = Candidates(self._table, len(locks), workers)
        self.queues = WorkerQueues(costs, workers)
        self.order: list[int] = []
        self.workers = [0] * len(locks)

    def begin_pass(self) -> None:
        """Find out which workers have room, and try those that have waited for that."""
        loads = self.queues.loads_compute_units()
        having_room = [1 << worker for worker, load in enumerate(loads) if load < self._share_compute_units]
        self._with_room = sum(having_room)
        self._tried_from = NO_WORKER
        self.candidates.have_room(self._with_room)

    def next_candidate(self) -> int | None:
        """Return the next transaction to try; None where there is none, or no worker has room."""
        if self._tried_from != NO_WORKER and self._with_room >> self._tried_from & 1:
            self.candidates.keep_on(self._tried_from)
        found = self.candidates.pop() if self._with_room else None
        place, self._tried_from = (None, NO_WORKER) if found is None else found
        return place

    def hand_out(self, place: int) -> int | None:
        """Lock what a candidate needs for the worker with the least before it, and put it into its batch.

        Returns:
            the worker; None where no worker with room may take it: then it waits until that may have changed.
        """
        allowed = self._table.allowed(place)
        if not allowed & self._with_room:
            self.candidates.wait(place, allowed)
            return None
        worker = self.queues.least_loaded(allowed & self._with_room)
        self._table.take(place, worker)
        self.queues.add(place, worker)
        self.order.append(place)
        self.workers[place] = worker
        if self.queues.load_compute_units(worker) >= self._share_compute_units:
            self._with_room &= ~(1 << worker)
        return worker

    def complete_next(self) -> None:
        """Let time pass until a batch is done; all that are done then give back their locks."""
        freed: dict[int, None] = {}
        for worker, batch in self.queues.completed_next():
            for place in batch:
                freed.update(dict.fromkeys(self._table.give_back(place, worker)))
        self.candidates.freed(freed)

    @property
    def is_done(self) -> bool:
        """Whether all transactions have been handed out."""
        return len(self.order) == len(self.workers)

    def schedule(self) -> LockSchedule:
        """Return what has been decided, once all is."""
        return LockSchedule(
            tuple(self.order),
            tuple(self.workers),
            tuple(self.queues.starts),
            tuple(self.queues.batches),
            self.queues.last_end,
        )
