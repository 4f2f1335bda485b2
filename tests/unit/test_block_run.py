"""What all that execute blocks share: programs by number, a block in an arena, what its end means."""

from __future__ import annotations

from contextlib import closing

import pytest

import blockstm
from blockstm.engine.block_run import BlockRun, InProcessRun
from blockstm.errors import EngineError, MemoryLimitError, ProgramError
from blockstm.explore.trial import Trials
from blockstm.models import BlockStm
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import NativeProgram
from blockstm.programs.table import ProgramTable
from blockstm.workloads.programs import mint


@blockstm.program
def note(ctx: blockstm.Context, value: bytes) -> None:
    ctx.write(b"note", value)


BLOCK = blockstm.Block(
    [transfer.txn(b"a", b"b", 2), note.txn(b"x"), trace.txn([b"a"], [b"c"], {}, 0)], {b"a": b"\x05"}
)


def test_numbers_stay_and_kinds_are_told() -> None:
    table = ProgramTable([transfer, note])
    first = table.numbers([note, transfer])
    assert [kinds for _, kinds in first] == [(), ("key", "key", "u256", "u64")]
    table.add(trace)
    table.add(note, print)
    assert table.numbers([note, transfer]) == first
    numbers = [number for number, _ in table.numbers([transfer, note, trace])]
    assert len(set(numbers)) == 3
    table.remove(note.name)
    with pytest.raises(KeyError):
        table.numbers([note])
    assert table.add(note) not in numbers


def test_a_block_executed_in_this_process_again_and_again(shared_engine: blockstm.Engine) -> None:
    expected = shared_engine.execute(BLOCK, "sequential").state
    with closing(InProcessRun(BLOCK, 1, 1 << 20)) as run:
        results = [run.in_order() for _ in range(3)]
    assert [result.state for result in results] == [expected] * 3
    assert {(result.stats.model, result.stats.workers) for result in results} == {("sequential", 1)}


def test_what_workers_run_can_be_replaced() -> None:
    seen = []
    with closing(InProcessRun(BLOCK, 1, 1 << 20)) as run:
        run.programs.add(note, lambda ctx, value: seen.append((ctx.txn_idx, value)))
        assert b"note" not in run.in_order().state
    assert seen == [(1, b"x")]


def test_a_block_without_transactions_is_done_at_its_start() -> None:
    with closing(BlockRun(blockstm.Block([], {b"a": b"\x01"}), 1, 1 << 20)) as run:
        assert not run.start(BlockStm())
        assert run.result("nothing").state == {b"a": b"\x01"}


def test_workers_that_leave_before_the_end_are_an_error() -> None:
    with closing(BlockRun(BLOCK, 1, 1 << 20)) as run:
        assert run.start(BlockStm())
        with pytest.raises(EngineError, match="left the block before its end"):
            run.result("nothing")


def test_a_block_that_does_not_fit_is_told_what_helps_there() -> None:
    large = blockstm.Block([], {b"%d" % index: bytes(60_000) for index in range(20)})
    said = pytest.raises(MemoryLimitError, match=r"1048576 bytes; try a smaller block$")
    with closing(BlockRun(large, 1, 1 << 20, fix="try a smaller block")) as run, said:
        run.start(BlockStm())
    with said:
        Trials(large, 2, memory_limit_bytes=1 << 20)


@pytest.mark.parametrize("shipped", [transfer, trace, mint])
def test_nobody_takes_the_name_of_a_native_program_of_the_package(shipped: NativeProgram) -> None:
    with pytest.raises(ProgramError, match="is built in; choose another name"):
        NativeProgram(shipped.name, shipped.parameters, "elsewhere:capsule")
