"""Random blocks of random programs: every run comes to what the oracle of tests/support/oracle.py comes to.

BLOCKSTM_STRESS=10 tries ten times as many.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.engine.stress import stressed
from tests.support.blocks import SCALE, SETTINGS, blocks, examples, operations, seeds, states
from tests.support.engines import WORKERS_MAX, run
from tests.support.oracle import assert_equal, run_in_order
from tests.support.programs import script

pytestmark = pytest.mark.timeout(60 + 120 * SCALE)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(WORKERS_MAX, active_workers=WORKERS_MAX) as engine:
        yield engine


@given(blocks(80), st.lists(st.integers(1, WORKERS_MAX), min_size=3, max_size=3), seeds)
@settings(SETTINGS, max_examples=examples(36))
def test_speculative_and_sequential_runs_equal_the_oracle(
    engine: Engine, block: Block, worker_counts: list[int], seed: int
) -> None:
    expected = run_in_order(block)
    assert_equal(engine.execute(block, "sequential"), expected, "of the sequential model")
    for workers in worker_counts:
        for delay_seed in (0, seed):
            how = f"with {workers} workers and delay seed {delay_seed}"
            assert_equal(run(engine, block, workers, delay_seed), expected, how)


@given(operations, states, seeds)
@settings(SETTINGS, max_examples=examples(29))
def test_one_program_many_times(
    engine: Engine, body: list[Any], state: dict[bytes, bytes], seed: int
) -> None:
    """Every transaction runs the same program on the same keys: all conflict, and each waits for others."""
    block = Block([script.txn(body, number % 3) for number in range(40)], state)
    expected = run_in_order(block)
    assert_equal(engine.execute(block, "sequential"), expected, "of the sequential model")
    for delay_seed in (0, seed, seed + 1):
        assert_equal(run(engine, block, WORKERS_MAX, delay_seed), expected, f"with delay seed {delay_seed}")


@given(blocks(30), st.integers(2, WORKERS_MAX), seeds)
@settings(SETTINGS, max_examples=examples(29))
def test_receipts_of_a_stream_are_those_of_the_oracle(
    engine: Engine, block: Block, workers: int, seed: int
) -> None:
    expected = [
        (txn_idx, outcome.status, outcome.gas_used, outcome.error, outcome.events)
        for txn_idx, outcome in enumerate(run_in_order(block).outcomes)
    ]
    with stressed(engine, active_workers=workers, delay_seed=seed):
        receipts = [(r.txn_idx, r.status, r.gas_used, r.error, r.events) for r in engine.stream(block)]
    assert receipts == expected


@given(blocks(20))
@settings(SETTINGS, max_examples=examples(20))
def test_a_block_from_a_file_gives_the_same(
    engine: Engine, tmp_path_factory: pytest.TempPathFactory, block: Block
) -> None:
    """Blocks from files take another way into the arena."""
    path = tmp_path_factory.mktemp("blocks") / "a.block"
    block.save(path)
    assert_equal(run(engine, Block.load(path)), run_in_order(block))
