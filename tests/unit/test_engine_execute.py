"""Blocks through an engine: results, streams, and programs defined in all kinds of places."""

from __future__ import annotations

import os
import threading
import time
import types
from collections.abc import Sequence
from pathlib import Path

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.errors import EngineError, MemoryLimitError, ProgramError
from blockstm.programs.built_in import transfer
from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram, PythonProgram, program
from blockstm.results.verify import differences

pytestmark = pytest.mark.usefixtures("leaves_nothing")

FEE = 1


@program
def pay(ctx, sender: bytes, receiver: bytes, amount: int, seconds: float = 0.0):
    if seconds:
        time.sleep(seconds)
    balance = int.from_bytes(ctx.read(sender) or b"", "big")
    if balance < amount:
        ctx.revert("insufficient funds")
    ctx.write(sender, (balance - amount).to_bytes(8, "big"))
    ctx.write(receiver, (int.from_bytes(ctx.read(receiver) or b"", "big") + amount).to_bytes(8, "big"))
    ctx.emit(b"paid")


@program
def wait_for_file(ctx, path: str, seconds_max: float):
    end = time.monotonic() + seconds_max
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise TimeoutError(path)
        time.sleep(0.001)


@program
def raises(ctx, text: str):
    ctx.write(b"lost", b"1")
    raise LookupError(text)


@program
def grows(ctx, value_bytes: int, count: int):
    for number in range(count):
        ctx.write(b"%d:%d" % (ctx.txn_idx, number), bytes(value_bytes))


def payments(count: int, seconds: float = 0.0) -> Block:
    accounts = [b"account %d" % number for number in range(5)]
    return Block(
        [pay.txn(accounts[i % 5], accounts[(i * 3 + 1) % 5], i % 4, seconds) for i in range(count)],
        {account: (2).to_bytes(8, "big") for account in accounts},
    )


@pytest.mark.parametrize("model", ["block-stm", "sequential"])
def test_same_result_in_every_model(shared_engine: Engine, model: str) -> None:
    block = payments(200)
    reference = shared_engine.execute(block, "sequential")
    result = shared_engine.execute(block, model)
    assert differences(result, reference) == []
    assert {receipt.status for receipt in result.receipts} == {"success", "reverted"}
    assert sum(int.from_bytes(value, "big") for value in result.state.values()) == 10


def test_exception_is_a_failed_receipt(shared_engine: Engine) -> None:
    result = shared_engine.execute(Block([raises.txn("no luck"), pay.txn(b"a", b"b", 0)]))
    assert [receipt.status for receipt in result.receipts] == ["failed", "success"]
    assert result.receipts[0].error == "LookupError: no luck"
    assert b"lost" not in result.state


def test_empty_block(shared_engine: Engine) -> None:
    block = Block([], {b"kept": b"1"})
    assert shared_engine.execute(block).state == {b"kept": b"1"}
    assert list(shared_engine.stream(block)) == []
    assert shared_engine.execute(block, "sequential").state == {b"kept": b"1"}


def test_results_outlive_later_blocks_and_the_engine() -> None:
    with Engine(2) as engine:
        first = engine.execute(payments(50))
        second = engine.execute(payments(70), "sequential")
    assert (len(first.receipts), len(second.receipts)) == (50, 70)
    assert first.receipts == second.receipts[:50]


def test_stream_yields_in_order_while_later_ones_run(shared_engine: Engine, tmp_path: Path) -> None:
    # The last transaction ends once the first receipt is here, or fails.
    here = tmp_path / "here"
    last = wait_for_file.txn(str(here), 20.0)
    receipts = shared_engine.stream(Block([*payments(20).transactions, last], payments(20).state))
    first = next(receipts)
    here.touch()
    rest = list(receipts)
    assert [first.txn_idx, *(receipt.txn_idx for receipt in rest)] == list(range(21))
    assert rest[-1].error is None


def test_stream_equals_execute(shared_engine: Engine) -> None:
    block = payments(300)
    for model in ("block-stm", "sequential"):
        assert list(shared_engine.stream(block, model)) == list(shared_engine.execute(block).receipts)


def test_abandoned_stream_stops_the_block() -> None:
    with Engine(2) as engine:
        block = payments(200, seconds=10)
        block = Block([*payments(4).transactions, *block.transactions], block.state)
        for receipt in engine.stream(block):
            if receipt.txn_idx == 3:
                break
        # Else this would begin after more than ten minutes.
        assert engine.execute(payments(3)).receipts[2].txn_idx == 2


def test_stream_closed_before_it_began(shared_engine: Engine) -> None:
    shared_engine.stream(payments(3)).close()
    assert len(shared_engine.execute(payments(3)).receipts) == 3


def test_busy_with_a_stream_then_free() -> None:
    with Engine(1) as engine:
        receipts = engine.stream(payments(10))
        next(receipts)
        with pytest.raises(EngineError, match="busy with a stream"):
            engine.execute(payments(1))
        receipts.close()
        assert len(engine.execute(payments(1)).receipts) == 1


def test_stream_of_an_engine_closed_meanwhile() -> None:
    with Engine(1) as engine:
        receipts = engine.stream(payments(10))
        next(receipts)
    with pytest.raises(EngineError, match="closed"):
        next(receipts)


def test_busy_in_another_thread_and_closed_from_there() -> None:
    engine = Engine(2)
    engine.execute(payments(1))
    caught: list[BaseException] = []

    def run() -> None:
        try:
            engine.execute(payments(1000, seconds=0.05))
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.2)
    with pytest.raises(EngineError, match="busy with another thread's block"):
        engine.execute(payments(1))
    engine.close()
    thread.join(5)
    assert [type(error) for error in caught] == [EngineError]


def test_used_from_another_thread() -> None:
    found: list[int] = []

    def run() -> None:
        with Engine(2) as engine:
            found.append(len(engine.execute(payments(30)).receipts))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(30)
    assert found == [30]


def test_worker_survives_the_thread_that_started_it() -> None:
    made: list[Engine] = []
    thread = threading.Thread(target=lambda: made.append(Engine(2)))
    thread.start()
    thread.join()
    with made[0] as engine:
        pids = engine.worker_pids
        engine.execute(payments(30))
        assert engine.worker_pids == pids


def test_memory_limit_reached_while_running() -> None:
    with Engine(2, memory_limit_bytes=8 << 20) as engine:
        with pytest.raises(MemoryLimitError, match="takes more than the memory limit of 8388608 bytes"):
            engine.execute(Block([grows.txn(50_000, 20) for _ in range(100)]))
        assert len(engine.execute(payments(30)).receipts) == 30


def test_programs_defined_on_the_spot(shared_engine: Engine) -> None:
    def make(step: int) -> PythonProgram:
        def count(ctx):
            ctx.write(b"n", bytes([(ctx.read(b"n") or b"\0")[0] + step]))

        return PythonProgram(count)

    for step in (1, 2, 1):
        assert shared_engine.execute(Block([make(step).txn()] * 3)).state == {b"n": bytes([3 * step])}


def test_program_sees_globals_as_they_are_now(shared_engine: Engine) -> None:
    global FEE

    @program
    def fee(ctx):
        ctx.write(b"fee", bytes([FEE]))

    for FEE in (1, 7):
        assert shared_engine.execute(Block([fee.txn()])).state == {b"fee": bytes([FEE])}


def test_recursive_program(shared_engine: Engine) -> None:
    @program
    def down(ctx, depth: int, step: int = 1):
        if depth > 0:
            ctx.call(down, depth - step)
        ctx.emit(bytes([depth]))

    result = shared_engine.execute(Block([down.txn(3)]))
    assert result.receipts[0].events == [b"\0", b"\1", b"\2", b"\3"]


def test_program_that_cannot_be_pickled(shared_engine: Engine) -> None:
    lock = threading.Lock()

    @program
    def locked(ctx):
        with lock:
            pass

    with pytest.raises(ProgramError, match="locked cannot be sent to the workers: TypeError: cannot pickle"):
        shared_engine.execute(Block([locked.txn()]))
    assert len(shared_engine.execute(payments(3)).receipts) == 3


class Unloadable:
    def __reduce__(self):
        return _fail_in_worker, ()


def _fail_in_worker():
    raise ImportError("only here")


def test_program_that_cannot_be_loaded(shared_engine: Engine) -> None:
    thing = Unloadable()

    @program
    def unloadable(ctx):
        return thing

    for _ in range(2):
        with pytest.raises(
            ProgramError, match="unloadable cannot be loaded in a worker process: ImportError"
        ):
            shared_engine.execute(Block([unloadable.txn()]))
        assert len(shared_engine.execute(payments(3)).receipts) == 3


class Deadly:
    def __reduce__(self):
        return _end_worker, ()


def _end_worker():
    import os

    os._exit(5)


def test_program_that_ends_workers_when_loaded() -> None:
    thing = Deadly()

    @program
    def deadly(ctx):
        return thing

    with Engine(2) as engine:
        engine.execute(payments(3))
        with pytest.raises(ProgramError, match=r"do not survive loading \S+deadly: .* exited with status 5"):
            engine.execute(Block([deadly.txn()]))
        assert len(engine.execute(payments(30)).receipts) == 30


def test_program_of_a_module_that_only_this_process_has(
    shared_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    module = types.ModuleType("made_at_run_time")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    source = """
from blockstm.programs.program import program

def double(value):
    return bytes([value * 2])

@program
def doubled(ctx, value):
    ctx.write(b"doubled", double(value))
"""
    exec(source, module.__dict__)
    for value in (3, 4):
        result = shared_engine.execute(Block([module.doubled.txn(value)]))
        assert result.receipts[0].error is None
        assert result.state == {b"doubled": bytes([value * 2])}


def test_native_program_that_is_not_there(shared_engine: Engine) -> None:
    absent = NativeProgram("absent", (Parameter("key", "key"),), "blockstm.no_such_module:entry")
    with pytest.raises(
        ProgramError, match="absent cannot be loaded in a worker process: ModuleNotFoundError"
    ):
        shared_engine.execute(Block([absent.txn(b"k")]))
    assert shared_engine.execute(Block([transfer.txn(b"a", b"b", 0)])).receipts[0].error is None


def test_many_programs_in_one_block(shared_engine: Engine) -> None:
    def make(number: int) -> PythonProgram:
        def note(ctx):
            ctx.write(b"%d" % number, b"1")

        note.__qualname__ = f"note_{number}"
        return PythonProgram(note)

    result = shared_engine.execute(Block([make(number).txn() for number in range(300)]))
    assert len(result.state) == 300


def test_sets_iterate_alike_in_all_workers(shared_engine: Engine) -> None:
    @program
    def emit_set(ctx):
        ctx.emit(b" ".join({bytes([number]) * 8 for number in range(64)}))
        time.sleep(0.002)  # so that every worker gets some

    result = shared_engine.execute(Block([emit_set.txn()] * 60))
    assert len({receipt.events[0] for receipt in result.receipts}) == 1


def test_a_result_is_a_sequence_of_what_it_tells_of_each_transaction(shared_engine: Engine) -> None:
    block = payments(40)
    result = shared_engine.execute(block, timed=True)
    assert isinstance(result, Sequence)
    assert [each.txn_idx for each in result] == list(range(40))
    for each in result:
        assert each.receipt == result.receipts[each.txn_idx]
        assert each.reads == result.reads(each.txn_idx)
        assert each.writes == result.writes(each.txn_idx)
        assert each.adds == result.adds(each.txn_idx)
        assert each.execution_seconds == result.execution_seconds(each.txn_idx) is not None
        assert each.incarnations >= 1
    assert result[-1] == result[39] == result[38:][1]
    assert result[0] in result
    assert result[0] != result[1]
    assert result[7] == shared_engine.execute(block, "sequential")[7]
    assert result == shared_engine.execute(block, "sequential")
    assert result != shared_engine.execute(payments(39))
    assert repr(result[0]) == "<transaction 0: success, gas used 0>"
    with pytest.raises(IndexError):
        result[40]
