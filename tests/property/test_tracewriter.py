"""Random blocks: their access traces say what the oracle says, however they were run, and come round."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from blockstm.blocks.access_trace import read_access_trace
from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.engine.stress import stressed
from blockstm.results.access_trace_writer import write_access_trace
from blockstm.results.predicates import Predicate, Scanned
from blockstm.results.result import Result
from tests.support.blocks import SCALE, SETTINGS, blocks, examples, seeds
from tests.support.engines import WORKERS_MAX
from tests.support.oracle import run_in_order

pytestmark = pytest.mark.timeout(60 + 120 * SCALE)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(WORKERS_MAX, active_workers=WORKERS_MAX, rounds_per_gas=0) as engine:
        yield engine


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces") / "trace.jsonl"


def lines_of(block: Block, result: Result, path: Path) -> list[dict[str, Any]]:
    """Return the trace's lines, without the times, which every transaction must have."""
    write_access_trace(block, result, path)
    header, *lines = map(json.loads, path.read_bytes().splitlines())
    assert all(line.pop("seconds") >= 0 for line in lines)
    return [header, *lines]


def expected_lines(block: Block) -> Iterator[dict[str, Any]]:
    """Yield the lines of a trace: what each transaction has read, then what it has only asked about."""
    deleted: set[bytes] = set()
    for outcome in run_in_order(block).outcomes:
        asked = [key for each in outcome.predicates for key in asked_keys(each, deleted)]
        reads = list(dict.fromkeys([*(key for key, _ in outcome.reads), *asked]))
        added = [key for key, _ in outcome.adds]
        written = [key for key, _ in outcome.writes] + [key for key in added if key in reads]
        yield {
            "gas_used": outcome.gas_used,
            "reads": [f"0x{key.hex()}" for key in reads],
            "writes": [f"0x{key.hex()}" for key in written if key in outcome.changed],
            "adds": {f"0x{k.hex()}": hex(abs(n)) for k, n in outcome.adds if k not in reads and n != 0},
        }
        for key, value in outcome.writes:
            if key in outcome.changed and value is None:
                deleted.add(key)
            elif value is not None:
                deleted.discard(key)
        deleted.difference_update(added)


def asked_keys(predicate: Predicate, deleted: set[bytes]) -> list[bytes]:
    """The keys that an answer depends on: of a scan those found, and those deleted before where it looked."""
    if not isinstance(predicate, Scanned):
        return [predicate.key]
    return sorted({*predicate.keys, *(key for key in deleted if predicate.covers(key))})


@given(blocks(60), st.integers(2, WORKERS_MAX), seeds)
@settings(SETTINGS, max_examples=examples(20))
def test_a_trace_says_what_the_oracle_says_however_the_block_was_run(
    engine: Engine, path: Path, block: Block, workers: int, seed: int
) -> None:
    header = {"format": "access-trace", "version": 1, "transactions": len(block)}
    expected = [header, *expected_lines(block)]
    assert lines_of(block, engine.execute(block, "sequential", timed=True), path) == expected
    for delay_seed in (0, seed):
        with stressed(engine, active_workers=workers, delay_seed=delay_seed):
            assert lines_of(block, engine.execute(block, timed=True), path) == expected


@given(blocks(40))
@settings(SETTINGS, max_examples=examples(20))
def test_a_trace_of_a_trace_is_the_same(engine: Engine, path: Path, block: Block) -> None:
    lines = lines_of(block, engine.execute(block, timed=True), path)
    # What `trace` writes is large, and adds to it must not pass 2**256 - 1: then it would fail.
    assume(sum(int(amount, 16) for line in lines[1:] for amount in line["adds"].values()) < 1 << 128)
    for model in ("block-stm", "sequential"):
        again = read_access_trace(path)
        assert lines_of(again, engine.execute(again, model, timed=True), path) == lines
