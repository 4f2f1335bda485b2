"""How long a read takes: always as long, drawn from a lognormal distribution, or drawn from measured times."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from statistics import NormalDist
from typing import Final, TypeAlias

__all__ = ["Constant", "Latency", "Lognormal", "Measured", "draw"]

_P99: Final = NormalDist().inv_cdf(0.99)
"""How many standard deviations the 99th percentile of a normal distribution lies above its mean."""


@dataclass(frozen=True)
class Constant:
    """Each read takes as long."""

    seconds: float


@dataclass(frozen=True)
class Lognormal:
    """The logarithm of the time is normally distributed.

    Arguments:
        median_seconds: half of the reads take longer; over 0.
        p99_seconds: one in a hundred takes longer; not below the median.
    """

    median_seconds: float
    p99_seconds: float


@dataclass(frozen=True)
class Measured:
    """Each read takes as long as one of those that were measured, all equally likely."""

    seconds: tuple[float, ...]


Latency: TypeAlias = Constant | Lognormal | Measured


def draw(latency: Latency, chance: Random) -> float:
    """Return how long one read takes, in seconds."""
    if isinstance(latency, Constant):
        return latency.seconds
    if isinstance(latency, Measured):
        return chance.choice(latency.seconds)
    deviation = math.log(latency.p99_seconds / latency.median_seconds) / _P99
    return chance.lognormvariate(math.log(latency.median_seconds), deviation)
