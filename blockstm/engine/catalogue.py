"""What every worker must hold before it takes part in a block: the programs, and the levels of the loggers.

The engine keeps the catalogue; its version goes up with every change. A worker that holds an older version is
sent what has changed since, and a new worker everything.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from blockstm.errors import ProgramError
from blockstm.limits import PROGRAMS_MAX
from blockstm.processes.logs import logger_levels
from blockstm.processes.pickling import dumps, loads
from blockstm.programs.program import BUILT_IN, Program, PythonProgram

if TYPE_CHECKING:
    from blockstm.blocks.block import Block

__all__ = ["Catalogue", "load_programs", "programs_of"]

FIRST_PROGRAM_ID: Final = 16
"""The first id for programs that the core has not built in."""


@dataclass(slots=True)
class Entry:
    """One program as it is sent."""

    program_id: int
    pickled: bytes
    """Its function; for a native program the program itself, which tells where its code is found."""
    version: int
    """The version of the catalogue since which it has been so."""


class Catalogue:
    """The programs that workers hold, and their log levels."""

    def __init__(self) -> None:
        """Start with no programs."""
        self.version = 1
        self._levels = logger_levels()
        self._entries: dict[str, Entry] = {}
        self._next_id = FIRST_PROGRAM_ID
        self._by_value: set[str] = set()

    @property
    def program_ids(self) -> Mapping[str, int]:
        """The ids of the programs by name."""
        return {**BUILT_IN} | {name: entry.program_id for name, entry in self._entries.items()}

    def names_since(self, version: int) -> list[str]:
        """List the programs that a worker with that version does not hold as they are now."""
        return [name for name, entry in self._entries.items() if entry.version > version]

    def bring_up_to_date(self, programs: Iterable[Program]) -> None:
        """Hold these programs as they are now (a function may see other globals than before), and the levels.

        Raises:
            ProgramError: a program cannot be pickled.
        """
        version = self.version + 1
        if len(self._entries) > PROGRAMS_MAX:  # of blocks long gone, most of them
            self._entries.clear()
            self._next_id = FIRST_PROGRAM_ID
        for program in programs:
            if program.name in BUILT_IN:
                continue  # the core has it
            pickled = _pickled(program, by_value=program.name in self._by_value)
            entry = self._entries.get(program.name)
            if entry is not None and entry.pickled == pickled:
                continue
            if entry is None:
                program_id, self._next_id = self._next_id, self._next_id + 1
            else:
                program_id = entry.program_id
            self._entries[program.name] = Entry(program_id, pickled, version)
            self.version = version
        levels = logger_levels()
        if levels != self._levels:
            self._levels = levels
            self.version = version

    def send_by_value(self, program: Program) -> bool:
        """Send what this program takes from its own module by value, too; False if it is so already.

        For a module that workers cannot import: one made at run time, or loaded from where they do not look.

        Raises:
            ProgramError: it cannot be pickled by value.
        """
        if program.name in self._by_value or not isinstance(program, PythonProgram):
            return False
        self._by_value.add(program.name)
        self.bring_up_to_date([program])
        return True

    def forget(self, name: str) -> None:
        """Drop a program that no worker could load. The next block that names it tries again."""
        self._by_value.discard(name)
        self._entries.pop(name, None)

    def message(self, since: int) -> dict[str, object]:
        """Return what a worker that holds version `since` (0: a new one) must be sent."""
        return {
            "version": self.version,
            "levels": self._levels,
            "programs": [
                (name, entry.program_id, entry.pickled)
                for name, entry in self._entries.items()
                if entry.version > since
            ],
        }


def load_programs(message: Mapping[str, Any], set_program: Callable[[int, Any], object]) -> dict[str, str]:
    """Load the programs that a catalogue has sent; return why some cannot be loaded, by name.

    Arguments:
        message: what `Catalogue.message` has returned.
        set_program: takes the id of a program, and the function or the native program to run for it.
    """
    failures: dict[str, str] = {}
    for name, program_id, pickled in message["programs"]:
        try:
            set_program(program_id, loads(pickled))
        except (Exception, SystemExit) as error:  # importing a module may raise anything
            failures[name] = f"{type(error).__name__}: {error}"
    return failures


def programs_of(block: Block) -> Iterable[Program]:
    """Return the programs of a block, each once."""
    packed = block.rows()
    if packed is not None:
        return packed.programs
    return {transaction.program.name: transaction.program for transaction in block.transactions}.values()


def _pickled(program: Program, *, by_value: bool) -> bytes:
    sent = program.function if isinstance(program, PythonProgram) else program
    module = sys.modules.get(sent.__module__) if by_value else None
    try:
        return dumps(sent, [] if module is None else [module])
    except Exception as error:  # what a foreign __reduce__ raises may be anything
        raise ProgramError(
            f"program {program.name} cannot be sent to the workers: {type(error).__name__}: {error}; "
            "what it refers to must be such as can be pickled"
        ) from error
