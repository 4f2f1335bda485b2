"""An arena in this process whose workers live in a host: what came of a block is seen here, whatever became of
them.

The functions at the end are called in the host. Modelled time runs like this; so does the search for the
transaction at which a host has ended (`transaction_that_ends`).
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.engine.catalogue import Catalogue, load_programs, programs_of
from blockstm.errors import BlockstmError, EngineError, ProgramError, one_line
from blockstm.models import Sequential
from blockstm.native._core import Arena, Worker
from blockstm.processes.host import Host, HostEndedError, give_back, take
from blockstm.programs.program import NativeProgram, Program, PythonProgram

__all__ = ["Attached", "HostedArena", "transaction_that_ends"]

HASH_SEED: Final = 1
"""Where keys lie in the core's table must not differ from run to run."""
OURS: Final = "blockstm."


class HostedArena:
    """An arena, and the workers that share it, all in one other process, a host.

    Arguments:
        block: the block whose programs the workers know.
        workers: how many.
        memory_limit_bytes: the most memory that the block and its execution may take.
        module: the module of this package whose functions are called in the host.

    Raises:
        MemoryLimitError: not even the workers' bookkeeping fits.
        ProgramError: a program cannot be sent to the host, or not be loaded there.
        EngineError: the host cannot be started.
    """

    def __init__(self, block: Block, workers: int, memory_limit_bytes: int, module: str) -> None:
        """Make the arena; the host is started when it is first needed."""
        self.block = block
        self._workers = workers
        self._module = module
        self._programs = {program.name: program for program in programs_of(block)}
        self._catalogue = Catalogue()
        self._catalogue.bring_up_to_date(self._programs[name] for name in sorted(self._programs))
        self.arena = Arena(memory_limit_bytes, workers, HASH_SEED)
        self._owner = os.getpid()
        self._hosts: list[Host] = []  # one at the most, where the finalizer finds it, too
        self._finalizer = weakref.finalize(self, _end, self.arena, self._hosts)

    def load(self, rounds_per_gas: float) -> None:
        """Lay the block out in the arena, ready to be started.

        Raises:
            MemoryLimitError: the block does not fit.
            EngineError: this process was forked from the one that made the arena.
        """
        if self._owner != os.getpid():
            raise EngineError(
                f"the simulation belongs to process {self._owner}, from which this one was forked; make one here"
            )
        self.arena.load(self.block, self._catalogue.program_ids, rounds_per_gas)

    def call(self, function: Callable[..., Any], *arguments: object) -> Any:
        """Call a function in the host; its first argument is what the host has of the arena (`Attached`).

        Raises:
            ProgramError: the host has ended of a program, or cannot load one.
        """
        if not self.is_open:
            self._open()
        try:
            return self._hosts[0].call(_call, function, *arguments)
        except HostEndedError as end:
            self._hosts.clear()
            raise ProgramError(self._blamed(end.ending)) from None

    @property
    def is_open(self) -> bool:
        """Whether the host has the workers: what was kept there is there still."""
        return bool(self._hosts) and self._hosts[0].is_open  # an interrupt of a call closes it

    def _open(self) -> None:
        """Start the host and make the workers there; programs that it cannot import are sent by value."""
        host = take(self._module)
        self._hosts[:] = [host]
        try:
            while failures := host.call(
                _open_workers, self._workers, self._catalogue.message(0), descriptors=[self.arena.fd]
            ):
                sent = [self._catalogue.send_by_value(self._programs[name]) for name in failures]
                if not any(sent):
                    name, why = next(iter(failures.items()))
                    raise ProgramError(
                        f"program {name} cannot be loaded in another process: {why}; "
                        "what it refers to must be importable there, or be picklable by value"
                    )
        except HostEndedError as end:
            self._hosts.clear()
            names = " or ".join(sorted(self._programs))
            raise ProgramError(
                f"loading {names} ends a process, which {end.ending}; "
                "import its modules in a process of their own to see why"
            ) from None
        except BlockstmError:
            self._hosts.clear()
            host.close()
            raise

    def _blamed(self, ending: str) -> str:
        """Say which transaction ran when the host ended."""
        running = (self.arena.running(slot) for slot in range(self._workers))
        at_work = sorted({state[0] for state in running if state is not None})
        named = [
            f"{txn_idx} (program {one_line(self.block.transactions[txn_idx].program.name)})"
            for txn_idx in at_work
        ]
        if not named:
            return f"the process in which programs run {ending} outside of transactions: report this as a bug"
        return (
            f"transaction {' or '.join(named)}: the process in which it ran {ending}; correct the program, or use "
            "replay, which goes on after such a transaction"
        )

    def close(self) -> None:
        """Free the memory; the host is kept for others if nothing but programs of this package was loaded there."""
        if self.is_open and all(map(_is_ours, self._programs.values())):
            host = self._hosts.pop()
            try:
                host.call(_close_workers)
            except HostEndedError:
                pass
            else:
                give_back(host)
        self._finalizer()


def _end(arena: Arena, hosts: list[Host]) -> None:
    for host in hosts:
        host.close()
    hosts.clear()
    arena.close()


def _is_ours(program: Program) -> bool:
    if isinstance(program, PythonProgram):
        return (program.function.__module__ or "").startswith(OURS)
    return isinstance(program, NativeProgram) and (not program.entry or program.entry.startswith(OURS))


def transaction_that_ends(block: Block, memory_limit_bytes: int) -> str | None:
    """Execute a block sequentially in a host; if that ends the host, say so, and at which transaction.

    Arguments:
        block: the block.
        memory_limit_bytes: the most memory that it may take.

    Raises:
        MemoryLimitError: the block does not fit.
    """
    hosted = HostedArena(block, 1, memory_limit_bytes, __name__)
    try:
        hosted.load(0.0)
        hosted.arena.start(Sequential(), 1)
        if not hosted.arena.is_done():
            hosted.call(_run_in_order)
    except ProgramError as error:
        return str(error)
    finally:
        hosted.close()
    return None


# --- in the host ---


@dataclass(slots=True)
class Attached:
    """What the host has of the arena."""

    workers: list[Worker] = field(default_factory=list)
    kept: Any = None
    """What a function has left for those called after it."""


_attached = Attached()


def _call(function: Callable[..., Any], *arguments: object) -> Any:
    return function(_attached, *arguments)


def _open_workers(count: int, message: dict[str, Any], arena: int) -> dict[str, str]:
    """Make workers for an arena that know the programs of a catalogue; return what went wrong, by program."""
    global _attached
    attached = Arena.attach(arena)
    os.close(arena)  # it is mapped
    workers = [Worker(attached, slot, -1) for slot in range(count)]
    _attached = Attached(workers)

    def set_program(program_id: int, program: Any) -> None:
        for worker in workers:
            worker.set_program(program_id, program)

    return load_programs(message, set_program)


def _close_workers() -> None:
    global _attached
    _attached = Attached()


def _run_in_order(attached: Attached) -> None:
    (worker,) = attached.workers
    if worker.wait():
        worker.run()
