"""Recording: a sequential run of a block on the core, with a tape of every transaction of a Python program."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from typing import Any

from blockstm.blocks.block import Block
from blockstm.engine.block_run import InProcessRun
from blockstm.limits import MEMORY_LIMIT_BYTES_EXPLORED
from blockstm.native._core import Context
from blockstm.programs.arguments import decode_arguments
from blockstm.programs.program import PythonProgram
from blockstm.testing.tape import Recorder, Replay, Tape, Watch, outcome_of, replay

__all__ = ["Recording", "record"]


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
        StateSourceError: the source of its state cannot tell what a key holds that a transaction touches.
    """
    tapes: list[Tape] = []
    with closing(InProcessRun(block, 1, MEMORY_LIMIT_BYTES_EXPLORED, fix="check a smaller block")) as run:
        for program in block.programs:
            if isinstance(program, PythonProgram):
                run.programs.add(program, partial(_execute, program, tapes, watch, around))
        run.in_order()
    return Recording(block, tapes)


def _execute(
    program: PythonProgram[..., object],
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

    def noting(given: Any, *rest: object) -> object:
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
