"""A block in an arena: how it gets there, and what its end means.

An engine has one arena for many blocks, and processes for workers. Exploration, checks and modelled time have an
arena for one block, a `BlockRun`, whose workers share a process: this one (`InProcessRun`), or a host (see
`hosted`).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Final

from blockstm.blocks.block import Block
from blockstm.errors import (
    RAISE_MEMORY_LIMIT,
    EngineError,
    MemoryLimitError,
    StateSourceError,
    UndeclaredAccessError,
    over_memory_limit,
)
from blockstm.models import Foreseen, KnownBefore, Model, Sequential
from blockstm.native._core import (
    FAILURE_MEMORY_LIMIT,
    FAILURE_STATE_SOURCE,
    FAILURE_UNDECLARED,
    Arena,
    Worker,
)
from blockstm.programs.program import NativeProgram, Program
from blockstm.programs.table import ProgramTable, kinds_of
from blockstm.results.result import Result

__all__ = [
    "BlockRun",
    "InProcessRun",
    "check_failure",
    "lay_out",
    "prepare",
    "take_part",
    "take_prepared",
]

SEQUENTIAL: Final = Sequential()
HASH_SEED: Final = 1
"""Where keys lie in the core's table must not differ from run to run."""
START_NS: Final = 1
"""When a block begins: its workers have a clock of their own, or its times do not matter."""


def lay_out(arena: Arena, block: Block, programs: ProgramTable, rounds_per_gas: float = 0.0) -> None:
    """Lay a block out in an arena, ready to be started once; raises as `Arena.lay_out` does.

    Arguments:
        arena: the arena.
        block: the block.
        programs: where its programs are numbered.
        rounds_per_gas: rounds of work that `trace` does for each unit of recorded gas.
    """
    rows = block._rows_for_core()
    arena.lay_out(
        len(block),
        programs.numbers(rows.programs),
        rows.keys,
        rows.state,
        rows.rows,
        rounds_per_gas,
        source=block.source,
        ordered=_scanned(rows.programs),
        known=block.known,
    )


def prepare(arena: Arena, block: Block) -> None:
    """Lay a block out in an arena beside the one that is executed there, for `take_prepared`; see `lay_out`."""
    rows = block._rows_for_core()
    arena.prepare(
        len(block),
        [kinds_of(program) for program in rows.programs],
        rows.keys,
        rows.state,
        rows.rows,
        source=block.source,
        ordered=_scanned(rows.programs),
        known=block.known,
    )


def take_prepared(arena: Arena, block: Block, programs: ProgramTable, rounds_per_gas: float) -> None:
    """Make the block that was prepared last the arena's, as if it were laid out now; see `lay_out`."""
    arena.take_prepared([number for number, _ in programs.numbers(block.programs)], rounds_per_gas)


def _scanned(programs: Iterable[Program]) -> list[bytes]:
    """Return the prefixes of the keys that programs scan."""
    return sorted(
        frozenset().union(*(each.all_scans() for each in programs if isinstance(each, NativeProgram)))
    )


def check_failure(arena: Arena, what: str, fix: str = RAISE_MEMORY_LIMIT) -> None:
    """Check that a block in an arena can still be completed.

    Arguments:
        arena: the arena.
        what: what is done, for the message.
        fix: what the user can do where the memory is not enough.

    Raises:
        MemoryLimitError: it has come to the memory limit.
        StateSourceError: a transaction has asked for what the source of the state cannot tell.
        UndeclaredAccessError: a transaction has touched what it had not declared, and the block is to fail for
            that.
        EngineError: a worker does not find the model.
    """
    failure = arena.failure()
    if failure == FAILURE_MEMORY_LIMIT:
        raise MemoryLimitError(over_memory_limit(what, arena.memory_limit_bytes, fix))
    if failure == FAILURE_STATE_SOURCE:
        raise StateSourceError(arena.failure_reason())
    if failure == FAILURE_UNDECLARED:
        raise UndeclaredAccessError(
            f"transaction {arena.failed_txn()}: {arena.failure_reason()}; declare the key, or let the transaction "
            "wait or fail for it (undeclared)"
        )
    if failure:
        raise EngineError(
            "a worker cannot find the model of the block; make its module importable where workers run"
        )


def take_part(worker: Worker) -> None:
    """Have a worker execute its share of a block that has been started."""
    if worker.wait():
        worker.run()


class BlockRun:
    """A block in an arena of its own, which can be executed there again and again; `close` it at the end.

    Arguments:
        block: the block.
        workers: how many workers may share it.
        memory_limit_bytes: the most memory that the block and its execution may take.
        programs: where its programs are numbered; None for a table of its own.
        fix: what the user can do where the memory is not enough.

    Raises:
        MemoryLimitError: not even the workers' bookkeeping fits.
        EngineError: the system gives no such memory.
    """

    def __init__(
        self,
        block: Block,
        workers: int,
        memory_limit_bytes: int,
        *,
        programs: ProgramTable | None = None,
        fix: str = RAISE_MEMORY_LIMIT,
    ) -> None:
        """Make the arena."""
        self.block = block
        self.programs = ProgramTable(block.programs) if programs is None else programs
        self.arena = Arena(memory_limit_bytes, workers, HASH_SEED)
        self._fix = fix
        self._slots = workers
        self._foreseen: Foreseen | None = None

    def check_process(self) -> None:
        """Check that this process may start the block."""

    def start(
        self,
        model: Model,
        workers: int = 1,
        *,
        rounds_per_gas: float = 0.0,
        timed: bool = False,
        timeline: bool = False,
        known: KnownBefore | None = None,
    ) -> bool:
        """Lay the block out and start it; return whether there is anything to execute.

        Arguments:
            model: the model of execution.
            workers: how many take part.
            rounds_per_gas: as for `lay_out`.
            timed, timeline: as for `Engine.execute`.
            known: finds out what each transaction does, for a model that is to know it; None: by a sequential
                run here.

        Raises:
            MemoryLimitError: the block does not fit.
            UsageError: the block does not say what the model needs.
        """
        self.check_process()
        preparation = model.prepare(self.block, workers, known or partial(self._foresee, rounds_per_gas))
        self._model = model
        self._active = workers
        try:
            lay_out(self.arena, self.block, self.programs, rounds_per_gas)
            self.arena.start(model, workers, timed, START_NS, timeline, preparation=preparation)
        except MemoryLimitError:
            message = over_memory_limit("the block", self.arena.memory_limit_bytes, self._fix)
            raise MemoryLimitError(message) from None
        return not self.arena.is_done()

    def _foresee(self, rounds_per_gas: float) -> Foreseen:
        """Find out what each transaction does, once for this block."""
        if self._foreseen is None:
            if self.start(Sequential(), rounds_per_gas=rounds_per_gas, timed=True):
                self.take_part_alone()
            self._foreseen = Foreseen.of(self.result("executing the block sequentially"))
        return self._foreseen

    def take_part_alone(self) -> None:
        """Have the one worker of a block that was started sequentially execute it."""
        raise NotImplementedError

    def result(self, what: str) -> Result:
        """Return what came of the block once its workers have left it.

        Arguments:
            what: what was done, for messages.

        Raises:
            MemoryLimitError: it took more memory than the limit.
            StateSourceError: a transaction has asked for what the source of the state cannot tell.
            EngineError: the workers have left before the end.
        """
        self.check_failure(what)
        if not self.arena.is_done():
            raise EngineError("the workers left the block before its end: report this as a bug")
        return Result(
            self.arena.snapshot(), model=str(self._model), workers=self._active, active_workers=self._active
        )

    def check_failure(self, what: str) -> None:
        """Check that the block can still be completed; see `check_failure`."""
        check_failure(self.arena, what, self._fix)

    def close(self) -> None:
        """Free the memory; results stay readable."""
        self.arena.close()


class InProcessRun(BlockRun):
    """A block in an arena of its own, whose workers live in this process."""

    def worker(self, slot: int) -> Worker:
        """Make a worker that knows the programs and the source of the state."""
        worker = Worker(self.arena, slot, -1)
        worker.set_source(self.block.source)
        self.programs.hand_to(worker)
        return worker

    def take_part_alone(self) -> None:
        """Have the one worker of a block that was started sequentially execute it."""
        take_part(self.worker(0))

    def in_order(self, model: Model = SEQUENTIAL) -> Result:
        """Execute the block sequentially, and return what came of it; raises as `start` and `result` do.

        Arguments:
            model: a sequential one.
        """
        if self.start(model):
            self.take_part_alone()
        return self.result("executing the block sequentially")
