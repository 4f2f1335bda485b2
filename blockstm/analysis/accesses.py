"""What a transaction accessed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, Self

__all__ = ["AccessSet", "Accesses"]


class Accesses(Protocol):
    """The keys that a transaction accessed, such as `NetAccesses` has."""

    @property
    def reads(self) -> Iterable[bytes]:
        """Those that it read."""

    @property
    def writes(self) -> Iterable[bytes]:
        """Those that it wrote or deleted."""

    @property
    def adds(self) -> Iterable[bytes]:
        """Those that it added to without reading."""


@dataclass(frozen=True, slots=True)
class AccessSet:
    """The keys that a transaction accessed, none of them both added to and read or written.

    Arguments:
        reads: those that it read.
        writes: those that it wrote or deleted.
        adds: those that it added to without knowing their value.
    """

    reads: frozenset[bytes] = frozenset()
    writes: frozenset[bytes] = frozenset()
    adds: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, accesses: Accesses) -> Self:
        """Return accesses as sets; a key added to whose value is known to the transaction was written."""
        reads, writes, adds = map(frozenset, (accesses.reads, accesses.writes, accesses.adds))
        known = adds & (reads | writes)
        return cls(reads, writes | known, adds - known)

    @property
    def keys(self) -> frozenset[bytes]:
        """All of them."""
        return self.reads | self.writes | self.adds

    @property
    def changes(self) -> frozenset[bytes]:
        """Those that it wrote or added to."""
        return self.writes | self.adds

    def with_known(self, keys: frozenset[bytes]) -> Self:
        """Return the same with these keys read and written."""
        if not keys:
            return self
        return type(self)(self.reads | keys, self.writes | keys, self.adds - keys)

    def with_added(self, keys: frozenset[bytes]) -> Self:
        """Return the same with these keys added to, and neither read nor written."""
        if not keys:
            return self
        return type(self)(self.reads - keys, self.writes - keys, self.adds | keys)

    def without(self, key: bytes) -> Self:
        """Return the same without a key."""
        if key not in self.reads and key not in self.writes and key not in self.adds:
            return self
        gone = frozenset((key,))
        return type(self)(self.reads - gone, self.writes - gone, self.adds - gone)

    def only(self, key: bytes) -> Self:
        """Return the same without all other keys."""
        kept = frozenset((key,))
        return type(self)(self.reads & kept, self.writes & kept, self.adds & kept)
