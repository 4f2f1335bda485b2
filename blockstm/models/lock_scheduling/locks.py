"""Locks on keys that know which worker holds them: a worker may queue what conflicts with its own work.

The rules are those of Agave's account locks: many workers may hold a key for reading, one may hold it for writing;
a transaction whose conflicts are all with one worker's queue may go to that worker, as it takes its queue in order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from blockstm.programs.declared import Declared

__all__ = ["LockSet", "LockTable", "NumberedLocks", "numbered_locks"]


@dataclass(frozen=True, slots=True)
class LockSet:
    """The locks that a transaction needs.

    Arguments:
        reads: keys that it locks for reading; those that are among `writes`, too, are locked for writing only.
        writes: keys that it locks for writing, which excludes all other transactions.
    """

    reads: frozenset[bytes] = frozenset()
    writes: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, declared: Declared) -> Self:
        """Return the locks that let a transaction do what it declares; what it adds to is locked for writing."""
        writes = frozenset(declared.writes).union(declared.adds)
        return cls(frozenset(declared.reads) - writes, writes)


@dataclass(frozen=True, slots=True)
class NumberedLocks:
    """The locks of one transaction, with numbers for keys, ascending."""

    reads: tuple[int, ...]
    writes: tuple[int, ...]


def numbered_locks(accesses: Iterable[LockSet]) -> tuple[list[NumberedLocks], int]:
    """Return lock sets with numbers from 0 on for their keys, no key both read and written; and how many keys."""
    numbers: dict[bytes, int] = {}

    def numbered(keys: Iterable[bytes]) -> tuple[int, ...]:
        # Sorted by key first: sets of bytes have an order of their own in each process.
        return tuple(sorted([numbers.setdefault(key, len(numbers)) for key in sorted(keys)]))

    found = []
    for needed in accesses:
        writes = numbered(needed.writes)
        found.append(NumberedLocks(numbered(frozenset(needed.reads).difference(needed.writes)), writes))
    return found, len(numbers)


class LockTable:
    """Which workers hold which keys, and so which may take a transaction next. Sets of workers are bit sets.

    A key lets in every worker, one only, or none; so it is with a transaction, too.

    Arguments:
        locks: what each transaction needs.
        keys: how many keys there are.
        workers: how many workers there are.
    """

    __slots__ = ("_for_read", "_for_write", "_locks", "_readers", "_writes_held", "all_workers")

    def __init__(self, locks: Sequence[NumberedLocks], keys: int, workers: int) -> None:
        """Begin with nothing locked."""
        self.all_workers: Final = (1 << workers) - 1
        self._locks = locks
        self._for_read = [self.all_workers] * keys
        self._for_write = [self.all_workers] * keys
        self._writes_held = [0] * keys
        self._readers: list[dict[int, int]] = [{} for _ in range(keys)]

    def allowed(self, place: int) -> int:
        """Return the workers whose queue may take a transaction now: all of them, one, or none."""
        workers = self.all_workers
        for key in self._locks[place].writes:
            workers &= self._for_write[key]
        for key in self._locks[place].reads:
            workers &= self._for_read[key]
        return workers

    def hindrances(self, place: int) -> tuple[int, ...]:
        """Return keys of which one has to let in more workers before more of them may take a transaction.

        They are as few as show that: one that lets in none, two that let in one worker each, but not the same, or
        else one that lets in one. Asked only of a transaction that not every worker may take.
        """
        needed, first, first_mask = self._locks[place], -1, self.all_workers
        for masks, keys in ((self._for_write, needed.writes), (self._for_read, needed.reads)):
            for key in keys:
                mask = masks[key]
                if not mask:
                    return (key,)
                if not mask & first_mask:
                    return first, key
                if mask < first_mask:
                    first, first_mask = key, mask
        return (first,)

    def take(self, place: int, worker: int) -> None:
        """Lock what a transaction needs for a worker that is allowed to take it."""
        alone = 1 << worker
        for key in self._locks[place].writes:
            self._writes_held[key] += 1
            self._for_read[key] = self._for_write[key] = alone
        for key in self._locks[place].reads:
            readers = self._readers[key]
            readers[worker] = readers.get(worker, 0) + 1
            if not self._writes_held[key]:
                self._for_write[key] = alone if len(readers) == 1 else 0

    def give_back(self, place: int, worker: int) -> list[int]:
        """Unlock what a transaction has locked for a worker; return the keys that let in more workers now."""
        freed = []
        for key in self._locks[place].writes:
            self._writes_held[key] -= 1
            if not self._writes_held[key]:
                self._let_in_readers(key)
                freed.append(key)
        for key in self._locks[place].reads:
            readers = self._readers[key]
            readers[worker] -= 1
            if not readers[worker]:
                del readers[worker]
                if not self._writes_held[key] and len(readers) < 2:
                    self._let_in_readers(key)
                    freed.append(key)
        return freed

    def _let_in_readers(self, key: int) -> None:
        """Note that nobody holds a key for writing; of readers, at most one worker does."""
        self._for_read[key] = self.all_workers
        self._for_write[key] = next((1 << worker for worker in self._readers[key]), self.all_workers)
