"""The lock schedulers' rules written down directly, each pass in full: what the fast ones are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from blockstm.models.lock_scheduling import GraphScheduler, GreedyScheduler, LockSchedule, LockSet


def conflicts(one: LockSet, other: LockSet) -> bool:
    """Whether one may not run beside the other."""
    return bool(one.writes & (other.reads | other.writes) or other.writes & one.reads)


@dataclass
class Worker:
    """What a worker has before it: batches that were sent, with the time when each is done, and one begun."""

    sent: list[tuple[int, int, list[int]]] = field(default_factory=list)  # end, number, transactions
    batch: list[int] = field(default_factory=list)
    free_at: int = 0

    @property
    def queued(self) -> list[int]:
        return [txn for _, _, batch in self.sent for txn in batch] + self.batch


class Reference:
    """A simulation that looks at everything anew whenever it decides."""

    def __init__(
        self,
        accesses: Sequence[LockSet],
        costs: Sequence[int],
        workers: int,
        scheduler: GreedyScheduler | GraphScheduler,
    ) -> None:
        self.accesses, self.costs, self.scheduler = accesses, costs, scheduler
        self.workers = [Worker() for _ in range(workers)]
        self.share = max(1, scheduler.budget_compute_units // workers)
        self.queue = list(range(len(accesses)))
        self.now = self.batches = 0
        self.order: list[int] = []
        self.worker_of: dict[int, int] = {}
        self.start_of: dict[int, int] = {}
        self.batch_of: dict[int, int] = {}

    def load(self, worker: int) -> int:
        return sum(self.costs[txn] for txn in self.workers[worker].queued)

    def with_room(self) -> set[int]:
        return {worker for worker in range(len(self.workers)) if self.load(worker) < self.share}

    def allowed(self, txn: int) -> set[int]:
        """The workers that may take a transaction: all, the one with which it conflicts, or none."""
        hindering = {
            number
            for number, worker in enumerate(self.workers)
            if any(conflicts(self.accesses[txn], self.accesses[other]) for other in worker.queued)
        }
        if len(hindering) > 1:
            return set()
        return hindering or set(range(len(self.workers)))

    def hand_out(self, txn: int, workers: set[int]) -> int:
        worker = min(
            workers, key=lambda number: (self.load(number), len(self.workers[number].queued), number)
        )
        self.workers[worker].batch.append(txn)
        self.worker_of[txn] = worker
        self.order.append(txn)
        self.queue.remove(txn)
        return worker

    def send(self, worker: Worker) -> None:
        if not worker.batch:
            return
        time = max(self.now, worker.free_at)
        for txn in worker.batch:
            self.start_of[txn], self.batch_of[txn] = time, self.batches
            time += self.costs[txn]
        worker.free_at = time
        worker.sent.append((time, self.batches, worker.batch))
        worker.batch = []
        self.batches += 1

    def send_all(self) -> None:
        for worker in self.workers:
            self.send(worker)

    def complete_next(self) -> None:
        self.now = min(end for worker in self.workers for end, _, _ in worker.sent)
        for worker in self.workers:
            worker.sent = [each for each in worker.sent if each[0] > self.now]

    def greedy_pass(self) -> int:
        room, handed_out = self.with_room(), 0
        for txn in self.queue[: self.scheduler.look_ahead]:
            if not room:
                break
            if any(conflicts(self.accesses[txn], self.accesses[o]) for w in self.workers for o in w.batch):
                self.send_all()
            if not (workers := self.allowed(txn) & room):
                continue
            worker = self.hand_out(txn, workers)
            handed_out += 1
            if len(self.workers[worker].batch) >= self.scheduler.batch_size:
                self.send_all()
            room = {number for number in room if number != worker or self.load(number) < self.share}
        self.send_all()
        return handed_out

    def graph_pass(self) -> int:
        """One level: those in the window that conflict with none before them in the queue."""
        room, level = self.with_room(), []
        window = self.queue[: self.scheduler.look_ahead]
        ready = [
            txn
            for place, txn in enumerate(window)
            if not any(conflicts(self.accesses[txn], self.accesses[before]) for before in window[:place])
        ]
        for txn in ready:
            if not (workers := self.allowed(txn) & room):
                continue
            worker = self.hand_out(txn, workers)
            level.append(txn)
            if len(self.workers[worker].batch) >= self.scheduler.batch_size:
                self.send(self.workers[worker])
            room = {number for number in room if number != worker or self.load(number) < self.share}
        self.send_all()
        return len(level)

    def schedule(self) -> LockSchedule:
        one_pass = self.greedy_pass if isinstance(self.scheduler, GreedyScheduler) else self.graph_pass
        while self.queue:
            while one_pass():
                pass
            if self.queue:
                self.complete_next()
        transactions = range(len(self.accesses))
        return LockSchedule(
            tuple(self.order),
            tuple(self.worker_of[txn] for txn in transactions),
            tuple(self.start_of[txn] for txn in transactions),
            tuple(self.batch_of[txn] for txn in transactions),
            max(worker.free_at for worker in self.workers),
        )
