"""What every worker must hold before it takes part in a block: the programs, and the levels of the loggers.

The engine keeps the catalogue; its version goes up with every change. A worker that holds an older version is
sent what has changed since, and a new worker everything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from blockstm.errors import ProgramError
from blockstm.limits import PROGRAMS_MAX
from blockstm.native._core import Worker
from blockstm.processes.logs import logger_levels
from blockstm.processes.pickling import dumps, loads
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import NativeCode, Program, PythonProgram
from blockstm.programs.table import ProgramTable, hand_over

__all__ = ["Catalogue", "load_programs"]


@dataclass(slots=True)
class Entry:
    """One program as it is sent."""

    number: int
    code: bytes | NativeCode
    """Its function, pickled, or where its compiled code is."""
    version: int
    """The version of the catalogue since which it has been so."""


class Catalogue:
    """The programs that workers hold, and their log levels."""

    def __init__(self) -> None:
        """Start with the programs that are built in."""
        self.version = 0
        self.programs = ProgramTable()
        """Their numbers."""
        self._levels = logger_levels()
        self._entries: dict[str, Entry] = {}
        self._by_value: set[str] = set()
        self.bring_up_to_date((transfer, trace))

    def __contains__(self, name: str) -> bool:
        """Tell whether there is a program of that name."""
        return name in self._entries

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
            self.programs = ProgramTable()
        for program in programs:
            code = _packed(program, by_value=program.name in self._by_value)
            entry = self._entries.get(program.name)
            if entry is None or entry.code != code:
                self._entries[program.name] = Entry(self.programs.add(program), code, version)
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
        self.programs.remove(name)

    def message(self, since: int) -> dict[str, object]:
        """Return what a worker that holds version `since` (0: a new one) must be sent."""
        return {
            "version": self.version,
            "levels": self._levels,
            "programs": [
                (name, entry.number, entry.code)
                for name, entry in self._entries.items()
                if entry.version > since
            ],
        }


def load_programs(message: Mapping[str, Any], workers: Iterable[Worker]) -> dict[str, str]:
    """Load the programs that a catalogue has sent; return why some cannot be loaded, with the fix, by name.

    Arguments:
        message: what `Catalogue.message` has returned.
        workers: the workers of this process, which are to know them.
    """
    failures: dict[str, str] = {}
    for name, number, packed in message["programs"]:
        try:
            code = loads(packed) if isinstance(packed, bytes) else NativeCode.of(packed)
            for worker in workers:
                hand_over(worker, number, code)
        except ProgramError as error:
            failures[name] = str(error)
        except (Exception, SystemExit) as error:  # importing a module may raise anything
            failures[name] = (
                f"{type(error).__name__}: {error}; "
                "what it refers to must be importable there, or be picklable by value"
            )
    return failures


def _packed(program: Program, *, by_value: bool) -> bytes | NativeCode:
    code = program.code
    if isinstance(code, NativeCode):
        return code
    module = sys.modules.get(code.__module__) if by_value else None
    try:
        return dumps(code, [] if module is None else [module])
    except Exception as error:  # what a foreign __reduce__ raises may be anything
        raise ProgramError(
            f"program {program.name} cannot be sent to the workers: {type(error).__name__}: {error}; "
            "what it refers to must be such as can be pickled"
        ) from error
