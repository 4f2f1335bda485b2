"""What an engine is made with: numbers, checked, and its memory."""

from __future__ import annotations

import math
import secrets
from contextlib import suppress
from typing import Final

from blockstm.errors import EngineError, MemoryLimitError, UsageError, shown
from blockstm.native._core import Arena

__all__ = ["MEMORY_LIMIT_BYTES_MAX", "make_arena", "number", "whole_number"]

MEMORY_LIMIT_BYTES_MAX: Final = 1 << 35  # the core links some structures by 32 bits, in units of 8 bytes
REGIONS: Final = 3
"""For a result that is looked at, the block that is executed, and the one that is laid out meanwhile."""


def make_arena(memory_limit_bytes: int, workers: int) -> Arena:
    """Make an arena of several regions, or of one where the system does not give so much address space."""
    # Nobody can guess the seed, or keys could be made to collide in the core's hash table.
    seed = secrets.randbits(64)
    if REGIONS * memory_limit_bytes <= MEMORY_LIMIT_BYTES_MAX:
        with suppress(EngineError, MemoryLimitError):
            return Arena(memory_limit_bytes, workers, seed, REGIONS)
    return Arena(memory_limit_bytes, workers, seed)


def whole_number(name: str, value: int, least: int, greatest: int) -> int:
    """Return a number; raises UsageError where it is not a whole one from `least` to `greatest`."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= greatest:
        raise UsageError(f"{name} is {shown(value)}; give a whole number from {least} to {greatest}")
    return value


def number(name: str, value: float) -> float:
    """Return a number; raises UsageError where it is not a finite one, zero or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UsageError(f"{name} is {shown(value)}; give a finite number, 0 or more")
    return value
