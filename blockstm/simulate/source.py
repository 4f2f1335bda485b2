"""The source of the state before a block, as a device: what the first touch of a key costs in modelled time."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["PackedSource", "Source", "SourceUse", "key_hash"]

PackedSource: TypeAlias = tuple[bytes, bytes, bytes, int, float]
"""A source as the core takes it."""
NS: Final = 1e9
_LATENCY_NS_MAX: Final = int(1e15)
_FNV_OFFSET: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3
_U64: Final = (1 << 64) - 1


@dataclass(frozen=True)
class Source:
    """Where the state before a block is read from.

    Keys that are read together, as the fields of an account are, share an entry: whoever first reads one of
    them pays for all. A key that is not named here, as one that only an execution in vain reads, is an entry of
    its own that takes as long as one of the others.

    Arguments:
        latencies_seconds: how long reading each entry takes; 0 for one that is in memory. At least one.
        entries: by key, which entry it is in.
        queue_depth: how many reads are under way at once at most; 1 or more.
        gap_seconds: the least time between the beginnings of two reads.
    """

    latencies_seconds: Sequence[float]
    entries: Mapping[bytes, int]
    queue_depth: int
    gap_seconds: float = 0.0

    def packed(self) -> PackedSource:
        """Return it as the core takes it."""
        latencies = [min(round(each * NS), _LATENCY_NS_MAX) for each in self.latencies_seconds]
        hashes = sorted((key_hash(key), entry) for key, entry in self.entries.items())
        return (
            struct.pack(f"={len(latencies)}Q", *latencies),
            struct.pack(f"={len(hashes)}Q", *(value for value, _ in hashes)),
            struct.pack(f"={len(hashes)}Q", *(entry for _, entry in hashes)),
            self.queue_depth,
            self.gap_seconds * NS,
        )


@dataclass(frozen=True)
class SourceUse:
    """What a source did in a run.

    Arguments:
        reads: how many it took, beside those that were answered from memory.
        busy_seconds: how long they took, taken together.
        wait_seconds: how long cores waited for it, taken together.
    """

    reads: int
    busy_seconds: float
    wait_seconds: float


def key_hash(key: bytes) -> int:
    """Return the FNV-1a hash of a key (Fowler, Noll and Vo), as native/instruments/virtual_time.pxd computes it."""
    value = _FNV_OFFSET
    for byte in key:
        value = ((value ^ byte) * _FNV_PRIME) & _U64
    return value
