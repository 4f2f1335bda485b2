"""The greedy bound beside the shortest schedule, which a constraint solver looks for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from blockstm import Block
from blockstm.analysis import Dependencies
from tests.support.optimum import compared
from tests.support.small_blocks import SmallBlock, cut, random_block

SCENARIOS = Path(__file__).parents[2] / "scenarios"
EFFORT = 0.01
KEYS = (10, 40, 200, 1_000)


def small_blocks() -> Iterator[SmallBlock]:
    blocks = [Block.load(path) for path in sorted(SCENARIOS.glob("ethereum-*.block"))]
    gas_used = [txn.recorded.gas_used or 0 for block in blocks for txn in block.transactions if txn.recorded]
    for block in blocks:
        yield from cut(block, 1)
    for keys in KEYS:
        yield random_block(keys, keys, gas_used)


def test_the_solver_finds_a_schedule_that_greedy_scheduling_misses() -> None:
    """Greedy scheduling begins with the two short ones, and then does the long one alone."""
    found = compared(Dependencies.of([(), (), ()]), [2, 2, 4], 2, EFFORT)
    assert (found.greedy, found.best, found.is_proven) == (6, 4, True)
    # Each waits for the one before, so the second core is of no use.
    waits = compared(Dependencies.of([(), {0}, {1}]), [3, 1, 2], 2, EFFORT)
    assert (waits.greedy, waits.best, waits.is_proven) == (6, 6, True)


@pytest.mark.parametrize("cores", [2, 4, 8])
def test_greedy_scheduling_is_within_3_per_cent_of_the_best_in_the_median(cores: int) -> None:
    """Whatever the solver has not settled counts against greedy scheduling: it is compared with what is proven."""
    found = [compared(block.graph, block.weights, cores, EFFORT) for block in small_blocks()]
    assert len(found) == 10
    assert all(each.least <= each.best <= each.greedy <= (2 - 1 / cores) * each.best for each in found)
    assert sum(each.is_proven for each in found) >= 3
    assert median(each.greedy / each.least for each in found) <= 1.03
