"""Transactions that may be handed out now, and those that wait for a key or a worker."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heappop, heappush
from typing import Final

from blockstm.models.lock_scheduling.locks import LockTable

__all__ = ["NO_WORKER", "Candidates"]

NO_WORKER: Final = -1


class Candidates:
    """Those that may be handed out now, lowest place first; and those that wait until they may be.

    A transaction that cannot be handed out is asked again only when something has changed that it waits for: a key
    lets in more workers, or the one worker that may take it has room. So a long queue is not gone through in vain.

    Arguments:
        locks: the table of locks.
        transactions: how many there are.
        workers: how many workers there are.
    """

    __slots__ = ("_heap", "_kept", "_locks", "_waiting", "_watchers")

    def __init__(self, locks: LockTable, transactions: int, workers: int) -> None:
        """Begin with no candidate."""
        self._locks = locks
        self._heap: list[tuple[int, int]] = []  # the place, and the worker from whose queue it comes
        self._waiting = bytearray(transactions)
        self._watchers: dict[int, set[int]] = {}
        # For each worker those that only it may take, and has no room for; which ones is in the set, too.
        self._kept: list[tuple[list[int], set[int]]] = [([], set()) for _ in range(workers)]

    def offer(self, place: int) -> None:
        """Make a transaction a candidate."""
        heappush(self._heap, (place, NO_WORKER))

    def have_room(self, workers: int) -> None:
        """Make candidates of those that wait for workers which have room now, one of each worker after another."""
        for worker, (heap, _) in enumerate(self._kept):
            if heap and workers >> worker & 1:
                self.keep_on(worker)

    def pop(self) -> tuple[int, int] | None:
        """Return the next candidate, and the worker that it waited for, or `NO_WORKER`; None without any."""
        return heappop(self._heap) if self._heap else None

    def wait(self, place: int, allowed: int) -> None:
        """Set a candidate aside until it is worth another try.

        Arguments:
            place: the transaction.
            allowed: the workers that its locks allow: none, or one that has no room.
        """
        self._waiting[place] = 1
        self._watch(place)
        if allowed:
            heap, members = self._kept[allowed.bit_length() - 1]
            if place not in members:
                members.add(place)
                heappush(heap, place)

    def freed(self, keys: Iterable[int]) -> None:
        """Make candidates of those that waited for keys which let in more workers now, and may be taken.

        Arguments:
            keys: all that were freed at one time, each once.
        """
        for key in keys:
            for place in self._watchers.pop(key, ()):
                if not self._waiting[place]:
                    continue
                if self._locks.allowed(place):
                    self._waiting[place] = 0
                    heappush(self._heap, (place, NO_WORKER))
                else:
                    self._watch(place)

    def _watch(self, place: int) -> None:
        watchers = self._watchers
        for key in self._locks.hindrances(place):
            if key in watchers:
                watchers[key].add(place)
            else:
                watchers[key] = {place}

    def keep_on(self, worker: int) -> None:
        """Make a candidate of the next that waits for a worker which still has room."""
        heap, members = self._kept[worker]
        while heap:
            place = heappop(heap)
            members.discard(place)
            if self._waiting[place]:
                self._waiting[place] = 0
                heappush(self._heap, (place, worker))
                return
