"""Blocks in execution: as iterators, with their results, cancelled from other threads, and under asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from blockstm import (
    Block,
    Context,
    Engine,
    EngineError,
    MemoryLimitError,
    Receipt,
    Running,
    UsageError,
    program,
)

SECONDS = 30.0
"""So long that a test which waited for it would be seen to."""


@program
def count(ctx: Context, key: bytes = b"n") -> None:
    number = int.from_bytes(ctx.read(key) or b"", "big")
    ctx.write(key, (number + 1).to_bytes(2, "big"))


@program
def wait(ctx: Context, started: str, seconds: float) -> None:
    Path(started).touch()
    time.sleep(seconds)


@pytest.fixture(scope="module")
def engine(module_leaves_nothing: None) -> Iterator[Engine]:
    with Engine(2, active_workers=2) as engine:
        yield engine


@pytest.fixture
def stuck(tmp_path: Path) -> Block:
    """A block whose last transaction goes on for long; `started` is there once it runs."""
    return Block([*[count.txn()] * 3, wait.txn(str(tmp_path / "started"), SECONDS)])


def when(started: Path) -> None:
    deadline = time.monotonic() + 20
    while not started.exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert started.exists()


def is_free(engine: Engine) -> bool:
    return engine.execute(Block([count.txn()])).state == {b"n": b"\0\1"}


# --- in one thread ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["block-stm", "sequential"])
@pytest.mark.parametrize("read", [0, 1, 5, 20])
def test_the_result_can_be_had_after_any_number_of_receipts(engine: Engine, model: str, read: int) -> None:
    block = Block([count.txn()] * 20)
    running = engine.stream(block, model, timed=True, timeline=True)
    receipts = [next(running) for _ in range(read)]
    result = running.result()
    assert result == engine.execute(block, "sequential")
    assert (result.stats.model, result.stats.executions >= 20) == (model, True)
    assert result.timeline is not None
    assert result.execution_seconds(3) is not None
    assert result.stats.wall_seconds > 0
    assert running.result() is result
    assert [*receipts, *running] == result.receipts
    assert list(running) == []


def test_the_engine_is_free_once_the_result_is_there(engine: Engine) -> None:
    running = engine.stream(Block([count.txn()] * 5))
    first = next(running)
    with pytest.raises(EngineError, match="busy with a stream"):
        engine.execute(Block([]))
    result = running.result()
    assert is_free(engine)
    assert [first, *running] == result.receipts
    assert result.state == {b"n": b"\0\5"}


def test_nothing_starts_before_a_receipt_or_the_result_is_asked_for(engine: Engine, tmp_path: Path) -> None:
    started = tmp_path / "started"
    first, second = (engine.stream(Block([wait.txn(str(started), 0.0)])) for _ in range(2))
    assert repr(first) == "<Running, no receipt read>"
    time.sleep(0.05)
    assert not started.exists()
    assert is_free(engine)
    assert second.result().receipts[0].status == "success"
    assert started.exists()
    assert next(first).status == "success"


def test_a_with_statement_stops_what_goes_on(engine: Engine, stuck: Block) -> None:
    begun = time.monotonic()
    with engine.stream(stuck) as running:
        assert next(running).txn_idx == 0
        assert repr(running) == "<Running, 1 receipts read>"
    assert is_free(engine)
    assert time.monotonic() - begun < SECONDS / 2
    assert list(running) == []
    assert repr(running) == "<Running, ended early>"
    with pytest.raises(EngineError, match="did not come to its end"):
        running.result()


def test_a_result_outlives_the_with_statement(engine: Engine) -> None:
    with engine.stream(Block([count.txn()] * 3)) as running:
        result = running.result()
    assert (running.result(), list(running)) == (result, [])
    assert repr(running) == "<Running, ended>"
    running.close()
    running.cancel()


def test_a_block_that_fails_says_why_once(engine: Engine) -> None:
    with Engine(1, memory_limit_bytes=1 << 20) as small:
        block = Block([count.txn(b"%d" % number) for number in range(20_000)])
        running = small.stream(block)
        with pytest.raises(MemoryLimitError):
            running.result()
        assert list(running) == []
        with pytest.raises(EngineError, match="did not come to its end"):
            running.result()
        assert is_free(small)
    with pytest.raises(UsageError, match=r"give a blockstm\.Block"):
        engine.stream(3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="model 'x' is unknown"):
        engine.stream(Block([]), "x")


def test_one_that_is_forgotten_is_stopped(engine: Engine, stuck: Block) -> None:
    running: Running | None = engine.stream(stuck)
    assert running is not None
    next(running)
    running = None
    gc.collect()
    assert is_free(engine)


# --- from other threads -----------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [lambda running: running.result(), list], ids=["result", "iteration"])
def test_another_thread_cancels_what_is_waited_for(
    engine: Engine, stuck: Block, tmp_path: Path, waits: Callable[[Running], object]
) -> None:
    running = engine.stream(stuck)
    caught: list[BaseException] = []

    def run() -> None:
        try:
            waits(running)
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    when(tmp_path / "started")
    with pytest.raises(EngineError, match="another thread waits for this stream"):
        next(running)
    begun = time.monotonic()
    running.cancel()
    assert is_free(engine)
    thread.join(20)
    assert not thread.is_alive()
    assert time.monotonic() - begun < SECONDS / 2
    assert [str(error) for error in caught] == ["the block was cancelled before its end; execute it again"]
    assert list(running) == []


def test_a_thread_that_reads_on_is_told_that_another_has_cancelled(engine: Engine, stuck: Block) -> None:
    """Between two receipts nothing waits; that there are no more must not look like the end of the block."""
    running = engine.stream(stuck)
    next(running)
    thread = threading.Thread(target=running.cancel)
    thread.start()
    thread.join(20)
    with pytest.raises(EngineError, match="the block was cancelled before its end; execute it again"):
        next(running)
    assert is_free(engine)


def test_one_that_nobody_waits_for_is_cancelled_at_once(engine: Engine, stuck: Block) -> None:
    for reads in (0, 1):
        running = engine.stream(stuck)
        for _ in range(reads):
            next(running)
        running.cancel()
        assert is_free(engine)
        assert next(running, None) is None
        with pytest.raises(EngineError, match="did not come to its end"):
            running.result()


def test_cancelling_while_workers_load_a_program_is_not_the_programs_fault(tmp_path: Path) -> None:
    started = tmp_path / "started"

    class Slow:
        def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, float]]:
            return _slow, (str(started), 1.0)

    slow = Slow()

    @program
    def uses(ctx: Context) -> None:
        assert slow

    with Engine(1) as engine:
        engine.execute(Block([count.txn()]))
        running = engine.stream(Block([uses.txn()]))
        canceller = threading.Thread(target=lambda: (when(started), running.cancel()))
        canceller.start()
        with pytest.raises(EngineError, match="cancelled"):
            running.result()
        canceller.join()
        assert is_free(engine)


def _slow(started: str, seconds: float) -> str:
    Path(started).touch()
    time.sleep(seconds)
    return "loaded"


# --- under asyncio ----------------------------------------------------------------------------------


def run_async(main: Callable[[], Awaitable[object]]) -> None:
    async def whole() -> None:
        await main()

    asyncio.run(whole(), debug=False)


def test_results_are_awaited_in_turn_while_the_loop_goes_on(engine: Engine, tmp_path: Path) -> None:
    async def main() -> None:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        block = Block([*[count.txn()] * 5, wait.txn(str(tmp_path / "started"), 0.3)])
        first = await engine.execute_async(block, timed=True, timeline=True)
        second = await engine.execute_async(block, "sequential")
        ticking.cancel()
        assert first == second
        assert (first.timeline is None, second.timeline is None) == (False, True)
        assert ticks >= 5

    run_async(main)


def test_receipts_are_awaited_each_as_soon_as_it_is_final(engine: Engine, tmp_path: Path) -> None:
    async def main() -> None:
        block = Block([*[count.txn()] * 50, wait.txn(str(tmp_path / "started"), 0.2)])
        receipts: list[Receipt] = []
        async with engine.stream(block) as running:
            async for receipt in running:
                receipts.append(receipt)
            result = await running.result_async()
        assert receipts == result.receipts
        three = engine.stream(Block([count.txn()] * 3))
        assert [receipt.txn_idx async for receipt in three] == [0, 1, 2]
        assert [receipt async for receipt in engine.stream(Block([]))] == []

    run_async(main)
    assert is_free(engine)


@pytest.mark.parametrize("way", ["execute_async", "async for", "timeout"])
def test_a_task_that_is_cancelled_ends_its_block(
    engine: Engine, stuck: Block, tmp_path: Path, way: str
) -> None:
    async def wait_for_it() -> None:
        if way == "async for":
            async for _ in engine.stream(stuck):
                pass
        else:
            await engine.execute_async(stuck)

    async def main() -> None:
        if way == "timeout":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(wait_for_it(), 0.5)
        else:
            task = asyncio.create_task(wait_for_it())
            await asyncio.to_thread(when, tmp_path / "started")
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()  # an impatient caller
            with pytest.raises(asyncio.CancelledError):
                await task
        # At once, as the engine is free.
        assert (await engine.execute_async(Block([count.txn()]))).state == {b"n": b"\0\1"}

    begun = time.monotonic()
    run_async(main)
    assert time.monotonic() - begun < SECONDS / 2
    assert is_free(engine)


def test_a_task_that_is_cancelled_while_receipts_are_there_ends_its_block(
    engine: Engine, stuck: Block, tmp_path: Path
) -> None:
    """Bug: the exception kept the stream, and so the block, which nobody had stopped."""

    async def main() -> None:
        running = engine.stream(stuck)
        await anext(running)
        await asyncio.to_thread(when, tmp_path / "started")
        while engine._arena.committed() < 3:
            await asyncio.sleep(0.005)
        task = asyncio.ensure_future(anext(running))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await engine.execute_async(Block([count.txn()]))).state == {b"n": b"\0\1"}
        assert await anext(running, None) is None

    run_async(main)


def test_errors_reach_who_awaits(engine: Engine, stuck: Block) -> None:
    async def main() -> None:
        with pytest.raises(UsageError, match="model 'x' is unknown"):
            await engine.execute_async(Block([]), "x")
        async with engine.stream(stuck) as running:
            await anext(running)
            with pytest.raises(EngineError, match="busy with a stream"):
                await engine.execute_async(Block([]))
        with pytest.raises(EngineError, match="did not come to its end"):
            await running.result_async()
        with contextlib.suppress(StopAsyncIteration):
            await anext(running)
            pytest.fail("a closed stream has no receipts")

    run_async(main)
    assert is_free(engine)
    with Engine(1) as closed:
        pass

    async def execute() -> None:
        with pytest.raises(EngineError, match="the engine is closed"):
            await closed.execute_async(Block([]))

    run_async(execute)


def test_a_stream_of_an_engine_that_was_closed_meanwhile_says_so() -> None:
    async def main() -> None:
        engine = Engine(1)
        running = engine.stream(Block([count.txn()] * 3))
        await anext(running)
        await asyncio.to_thread(engine.close)
        with pytest.raises(EngineError, match="the engine is closed"):
            await anext(running)

    run_async(main)


def test_two_engines_work_at_once(engine: Engine, tmp_path: Path) -> None:
    async def main(other: Engine) -> None:
        blocks = [Block([wait.txn(str(tmp_path / name), 0.0), count.txn()]) for name in "ab"]
        results = await asyncio.gather(engine.execute_async(blocks[0]), other.execute_async(blocks[1]))
        assert [result.state for result in results] == [{b"n": b"\0\1"}] * 2

    with Engine(1) as other:
        run_async(lambda: main(other))
