"""A graph of conflicts that is filled while it is drained, with edges to the next conflict of each key only.

It decides as the public crate `prio-graph` 0.3.0 does (https://crates.io/crates/prio-graph); tests compare them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

__all__ = ["ConflictGraph"]


@dataclass(slots=True)
class _Lock:
    """Who locked a key last: a writer, or readers after a writer, if any."""

    writer: int | None = None
    readers: list[int] = field(default_factory=list)


class ConflictGraph:
    """Transactions that wait for those before them with which they conflict. They are inserted by priority.

    Of two that conflict, the one inserted first goes first. There is an edge to a writer from all that read the key
    since the last write, or else from that write; to a reader, from the last write. The others follow from these.
    """

    __slots__ = ("_blocked_by", "_edges", "_locks", "_ready")

    def __init__(self) -> None:
        """Begin empty."""
        self._locks: dict[int, _Lock] = {}
        self._edges: dict[int, list[int]] = {}  # of those that are not unblocked
        self._blocked_by: dict[int, int] = {}
        self._ready: list[int] = []

    def insert(self, place: int, reads: Iterable[int], writes: Iterable[int]) -> None:
        """Insert a transaction that has not been inserted before.

        Arguments:
            place: the transaction; the lowest of those that are blocked by nobody is popped first.
            reads: keys that it reads; none that it writes, too.
            writes: keys that it writes.
        """
        self._edges[place] = []
        self._blocked_by[place] = 0
        for key in writes:
            lock = self._locks.setdefault(key, _Lock())
            blocking = lock.readers or ([] if lock.writer is None else [lock.writer])
            for earlier in blocking:
                self._add_edge(earlier, place)
            self._locks[key] = _Lock(place)
        for key in reads:
            lock = self._locks.setdefault(key, _Lock())
            lock.readers.append(place)
            if lock.writer is not None:
                self._add_edge(lock.writer, place)
        if not self._blocked_by[place]:
            heappush(self._ready, place)

    def _add_edge(self, earlier: int, later: int) -> None:
        edges = self._edges.get(earlier)
        # Edges are added in the order of insertion, so one that is there already is the last.
        if edges is not None and (not edges or edges[-1] != later):
            edges.append(later)
            self._blocked_by[later] += 1

    def pop(self) -> int | None:
        """Return the first of those that are blocked by nobody, each once; None where there is none."""
        return heappop(self._ready) if self._ready else None

    def unblock(self, place: int) -> list[int]:
        """Let those go on that wait for a transaction which was popped; return all to which it had an edge.

        A transaction that is inserted later and conflicts with it does not wait for it.
        """
        following = self._edges.pop(place)
        for later in following:
            self._blocked_by[later] -= 1
            if not self._blocked_by[later]:
                heappush(self._ready, later)
        return following
