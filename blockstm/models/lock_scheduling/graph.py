"""The graph scheduler: nothing overtakes a transaction that it conflicts with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blockstm.models.lock_scheduling.conflict_graph import ConflictGraph
from blockstm.models.lock_scheduling.dispatch import Dispatcher
from blockstm.models.lock_scheduling.greedy import check_positive
from blockstm.models.lock_scheduling.locks import NumberedLocks
from blockstm.models.lock_scheduling.plan import LockSchedule

__all__ = ["GraphScheduler"]


@dataclass(frozen=True, slots=True)
class GraphScheduler:
    """Keeps a window of transactions in a graph of conflicts, and hands out those that wait for nobody in it.

    A transaction waits until those before it have been handed out. It then goes to the worker that has them, if
    it is one, so chains keep to a worker; else it waits until they are done. Conflicting transactions keep the
    order of their priorities. This is Agave's central scheduler over the crate `prio-graph`, with two differences:
    the graph lives on from pass to pass, where Agave builds it anew, so one that cannot be handed out keeps its
    place in the window; and a worker that has its share of the budget gets nothing more, where Agave looks at
    whether all of them do.

    Arguments:
        batch_size: how many transactions a worker's batch takes. A full one is sent, and all are sent before
            transactions are tried that waited for those in them.
        look_ahead: how many transactions the graph holds that have not been handed out.
        budget_compute_units: what all workers together may have before them, in equal shares.

    Raises:
        UsageError: one of them is not a positive integer.
    """

    batch_size: int = 64
    look_ahead: int = 2_048
    budget_compute_units: int = 60_000_000

    def __post_init__(self) -> None:
        """Check the options."""
        check_positive("graph", self.batch_size, self.look_ahead, self.budget_compute_units)

    def schedule(
        self, locks: Sequence[NumberedLocks], keys: int, costs: Sequence[int], workers: int
    ) -> LockSchedule:
        """Schedule transactions that are given by priority, highest first; see `schedule_locks`."""
        run = _GraphRun(self, locks, keys, costs, workers)
        while not run.dispatcher.is_done:
            run.hand_out_in_pass()
            if run.dispatcher.queues.in_flight:
                run.dispatcher.complete_next()
        return run.dispatcher.schedule()


class _GraphRun:
    """One run of the graph scheduler."""

    def __init__(
        self,
        scheduler: GraphScheduler,
        locks: Sequence[NumberedLocks],
        keys: int,
        costs: Sequence[int],
        workers: int,
    ) -> None:
        self._batch_size = scheduler.batch_size
        self._graph = ConflictGraph()
        self._inserted = 0
        self._locks = locks
        self.dispatcher = Dispatcher(locks, keys, costs, workers, scheduler.budget_compute_units)
        self._insert(scheduler.look_ahead)

    def _insert(self, further: int) -> None:
        """Insert that many more transactions, as far as there are any."""
        end = min(self._inserted + further, len(self._locks))
        for place in range(self._inserted, end):
            self._graph.insert(place, self._locks[place].reads, self._locks[place].writes)
        self._inserted = end

    def hand_out_in_pass(self) -> None:
        """Hand out all that can be, level by level: those that wait for nobody, then those that waited for them."""
        self.dispatcher.begin_pass()
        while level := self._handed_out_of_level():
            self._insert(len(level))
            for place in level:
                self._graph.unblock(place)

    def _handed_out_of_level(self) -> list[int]:
        dispatcher, level = self.dispatcher, []
        while (ready := self._graph.pop()) is not None:
            dispatcher.candidates.offer(ready)
        while (place := dispatcher.next_candidate()) is not None:
            worker = dispatcher.hand_out(place)
            if worker is None:
                continue
            level.append(place)
            if dispatcher.queues.batched(worker) >= self._batch_size:
                dispatcher.queues.send(worker)
        dispatcher.queues.send_all()
        return level
