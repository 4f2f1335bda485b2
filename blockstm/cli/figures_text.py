"""How figures are written for a person."""

from __future__ import annotations

__all__ = ["NONE", "duration", "milliseconds", "per_cent", "times"]

NONE = "-"
"""Stands for a figure that does not exist, such as the speed-up of nothing."""


def times(speedup: float | None) -> str:
    """Write a speed-up."""
    return NONE if speedup is None else f"{speedup:.2f} x"


def milliseconds(seconds: float | None) -> str:
    """Write a time for a column of milliseconds."""
    return NONE if seconds is None else f"{seconds * 1e3:,.2f}"


def duration(seconds: float) -> str:
    """Write a time with a unit that suits it, to four digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.4g} {unit}"
    return f"{seconds * 1e6:.4g} us"


def per_cent(share: float | None, digits: int = 1) -> str:
    """Write a share of 1 in per cent, with a number of digits after the point."""
    return NONE if share is None else f"{share * 100:.{digits}f} %"
