"""The check of the rows of a packed block: every type, every index, every limit.

Ten thousand rows are checked on every load, so the rules are written for columns: all first elements of many
rows at once, by built-ins that loop in C. Where a batch of rows breaks a rule, halving finds the first row.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from itertools import chain
from math import isfinite
from typing import Any, Final

from blockstm.blocks.packed import RECORDED_FIELDS, PackedBlock
from blockstm.errors import BlockFileError, ProgramError, shown
from blockstm.files.content import ContentError
from blockstm.limits import ACCESSES_MAX
from blockstm.programs.arguments import check_encoded_arguments
from blockstm.programs.program import NativeProgram, Program, PythonProgram

_ROW_FIELDS: Final = ("program", "arguments", "gas limit", "recorded")

Column = Sequence[Any]


class _Broken(Exception):  # noqa: N818 - a finding that travels to the place that knows the row
    """A rule is broken somewhere in a batch of rows."""


def check_rows(packed: PackedBlock) -> None:
    """Check all rows of a packed block.

    Raises:
        BlockFileError: a row breaks a rule; names the first such row.
    """
    try:
        RowChecker(packed.programs, len(packed.keys)).check(packed.rows, 0)
    except ContentError as error:
        raise BlockFileError(str(error)) from None


class RowChecker:
    """Checks rows against a table of programs and a number of keys.

    Arguments:
        programs: what rows name by program index.
        key_count: how many keys the rows may name.
    """

    def __init__(self, programs: Sequence[Program], key_count: int) -> None:
        """Keep what rows refer to."""
        self._programs = programs
        self._key_count = key_count
        self._checks: dict[str, Callable[[Column], None]] = {
            "key": self._check_indexes,
            "keys": self._check_index_lists,
            "u64": _check_u64,
            "u256": _check_u256,
            "adds": self._check_amounts,
        }

    def check(self, rows: Sequence[Any], first: int) -> None:
        """Check a batch of rows.

        Arguments:
            rows: the rows.
            first: the txn_idx of the first of them, for messages.

        Raises:
            ContentError: a row breaks a rule; names the first such row.
        """
        try:
            self._check_batch(rows)
        except _Broken as broken:
            if len(rows) > 1:
                middle = len(rows) // 2
                self.check(rows[:middle], first)
                self.check(rows[middle:], first + middle)
            raise ContentError(f"transaction {first}: {broken}; make the file again") from None

    def _check_batch(self, rows: Sequence[Any]) -> None:
        if not rows:
            return
        programs, arguments, gas_limits, recorded = _columns(rows, _ROW_FIELDS, "a row")
        if not all_below(programs, len(self._programs)):
            raise _Broken(f"the program index is not that of one of {len(self._programs)} programs")
        if gas_limits.count(None) != len(gas_limits):
            _named("gas limit", _check_u64, [limit for limit in gas_limits if limit is not None])
        if recorded.count(None) != len(recorded):
            self._check_recorded([record for record in recorded if record is not None])
        for index, of_program in _grouped(programs, arguments).items():
            self._check_arguments(self._programs[index], of_program)

    def _check_arguments(self, program: Program, arguments: Column) -> None:
        if isinstance(program, NativeProgram):
            _named("arguments", _check_lists, arguments)
            names = [parameter.name for parameter in program.parameters]
            columns = _columns(arguments, names, f"the arguments of {shown(program.name)}")
            for parameter, column in zip(program.parameters, columns, strict=True):
                _named(f"argument {parameter.name}", self._checks[parameter.kind], column)
        elif isinstance(program, PythonProgram):
            for encoded in arguments:
                if type(encoded) is not bytes:
                    raise _Broken(f"the arguments of {shown(program.name)} are not bytes")
                try:
                    program.check_count(check_encoded_arguments(encoded))
                except ProgramError as error:
                    raise _Broken(f"program {shown(program.name)}: {error}") from None

    def _check_recorded(self, records: Column) -> None:
        if not all_of(records, dict):
            raise _Broken("recorded is not a map")
        for unknown in set().union(*records).difference(RECORDED_FIELDS):
            raise _Broken(f"recorded has an unknown field {shown(unknown)}")
        kinds = {"reads": "keys", "writes": "keys", "adds": "adds", "gas_used": "u64"}
        for field in RECORDED_FIELDS:
            column = [record[field] for record in records if field in record]
            check = self._checks[kinds[field]] if field in kinds else _check_seconds
            _named(f"recorded {field}", check, column)

    def _check_indexes(self, column: Column) -> None:
        if not all_below(column, self._key_count):
            raise _Broken(f"it is not the index of one of {self._key_count} keys")

    def _check_index_lists(self, column: Column) -> None:
        _check_lists(column)
        if column and max(map(len, column)) > ACCESSES_MAX:
            raise _Broken(f"has more than {ACCESSES_MAX} entries")
        self._check_indexes(list(chain.from_iterable(column)))

    def _check_amounts(self, column: Column) -> None:
        _check_lists(column)
        for flat in column:
            if len(flat) % 2 or len(flat) > 2 * ACCESSES_MAX:
                raise _Broken(f"has {len(flat)} elements; they come in pairs, at most {ACCESSES_MAX}")
        pairs = list(chain.from_iterable(column))
        self._check_indexes(pairs[::2])
        _check_u256(pairs[1::2])
        if any(len(set(flat[::2])) != len(flat) // 2 for flat in column):
            raise _Broken("names a key twice")


def _grouped(programs: Column, arguments: Column) -> dict[int, Column]:
    if len(set(programs)) == 1:  # as a rule
        return {programs[0]: arguments}
    groups: dict[int, list[Any]] = {}
    for index, of_one in zip(programs, arguments, strict=True):
        groups.setdefault(index, []).append(of_one)
    return dict(groups)


def _columns(rows: Sequence[Any], fields: Sequence[str], what: str) -> list[Column]:
    try:
        columns: list[Column] = list(zip(*rows, strict=True))
        if len(columns) == len(fields):
            return columns
    except (TypeError, ValueError):  # not lists, or of different lengths
        pass
    raise _Broken(f"{what} must have {len(fields)} elements ({', '.join(fields)})")


def _named(what: str, check: Callable[[Column], None], column: Column) -> None:
    try:
        check(column)
    except _Broken as broken:
        raise _Broken(f"{what}: {broken}") from None


def all_of(column: Column, kind: type) -> bool:
    """Tell whether every element is of exactly this type (so that a bool is not an int)."""
    return list(map(type, column)).count(kind) == len(column)


def all_below(column: Column, end: int) -> bool:
    """Tell whether every element is an int from 0 to `end` - 1, where `end` is at most 2**64."""
    return all_of(column, int) and _fit_u64(column) and (not column or max(column) < end)


def _fit_u64(integers: Column) -> bool:
    try:
        array("Q", integers)
    except OverflowError:
        return False
    return True


def _check_lists(column: Column) -> None:
    if not all_of(column, tuple):
        raise _Broken("it is not a list")


def _check_u64(column: Column) -> None:
    if not (all_of(column, int) and _fit_u64(column)):
        raise _Broken("it is not an integer from 0 to 2**64 - 1")


def _check_u256(column: Column) -> None:
    if all_of(column, int) and _fit_u64(column):
        return
    _check_u64([number for number in column if type(number) is not bytes])
    for number in column:
        if type(number) is bytes and not (8 < len(number) <= 32 and number[0]):
            raise _Broken(f"{shown(number)} is not a number from 2**64 to 2**256 - 1 without leading zeros")


def _check_seconds(column: Column) -> None:
    for seconds in column:
        if type(seconds) is not float or not (isfinite(seconds) and seconds >= 0):
            raise _Broken(f"{shown(seconds)} is not a finite float, zero or more")
