"""Results that are kept: whatever the engine does next, they tell what they told at first."""

from __future__ import annotations

import resource
import subprocess
import sys
import weakref
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block, Engine, program
from blockstm.engine.stress import stressed
from blockstm.programs import transfer
from blockstm.results.result import Result, snapshot_of
from tests.conftest import ROOT
from tests.support.blocks import SETTINGS, blocks, examples
from tests.support.oracle import run_in_order
from tests.support.programs import KEYS
from tests.support.sources import remove

OTHER = Block([transfer.txn(*pair, 3) for pair in pairwise(KEYS)] * 9, {KEYS[0]: b"\xff"})
MODELS = ("block-stm", "sequential")


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(4, active_workers=4) as engine:
        yield engine


def told(result: Result) -> dict[str, Any]:
    """All that a result tells, decoded anew."""
    each = range(len(result))
    return {
        "receipts": [
            (r.status, r.gas_used, r.error, r.events, r.commit_seconds, r.traceback) for r in result.receipts
        ],
        "incarnations": [snapshot_of(result).incarnations(txn_idx) for txn_idx in each],
        "reads": [result.reads(txn_idx) for txn_idx in each],
        "predicates": [result.predicates(txn_idx) for txn_idx in each],
        "writes": [result.writes(txn_idx) for txn_idx in each],
        "adds": [result.adds(txn_idx) for txn_idx in each],
        "seconds": [result.execution_seconds(txn_idx) for txn_idx in each],
        "changes": snapshot_of(result).changes(),
        "state": snapshot_of(result).state(),
        "root": result.state_root,
        "spans": list(result.timeline) if result.timeline is not None else None,
        "spans dropped": snapshot_of(result).spans_dropped(),
        "counters": snapshot_of(result).counters(),
        "wall_seconds": result.stats.wall_seconds,
        "arena_bytes": result.stats.arena_bytes,
    }


@given(blocks(40), st.sampled_from(MODELS), st.booleans(), st.booleans(), st.booleans(), st.integers(1, 4))
@settings(SETTINGS, max_examples=examples(32))
def test_a_result_tells_the_same_before_and_after_the_next_blocks(
    engine: Engine, block: Block, model: str, timed: bool, timeline: bool, from_file: bool, others: int
) -> None:
    if from_file:
        block = Block._of(block._header, block._packed)
    result = engine.execute(block, model, timed=timed, timeline=timeline)
    before = told(result)
    kept = []
    for _ in range(others):
        kept.append(engine.execute(OTHER))
        assert told(result) == before
    assert all(each == kept[0] for each in kept)


def test_a_result_stays_where_it_lies_until_the_room_is_needed() -> None:
    with Engine(1) as engine:
        result = engine.execute(OTHER)
        where = [repr(snapshot_of(result)) for _ in range(5) if engine.execute(OTHER)]  # these are not kept
        kept = []
        for _ in range(3):
            kept.append(engine.execute(OTHER))
            where.append(repr(snapshot_of(result)))
    assert ["of the arena" in each for each in where] == [True] * 7 + [False]
    assert all(each == result for each in kept)


@given(blocks(40), st.sampled_from(MODELS), st.integers(1, 1 << 20))
@settings(SETTINGS, max_examples=examples(16))
def test_changes_are_what_the_transactions_wrote_last(
    engine: Engine, block: Block, model: str, seed: int
) -> None:
    """Of the state they make what it is after the block; and they hold no key that no transaction has written."""
    with stressed(engine, active_workers=4, delay_seed=seed):
        result = engine.execute(block, model)
    engine.execute(OTHER)
    after = run_in_order(block).state
    changes = result.changes
    state: dict[bytes, bytes] = {**block.state}
    for key, value in changes.items():
        state.pop(key, None)
        if value is not None:
            state[key] = value
    assert state == after
    written = {key for txn_idx in range(len(result)) for key, _ in result.writes(txn_idx)}
    assert set(changes) == written | {
        key for txn_idx in range(len(result)) for key, _ in result.adds(txn_idx)
    }


@program
def rewrite(ctx: Any, key: bytes) -> None:
    ctx.write(key, ctx.read(key) or b"")


def test_changes_name_deleted_keys_and_those_that_stay_as_they_were(shared_engine: Engine) -> None:
    block = Block(
        [remove.txn(b"gone"), remove.txn(b"never"), rewrite.txn(b"same"), rewrite.txn(b"new")],
        {b"gone": b"1", b"same": b"2", b"else": b"3"},
    )
    for model in MODELS:
        result = shared_engine.execute(block, model)
        assert result.changes == {b"gone": None, b"never": None, b"same": b"2", b"new": b""}
        assert result.state == {b"same": b"2", b"new": b"", b"else": b"3"}


@pytest.mark.usefixtures("leaves_nothing")
def test_results_outlive_their_engine_and_their_block() -> None:
    with Engine(2) as engine:
        block = Block([transfer.txn(b"a", b"b", 1)] * 5, {b"a": b"\x09"})
        first = engine.execute(block)
        second = engine.execute(block, "sequential", timeline=True)
        gone = weakref.ref(first)
        kept = told(second)
        first_told = told(first)
    assert told(second) == kept
    assert first_told["state"] == kept["state"] == {b"a": b"\x04", b"b": b"\x05"}
    del first
    assert gone() is None


def test_two_results_of_one_run_part_from_the_arena_together(shared_engine: Engine) -> None:
    block = Block([transfer.txn(b"a", b"b", 1)] * 5, {b"a": b"\x09"})
    result = shared_engine.execute(block)
    again = Result(shared_engine._arena.snapshot(), model="block-stm", workers=3, active_workers=3)
    before = told(result)
    assert told(again) == before
    shared_engine.execute(OTHER)
    assert told(result) == told(again) == before


def test_a_timeline_that_is_looked_at_while_the_next_block_is_executed(shared_engine: Engine) -> None:
    block = Block([transfer.txn(b"a", b"b", 1)] * 600, {b"a": b"\xff\xff"})
    result = shared_engine.execute(block, timeline=True)
    assert result.timeline is not None
    spans = list(result.timeline)
    looking = iter(result.timeline)
    seen = [next(looking) for _ in range(len(spans) // 2)]
    shared_engine.execute(OTHER)
    assert [*seen, *looking] == spans


def test_a_receipt_of_a_stream_that_is_given_up_stays(shared_engine: Engine) -> None:
    block = Block([transfer.txn(b"a", b"b", 1)] * 50, {b"a": b"\xff\xff"})
    stream = shared_engine.stream(block)
    receipts = [next(stream) for _ in range(10)]
    stream.close()  # type: ignore[attr-defined]
    assert [receipt.txn_idx for receipt in receipts] == list(range(10))
    assert shared_engine.execute(OTHER, "sequential").state == run_in_order(OTHER).state


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def bytes_of_a_kept_result() -> None:
    """Print what a kept result of 30,000 transfers takes, and what it took in the arena."""
    keys = [b"account %d" % index for index in range(100)]
    block = Block(
        [transfer.txn(keys[index % 100], keys[(index * 7 + 1) % 100], 1) for index in range(30_000)],
        dict.fromkeys(keys, b"\xff\xff"),
    )
    with Engine(1) as engine:
        # The last three stay where they lie in the arena, of which this process sees what it has copied from.
        kept = [engine.execute(block) for _ in range(6)]
        before = resident_bytes()
        kept += [engine.execute(block) for _ in range(4)]
        each = (resident_bytes() - before) / 4
    assert kept[0].writes(7) == kept[9].writes(7)
    print(each / len(block), kept[0].stats.arena_bytes / len(block))


def test_a_kept_result_takes_what_it_holds() -> None:
    # In a process of its own: what others have freed, and the system has not got back, would count for it.
    code = f"from {__name__} import bytes_of_a_kept_result; bytes_of_a_kept_result()"
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    each, in_arena = map(float, ran.stdout.split())
    assert each < 150 < in_arena / 2


def test_what_was_read_by_many_is_kept_once() -> None:
    block = Block([read_large.txn()] * 2000, {b"large": bytes(60_000)})
    with Engine(1) as engine:
        first = engine.execute(block)
        before = resident_bytes()
        engine.execute(OTHER)
        assert resident_bytes() - before < 10 << 20
        assert first.reads(0) == first.reads(1999) == [(b"large", bytes(60_000))]


@program
def read_large(ctx: Any) -> None:
    ctx.read(b"large")
