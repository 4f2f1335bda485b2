"""Workers killed at random moments, any number of them: the result is that of sequential execution.

BLOCKSTM_STRESS=10 runs ten times as many blocks.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.engine.stress import kill_worker
from blockstm.errors import UsageError
from blockstm.programs.built_in import transfer
from blockstm.programs.program import program
from blockstm.results.perfetto import writing_timelines
from blockstm.results.result import Result
from blockstm.results.verify import differences
from tests.crash.killing import killer, traces, transfers
from tests.support.timelines import check_lanes, check_trace, timeline_of

SCALE = float(os.environ.get("BLOCKSTM_STRESS", "1"))
BLOCKS = max(4, round(4 * SCALE))
WORKERS = (3,) if SCALE <= 1 else (2, 3, 4)

pytestmark = pytest.mark.timeout(120 + 60 * SCALE)
leaves_nothing = pytest.mark.usefixtures("leaves_nothing")


@program
def shuffle(ctx, first: bytes, second: bytes, third: bytes):
    """Reads, writes, deletes and adds, depending on what it reads."""
    one, two = ctx.read(first) or b"", ctx.read(second) or b""
    if len(one) > len(two):
        ctx.write(third, one[: len(one) // 2] + two)
        ctx.delete(first)
    else:
        ctx.write(first, bytes([ctx.txn_idx % 256]) + two[:20] + one[:20])
    ctx.add(b"counter", len(one) + 1)
    if (len(one) + len(two)) % 7 == 3:
        ctx.revert(f"{len(one)} and {len(two)}")
    ctx.emit(one)


def shuffles(seed: int, count: int, keys: int) -> Block:
    choice = random.Random(seed)
    names = [b"%d" % number for number in range(keys)]
    return Block([shuffle.txn(*choice.sample(names, 3)) for _ in range(count)], {b"1": b"one"})


def changes(result: Result) -> list[object]:
    """What each transaction wrote and added."""
    return [(result.writes(txn_idx), result.adds(txn_idx)) for txn_idx in range(len(result))]


SHAPES = {
    "transfers, few accounts, no work": lambda seed: transfers(seed, 6000, 8, 0),
    "transfers, few accounts": lambda seed: transfers(seed, 3000, 10, 2000),
    "transfers, many accounts": lambda seed: transfers(seed, 3000, 3000, 2000),
    "traces": lambda seed: traces(seed, 2000, 60, 3000),
    "traces, few keys": lambda seed: traces(seed, 2000, 5, 3000),
    "python": lambda seed: shuffles(seed, 400, 12),
}


@pytest.fixture(scope="module", params=WORKERS)
def engine(module_leaves_nothing: None, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """One for all shapes: it must be whole after each."""
    with Engine(request.param, active_workers=min(request.param, 3)) as engine:
        yield engine


@pytest.mark.parametrize("shape", SHAPES)
def test_killed_while_blocks_run(engine: Engine, shape: str) -> None:
    """Two kills a block at the most: a third could by bad luck fall on the same transaction."""
    killed_in_blocks = 0
    for seed in range(BLOCKS):
        block = SHAPES[shape](seed)
        reference = engine.execute(block, "sequential")
        seconds = engine.execute(block).stats.wall_seconds
        with killer(engine, seed, kills=1 + seed % 2, within_seconds=1.2 * seconds) as killed:
            result = engine.execute(block)
            killed_in_blocks += len(killed)
        assert differences(result, reference) == []
        assert changes(result) == changes(reference)
    assert all(engine.execute(block).receipts == reference.receipts for _ in range(2))
    assert killed_in_blocks >= BLOCKS // 2


@leaves_nothing
@pytest.mark.parametrize("model", ["sequential", "auto", "auto:20"])
@pytest.mark.parametrize("shape", ["transfers, few accounts", "traces"])
def test_killed_while_blocks_run_in_other_models(shape: str, model: str) -> None:
    with Engine(2) as engine:
        for seed in range(BLOCKS):
            block = SHAPES[shape](seed)
            reference = engine.execute(block, "sequential")
            with killer(engine, seed, kills=2, within_seconds=1.2 * reference.stats.wall_seconds):
                result = engine.execute(block, model)
            assert differences(result, reference) == []
            assert changes(result) == changes(reference)


@leaves_nothing
def test_killed_while_a_timeline_is_kept(tmp_path: Path) -> None:
    """What a worker was at when it was killed does not show, and every commit does."""
    block = transfers(1, 1500, 10, 2000)
    with Engine(3) as engine:
        reference = engine.execute(block, "sequential")
        seconds = engine.execute(block, timeline=True).stats.wall_seconds
        with killer(engine, 1, kills=2, within_seconds=seconds):
            result = engine.execute(block, timeline=True)
        assert differences(result, reference) == []
        check_lanes(result)
    with writing_timelines(tmp_path / "out.json", {}, UsageError) as writer:
        writer.add("killed", timeline_of(result), {})
    check_trace((tmp_path / "out.json").read_text())


@leaves_nothing
def test_killed_again_and_again() -> None:
    """A long block under steady fire. No transaction is long enough to be hit three times."""
    block = transfers(1, 20_000, 500, 20_000)
    with Engine(4, active_workers=3) as engine:
        reference = engine.execute(block, "sequential")
        with killer(engine, 1, kills=25, within_seconds=1.5) as killed:
            result = engine.execute(block)
        assert differences(result, reference) == []
    assert len(killed) == 25


@leaves_nothing
def test_all_killed_at_once() -> None:
    block = transfers(2, 5000, 50, 5000)
    with Engine(3) as engine:
        reference = engine.execute(block, "sequential")
        for _ in range(3):
            receipts = engine.stream(block)
            found = [next(receipts)]
            for slot in range(3):
                kill_worker(engine, slot)
            found += receipts
            assert found == list(reference.receipts)


@leaves_nothing
def test_killed_while_idle() -> None:
    block = Block([transfer.txn(b"a", b"b", 1)] * 50, {b"a": b"\x40"})
    with Engine(3) as engine:
        reference = engine.execute(block, "sequential")
        for slots in ([0], [1, 2], [0, 1, 2]):
            pids = engine.worker_pids
            for slot in slots:
                kill_worker(engine, slot)
            time.sleep(0.05)
            assert differences(engine.execute(block), reference) == []
            assert [old != new for old, new in zip(pids, engine.worker_pids, strict=True)] == [
                slot in slots for slot in range(3)
            ]


@leaves_nothing
def test_killed_while_starting() -> None:
    block = Block([transfer.txn(b"a", b"b", 1)] * 50, {b"a": b"\x40"})
    with Engine(3) as engine:
        for moment in range(6):
            for slot in range(3):
                kill_worker(engine, slot)
            time.sleep(moment * 0.02)
        assert engine.execute(block).state == {b"a": b"\x0e", b"b": b"\x32"}


@leaves_nothing
def test_killed_while_programs_are_sent() -> None:
    with Engine(2) as engine:
        for seed in range(6):

            @program
            def note(ctx, seed: int = seed):
                ctx.write(b"seed", bytes([seed]))

            with killer(engine, seed, kills=2, within_seconds=0.003):
                assert engine.execute(Block([note.txn()])).state == {b"seed": bytes([seed])}


@leaves_nothing
def test_pool_is_whole_again_afterwards() -> None:
    block = transfers(3, 1000, 50, 1000)
    with Engine(4, active_workers=2) as engine:
        engine.execute(block)
        with killer(engine, 4, kills=3, within_seconds=0.01):
            engine.execute(block)
        engine.execute(block)
        deadline = time.monotonic() + 5
        # Those that stand by come up while blocks run.
        while not all(map(engine._pool.has_answered, range(4))) and time.monotonic() < deadline:
            engine.execute(block)
        assert all(map(engine._pool.has_answered, range(4)))
