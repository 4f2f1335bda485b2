"""What a transaction did in a world that was not so must leave nothing behind; and hostile programs.

Every test here has failed once, on this core. They share an engine of their own, which is closed if a block does
not end: a worker that runs in circles would otherwise hold up all tests. The next one then starts another.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.errors import BoundsError, EngineError, ProgramException, Revert
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import program
from blockstm.results.result import Result
from tests.support.oracle import assert_equal, outcomes_of, run_in_order

PATIENCE_SECONDS = 20.0


_kept: list[Engine] = []
"""The engine, while no block runs."""


@pytest.fixture(scope="module", autouse=True)
def closed_at_the_end() -> Iterator[None]:
    yield
    while _kept:
        _kept.pop().close()


def started() -> Engine:
    engine = Engine(2, active_workers=2)
    engine.execute(Block([]))
    engine.execute(Block([look.txn(b"")]))  # the workers are up now
    return engine


def execute_soon(block: Block) -> Result:
    """Execute a block with two workers, and fail if it takes longer than any of these blocks may take."""
    engine = _kept.pop() if _kept else started()
    timer = threading.Timer(PATIENCE_SECONDS, engine.close)
    timer.start()
    try:
        result = engine.execute(block)
        _kept.append(engine)
        return result
    except EngineError as error:
        raise AssertionError(f"not done within {PATIENCE_SECONDS} s: {error}") from error
    finally:
        timer.cancel()
        timer.join()


@program
def look(ctx, key: bytes):
    ctx.emit(ctx.read(key) or b"nothing")


@program
def append(ctx, key: bytes):
    ctx.write(key, (ctx.read(key) or b"") + b"+")


@program
def nap_then_write(ctx, key: bytes):
    time.sleep(0.1)
    ctx.write(key, b"late")


@program
def poll_until_doomed(ctx, switch: bytes, key: bytes):
    """Reads the key only where the switch is not set; then polls for as long as that may be doubted."""
    time.sleep(0.03)
    if ctx.read(switch) is None:
        ctx.read(key)
        end = time.monotonic() + 1
        while time.monotonic() < end:
            time.sleep(0.001)
            ctx.charge(0)


def test_an_incarnation_that_is_given_up_announces_no_write_for_ever() -> None:
    # Transaction 0 shows that the key is usually read and then written, so that 2 announces a write when it
    # reads it. 2 is doomed when 1 sets the switch, and begins anew without touching the key. What it
    # announced must go: else 3 waits for it for ever.
    block = Block(
        [append.txn(b"k"), nap_then_write.txn(b"s"), poll_until_doomed.txn(b"s", b"k"), look.txn(b"k")]
    )
    expected = run_in_order(block)
    for _ in range(3):
        assert_equal(execute_soon(block), expected)


@program
def take_five_and_doubt(ctx, key: bytes, verbs: bool):
    """Goes on for long where the sum, which cannot be taken, was taken."""
    ctx.add(key, -5)
    end = time.monotonic() + 2 * PATIENCE_SECONDS
    while time.monotonic() < end:
        time.sleep(0.001)
        if verbs:
            ctx.charge(0)


@pytest.mark.parametrize("verbs", [True, False], ids=["polling", "without a verb"])
def test_an_add_that_was_wrongly_let_pass_does_not_run_on(verbs: bool) -> None:
    # Too many adds lie below for the core to sum, so it guesses that there is enough. That is checked at
    # commit; but a program that loops because of it never gets there. Once all before it is final, it must be
    # given up.
    block = Block([nap_then_write.txn(b"s"), *[trace.txn([], [], {b"k": 0}, 0)] * 40])
    block = Block([*block.transactions, take_five_and_doubt.txn(b"k", verbs)])
    expected = run_in_order(block)
    assert (expected.outcomes[-1].error or "").startswith("BoundsError")
    assert_equal(execute_soon(block), expected)


@program
def call_native(ctx, key: bytes, amount: int):
    ctx.write(b"w", b"1")
    ctx.call(transfer, key, b"b", amount)


@program
def call_trace(ctx, reads, writes):
    ctx.call(trace, reads, writes, {}, 0)


@pytest.mark.parametrize("length", [65, 100, 5_000])
def test_nested_native_programs_get_checked_arguments(length: int) -> None:
    # An unchecked key ran over the end of its place in the arena.
    key = b"k" * length
    block = Block(
        [
            call_native.txn(key, 0),
            call_trace.txn([key], []),
            call_trace.txn([], [b"fine", key]),
            call_native.txn(b"k", -1),
            call_native.txn(b"k", 1 << 255),
            call_native.txn(b"k" * 64, 0),
        ]
    )
    result = execute_soon(block)
    assert [r.status for r in result.receipts] == [
        "failed",
        "failed",
        "failed",
        "failed",
        "reverted",
        "success",
    ]
    for receipt in result.receipts[:4]:
        assert (receipt.error or "").startswith(("LimitError: ", "ProgramError: "))
    assert result.state == {b"w": b"1", b"k" * 64: b"", b"b": b""}


class WithoutReason(Revert):
    def __init__(self) -> None:
        pass


class Unspeakable:
    def __str__(self) -> str:
        raise ValueError("cannot be said")


class UnspeakableError(ProgramException):
    def __str__(self) -> str:
        raise ValueError("cannot be said")


@program
def end_oddly(ctx, way: int):
    ctx.write(b"lost", b"1")
    if way == 0:
        raise WithoutReason
    if way == 1:
        ctx.revert(Unspeakable())
    if way == 2:
        raise UnspeakableError
    if way == 3:
        raise SystemExit
    raise Revert("\ud800" + "long " * 2000)


@pytest.mark.parametrize("way", range(5))
def test_no_exception_lets_writes_pass(way: int) -> None:
    # An exception whose text cannot be had was printed to stderr, and the transaction succeeded.
    result = execute_soon(Block([end_oddly.txn(way), look.txn(b"lost")]))
    assert result.receipts[0].status == ("failed" if way in (2, 3) else "reverted")
    assert len(result.receipts[0].error or "") <= 4096
    assert result.receipts[1].events == [b"nothing"]
    assert result.state == {}


def test_gas_of_more_than_64_bits_is_out_of_gas() -> None:
    # 21,000 and the work were added modulo 2**64, and the work begun: for 500 years.
    block = Block([transfer.txn(b"a", b"b", 0, (1 << 64) - 1, gas_limit=30_000)])
    assert_equal(execute_soon(block), run_in_order(block))


@program
def add_then_read(ctx, key: bytes, amount: int, again: bool):
    ctx.add(key, amount, 0, 100)
    if again:
        ctx.add(key, 1)
    try:
        ctx.call(read_and_fail, key)
    except BoundsError:
        ctx.add(key, 2)
    ctx.emit(ctx.read(key))


@program
def read_and_fail(ctx, key: bytes):
    ctx.emit(ctx.read(key))
    ctx.write(key, b"gone")
    ctx.add(b"nothing here", -1)


@pytest.mark.parametrize("model", ["block-stm", "sequential"])
def test_a_read_of_what_one_has_added_to_is_a_read_in_both_models(shared_engine: Engine, model: str) -> None:
    # The sequential model took the sum for the transaction's own write, and did not list the read: --verify
    # found a difference where there was none.
    block = Block([add_then_read.txn(b"n", 5, again) for again in (False, True, False)], {b"n": b"\7"})
    result = shared_engine.execute(block, model)
    assert [outcome.reads for outcome in outcomes_of(result)] == [
        [(b"n", b"\x07")],
        [(b"n", b"\x0e")],
        [(b"n", b"\x16")],
    ]
    assert_equal(result, run_in_order(block))


@program
def circle_while_unset(ctx, switch: bytes):
    """Runs in circles where the switch is not set, with no verb but ctx.poll."""
    time.sleep(0.03)
    if ctx.read(switch) is None:
        while True:
            ctx.poll()
    ctx.write(b"polled", b"1")


def test_polling_ends_an_execution_on_a_stale_read(shared_engine: Engine) -> None:
    # The switch is set while the second transaction runs, which then would go on for long in vain.
    workers = shared_engine.worker_pids
    block = Block([nap_then_write.txn(b"s"), circle_while_unset.txn(b"s")])
    result = shared_engine.execute(block)
    assert result.state == {b"s": b"late", b"polled": b"1"}
    assert result.stats.aborts >= 1
    assert shared_engine.worker_pids == workers  # none had to be killed for it


@program
def poll_often(ctx, key: bytes):
    for _ in range(1000):
        ctx.poll()
    ctx.write(key, (ctx.read(key) or b"") + b"+")


def test_polling_changes_nothing_else(shared_engine: Engine) -> None:
    block = Block([poll_often.txn(b"k")] * 3)
    for model in ("sequential", "block-stm"):
        result = shared_engine.execute(block, model)
        assert result.state == {b"k": b"+++"}
        assert [receipt.gas_used for receipt in result.receipts] == [0, 0, 0]
        assert [key for key, _ in result.reads(1)] == [b"k"]
