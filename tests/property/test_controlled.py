"""Virtual workers under random schedules come to what the oracle comes to, and the same schedule to the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.errors import MemoryLimitError
from blockstm.explore.schedules import Schedule
from blockstm.explore.strategies import STEADINESS, GuidedStrategy, RandomStrategy
from blockstm.explore.trial import Step, Trials
from blockstm.limits import MEMORY_LIMIT_BYTES_EXPLORED
from blockstm.programs.built_in import transfer
from blockstm.programs.program import program
from tests.support.blocks import SETTINGS, blocks, examples
from tests.support.oracle import assert_equal, run_in_order


@program
def copy_large(ctx: Any, source: bytes, target: bytes) -> None:
    """Write 60,000 bytes that depend on what is read."""
    ctx.write(target, (ctx.read(source) or b"")[:1].rjust(60_000))


def transfers_in_a_ring() -> Block:
    keys = [b"a", b"b", b"c"]
    transactions = [transfer.txn(keys[n % 3], keys[(n * n + 1) % 3], 1) for n in range(8)]
    return Block(transactions, {key: b"\x09" for key in keys})


@given(blocks(8), st.integers(1, 4), st.integers(0, 1 << 20))
@settings(SETTINGS, max_examples=examples(65))
def test_random_schedules_equal_the_oracle(block: Block, workers: int, seed: int) -> None:
    expected = run_in_order(block)
    trials = Trials(block, workers)
    strategy = RandomStrategy(seed)
    try:
        for _ in STEADINESS:
            schedule, finding = trials.run(strategy)
            assert finding is None, finding
            assert_equal(trials.result(), expected, f"under schedule {schedule}")
    finally:
        trials.close()


def test_a_schedule_is_repeated_step_by_step() -> None:
    block = transfers_in_a_ring()

    def steps(trials: Trials) -> list[Step]:
        seen: list[Step] = []
        trials.run(RandomStrategy(7), seen)
        return seen

    first, second = Trials(block, 3), Trials(block, 3)
    recorded = steps(first)
    assert len(recorded) > 50
    assert steps(first) == recorded == steps(second)


def test_a_schedule_that_takes_too_long_is_given_up_and_the_next_one_runs() -> None:
    block = transfers_in_a_ring()
    steady = GuidedStrategy(Schedule(3, ()))
    steps = len(Trials(block, 3).run(steady)[0].decisions)
    trials = Trials(block, 3, steps_max=steps)
    _, finding = trials.run(RandomStrategy(1))
    assert finding is not None
    assert finding.check == "livelock"
    assert f"not done after {steps} steps" in finding.message
    assert trials.run(steady)[1] is None
    assert_equal(trials.result(), run_in_order(block))


def test_a_run_out_of_memory_is_no_deadlock_of_those_who_sleep() -> None:
    keys = [b"a", b"b", b"c", b"d"]
    block = Block([copy_large.txn(keys[n], keys[n + 1]) for n in range(3)], {})
    # Enough for each transaction once, not for all that may run again.
    trials = Trials(block, 3, memory_limit_bytes=550_000)
    strategy = RandomStrategy(1)
    found = [finding for _ in range(60) if (finding := trials.run(strategy)[1]) is not None]
    assert {(finding.check, finding.message) for finding in found} == {
        ("memory", "the run takes more than the memory limit of 550000 bytes; try a smaller block")
    }
    assert len(found) < 60
    with pytest.raises(
        MemoryLimitError, match="sequentially takes more than the memory limit of 150000 bytes; try a smaller"
    ):
        Trials(block, 3, memory_limit_bytes=150_000)


@program
def write_large_after_read(ctx: Any) -> None:
    ctx.read(b"hot")
    ctx.write(b"hot", bytes(65_536))


def test_schedules_go_on_after_one_that_took_too_much_memory() -> None:
    # Sequential execution fits into what explore gives a run; with what is executed more than once, it does not.
    trials = Trials(Block([write_large_after_read.txn() for _ in range(1_000)]), 3)
    for seed in range(2):
        finding = trials.run(RandomStrategy(seed))[1]
        assert finding is not None
        assert finding.check == "memory"
        assert f"the memory limit of {MEMORY_LIMIT_BYTES_EXPLORED} bytes" in finding.message
    trials.close()
