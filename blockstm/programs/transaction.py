"""Transactions: runs of programs with their arguments, as blocks hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from blockstm.errors import ProgramError, shown
from blockstm.limits import U64_MAX
from blockstm.programs.declared import Declared, Hints
from blockstm.programs.parameters import check_adds, check_integer, check_keys

if TYPE_CHECKING:
    from blockstm.programs.program import Program


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was measured when the transaction ran for real, each part where it is known. It does not change.

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
    adds: Mapping[bytes, int] | None = field(default=None, hash=False)

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


class _Parts(TypedDict, total=False):
    """What `Transaction.replace` replaces."""

    gas_limit: int | None
    recorded: Recorded | None
    declared: Declared | None
    hints: Hints | None
    arrival_nanoseconds: int | None


class Transaction:
    """One run of a program with its arguments, as a block holds it. Usually made with `Program.txn`.

    Arguments:
        program: what runs.
        arguments: its arguments by position; checked, and kept as the program will get them.
        gas_limit: the most gas that it may be charged; None for no limit.
        recorded: what was measured when it ran for real.
        declared: the accesses that it promises to keep to.
        hints: the accesses that it is likely to make.
        arrival_nanoseconds: when it arrived, from 0 to 2**64 - 1. Only differences within a block mean something:
            as a rule they count from the arrival of the block's first. Whole nanoseconds, as feeds stamp
            nothing finer and differences of them are exact. They need not ascend: the preset order is often
            not that of arrival (cancellations first, the higher fee first).

    Raises:
        ProgramError: the arguments do not fit the program, or something is of the wrong type.
        LimitError: a key, a number or a count is over its limit.
    """

    # Blocks are made of tens of thousands of these. Plain slots behind read-only properties are half as dear
    # to make as a frozen dataclass.
    __slots__ = (
        "_arguments",
        "_arrival_nanoseconds",
        "_declared",
        "_encoded",
        "_gas_limit",
        "_hints",
        "_program",
        "_recorded",
    )

    _program: Program
    _arguments: tuple[object, ...]
    _encoded: bytes | None
    _gas_limit: int | None
    _recorded: Recorded | None
    _declared: Declared | None
    _hints: Hints | None
    _arrival_nanoseconds: int | None

    def __init__(
        self,
        program: Program,
        arguments: tuple[object, ...],
        gas_limit: int | None = None,
        recorded: Recorded | None = None,
        *,
        declared: Declared | None = None,
        hints: Hints | None = None,
        arrival_nanoseconds: int | None = None,
    ) -> None:
        """Check the arguments and keep them as the program will get them."""
        self._program = program
        self._arguments, self._encoded = program.checked(arguments)
        self._set_parts(gas_limit, recorded, declared, hints, arrival_nanoseconds)

    def _set_parts(
        self,
        gas_limit: int | None,
        recorded: Recorded | None,
        declared: Declared | None,
        hints: Hints | None,
        arrival_nanoseconds: int | None,
    ) -> None:
        """Check and keep all but program and arguments."""
        self._gas_limit = None if gas_limit is None else check_integer(gas_limit, U64_MAX, "gas_limit")
        if recorded is not None and not isinstance(recorded, Recorded):
            raise ProgramError(f"recorded is {shown(recorded)}; give a Recorded or None")
        self._recorded = recorded
        if declared is not None and not isinstance(declared, Declared):
            raise ProgramError(f"declared is {shown(declared)}; give a Declared or None")
        self._declared = declared
        if hints is not None and not isinstance(hints, Hints):
            raise ProgramError(f"hints is {shown(hints)}; give Hints or None")
        self._hints = hints
        self._arrival_nanoseconds = (
            None
            if arrival_nanoseconds is None
            else check_integer(arrival_nanoseconds, U64_MAX, "arrival_nanoseconds")
        )

    def replace(self, **parts: Unpack[_Parts]) -> Transaction:
        """Return the same transaction with other parts: `transfer.txn(...).replace(declared=Declared(...))`.

        Arguments:
            parts: any of `gas_limit`, `recorded`, `declared`, `hints` and `arrival_nanoseconds`, as for the
                constructor; the others stay as they are.

        Raises:
            LimitError: a number is over its limit.
            ProgramError: a part is of the wrong type, or none of these.
        """
        for name in parts.keys() - _Parts.__annotations__.keys():
            raise ProgramError(
                f"{shown(name)} is not a part of a transaction that can be replaced; "
                f"those are {', '.join(_Parts.__annotations__)}"
            )
        made = Transaction.__new__(Transaction)
        made._program, made._arguments, made._encoded = self._program, self._arguments, self._encoded
        made._set_parts(
            parts.get("gas_limit", self._gas_limit),
            parts.get("recorded", self._recorded),
            parts.get("declared", self._declared),
            parts.get("hints", self._hints),
            parts.get("arrival_nanoseconds", self._arrival_nanoseconds),
        )
        return made

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

    @property
    def declared(self) -> Declared | None:
        """The accesses that it promises to keep to; None where it declares none."""
        return self._declared

    @property
    def hints(self) -> Hints | None:
        """The accesses that it is likely to make; None where there are no hints."""
        return self._hints

    @property
    def arrival_nanoseconds(self) -> int | None:
        """When it arrived, in nanoseconds that count from a moment that is the same for the whole block."""
        return self._arrival_nanoseconds

    def __eq__(self, other: object) -> bool:
        """Two transactions are equal when everything in them is."""
        if not isinstance(other, Transaction):
            return NotImplemented
        return (
            self._program == other._program
            and self._arguments == other._arguments
            and self._gas_limit == other._gas_limit
            and self._recorded == other._recorded
            and self._declared == other._declared
            and self._hints == other._hints
            and self._arrival_nanoseconds == other._arrival_nanoseconds
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Show the program, its arguments and what was said of it beforehand."""
        names = ("gas_limit", "declared", "hints", "arrival_nanoseconds")
        parts = [(name, getattr(self, name)) for name in names]
        told = "".join(f", {name}={shown(value)}" for name, value in parts if value is not None)
        return f"<Transaction {self._program.name}{shown(self._arguments)}{told}>"


def named_keys_of(transactions: Iterable[Transaction]) -> dict[bytes, None]:
    """Return the keys that arguments of native programs name, each once, in the order first named."""
    named: dict[bytes, None] = {}
    places: dict[Program, tuple[list[int], list[int]]] = {}
    for transaction in transactions:
        program, arguments = transaction.program, transaction.arguments
        if program not in places:
            kinds = [parameter.kind for parameter in getattr(program, "parameters", ())]
            of_one = [place for place, kind in enumerate(kinds) if kind == "key"]
            places[program] = of_one, [place for place, kind in enumerate(kinds) if kind in ("keys", "adds")]
        of_one, of_several = places[program]
        for place in of_one:
            named[cast(bytes, arguments[place])] = None
        for place in of_several:
            named.update(dict.fromkeys(cast("Iterable[bytes]", arguments[place])))
    return named
