"""What a transaction is said to have written and added, for every kind of access, in both models."""

from __future__ import annotations

import bisect
import time
from contextlib import suppress
from typing import Any

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.engine.block_run import lay_out
from blockstm.errors import MemoryLimitError, Revert
from blockstm.models import Sequential
from blockstm.native._core import Arena
from blockstm.programs.built_in import transfer
from blockstm.programs.program import program
from blockstm.programs.table import ProgramTable
from blockstm.results.result import Result

U256 = (1 << 256) - 1
SPENT_SECONDS = 0.02

both_models = pytest.mark.parametrize("model", ["sequential", "block-stm"])


@program
def do(ctx, operations, nested=(), after=()):
    """Run operations; then nested ones, which fail; then some more."""
    run(ctx, operations)
    if nested:
        with suppress(Revert):
            ctx.call(fail_after, nested)
    run(ctx, after)


@program
def fail_after(ctx, operations):
    run(ctx, operations)
    ctx.revert()


@program
def do_and_fail(ctx, operations, how: str):
    run(ctx, operations)
    if how == "revert":
        ctx.revert("no")
    raise LookupError(how)


@program
def spend(ctx, key: bytes):
    value = ctx.read(key) or b""
    time.sleep(SPENT_SECONDS)
    ctx.write(key, value + b".")


def run(ctx: Any, operations: Any) -> None:
    for verb, *arguments in operations:
        getattr(ctx, verb)(*arguments)


STATE = {b"five": b"\5", b"k": b"old"}


@both_models
@pytest.mark.parametrize(
    ("operations", "writes", "adds"),
    [
        ([], [], []),
        ([("write", b"k", b"new")], [(b"k", b"new")], []),
        ([("write", b"k", b"old")], [(b"k", b"old")], []),
        ([("write", b"k", b"")], [(b"k", b"")], []),
        ([("write", b"new", b"1"), ("write", b"k", b"2"), ("write", b"new", b"3")], [(b"new", b"3"), (b"k", b"2")],
         []),
        ([("delete", b"k")], [(b"k", None)], []),
        ([("delete", b"none")], [(b"none", None)], []),
        ([("write", b"k", b"new"), ("delete", b"k")], [(b"k", None)], []),
        ([("delete", b"k"), ("write", b"k", b"new")], [(b"k", b"new")], []),
        ([("add", b"five", 3)], [], [(b"five", 3)]),
        ([("add", b"five", -3)], [], [(b"five", -3)]),
        ([("add", b"none", 0)], [], [(b"none", 0)]),
        ([("add", b"none", U256)], [], [(b"none", U256)]),
        ([("add", b"five", 3), ("add", b"none", 1), ("add", b"five", -7)], [], [(b"five", -4), (b"none", 1)]),
        ([("add", b"five", 3), ("add", b"five", -3)], [], [(b"five", 0)]),
        ([("add", b"five", 3), ("read", b"five")], [(b"five", b"\x08")], []),
        ([("read", b"five"), ("add", b"five", 3)], [(b"five", b"\x08")], []),
        ([("add", b"five", 3), ("read", b"five"), ("add", b"five", 1)], [(b"five", b"\x09")], []),
        ([("add", b"five", 3), ("write", b"five", b"\1")], [(b"five", b"\1")], []),
        ([("add", b"five", 3), ("delete", b"five")], [(b"five", None)], []),
        ([("write", b"five", b"\1"), ("add", b"five", 3)], [(b"five", b"\4")], []),
        ([("delete", b"five"), ("add", b"five", 3)], [(b"five", b"\3")], []),
        ([("add", b"none", 1), ("write", b"k", b"1"), ("add", b"five", 1)], [(b"k", b"1")],
         [(b"none", 1), (b"five", 1)]),
    ],
)  # fmt: skip
def test_every_kind_of_access(
    shared_engine: Engine, model: str, operations: Any, writes: Any, adds: Any
) -> None:
    result = shared_engine.execute(Block([do.txn(operations)], STATE), model)
    assert (result.writes(0), result.adds(0)) == (writes, adds)


@both_models
@pytest.mark.parametrize(
    ("before", "nested", "after", "writes", "adds"),
    [
        ([], [("write", b"k", b"1"), ("add", b"five", 1), ("delete", b"none")], [], [], []),
        ([("write", b"k", b"1")], [("write", b"k", b"2")], [], [(b"k", b"1")], []),
        ([("add", b"five", 1)], [("add", b"five", 2)], [], [], [(b"five", 1)]),
        ([("add", b"five", 1)], [("write", b"five", b"x")], [], [], [(b"five", 1)]),
        ([("add", b"five", 1)], [("delete", b"five")], [("add", b"five", 1)], [], [(b"five", 2)]),
        ([("write", b"k", b"1")], [("write", b"new", b"2")], [("write", b"x", b"3")], [(b"k", b"1"), (b"x", b"3")],
         []),
        ([], [("read", b"five")], [("add", b"five", 1)], [(b"five", b"\6")], []),
        ([], [("write", b"five", b"x")], [("add", b"five", 1)], [], [(b"five", 1)]),
        # The read is forgotten but for the read set: the key is in both.
        ([("add", b"five", 1)], [("read", b"five")], [], [], [(b"five", 1)]),
    ],
)  # fmt: skip
def test_a_nested_program_that_failed_has_changed_nothing(
    shared_engine: Engine, model: str, before: Any, nested: Any, after: Any, writes: Any, adds: Any
) -> None:
    result = shared_engine.execute(Block([do.txn(before, nested, after)], STATE), model)
    assert (result.writes(0), result.adds(0)) == (writes, adds)
    reads = [key for verb, key, *_ in nested if verb == "read"]
    assert [key for key, _ in result.reads(0)] == reads


@both_models
@pytest.mark.parametrize("how", ["revert", "raise"])
def test_transactions_that_failed_have_read_but_not_written(
    shared_engine: Engine, model: str, how: str
) -> None:
    operations = [("read", b"k"), ("write", b"k", b"1"), ("add", b"five", 1), ("read", b"none")]
    result = shared_engine.execute(Block([do_and_fail.txn(operations, how)] * 3, STATE), model)
    for txn_idx in range(3):
        assert result.reads(txn_idx) == [(b"k", b"old"), (b"none", None)]
        assert result.writes(txn_idx) == result.adds(txn_idx) == []


@both_models
def test_native_transactions_and_many_writers_of_a_key(shared_engine: Engine, model: str) -> None:
    pays = [transfer.txn(b"rich", b"poor", 1) for _ in range(20)]
    adds = [do.txn([("add", b"poor", number)]) for number in range(20)]
    block = Block([txn for pair in zip(pays, adds, strict=True) for txn in pair], {b"rich": b"\x64"})
    result = shared_engine.execute(block, model)
    poor = 0
    for number in range(20):
        poor += 1
        assert result.writes(2 * number) == [(b"rich", bytes([99 - number])), (b"poor", bytes([poor]))]
        assert result.adds(2 * number + 1) == [(b"poor", number)]
        poor += number


@both_models
def test_results_stay_readable(model: str) -> None:
    with Engine(1) as engine:
        result = engine.execute(Block([do.txn([("write", b"k", b"1"), ("add", b"n", 2)])]), model, timed=True)
        engine.execute(Block([do.txn([("write", b"k", b"2")])]), model)
    assert (result.writes(-1), result.adds(0)) == ([(b"k", b"1")], [(b"n", 2)])
    assert result.execution_seconds(0) is not None
    for look in (result.writes, result.adds, result.execution_seconds):
        with pytest.raises(IndexError):
            look(1)


# --- times ----------------------------------------------------------------------------------------


def times(result: Result) -> list[float]:
    return [seconds for i in range(len(result)) if (seconds := result.execution_seconds(i)) is not None]


@both_models
def test_times_are_taken_where_they_are_asked_for(shared_engine: Engine, model: str) -> None:
    block = Block([spend.txn(b"%d" % number) for number in range(3)] + [transfer.txn(b"a", b"b", 0)] * 20)
    assert times(shared_engine.execute(block, model)) == []
    result = shared_engine.execute(block, model, timed=True)
    measured = times(result)
    assert len(measured) == len(block)
    assert all(SPENT_SECONDS <= seconds <= result.stats.wall_seconds for seconds in measured[:3])
    assert all(0 <= seconds <= result.stats.wall_seconds for seconds in measured[3:])
    assert times(shared_engine.execute(block, model)) == []


def test_the_time_of_a_transaction_that_waited_is_that_of_its_last_run(shared_engine: Engine) -> None:
    """Each reads what the one before has written: those that begin too early wait, or run in vain first."""
    result = shared_engine.execute(Block([spend.txn(b"k")] * 6), timed=True)
    assert result.state == {b"k": b"......"}
    measured = times(result)
    assert all(seconds >= SPENT_SECONDS for seconds in measured)
    # The final runs cannot have overlapped by more than it takes to begin one.
    assert sum(measured) <= result.stats.wall_seconds + SPENT_SECONDS


def test_an_empty_block_can_be_timed(shared_engine: Engine) -> None:
    assert times(shared_engine.execute(Block([]), timed=True)) == []


def test_times_that_do_not_fit_into_the_memory_limit() -> None:
    def block(count: int) -> Block:
        return Block([transfer.txn(b"a", b"b", 0)] * count)

    def loads(count: int) -> bool:
        try:
            lay_out(arena, block(count), programs)
        except MemoryLimitError:
            return False
        return True

    limit = 4 << 20
    arena, programs = Arena(limit, 1), ProgramTable([transfer])
    count = bisect.bisect_left(range(1, limit // 128), True, key=lambda count: not loads(count))
    assert loads(count)
    with pytest.raises(MemoryLimitError, match="raise memory_limit_bytes"):
        arena.start(Sequential(), 1, True)
    arena.close()
    with Engine(1, memory_limit_bytes=limit) as engine:
        with pytest.raises(MemoryLimitError, match="raise memory_limit_bytes"):
            engine.execute(block(count), timed=True)
        assert len(times(engine.execute(block(1), timed=True))) == 1
