"""Chance that is the same on every machine and for every version of Python.

Of Python's generator (the Mersenne Twister) only `random()` is used, which alone is promised to give the same
sequence for the same seed in every version. It gives 53 random bits; everything else is made of those here, in
whole numbers.
"""

from __future__ import annotations

import bisect
import random
from collections.abc import Sequence
from decimal import Context, Decimal
from functools import lru_cache
from itertools import accumulate
from typing import Final, Literal, TypeVar

__all__ = ["Chance", "Distribution", "Picker"]

T = TypeVar("T")

Distribution = Literal["uniform", "zipf", "hotspot"]

_BITS: Final = 53
_PARTS: Final = 1_000_000
_ZIPF_WEIGHT_MAX: Final = 1 << 48
# Decimal's ln and exp are correctly rounded, so the same everywhere, unlike those of the C library.
_DECIMAL: Final = Context(prec=24)


class Chance:
    """A sequence of random draws.

    Arguments:
        seed: where it starts.
    """

    def __init__(self, seed: int) -> None:
        """Start at the seed."""
        self._random = random.Random(seed)

    def below(self, limit: int) -> int:
        """Draw a whole number from 0 to `limit` - 1, each as likely; `limit` is from 1 to 2**53."""
        # Draws beyond the last whole multiple of the limit are drawn again, so that none is more likely.
        largest = (1 << _BITS) // limit * limit
        while (drawn := int(self._random.random() * (1 << _BITS))) >= largest:
            pass
        return drawn % limit

    def between(self, least: int, greatest: int) -> int:
        """Draw a whole number from `least` to `greatest`, both included."""
        return least + self.below(greatest - least + 1)

    def happens(self, parts_per_million: int) -> bool:
        """Draw whether something happens that does so in a number of cases out of a million."""
        return self.below(_PARTS) < parts_per_million

    def one_of(self, choices: Sequence[T]) -> T:
        """Draw one of several."""
        return choices[self.below(len(choices))]

    def weighted(self, weights: Sequence[int]) -> int:
        """Draw a place, each as likely as its weight says; the weights are not all zero."""
        drawn = self.below(sum(weights))
        for place, weight in enumerate(weights):
            if drawn < weight:
                return place
            drawn -= weight
        raise AssertionError("the weights have changed")

    def fork(self) -> Chance:
        """Return a sequence of its own, which starts where this one says."""
        return Chance(self.below(1 << _BITS))


class Picker:
    """Draws members of a population from 0 to `count` - 1, some more often than others.

    Arguments:
        count: how many there are.
        distribution: `uniform`; `zipf`, the i-th with a weight of 1 / i ** exponent; `hotspot`, where the first
            `hot` have together a share of `hot_share_percent` and the rest the rest, each uniformly.
        exponent_percent: the exponent of Zipf's law, in hundredths.
        hot: how many are hot.
        hot_share_percent: how many draws of a hundred are one of them.
    """

    def __init__(
        self,
        count: int,
        distribution: Distribution = "uniform",
        *,
        exponent_percent: int = 100,
        hot: int = 1,
        hot_share_percent: int = 50,
    ) -> None:
        """Keep what is to be drawn from."""
        self._count = count
        self._distribution = distribution
        self._hot = min(hot, count)
        self._hot_share = hot_share_percent
        self._sums = _zipf_sums(count, exponent_percent) if distribution == "zipf" else ()

    def draw(self, chance: Chance) -> int:
        """Draw a member."""
        if self._distribution == "zipf":
            return bisect.bisect_right(self._sums, chance.below(self._sums[-1]))
        if self._distribution == "hotspot" and self._hot < self._count:
            if chance.below(100) < self._hot_share:
                return chance.below(self._hot)
            return self._hot + chance.below(self._count - self._hot)
        return chance.below(self._count)

    def draw_two(self, chance: Chance) -> tuple[int, int]:
        """Draw two different members; there are at least two, and each has a chance."""
        first = self.draw(chance)
        for _ in range(64):
            if (second := self.draw(chance)) != first:
                return first, second
        # One of them is all but certain; any other does.
        return first, (first + 1 + chance.below(self._count - 1)) % self._count


@lru_cache(maxsize=8)
def _zipf_sums(count: int, exponent_percent: int) -> tuple[int, ...]:
    """Return the sums of the first members' weights, each weight at least 1."""
    return tuple(accumulate(max(1, _zipf_weight(place, exponent_percent)) for place in range(1, count + 1)))


def _zipf_weight(place: int, exponent_percent: int) -> int:
    whole, hundredths = divmod(exponent_percent, 100)
    if not hundredths:
        weight: int = _ZIPF_WEIGHT_MAX // place**whole
        return weight
    power = _DECIMAL.multiply(_DECIMAL.ln(Decimal(place)), Decimal(exponent_percent) / 100)
    return int(_DECIMAL.divide(_ZIPF_WEIGHT_MAX, _DECIMAL.exp(power)))
