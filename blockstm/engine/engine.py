"""The engine: executes blocks in worker processes, and hands out what came of them."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final, Self, TypeAlias

from blockstm.blocks.block import Block
from blockstm.engine.block_run import check_failure, lay_out, take_prepared
from blockstm.engine.blocks_ahead import BlocksAhead, checked_block
from blockstm.engine.pool import Pool
from blockstm.engine.running import Running, Steps
from blockstm.engine.settings import MEMORY_LIMIT_BYTES_MAX, make_arena, number, whole_number
from blockstm.engine.supervisor import Supervisor
from blockstm.errors import EngineError, UsageError, type_shown
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, MEMORY_LIMIT_BYTES_MIN, WORKERS_MAX
from blockstm.models import BlockStm, Foreseen, Model, Sequential, model_of
from blockstm.native._core import Arena
from blockstm.results.result import Receipt, Result

__all__ = ["Engine"]

logger = logging.getLogger(__name__)

BLOCK_STM: Final = BlockStm()
OnStart: TypeAlias = Callable[[int], object]
DRAINS_LOOK_SECONDS: Final = 0.05
"""How often an engine that waits for who drains its last block looks whether it is being closed."""
WARM_UP_SECONDS: Final = 10.0
"""How long warming up may go on before it leaves the remaining workers as warm as they are."""


class Engine:
    """Worker processes that execute blocks, one block at a time, over shared memory.

    It can be used from any thread, and from a script, a notebook or `python -c`: the workers are started
    afresh, and programs defined there are sent to them. What programs log reaches the handlers of this
    process, in the thread that waits for the block. Close it, or use it in a `with` statement; if it is
    forgotten, its workers end with it or with this process.

    Arguments:
        workers: how many worker processes; None for one for each usable core.
        memory_limit_bytes: the most memory that a block and its execution may take, in bytes; results in use, and
            blocks laid out ahead, may take twice as much beside that.
        time_limit_seconds: how long a transaction may run before it fails; None for no limit. What a
            transaction does on speculative reads does not count.
        active_workers: how many workers take part in a block at once, while the others stand by to replace
            any that die; None for one for each usable core.
        rounds_per_gas: how much work the program `trace` does for a unit of recorded gas, in rounds of
            about 1 ns.

    Raises:
        UsageError: an argument has a value that it cannot have.
        MemoryLimitError: the memory limit is too small for any block.
        EngineError: the worker processes cannot be started.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES_DEFAULT,
        time_limit_seconds: float | None = None,
        active_workers: int | None = None,
        rounds_per_gas: float = 1.0,
    ) -> None:
        """Start the workers; they are ready a little later, and the first block waits for them."""
        cores = len(os.sched_getaffinity(0))
        if workers is None:
            workers = min(cores, WORKERS_MAX)
        self._workers = whole_number("workers", workers, 1, WORKERS_MAX)
        if active_workers is None:
            active_workers = min(self._workers, cores)
        self._active_workers = whole_number("active_workers", active_workers, 1, self._workers)
        self._memory_limit_bytes = whole_number(
            "memory_limit_bytes", memory_limit_bytes, MEMORY_LIMIT_BYTES_MIN, MEMORY_LIMIT_BYTES_MAX
        )
        self._rounds_per_gas = number("rounds_per_gas", rounds_per_gas)
        if time_limit_seconds is not None and number("time_limit_seconds", time_limit_seconds) == 0:
            raise UsageError("time_limit_seconds is 0; give more than 0 seconds, or None for no limit")

        # Held while the engine is at work, but not while the caller looks at a receipt of a stream.
        self._lock = threading.RLock()
        self._has_block = False
        self._foreseen: tuple[Block, Foreseen] | None = None
        self._arena = make_arena(self._memory_limit_bytes, self._workers)
        try:
            # Where there is a worker for each core, each keeps to one: left alone, two may share a core for long
            # while another is idle. With fewer the choice is the system's, as other engines need cores too.
            processors = sorted(os.sched_getaffinity(0)) if active_workers >= cores else []
            self._pool = Pool(self._arena, self._workers, processors)
        except BaseException:
            self._arena.close()
            raise
        self._supervisor = Supervisor(self._arena, self._pool, time_limit_seconds)
        # Runs when the engine is forgotten, too, and at the interpreter's exit.
        self._finalizer = weakref.finalize(self, _end, self._pool, self._arena)

    @property
    def workers(self) -> int:
        """How many worker processes there are."""
        return self._workers

    @property
    def active_workers(self) -> int:
        """How many workers take part in a block at once."""
        return self._active_workers

    @property
    def memory_limit_bytes(self) -> int:
        """The most memory that a block and its execution may take, in bytes."""
        return self._memory_limit_bytes

    @property
    def worker_pids(self) -> list[int]:
        """The process ids of the workers. One that has died keeps its place until the next block."""
        return [] if self._pool.is_closed else self._pool.pids

    @property
    def drain_descriptor(self) -> int:
        """The file descriptor of the engine's memory, for a `blockstm.state.Drain` here or in a child process.

        Raises:
            EngineError: the engine is closed.
        """
        self._check_open()
        return self._arena.fd

    def execute(
        self,
        block: Block,
        model: Model | str = BLOCK_STM,
        *,
        timed: bool = False,
        timeline: bool = False,
        on_start: OnStart | None = None,
    ) -> Result:
        """Execute a block and return what came of it: receipts, state, figures.

        Arguments:
            block: the transactions and the state they start from.
            model: how to execute it: one of blockstm.models, as `BlockStm()` (speculatively, in parallel) or
                `Sequential()` (one by one, in one worker), or its name. The outcome is the same.
            timed: whether to measure how long each transaction runs (see `Result.execution_seconds`), which
                costs short ones some of their speed.
            timeline: whether workers note what they do when (see `Result.timeline`), which costs some speed, too,
                and up to an eighth of the memory limit.
            on_start: called just before the block starts, with the number that drains know it by.

        Raises:
            UsageError: an argument is not what it must be.
            ProgramError: a program of the block cannot be sent to the workers.
            MemoryLimitError: the block needs more memory than the limit.
            StateSourceError: the source of the state cannot tell what a key holds that a transaction touches.
            EngineError: the engine is closed or busy, or workers cannot be kept alive.
        """
        model = model_of(model)
        checked_block(block)
        with self._at_work():
            return self._run(block, model, timed=timed, timeline=timeline, on_start=on_start)

    def execute_many(
        self,
        blocks: Iterable[Block],
        model: Model | str = BLOCK_STM,
        *,
        timed: bool = False,
        timeline: bool = False,
    ) -> Iterator[Result]:
        """Execute blocks one after the other, and hand out the result of each: what `execute` does, in less time.

        While the workers execute a block, the next one is asked for and laid out. What is no list is asked in a
        thread of its own, so an iterator that reads blocks from files reads them meanwhile. Each block starts from
        its own state. The engine takes no other block until the iterator that is returned has come to its end, or
        is closed or forgotten.

        Arguments:
            blocks: the blocks; at most one is asked for beyond the one whose result was handed out last.
            model, timed, timeline: as for `execute`, of each block.

        Raises:
            as `execute` does, and as `blocks` does: when the result of the block is asked for that cannot be had.
                That ends the iteration.
        """
        given: object = blocks
        if isinstance(given, Block) or not isinstance(given, Iterable):
            raise UsageError(f"blocks is {type_shown(blocks)}; give a list or an iterator of blocks")
        return self._results(blocks, model_of(model), timed=timed, timeline=timeline)

    def _results(
        self, blocks: Iterable[Block], model: Model, *, timed: bool, timeline: bool
    ) -> Iterator[Result]:
        with self._at_work(), BlocksAhead(self._arena, blocks) as ahead:
            while True:
                with self._let_go():
                    block = ahead.next()
                if block is None:
                    return
                checked_block(block)
                result = self._run(block, model, timed=timed, timeline=timeline, ahead=ahead)
                with self._let_go():
                    yield result
                    del result  # where it lies there may be room for a block

    def warm_up(self, block: Block, model: Model | str = BLOCK_STM) -> None:
        """Execute a block without keeping its result, so that a run that is measured next starts warm.

        What a process pays for once (imports, caches that programs fill, memory that is new) would else count
        for the first run, and there for whichever transactions come first. Every worker that takes part in the
        model executes the whole block, one after the other, once all have done so together; with many workers
        and a long block that ends after WARM_UP_SECONDS.

        Arguments:
            block, model: those of the run that is to be measured. The sequential model is warm then, too.

        Raises:
            as `execute` does.
        """
        model = model_of(model)
        checked_block(block)
        with self._at_work():
            if model.is_parallel:
                self._start(block, model)  # together first, so that they import at the same time
                self._finish()
            deadline = time.monotonic() + WARM_UP_SECONDS
            for slot in range(self._workers_of(model)):
                self._start(block, Sequential(), first=slot)
                self._finish()
                if time.monotonic() > deadline:
                    break

    async def execute_async(
        self, block: Block, model: Model | str = BLOCK_STM, *, timed: bool = False, timeline: bool = False
    ) -> Result:
        """Execute a block as `execute` does, without holding up the event loop (asyncio).

        A task that is cancelled meanwhile ends when no worker is in the block any more; then the engine takes the
        next one.

        Arguments:
            block, model, timed, timeline: as for `execute`.

        Raises:
            as `execute` does.
        """
        return await self.stream(block, model, timed=timed, timeline=timeline).result_async()

    def stream(
        self,
        block: Block,
        model: Model | str = BLOCK_STM,
        *,
        timed: bool = False,
        timeline: bool = False,
        on_start: OnStart | None = None,
    ) -> Running:
        """Execute a block and hand out its receipts in the preset order, each as soon as it is final.

        What it returns is an iterator (``for``, ``async for``) with `result()` and `cancel()`; see `Running`.
        Execution starts when the first receipt is asked for, or the result, and goes on while the caller looks at
        one. An iterator that is closed, or forgotten, before its end stops the block. Until then the engine takes
        no other block.

        Arguments:
            block, model, timed, timeline, on_start: as for `execute`.

        Raises:
            as `execute` does; all but UsageError when a receipt is asked for.
        """
        cancellation = threading.Event()
        steps = self._steps(
            checked_block(block),
            model_of(model),
            cancellation,
            timed=timed,
            timeline=timeline,
            on_start=on_start,
        )
        return Running(steps, cancellation, wake=self._pool.wake, committed=self._arena.committed)

    def close(self) -> None:
        """End the workers and free the memory; results stay readable. May be called again.

        A block that another thread executes meanwhile ends with an EngineError there.
        """
        if self._pool.owner != os.getpid():
            return
        self._supervisor.is_closing = True
        self._pool.wake()
        with self._lock:
            self._finalizer()

    def __enter__(self) -> Self:
        """Return the engine; it is closed at the end of the `with` statement."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close the engine."""
        self.close()

    def __repr__(self) -> str:
        """Say how many workers there are, and whether it is closed."""
        closed = ", closed" if self._pool.is_closed else ""
        return f"<Engine of {self._workers} workers, {self._active_workers} at a time{closed}>"

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Have the engine to oneself. Whatever ends that early, no worker is left in a block."""
        self._check_open()
        if not self._lock.acquire(blocking=False):
            raise EngineError(
                "the engine is busy with another thread's block; use one engine for each thread"
            )
        try:
            self._check_open()  # it may have been closed just now
            if self._has_block:
                raise EngineError("the engine is busy with a stream; read it to its end or close() it first")
            self._has_block = True
            try:
                yield
            except BaseException:
                self._supervisor.leave()
                raise
            finally:
                self._has_block = False
        finally:
            self._lock.release()

    @contextmanager
    def _let_go(self) -> Iterator[None]:
        """Do not hold the engine, which takes no other block all the same; it may be closed meanwhile."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()
        self._check_open()

    def _check_open(self) -> None:
        if self._pool.owner != os.getpid():
            raise EngineError(
                f"the engine belongs to process {self._pool.owner}, from which this one was forked; "
                "make a new one here"
            )
        if self._pool.is_closed:
            raise EngineError("the engine is closed; make a new one")

    def _run(
        self,
        block: Block,
        model: Model,
        *,
        timed: bool,
        timeline: bool,
        ahead: BlocksAhead | None = None,
        on_start: OnStart | None = None,
    ) -> Result:
        """Execute a block; `ahead`: has prepared it, if the arena can do that, and is to ask for the next one."""
        is_prepared = ahead is not None and self._arena.can_prepare
        workers = self._start(
            block, model, timed=timed, timeline=timeline, is_prepared=is_prepared, on_start=on_start
        )
        if ahead is not None:
            ahead.ask()
        self._finish()
        result = Result(
            self._arena.snapshot(), model=str(model), workers=self._workers, active_workers=workers
        )
        _log_failures(result.receipts)
        return result

    def _start(
        self,
        block: Block,
        model: Model,
        *,
        first: int = 0,
        timed: bool = False,
        timeline: bool = False,
        is_prepared: bool = False,
        on_start: OnStart | None = None,
    ) -> int:
        """Start a block with the workers from slot `first` on; return how many take part in it."""
        workers = self._workers_of(model)
        preparation = model.prepare(block, workers, partial(self._foresee, block))
        # Workers may have died since, and an interrupt may have cut short the end of the last block.
        self._supervisor.leave()
        self._supervisor.make_ready(block.programs, block.source, first + workers)
        while not self._arena.wait_for_drains(DRAINS_LOOK_SECONDS):
            self._supervisor.check_open()
        if on_start is not None:
            on_start(self._arena.block_number + 1)
        put = take_prepared if is_prepared else lay_out
        put(self._arena, block, self._pool.catalogue.programs, self._rounds_per_gas)
        self._supervisor.start(model, workers, preparation, first=first, timed=timed, timeline=timeline)
        return workers

    def _foresee(self, block: Block) -> Foreseen:
        """Find out what each transaction of a block does, once for each block."""
        if self._foreseen is None or self._foreseen[0] is not block:
            workers = self._start(block, Sequential(), timed=True)
            self._finish()
            result = Result(
                self._arena.snapshot(), model="sequential", workers=self._workers, active_workers=workers
            )
            self._foreseen = (block, Foreseen.of(result))
        return self._foreseen[1]

    def _workers_of(self, model: Model) -> int:
        return self._active_workers if model.is_parallel else 1

    def _finish(self) -> None:
        """Return when the block that was started is done, and all workers are out of it."""
        while not self._arena.is_done():
            check_failure(self._arena, "executing the block")
            self._supervisor.step()
        self._supervisor.leave()

    def _steps(
        self,
        block: Block,
        model: Model,
        cancellation: threading.Event,
        *,
        timed: bool,
        timeline: bool,
        on_start: OnStart | None,
    ) -> Steps:
        """Execute a block step by step; see `Steps`. The engine is not held while the caller looks at a receipt."""
        to_the_end = yield None
        with self._at_work(), self._supervisor.heeding(cancellation):
            workers = self._start(block, model, timed=timed, timeline=timeline, on_start=on_start)
            # Of what is final it shows the truth already.
            result = Result(
                self._arena.snapshot(), model=str(model), workers=self._workers, active_workers=workers
            )
            handed_out = 0
            while handed_out < len(block) and not to_the_end:
                self._await_commit(handed_out)
                receipt = result.receipt_at(handed_out)
                _log_failures([receipt])
                handed_out += 1
                with self._let_go():
                    to_the_end = yield receipt
            self._finish()
            _log_failures(map(result.receipt_at, range(handed_out, len(block))))
            return result

    def _await_commit(self, txn_idx: int) -> None:
        while self._arena.committed() <= txn_idx:
            check_failure(self._arena, "executing the block")
            self._arena.want_progress()
            # It may have been committed before the wish was seen.
            if self._arena.committed() <= txn_idx:
                self._supervisor.step()


def _log_failures(receipts: Iterable[Receipt]) -> None:
    """Log where Python programs failed, where it is final that they did."""
    if logger.isEnabledFor(logging.DEBUG):
        for receipt in receipts:
            if receipt.traceback is not None:
                logger.debug("transaction %d failed\n%s", receipt.txn_idx, receipt.traceback)


def _end(pool: Pool, arena: Arena) -> None:
    try:
        pool.close()
    finally:
        arena.close()
