"""What every worker must hold before it takes part in a block: programs, the state's source, the loggers' levels.

The engine keeps the catalogue; its version goes up with every change. A worker that holds an older version is
sent what has changed since, and a new worker everything.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from blockstm.errors import BlockstmError, ProgramError, StateSourceError
from blockstm.limits import PROGRAMS_MAX
from blockstm.native._core import Worker
from blockstm.processes.logs import logger_levels
from blockstm.processes.pickling import dumps, loads
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import NativeCode, Program, PythonProgram
from blockstm.programs.table import ProgramTable, hand_over
from blockstm.state.source import StateSource

__all__ = ["SOURCE", "Catalogue", "listed", "load_programs", "refusal"]


SOURCE: Final = ""
"""Stands for the state's source where else there is the name of a program, which is not empty."""
NAME_OF_SOURCE: Final = "the source of the state"


@dataclass(slots=True)
class Entry:
    """One program as it is sent, or the source of the state."""

    number: int
    code: bytes | NativeCode
    """Its function, pickled, or where its compiled code is; the source, pickled."""
    version: int
    """The version of the catalogue since which it has been so."""


class Catalogue:
    """The programs that workers hold, the source of the state, and their log levels."""

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
        """Tell whether there is a program of that name; of `SOURCE`, whether there is or was a source."""
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
            self._entries = {name: entry for name, entry in self._entries.items() if name == SOURCE}
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

    def set_source(self, source: StateSource | None) -> None:
        """Hold this source as it is now; None: workers are to let go of the last one.

        Raises:
            StateSourceError: it cannot be pickled.
        """
        entry = self._entries.get(SOURCE)
        if source is None and entry is None:
            return
        try:
            packed = _dumped(source, type(source), by_value=SOURCE in self._by_value)
        except Exception as error:  # what a foreign __reduce__ raises may be anything
            raise StateSourceError(
                f"the source of the state cannot be sent to the workers: {type(error).__name__}: {error}; have it "
                "open what it needs in the process in which it is first asked (__getstate__)"
            ) from error
        if entry is None or entry.code != packed:
            self.version += 1
            self._entries[SOURCE] = Entry(0, packed, self.version)

    def send_source_by_value(self, source: StateSource | None) -> bool:
        """Send what a source takes from its own module by value, too, as `send_by_value` does."""
        if SOURCE in self._by_value:
            return False
        self._by_value.add(SOURCE)
        self.set_source(source)
        return True

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
    """Load the programs that a catalogue has sent, and the source; return why some cannot be loaded, with the fix.

    Arguments:
        message: what `Catalogue.message` has returned.
        workers: the workers of this process, which are to know them.
    """
    failures: dict[str, str] = {}
    for name, number, packed in message["programs"]:
        try:
            code: Any = loads(packed) if isinstance(packed, bytes) else NativeCode.of(packed)
            for worker in workers:
                if name == SOURCE:
                    worker.set_source(code)
                else:
                    hand_over(worker, number, code)
        except ProgramError as error:
            failures[name] = str(error)
        except (Exception, SystemExit) as error:  # importing a module may raise anything
            failures[name] = (
                f"{type(error).__name__}: {error}; "
                "what it refers to must be importable there, or be picklable by value"
            )
    return failures


def refusal(name: str, why: str, where: str) -> BlockstmError:
    """Return the error for what another process could not load.

    Arguments:
        name: of a program, or SOURCE.
        why: what went wrong there, with the fix.
        where: "a worker process" or the like.
    """
    kind, what = (StateSourceError, NAME_OF_SOURCE) if name == SOURCE else (ProgramError, f"program {name}")
    return kind(f"{what} cannot be loaded in {where}: {why}")


def listed(names: Iterable[str]) -> str:
    """Return entries of the catalogue as a message names them."""
    return " or ".join(NAME_OF_SOURCE if name == SOURCE else name for name in names)


def _dumped(value: object, defined: Any, *, by_value: bool) -> bytes:
    """Pickle a value; `defined`: the function or class whose module is sent by value, too."""
    module = sys.modules.get(defined.__module__) if by_value else None
    return dumps(value, [] if module is None else [module])


def _packed(program: Program, *, by_value: bool) -> bytes | NativeCode:
    code = program.code
    if isinstance(code, NativeCode):
        return code
    try:
        return _dumped(code, code, by_value=by_value)
    except Exception as error:  # what a foreign __reduce__ raises may be anything
        raise ProgramError(
            f"program {program.name} cannot be sent to the workers: {type(error).__name__}: {error}; "
            "what it refers to must be picklable"
        ) from error
