"""A block whose workers live in a host: what came of it is seen here, whatever became of them.

The functions at the end are called in the host. Modelled time runs like this; so does the search for the
transaction at which a host has ended (`transaction_that_ends`).
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.engine.block_run import BlockRun, take_part
from blockstm.engine.catalogue import SOURCE, Catalogue, listed, load_programs, refusal
from blockstm.errors import BlockstmError, EngineError, ProgramError, one_line
from blockstm.models import Sequential
from blockstm.native._core import Arena, Worker
from blockstm.processes.host import Host, HostEndedError, give_back, take
from blockstm.programs.program import NativeCode, Program

__all__ = ["Attached", "HostedRun", "transaction_that_ends"]

OURS: Final = "blockstm."


class HostedRun(BlockRun):
    """A block in an arena of its own, whose workers all live in one other process, a host.

    Arguments:
        block: the block.
        workers: how many.
        memory_limit_bytes: the most memory that the block and its execution may take.
        module: the module of this package whose functions are called in the host.

    Raises:
        MemoryLimitError: not even the workers' bookkeeping fits.
        ProgramError: a program cannot be sent to the host, or not be loaded there.
        StateSourceError: the source of the block's state cannot be sent.
        EngineError: the host cannot be started.
    """

    def __init__(self, block: Block, workers: int, memory_limit_bytes: int, module: str) -> None:
        """Make the arena; the host is started when it is first needed."""
        self._module = module
        self._by_name = {program.name: program for program in block.programs}
        self._catalogue = Catalogue()
        self._catalogue.bring_up_to_date(self._by_name[name] for name in sorted(self._by_name))
        self._catalogue.set_source(block.source)
        super().__init__(block, workers, memory_limit_bytes, programs=self._catalogue.programs)
        self._owner = os.getpid()
        self._hosts: list[Host] = []  # one at the most, where the finalizer finds it, too
        self._finalizer = weakref.finalize(self, _end, self.arena, self._hosts)

    def check_process(self) -> None:
        """Check that this process may start the block.

        Raises:
            EngineError: it was forked from the one that made the arena.
        """
        if self._owner != os.getpid():
            raise EngineError(
                f"the simulation belongs to process {self._owner}, from which this one was forked; "
                "make a new one here"
            )

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

    def take_part_alone(self) -> None:
        """Have the one worker of a block that was started sequentially execute it, in the host."""
        self.call(_take_part)

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
                _open_workers, self._slots, self._catalogue.message(0), descriptors=[self.arena.fd]
            ):
                if not any([self._sent_by_value(name) for name in failures]):  # a list: all are to be tried
                    name, why = next(iter(failures.items()))
                    raise refusal(name, why, "another process")
        except HostEndedError as end:
            self._hosts.clear()
            names = listed([*sorted(self._by_name), *([SOURCE] if self.block.source is not None else [])])
            raise ProgramError(
                f"loading {names} ends the process, which {end.ending}; "
                "import its modules in a process of their own to see why"
            ) from None
        except BlockstmError:
            self._hosts.clear()
            host.close()
            raise

    def _sent_by_value(self, name: str) -> bool:
        if name == SOURCE:
            return self._catalogue.send_source_by_value(self.block.source)
        return self._catalogue.send_by_value(self._by_name[name])

    def _blamed(self, ending: str) -> str:
        """Say which transaction ran when the host ended."""
        running = (self.arena.running(slot) for slot in range(self._slots))
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
        if self.is_open and self.block.source is None and all(map(_is_ours, self._by_name.values())):
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
    code = program.code
    return (code.entry if isinstance(code, NativeCode) else code.__module__ or "").startswith(OURS)


def transaction_that_ends(block: Block, memory_limit_bytes: int) -> str | None:
    """Execute a block sequentially in a host; if that ends the host, say so, and at which transaction.

    Arguments:
        block: the block.
        memory_limit_bytes: the most memory that it may take.

    Raises:
        MemoryLimitError: the block does not fit.
    """
    with closing(HostedRun(block, 1, memory_limit_bytes, __name__)) as run:
        try:
            if run.start(Sequential()):
                run.take_part_alone()
        except ProgramError as error:
            return str(error)
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
    return load_programs(message, workers)


def _close_workers() -> None:
    global _attached
    _attached = Attached()


def _take_part(attached: Attached) -> None:
    for worker in attached.workers:
        take_part(worker)
