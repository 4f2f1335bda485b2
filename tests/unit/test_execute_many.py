"""Many blocks, one after the other: each is laid out while the one before it is executed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block, Context, Engine, EngineError, MemoryLimitError, UsageError, program
from blockstm.programs.built_in import trace, transfer
from tests.support.blocks import SETTINGS, blocks, examples
from tests.support.oracle import run_in_order

PAYMENTS = Block([transfer.txn(b"a", b"b", 1)] * 20, {b"a": b"\xff"})


@program
def await_file(ctx: Context, path: str) -> None:
    """Emit whether the file comes within ten seconds."""
    until = time.monotonic() + 10
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.001)
    ctx.emit(b"yes" if Path(path).exists() else b"no")


@program
def count(ctx: Context, key: bytes) -> None:
    ctx.write(key, bytes([len(ctx.read(key) or b"")]) + (ctx.read(key) or b""))


def raising(error: BaseException) -> Iterator[Block]:
    yield PAYMENTS
    raise error


@given(st.lists(blocks(20), max_size=6), st.sampled_from(["block-stm", "sequential", "declared:observed"]))
@settings(SETTINGS, max_examples=examples(12))
def test_results_are_those_of_the_blocks(shared_engine: Engine, given: list[Block], model: str) -> None:
    results = list(shared_engine.execute_many(given, model))
    assert len(results) == len(given)
    for result, block in zip(results, given, strict=True):  # all of them are kept to the end
        assert result.state == run_in_order(block).state
        assert result.diff(shared_engine.execute(block, "sequential")) == []


def test_the_next_block_is_asked_for_while_one_is_executed(shared_engine: Engine, tmp_path: Path) -> None:
    flag = tmp_path / "asked"

    def given() -> Iterator[Block]:
        yield Block([await_file.txn(str(flag))])
        flag.touch()
        yield PAYMENTS

    first, second = shared_engine.execute_many(given())
    assert first.receipts[0].events == [b"yes"]
    assert second == shared_engine.execute(PAYMENTS)


def test_blocks_may_have_programs_of_their_own(shared_engine: Engine) -> None:
    mixed = [
        PAYMENTS,
        Block([trace.txn([b"a"], [b"c"], {b"n": 2}, 5), transfer.txn(b"a", b"b", 2)], {b"a": b"\x09"}),
        Block([count.txn(b"k"), transfer.txn(b"a", b"b", 3), count.txn(b"k")], {b"a": b"\x09"}),
        Block([]),
    ]
    results = list(shared_engine.execute_many(mixed))
    assert [dict(each.state) for each in results] == [run_in_order(each).state for each in mixed]


@pytest.mark.parametrize(
    ("last", "error"),
    [(KeyError("x"), KeyError), ("no block", UsageError)],
    ids=["the iterator raises", "no block"],
)
def test_an_error_is_raised_at_its_place(
    shared_engine: Engine, last: Any, error: type[BaseException]
) -> None:
    given = raising(last) if isinstance(last, BaseException) else iter([PAYMENTS, last])
    results = shared_engine.execute_many(given)
    first = next(results)
    with pytest.raises(error):
        next(results)
    with pytest.raises(StopIteration):
        next(results)
    assert first == shared_engine.execute(PAYMENTS)


def test_a_block_that_does_not_fit_leaves_the_others_as_they_are() -> None:
    large = Block([transfer.txn(b"a", b"b", 1)] * 20_000)
    with Engine(1, memory_limit_bytes=1 << 20) as engine:
        results = engine.execute_many([PAYMENTS, large, PAYMENTS])
        first = next(results)
        with pytest.raises(MemoryLimitError):
            next(results)
        assert first == engine.execute(PAYMENTS, "sequential")


def test_the_engine_is_busy_until_the_end(shared_engine: Engine) -> None:
    results = shared_engine.execute_many([PAYMENTS] * 3)
    next(results)
    with pytest.raises(EngineError, match="busy"):
        shared_engine.execute(PAYMENTS)
    results.close()  # type: ignore[attr-defined]
    assert shared_engine.execute(PAYMENTS).receipts[19].status == "success"


def test_an_engine_that_is_closed_meanwhile_says_so() -> None:
    engine = Engine(1)
    results = engine.execute_many([PAYMENTS] * 3)
    first = next(results)
    engine.close()
    with pytest.raises(EngineError, match="closed"):
        next(results)
    assert first.state == run_in_order(PAYMENTS).state


def test_workers_may_die_between_blocks() -> None:
    with Engine(2, active_workers=2) as engine:
        results = []
        for result in engine.execute_many([PAYMENTS] * 4):
            results.append(result)
            os.kill(engine.worker_pids[0], signal.SIGKILL)
        assert all(each == results[0] for each in results)
        assert results[0].state == run_in_order(PAYMENTS).state


@pytest.mark.parametrize("wrong", [PAYMENTS, 7, None])
def test_what_is_no_list_of_blocks_is_refused_at_once(shared_engine: Engine, wrong: Any) -> None:
    with pytest.raises(UsageError, match="give a list or an iterator of blocks"):
        shared_engine.execute_many(wrong)
