"""The queues of workers, batches, and a clock that counts compute units."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

__all__ = ["WorkerQueues"]


class WorkerQueues:
    """The queues of workers, each of which does one compute unit in a unit of time, and the clock.

    Arguments:
        costs: the compute units of each transaction.
        workers: how many workers there are.
    """

    __slots__ = (
        "_batch",
        "_begun",
        "_costs",
        "_free_at",
        "_in_flight",
        "_load",
        "_number",
        "batches",
        "now",
        "starts",
    )

    def __init__(self, costs: Sequence[int], workers: int) -> None:
        """Begin with empty queues, at time 0."""
        self._costs = costs
        self._free_at = [0] * workers
        self._load = [(0, 0)] * workers  # compute units, transactions
        self._batch: list[list[int]] = [[] for _ in range(workers)]
        self._begun: set[int] = set()  # workers whose batch holds something
        self._in_flight: list[tuple[int, int, int, list[int]]] = []  # end, number, worker, transactions
        self._number = 0
        self.now = 0
        self.starts = [0] * len(costs)
        self.batches = [0] * len(costs)

    def batched(self, worker: int) -> int:
        """Return how many transactions the batch of a worker holds."""
        return len(self._batch[worker])

    def add(self, place: int, worker: int) -> None:
        """Put a transaction into the batch of a worker."""
        compute_units, transactions = self._load[worker]
        self._load[worker] = (compute_units + self._costs[place], transactions + 1)
        self._batch[worker].append(place)
        self._begun.add(worker)

    def send(self, worker: int) -> None:
        """Hand a worker its batch, if that holds anything."""
        batch = self._batch[worker]
        if not batch:
            return
        time = max(self.now, self._free_at[worker])
        for place in batch:
            self.starts[place] = time
            self.batches[place] = self._number
            time += self._costs[place]
        self._free_at[worker] = time
        heappush(self._in_flight, (time, self._number, worker, batch))
        self._number += 1
        self._batch[worker] = []
        self._begun.discard(worker)

    def send_all(self) -> None:
        """Hand every worker its batch."""
        for worker in sorted(self._begun):
            self.send(worker)

    def completed_next(self) -> list[tuple[int, list[int]]]:
        """Let time pass until a batch is done; return all that are done then: the worker, and the transactions."""
        self.now = self._in_flight[0][0]
        done = []
        while self._in_flight and self._in_flight[0][0] == self.now:
            _, _, worker, batch = heappop(self._in_flight)
            compute_units, transactions = self._load[worker]
            spent = sum([self._costs[place] for place in batch])
            self._load[worker] = (compute_units - spent, transactions - len(batch))
            done.append((worker, batch))
        return done

    def load_compute_units(self, worker: int) -> int:
        """Return the compute units that a worker has before it, those of its batch included."""
        return self._load[worker][0]

    def loads_compute_units(self) -> list[int]:
        """Return `load_compute_units` of every worker."""
        return [compute_units for compute_units, _ in self._load]

    def least_loaded(self, workers: int) -> int:
        """Return the worker of a set that has the least before it; of equals, the lowest."""
        if workers & (workers - 1):
            among = [worker for worker in range(workers.bit_length()) if workers >> worker & 1]
            return min(among, key=self._load.__getitem__)
        return workers.bit_length() - 1

    @property
    def in_flight(self) -> bool:
        """Whether a batch has been sent that is not done."""
        return bool(self._in_flight)

    @property
    def last_end(self) -> int:
        """When the last transaction ends of those that have been sent."""
        return max(self._free_at)
