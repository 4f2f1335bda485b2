"""Which programs blocks use, and under which numbers workers know them.

To the core a program is a number: transactions name it by that, and workers look up there what to run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from blockstm.programs.parameters import Kind
from blockstm.programs.program import NativeCode, Program

if TYPE_CHECKING:
    from blockstm.native._core import Worker

__all__ = ["ProgramTable", "hand_over", "kinds_of"]

Code = Callable[..., object] | NativeCode


def hand_over(worker: Worker, number: int, code: Code) -> None:
    """Make a program known to a worker.

    Arguments:
        worker: the worker.
        number: the program's number.
        code: what to run for it.

    Raises:
        ProgramError: there is no native program where the code is said to be.
        ImportError: its module cannot be imported; importing one may raise anything else, too.
    """
    if isinstance(code, NativeCode):
        worker.set_native(number, code)
    else:
        worker.set_python(number, code)


def kinds_of(program: Program) -> tuple[Kind, ...]:
    """Return the kinds of a program's parameters as the core reads them: none of a Python program."""
    code = program.code
    return code.kinds if isinstance(code, NativeCode) else ()


class ProgramTable:
    """Programs by number, each once.

    Arguments:
        programs: the first of them.
    """

    def __init__(self, programs: Iterable[Program] = ()) -> None:
        """Give each program a number."""
        self._numbers: dict[str, int] = {}
        self._codes: dict[str, Code] = {}
        self._next = 0
        for program in programs:
            self.add(program)

    def add(self, program: Program, code: Code | None = None) -> int:
        """Hold a program as it is now, and return its number, which stays the same.

        Arguments:
            program: the program.
            code: what workers run for it; None for what the program says.
        """
        if program.name not in self._numbers:
            self._numbers[program.name], self._next = self._next, self._next + 1
        self._codes[program.name] = program.code if code is None else code
        return self._numbers[program.name]

    def remove(self, name: str) -> None:
        """Hold a program no longer."""
        self._numbers.pop(name, None)
        self._codes.pop(name, None)

    def numbers(self, programs: Iterable[Program]) -> list[tuple[int, tuple[Kind, ...]]]:
        """Return the number of each of these programs, and the kinds of its parameters (none of a Python program).

        It is what the core needs in order to read a block that uses them.
        """
        return [(self._numbers[program.name], kinds_of(program)) for program in programs]

    def hand_to(self, worker: Worker) -> None:
        """Make all programs known to a worker of this process; raises as `hand_over` does."""
        for name, number in self._numbers.items():
            hand_over(worker, number, self._codes[name])
