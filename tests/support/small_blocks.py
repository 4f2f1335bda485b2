"""Blocks of few transactions, whose best schedule can be found: cut from recorded ones, and random ones."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blockstm import Block
from blockstm.analysis import AccessSet, Dependencies, dependencies
from blockstm.analysis.profile import recorded_profile

__all__ = ["SmallBlock", "cut", "random_block"]

TRANSACTIONS = 40
GAS_UNIT = 1_000
"""Weights are in this unit, as a solver has it easier with small numbers."""


@dataclass(frozen=True)
class SmallBlock:
    """The dependencies between transactions, and what each weighs, in thousands of gas."""

    graph: Dependencies
    weights: Sequence[int]


def cut(block: Block, pieces_max: int) -> Iterator[SmallBlock]:
    """Yield the first pieces of a recorded block, of 40 transactions each; the last may have fewer."""
    profile = recorded_profile(block)
    assert profile is not None
    gas_used = profile.gas_used or ()
    for start in range(0, min(len(gas_used), pieces_max * TRANSACTIONS), TRANSACTIONS):
        piece = slice(start, start + TRANSACTIONS)
        yield SmallBlock(dependencies(profile.accesses[piece]), list(map(_weight, gas_used[piece])))


def random_block(seed: int, keys: int, gas_used: Sequence[int]) -> SmallBlock:
    """Return a block whose transactions write one to four keys and read up to three more.

    Arguments:
        seed: of chance.
        keys: how many there are; the n-th is 1/n as popular as the first (Zipf's law).
        gas_used: from which each transaction draws its own.
    """
    chance = random.Random(seed)
    popularity = [1 / rank for rank in range(1, keys + 1)]

    def drawn(least: int, most: int) -> frozenset[bytes]:
        ranks = chance.choices(range(keys), popularity, k=chance.randint(least, most))
        return frozenset(b"%d" % rank for rank in ranks)

    accesses = []
    for _ in range(TRANSACTIONS):
        written = drawn(1, 4)
        accesses.append(AccessSet(written | drawn(0, 3), written))
    return SmallBlock(dependencies(accesses), [_weight(chance.choice(gas_used)) for _ in accesses])


def _weight(gas_used: int) -> int:
    return max(1, round(gas_used / GAS_UNIT))
