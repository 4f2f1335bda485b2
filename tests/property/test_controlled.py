"""Virtual workers under random schedules come to what the oracle comes to, and the same schedule to the same."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm._core import VirtualWorker
from blockstm.block import Block
from blockstm.controlled import Runtime, StepLimit, Strategy
from blockstm.programs import transfer
from tests.property.test_equivalence import SETTINGS, blocks, examples
from tests.reference import assert_equal, run_in_order


def random_strategy(seed: int, steadiness: float) -> Strategy:
    """Mostly the same worker as before, by chance another."""
    chance = random.Random(seed)
    last: list[VirtualWorker] = []

    def choose(able: Sequence[VirtualWorker]) -> VirtualWorker:
        if not (last and last[0] in able and chance.random() < steadiness):
            last[:] = [able[int(chance.random() * len(able))]]
        return last[0]

    return choose


@given(blocks(8), st.integers(1, 4), st.integers(0, 1 << 20))
@settings(SETTINGS, max_examples=examples(90))
def test_random_schedules_equal_the_oracle(block: Block, workers: int, seed: int) -> None:
    expected = run_in_order(block)
    runtime = Runtime(block, workers)
    try:
        for number, steadiness in enumerate((0.0, 0.5, 0.9, 0.99)):
            result = runtime.run(random_strategy(seed + number, steadiness))
            assert_equal(result, expected, f"with {workers} virtual workers, schedule {seed + number}")
    finally:
        runtime.close()


def test_a_schedule_is_repeated_step_by_step() -> None:
    keys = [b"a", b"b", b"c"]
    transactions = [transfer.txn(keys[n % 3], keys[(n * n + 1) % 3], 1) for n in range(8)]
    block = Block(transactions, {key: b"\x09" for key in keys})

    def steps(runtime: Runtime) -> list[tuple[int, int, int]]:
        seen: list[tuple[int, int, int]] = []
        choose = random_strategy(7, 0.5)

        def watched(able: Sequence[VirtualWorker]) -> VirtualWorker:
            chosen = choose(able)
            seen.append((chosen.index, chosen.kind, chosen.what))
            return chosen

        runtime.run(watched)
        return seen

    first, second = Runtime(block, 3), Runtime(block, 3)
    recorded = steps(first)
    assert len(recorded) > 50
    assert steps(first) == recorded == steps(second)


def test_a_schedule_that_takes_too_long_is_given_up() -> None:
    block = Block([transfer.txn(b"a", b"b", 1)] * 3, {b"a": b"\x09"})
    runtime = Runtime(block, 2)
    with pytest.raises(StepLimit, match="not done after 5 steps"):
        runtime.run(random_strategy(1, 0.5), steps_max=5)
    assert_equal(runtime.run(random_strategy(1, 0.5)), run_in_order(block))
