"""Recording: a sequential run of a block on the core, with a tape of every transaction of a Python program."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from blockstm.blocks.block import Block
from blockstm.engine.catalogue import FIRST_PROGRAM_ID
from blockstm.errors import MemoryLimitError, over_memory_limit
from blockstm.explore.trial import MEMORY_LIMIT_BYTES
from blockstm.models import Sequential
from blockstm.native._core import Arena, Context, Worker
from blockstm.programs.arguments import decode_arguments
from blockstm.programs.program import BUILT_IN, PythonProgram
from blockstm.testing.tape import Recorder, Replay, Tape, Watch, outcome_of, replay

__all__ = ["Recording", "record"]

HASH_SEED: Final = 1


@dataclass(frozen=True, slots=True)
class Recording:
    """The tapes of a block's transactions, in the preset order; native transactions have none."""

    block: Block
    tapes: list[Tape]

    def repeat(
        self,
        tape: Tape,
        watch: Watch,
        give_up_at: int | None = None,
        wrap: Callable[[Callable[..., object]], Callable[..., object]] = lambda function: function,
    ) -> Replay:
        """Execute a transaction again with the same reads; see `tape.replay`.

        Arguments:
            tape: what it did.
            watch: where to note misuses of its context.
            give_up_at: the number of the verb at which to give it up; None: not at all.
            wrap: makes what is executed of the program's function.
        """
        transaction = self.block.transactions[tape.txn_idx]
        assert isinstance(transaction.program, PythonProgram) and transaction.encoded is not None
        arguments = decode_arguments(transaction.encoded)
        return replay(tape, wrap(transaction.program.function), arguments, watch, give_up_at)


def record(block: Block, watch: Watch, around: Callable[[], AbstractContextManager[object]]) -> Recording:
    """Run a block sequentially in this process, and return its tapes.

    Arguments:
        block: the block.
        watch: where to note misuses of contexts.
        around: makes what each execution of a program runs inside.

    Raises:
        MemoryLimitError: the block does not fit.
    """
    tapes: list[Tape] = []
    arena = Arena(MEMORY_LIMIT_BYTES, 1, HASH_SEED)
    try:
        worker = Worker(arena, 0, -1)
        program_ids = dict(BUILT_IN)
        programs = {transaction.program.name: transaction.program for transaction in block.transactions}
        for number, (name, program) in enumerate(sorted(programs.items())):
            if name not in BUILT_IN:
                program_ids[name] = FIRST_PROGRAM_ID + number
                taped = program
                if isinstance(program, PythonProgram):
                    taped = partial(_execute, program, tapes, watch, around)  # type: ignore[assignment]
                worker.set_program(program_ids[name], taped)
        arena.load(block, program_ids, 0.0)
        arena.start(Sequential(), 1)
        if len(block) and worker.wait():
            worker.run()
        if arena.failure():
            raise MemoryLimitError(
                over_memory_limit("the block", MEMORY_LIMIT_BYTES, "check a smaller block")
            )
    finally:
        arena.close()
    return Recording(block, tapes)


def _execute(
    program: PythonProgram,
    tapes: list[Tape],
    watch: Watch,
    around: Callable[[], AbstractContextManager[object]],
    context: Context,
    *arguments: object,
) -> object:
    """Run a program of the block with a recorder for its context."""
    tape = Tape(context.txn_idx, program.name)
    tapes.append(tape)
    watch.running = tape
    recorder = Recorder(context, tape, watch)
    raised: list[BaseException] = []

    def noting(given: object, *rest: object) -> object:
        try:
            return program.function(given, *rest)
        except BaseException as error:
            raised.append(error)
            raise

    try:
        with around():
            tape.outcome = outcome_of(noting, recorder, arguments)
    finally:
        recorder.close()
        watch.running = None
    if raised:
        raise raised[0]
    return None
