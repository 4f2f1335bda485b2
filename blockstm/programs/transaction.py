"""Transactions: runs of programs with their arguments, as blocks hold them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blockstm.errors import ProgramError, shown
from blockstm.limits import U64_MAX
from blockstm.programs.parameters import check_adds, check_integer, check_keys

if TYPE_CHECKING:
    from blockstm.programs.program import Program


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was measured when the transaction ran for real, each part where it is known.

    Arguments:
        gas_used: gas.
        seconds: execution time, in seconds.
        reads: the keys that it read.
        writes: the keys that it wrote or deleted.
        adds: what it added without reading, by key.

    Raises:
        LimitError: a key, a number or a count is over its limit.
        ProgramError: a value is of the wrong type.
    """

    gas_used: int | None = None
    seconds: float | None = None
    reads: tuple[bytes, ...] | None = None
    writes: tuple[bytes, ...] | None = None
    adds: Mapping[bytes, int] | None = None

    def __post_init__(self) -> None:
        """Check every part, and copy the collections."""
        if self.gas_used is not None:
            check_integer(self.gas_used, U64_MAX, "recorded gas_used")
        if self.seconds is not None:
            check_seconds(self.seconds)
        for name in ("reads", "writes"):
            keys = getattr(self, name)
            if keys is not None:
                object.__setattr__(self, name, check_keys(keys, f"recorded {name}"))
        if self.adds is not None:
            object.__setattr__(self, "adds", check_adds(self.adds, "recorded adds"))


def check_seconds(seconds: object) -> None:
    """Check that a recorded duration is a finite number of seconds, zero or more.

    Raises:
        ProgramError: it is not.
    """
    # The comparison is false for NaN, too.
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < float("inf"):
        raise ProgramError(f"recorded seconds are {shown(seconds)}; give a finite number, zero or more")


class Transaction:
    """One run of a program with its arguments, as a block holds it. Usually made with `Program.txn`.

    Arguments:
        program: what runs.
        arguments: its arguments by position; checked, and kept as the program will get them.
        gas_limit: the most gas that it may be charged; None for no limit.
        recorded: what was measured when it ran for real.

    Raises:
        ProgramError: the arguments do not fit the program.
        LimitError: a key, a number or a count is over its limit.
    """

    # Blocks are made of tens of thousands of these. Plain slots behind read-only properties are half as dear
    # to make as a frozen dataclass.
    __slots__ = ("_arguments", "_encoded", "_gas_limit", "_program", "_recorded")

    _program: Program
    _arguments: tuple[object, ...]
    _encoded: bytes | None
    _gas_limit: int | None
    _recorded: Recorded | None

    def __init__(
        self,
        program: Program,
        arguments: tuple[object, ...],
        gas_limit: int | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        """Check the arguments and keep them as the program will get them."""
        self._program = program
        self._arguments, self._encoded = program.checked(arguments)
        self._gas_limit = None if gas_limit is None else check_integer(gas_limit, U64_MAX, "gas_limit")
        if not isinstance(recorded, Recorded | None):
            raise ProgramError(f"recorded is {shown(recorded)}; give a Recorded or None")
        self._recorded = recorded

    @property
    def program(self) -> Program:
        """What runs."""
        return self._program

    @property
    def arguments(self) -> tuple[object, ...]:
        """Its arguments by position, as the program gets them."""
        return self._arguments

    @property
    def encoded(self) -> bytes | None:
        """The arguments of a Python program as bytes; None for a native program."""
        return self._encoded

    @property
    def gas_limit(self) -> int | None:
        """The most gas that it may be charged; None for no limit."""
        return self._gas_limit

    @property
    def recorded(self) -> Recorded | None:
        """What was measured when it ran for real."""
        return self._recorded

    def __eq__(self, other: object) -> bool:
        """Two transactions are equal when everything in them is."""
        if not isinstance(other, Transaction):
            return NotImplemented
        return (
            self._program == other._program
            and self._arguments == other._arguments
            and self._gas_limit == other._gas_limit
            and self._recorded == other._recorded
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Show the program and its arguments."""
        limit = "" if self._gas_limit is None else f", gas_limit={self._gas_limit}"
        return f"<Transaction {self._program.name}{shown(self._arguments)}{limit}>"
