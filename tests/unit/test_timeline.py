"""Timelines: what workers noted is what the figures say, costs nothing where it is not wanted, and is bounded."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from blockstm import Block, Engine, program
from blockstm.errors import UsageError
from blockstm.programs.built_in import trace, transfer
from blockstm.results.perfetto import writing_timelines
from blockstm.results.result import snapshot_of
from blockstm.results.verify import differences
from blockstm.simulate import Simulation, default_model
from tests.support.timelines import check_causes, check_lanes, check_timeline, check_trace, timeline_of


def transfers(accounts: int, work: int, txns: int) -> Block:
    chance = random.Random(2)
    keys = [b"account-%d" % index for index in range(accounts)]
    pairs = [chance.sample(keys, 2) for _ in range(txns)]
    return Block([transfer.txn(*pair, 1, work) for pair in pairs], {key: b"\xff\xff" for key in keys})


def traces(txns: int) -> Block:
    """Transactions that read, write and add; each touches the same keys whatever it reads."""
    chance = random.Random(3)
    keys = [b"key-%d" % index for index in range(12)]
    transactions = []
    for _ in range(txns):
        adds = {b"sum": chance.randrange(9)} if chance.random() < 0.4 else {}
        reads = chance.sample(keys, 2) + ([b"sum"] if chance.random() < 0.1 else [])
        transactions.append(trace.txn(reads, chance.sample(keys, 2), adds, 2000))
    return Block(transactions)


@program
def bounded(ctx: Any, amount: int) -> None:
    """An add that no two transactions can do within the bounds."""
    ctx.charge(3000)
    try:
        ctx.add(b"stock", -amount, 0, 10)
    except Exception:
        ctx.revert("sold out")


@program
def late(ctx: Any, gas: int, key: bytes) -> None:
    ctx.charge(gas)
    ctx.write(key, b"1")


@program
def fickle(ctx: Any, asked: bytes, key: bytes) -> None:
    """Writes a key only as long as another is absent."""
    if ctx.read(asked) is None:
        ctx.write(key, b"1")


@program
def reader(ctx: Any, key: bytes) -> None:
    ctx.read(key)


BLOCKS = {
    "transfers": lambda: transfers(20, 2000, 300),
    "short transfers": lambda: transfers(6, 0, 400),
    "traces": lambda: traces(200),
    "bounded": lambda: Block([bounded.txn(4) for _ in range(12)], {b"stock": b"\x0a"}),
}


@pytest.mark.parametrize("shape", BLOCKS)
@pytest.mark.parametrize("cores", [1, 3, 32])
def test_totals_are_those_of_the_simulated_run(shape: str, cores: int) -> None:
    block = BLOCKS[shape]()
    with Simulation(block, default_model(), cores) as simulation:
        plain = simulation.run(cores).stats
        expected = plain.wall_seconds, plain.executions, plain.validations, plain.aborts, plain.arena_bytes
        result = simulation.run(cores, timeline=True)
        spans = check_timeline(result)
        stats = result.stats
        assert (stats.wall_seconds, stats.executions, stats.validations, stats.aborts) == expected[:4]
        assert (stats.arena_bytes - expected[4]) % 16_368 == 0  # whole chunks
        assert stats.arena_bytes > expected[4]
        found = check_causes(result, spans) if shape != "bounded" else 0
        assert list(timeline_of(simulation.run(cores, timeline=True))) == spans
        assert list(timeline_of(result)) == spans  # of a copy by now
    if cores > 1 and "transfers" in shape:
        assert found > 0
    if cores > 1 and shape == "bounded":
        assert any(span.kind == "refusal" for span in spans)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(2) as shared:
        yield shared


@pytest.mark.parametrize("shape", BLOCKS)
def test_totals_are_those_of_the_real_run(engine: Engine, shape: str) -> None:
    block = BLOCKS[shape]()
    result = engine.execute(block, timeline=True)
    spans = check_timeline(result)
    if shape != "bounded":
        check_causes(result, spans)
    sequential = engine.execute(block, "sequential", timeline=True)
    assert {span.kind for span in check_timeline(sequential)} == {"execution"}
    assert {span.worker for span in timeline_of(sequential)} == {0}
    assert list(timeline_of(result)) == spans  # of a copy by now
    assert timeline_of(result).dropped == 0
    assert engine.execute(block).timeline is None
    assert differences(result, sequential, 10) == []


def test_every_cause_is_named() -> None:
    """One core is held up by the first and one by the last, so that what the first spoils is found bit by bit.

    A worker validates up to eight transactions at a time, and executes what is ready in between.
    """
    block = Block(
        [late.txn(100_000, b"asked"), fickle.txn(b"asked", b"fickle"), reader.txn(b"fickle")]
        + [reader.txn(b"else")] * 7
        + [reader.txn(b"fickle"), reader.txn(b"asked"), late.txn(300_000, b"end")]
    )
    with Simulation(block, default_model(), 2) as simulation:
        spans = check_timeline(simulation.run(2, timeline=True))
    found = {span.txn_idx: (span.cause, span.why) for span in spans if span.kind == "abort"}
    assert found == {1: (0, "version"), 2: (1, "estimate"), 10: (1, "gone"), 11: (0, "version")}


def test_adds_onto_a_version_that_was_read() -> None:
    """All the adds are new; of a sum that was read and has changed it is not known which add did it."""
    adding = trace.txn([], [], {b"sum": 1}, 100_000)
    block = Block([adding, trace.txn([b"sum"], [], {}, 0), trace.txn([], [], {b"last": 1}, 300_000)])
    with Simulation(block, default_model(), 2) as simulation:
        spans = check_timeline(simulation.run(2, timeline=True))
    aborts = [(span.txn_idx, span.cause, span.why) for span in spans if span.kind == "abort"]
    assert aborts == [(1, 0, "version")]
    block = Block([adding, trace.txn([], [], {b"sum": 2}, 0), *block.transactions[1:]])
    with Simulation(block, default_model(), 2) as simulation:
        spans = check_timeline(simulation.run(2, timeline=True))
    aborts = [(span.txn_idx, span.cause, span.why) for span in spans if span.kind == "abort"]
    assert aborts == [(2, None, None)]


def test_memory_is_bounded() -> None:
    """Of a small limit an eighth holds few spans; the block is done all the same."""
    block = transfers(50, 0, 3000)
    with Simulation(block, default_model(), 2, memory_limit_bytes=2 << 20) as simulation:
        result = simulation.run(2, timeline=True)
        timeline = timeline_of(result)
        kept = sum(1 for _ in snapshot_of(result).spans())
        stats = result.stats
        assert timeline.dropped > 0
        assert kept <= (2 << 20) // 8 // 32
        assert kept + timeline.dropped >= stats.executions + stats.validations + stats.suspensions + len(
            result
        )
        assert differences(result, simulation.run_sequentially(), 10) == []


def test_an_empty_block() -> None:
    with Simulation(Block([]), default_model(), 2) as simulation:
        assert list(timeline_of(simulation.run(2, timeline=True))) == []


def test_after_a_death_all_commits_are_there(engine: Engine) -> None:
    dies = Block([late.txn(10, b"a"), deadly.txn(), *[reader.txn(b"a")] * 30])
    result = engine.execute(dies, timeline=True)
    assert [receipt.txn_idx for receipt in result.receipts if receipt.status == "failed"] == [1]
    spans = check_lanes(result)
    sequential = engine.execute(dies, "sequential", timeline=True)
    again = check_lanes(sequential)
    assert sum(span.kind == "execution" for span in spans) == 32
    assert sorted(span.txn_idx or 0 for span in again if span.kind == "execution") == list(range(32))
    # Under the sequential model a death makes all begin anew.
    first = sorted((span for span in again if span.txn_idx == 0), key=lambda span: span.begin_ns)
    assert [span.kind for span in first] == ["aborted"] * 3 + ["execution"]


@program
def deadly(ctx: Any) -> None:
    os._exit(1)


@pytest.mark.parametrize("cores", [2, 16])
def test_trace_events(tmp_path: Path, cores: int) -> None:
    path = tmp_path / "out.json"
    texts = set()
    for _ in range(2):
        with (
            Simulation(transfers(20, 2000, 300), default_model(), cores) as simulation,
            writing_timelines(path, {"command": "test"}, UsageError) as writer,
        ):
            for count in (1, cores):
                result = simulation.run(count, timeline=True)
                writer.add(f"{count} cores", timeline_of(result), {"cores": count})
        texts.add(path.read_text())
    assert len(texts) == 1
    document = check_trace(texts.pop())
    events = document["traceEvents"]
    stale = [span for span in timeline_of(result) if span.kind in ("abort", "doomed")]
    assert stale
    assert sum(event["ph"] == "f" for event in events) == sum(span.cause is not None for span in stale)
    shown = [event for event in events if event["ph"] == "X" and event["pid"] == 2]
    for category, number in (
        ("commit", len(result)),
        ("execution", len(result)),
        ("wait", result.stats.suspensions),
    ):
        assert sum(event["cat"] == category for event in shown) == number
    assert [run["cores"] for run in document["otherData"]["runs"]] == [1, cores]
    named = {(event["pid"], event["args"]["name"]) for event in events if event["name"] == "process_name"}
    assert named == {(1, "1 cores"), (2, f"{cores} cores")}


def test_no_file_is_left_of_one_that_is_not_ended(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="my own"), writing_timelines(tmp_path / "out.json", {}, UsageError):
        raise ValueError("my own")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match=r"none/out\.json: cannot be written: No such file"):
        writing_timelines(tmp_path / "none" / "out.json", {}, UsageError).__enter__()
