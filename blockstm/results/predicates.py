"""Predicates: what a transaction asked about keys, and ranges of keys, without reading values.

A transaction depends on the answer only: a key that another has written since is no conflict as long as the answer
stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["Checked", "Existence", "Predicate", "Scanned", "decode_predicates"]

_NUMBER_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Existence:
    """Whether a key had a value: see `Context.exists`.

    Arguments:
        key: the key.
        holds: whether it had one.
    """

    key: bytes
    holds: bool


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether the number that earlier transactions left at a key lay within bounds: see `Context.check`.

    Where the transaction had added to the key itself, the bounds are those of what was below its own add.

    Arguments:
        key: the key.
        holds: whether it did.
        minimum: the least that it was asked to be.
        maximum: the most that it was asked to be.
    """

    key: bytes
    holds: bool
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """Which keys of a range had values: see `Context.scan`.

    Keys that the transaction had written, deleted or added to itself by then are not among them, whatever earlier
    transactions left there.

    Arguments:
        start: the lowest key of the range.
        end: the first key after the range; None: it went up to the last key.
        last: the last key that was looked at, where the scan had found by then as many as it wanted; else None.
        keys: those that earlier transactions had left with a value, in order.
    """

    start: bytes
    end: bytes | None
    last: bytes | None
    keys: tuple[bytes, ...]

    def covers(self, key: bytes) -> bool:
        """Tell whether another answer about this key would have been another answer to the scan."""
        if key < self.start or (self.end is not None and key >= self.end):
            return False
        return self.last is None or key <= self.last


Predicate = Existence | Checked | Scanned
"""What a transaction asked, and the answer."""


def decode_predicates(encoded: Iterable[tuple[bytes, bytes]]) -> list[Predicate]:
    """Decode what a `Snapshot` tells (native/faces/predicates.pxi encodes it).

    Arguments:
        encoded: keys, each with a predicate about it; a scan has no key.
    """
    return [_decoded(key, predicate) for key, predicate in encoded]


def _decoded(key: bytes, encoded: bytes) -> Predicate:
    if encoded[:1] == b"s":
        return _decoded_scan(encoded)
    holds = encoded[1:2] == b"1"
    if encoded[:1] == b"e":
        return Existence(key, holds)
    minimum, maximum = encoded[2 : 2 + _NUMBER_BYTES], encoded[2 + _NUMBER_BYTES :]
    return Checked(key, holds, int.from_bytes(minimum, "big"), int.from_bytes(maximum, "big"))


def _decoded_scan(encoded: bytes) -> Scanned:
    """Decode flags, then keys after their lengths: start, end and last where the flags say so, and those found."""
    has_end, is_limited = encoded[1], encoded[2]
    keys: list[bytes] = []
    place = 3
    while place < len(encoded):
        length = encoded[place]
        keys.append(encoded[place + 1 : place + 1 + length])
        place += 1 + length
    start, end, last, *found = keys
    return Scanned(start, end if has_end else None, last if is_limited else None, tuple(found))
