"""How numbers are written on the page; the units stand in headings and labels."""

from __future__ import annotations

from typing import Final

__all__ = ["NONE", "compact", "count", "milliseconds", "share", "short_seconds", "three_digits", "two_digits"]

NONE: Final = "–"  # noqa: RUF001 - a dash, for what is not known
WHOLE_BELOW: Final = 10**15
"""Larger numbers are written with an exponent."""
UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def count(value: float | None) -> str:
    """Write a whole number, 12,345; or the mean of two of them, 12,345.5."""
    if value is None:
        return NONE
    return f"{int(value):,}" if value == int(value) else f"{value:,.1f}"


def two_digits(value: float | None) -> str:
    """Write a number with two digits after the point, such as a speed-up."""
    return NONE if value is None else f"{value:,.2f}"


def three_digits(value: float | None) -> str:
    """Write a number for each transaction, which may be small."""
    return NONE if value is None else f"{value:,.3f}"


def milliseconds(seconds: float | None) -> str:
    """Write a time in milliseconds, to the hundredth."""
    return NONE if seconds is None else f"{seconds * 1e3:,.2f}"


def share(value: float | None) -> str:
    """Write a share of 1 in per cent."""
    return NONE if value is None else f"{value * 100:,.0f} %"


def compact(value: float) -> str:
    """Write a parameter: whole numbers with commas, others as short as they are."""
    is_whole = isinstance(value, int) or value.is_integer()
    return f"{int(value):,}" if is_whole and abs(value) < WHOLE_BELOW else f"{value:.6g}"


def short_seconds(seconds: float) -> str:
    """Write a time with three digits and the unit that suits it."""
    size, unit = next(((size, unit) for size, unit in UNITS if seconds >= size), UNITS[-1])
    return f"{seconds / size:,.3g} {unit}"
