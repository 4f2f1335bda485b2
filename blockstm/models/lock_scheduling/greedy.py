"""The greedy scheduler: hands out whatever can run at once, by priority."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from blockstm.errors import UsageError, shown
from blockstm.models.lock_scheduling.dispatch import Dispatcher
from blockstm.models.lock_scheduling.locks import NumberedLocks
from blockstm.models.lock_scheduling.plan import LockSchedule

__all__ = ["GreedyScheduler", "check_positive"]


@dataclass(frozen=True, slots=True)
class GreedyScheduler:
    """Goes through the transactions by priority, and hands out each that workers may take now.

    A transaction that conflicts with the queues of several workers, or with that of one which has no room, is left
    for the next pass; one of lower priority may overtake it. There is a pass whenever batches are done. This is
    Agave's greedy scheduler (core/src/banking_stage/transaction_scheduler), whose defaults these are: a quarter of
    a block of 60,000,000 compute units is handed out ahead.

    Arguments:
        batch_size: how many transactions a worker's batch takes. All batches are sent when one is full, and when
            a transaction comes up that conflicts with one in them.
        look_ahead: how many transactions a pass goes through.
        budget_compute_units: what all workers together may have before them, in equal shares.

    Raises:
        UsageError: one of them is not a positive integer.
    """

    batch_size: int = 64
    look_ahead: int = 100_000
    budget_compute_units: int = 15_000_000

    def __post_init__(self) -> None:
        """Check the options."""
        check_positive("greedy", self.batch_size, self.look_ahead, self.budget_compute_units)

    def schedule(
        self, locks: Sequence[NumberedLocks], keys: int, costs: Sequence[int], workers: int
    ) -> LockSchedule:
        """Schedule transactions that are given by priority, highest first; see `schedule_locks`."""
        run = _GreedyRun(self, locks, keys, costs, workers)
        while not run.dispatcher.is_done:
            while run.sees_more_after_pass():
                pass
            if run.dispatcher.queues.in_flight:
                run.dispatcher.complete_next()
        return run.dispatcher.schedule()


def check_positive(
    scheduler: str, batch_size: object, look_ahead: object, budget_compute_units: object
) -> None:
    """Check the options of a lock scheduler.

    Raises:
        UsageError: one of them is not a positive integer.
    """
    given = {"batch_size": batch_size, "look_ahead": look_ahead, "budget_compute_units": budget_compute_units}
    for name, value in given.items():
        if type(value) is not int or value < 1:
            raise UsageError(f"{name} of the {scheduler} scheduler is {shown(value)}; give an int, 1 or more")


class _GreedyRun:
    """One run of the greedy scheduler."""

    def __init__(
        self,
        scheduler: GreedyScheduler,
        locks: Sequence[NumberedLocks],
        keys: int,
        costs: Sequence[int],
        workers: int,
    ) -> None:
        self._batch_size = scheduler.batch_size
        self._conflicts = _NextConflicts(locks, keys)
        self._transactions = len(locks)
        self._seen = 0
        self.dispatcher = Dispatcher(locks, keys, costs, workers, scheduler.budget_compute_units)
        self._look(scheduler.look_ahead)

    def _look(self, further: int) -> bool:
        """Make that many more transactions candidates, as far as there are any; tell whether there are."""
        end = min(self._seen + further, self._transactions)
        for place in range(self._seen, end):
            self.dispatcher.candidates.offer(place)
        found, self._seen = end > self._seen, end
        return found

    def sees_more_after_pass(self) -> bool:
        """Go through the transactions once; tell whether another pass sees some that this one did not see."""
        dispatcher, queues = self.dispatcher, self.dispatcher.queues
        handed_out_before = len(dispatcher.order)
        # The first transaction that is still there and conflicts with one in a batch: batches are sent when it
        # comes up, whether or not it can be handed out itself.
        conflict = self._transactions
        dispatcher.begin_pass()
        while (place := dispatcher.next_candidate()) is not None:
            if place >= conflict:
                queues.send_all()
                conflict = self._transactions
            worker = dispatcher.hand_out(place)
            if worker is None:
                continue
            conflict = min(conflict, self._conflicts.next_to(place))
            if queues.batched(worker) >= self._batch_size:
                queues.send_all()
                conflict = self._transactions
        queues.send_all()
        # Those that were handed out have left the queue, so it is looked at further down.
        return self._look(len(dispatcher.order) - handed_out_before)


class _Remaining:
    """Places in ascending order, of which some are taken away: finds the next one that is left."""

    __slots__ = ("_next", "_places")

    def __init__(self) -> None:
        self._places: list[int] = []
        self._next = [0]

    def append(self, place: int) -> None:
        self._places.append(place)
        self._next.append(len(self._places))

    def take(self, place: int) -> None:
        index = bisect_right(self._places, place) - 1
        self._next[index] = index + 1

    def after(self, place: int, none: int) -> int:
        index = self._left(bisect_right(self._places, place))
        return self._places[index] if index < len(self._places) else none

    def _left(self, index: int) -> int:
        """Return the index of the first from one on that is left; paths are halved, so they stay short."""
        following = self._next
        while following[index] != index:
            following[index] = index = following[following[index]]
        return index


class _NextConflicts:
    """Finds the next transaction, of those not handed out, that conflicts with one that is."""

    def __init__(self, locks: Sequence[NumberedLocks], keys: int) -> None:
        self._locks: Final = locks
        self._users = [_Remaining() for _ in range(keys)]
        self._writers = [_Remaining() for _ in range(keys)]
        for place, needed in enumerate(locks):
            for key in needed.reads:
                self._users[key].append(place)
            for key in needed.writes:
                self._users[key].append(place)
                self._writers[key].append(place)

    def next_to(self, place: int) -> int:
        """Take a transaction away, and return the next one that conflicts with it; how many there are without."""
        needed, found = self._locks[place], len(self._locks)
        for key in needed.reads:
            self._users[key].take(place)
            found = min(found, self._writers[key].after(place, found))
        for key in needed.writes:
            self._users[key].take(place)
            self._writers[key].take(place)
            found = min(found, self._users[key].after(place, found))
        return found
