"""What several runs of the same come to: the median, and how far they are apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

__all__ = ["Spread", "spread_of"]


@dataclass(frozen=True)
class Spread:
    """A figure over several runs.

    Arguments:
        median: of an even number of runs, the mean of the two in the middle.
        least: the smallest.
        greatest: the largest.
        runs: how many know the figure.
    """

    median: float
    least: float
    greatest: float
    runs: int


def spread_of(values: Iterable[float | None]) -> Spread | None:
    """Return what a figure was in several runs; None if none of them knows it.

    Arguments:
        values: the figure of each run, finite; None where it is not known.
    """
    known = [value for value in values if value is not None]
    return Spread(median(known), min(known), max(known), len(known)) if known else None
