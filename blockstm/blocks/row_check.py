"""The check of the rows of a packed block: every type, every index, every limit.

Ten thousand rows are checked on every load, so the rules are written for columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

from blockstm.blocks.columns import (
    Broken,
    Column,
    all_below,
    all_of,
    check_batch,
    check_lists,
    check_u64,
    columns,
    fit_u64,
    named,
)
from blockstm.blocks.packed import RECORDED_FIELDS, PackedBlock
from blockstm.errors import BlockFileError, ProgramError, shown
from blockstm.files.content import ContentError
from blockstm.limits import ACCESSES_MAX, BYTES_ARGUMENT_BYTES_MAX
from blockstm.programs.arguments import check_encoded_arguments
from blockstm.programs.program import NativeProgram, Program, PythonProgram

_ROW_FIELDS: Final = ("program", "arguments", "gas limit", "recorded")


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
            "u64": check_u64,
            "u256": _check_u256,
            "adds": self._check_amounts,
            "bytes": _check_bytes,
        }

    def check(self, rows: Sequence[Any], first: int) -> None:
        """Check a batch of rows.

        Arguments:
            rows: the rows.
            first: the txn_idx of the first of them, for messages.

        Raises:
            ContentError: a row breaks a rule; names the first such row.
        """
        check_batch(self._check_batch, rows, first, "transaction")

    def _check_batch(self, rows: Sequence[Any]) -> None:
        if not rows:
            return
        programs, arguments, gas_limits, recorded = columns(rows, _ROW_FIELDS, "a row")
        if not all_below(programs, len(self._programs)):
            raise Broken(f"the program index is not that of one of {len(self._programs)} programs")
        if gas_limits.count(None) != len(gas_limits):
            named("gas limit", check_u64, [limit for limit in gas_limits if limit is not None])
        if recorded.count(None) != len(recorded):
            self._check_recorded([record for record in recorded if record is not None])
        for index, of_program in _grouped(programs, arguments).items():
            self._check_arguments(self._programs[index], of_program)

    def _check_arguments(self, program: Program, arguments: Column) -> None:
        if isinstance(program, NativeProgram):
            named("arguments", check_lists, arguments)
            names = [parameter.name for parameter in program.parameters]
            of_each = columns(arguments, names, f"the arguments of {shown(program.name)}")
            for parameter, column in zip(program.parameters, of_each, strict=True):
                named(f"argument {parameter.name}", self._checks[parameter.kind], column)
        elif isinstance(program, PythonProgram):
            for encoded in arguments:
                if type(encoded) is not bytes:
                    raise Broken(f"the arguments of {shown(program.name)} are not bytes")
                try:
                    program.check_count(check_encoded_arguments(encoded))
                except ProgramError as error:
                    raise Broken(f"program {shown(program.name)}: {error}") from None

    def _check_recorded(self, records: Column) -> None:
        if not all_of(records, MappingProxyType):
            raise Broken("recorded is not a map")
        for unknown in set().union(*records).difference(RECORDED_FIELDS):
            raise Broken(f"recorded has an unknown field {shown(unknown)}")
        kinds = {"reads": "keys", "writes": "keys", "adds": "adds", "gas_used": "u64"}
        for field in RECORDED_FIELDS:
            column = [record[field] for record in records if field in record]
            check = self._checks[kinds[field]] if field in kinds else _check_seconds
            named(f"recorded {field}", check, column)

    def _check_indexes(self, column: Column) -> None:
        if not all_below(column, self._key_count):
            raise Broken(f"it is not the index of one of {self._key_count} keys")

    def _check_index_lists(self, column: Column) -> None:
        check_lists(column)
        if column and max(map(len, column)) > ACCESSES_MAX:
            raise Broken(f"has more than {ACCESSES_MAX} entries")
        self._check_indexes(list(chain.from_iterable(column)))

    def _check_amounts(self, column: Column) -> None:
        check_lists(column)
        for flat in column:
            if len(flat) % 2 or len(flat) > 2 * ACCESSES_MAX:
                raise Broken(f"has {len(flat)} elements; they come in pairs, at most {ACCESSES_MAX}")
        pairs = list(chain.from_iterable(column))
        self._check_indexes(pairs[::2])
        _check_u256(pairs[1::2])
        if any(len(set(flat[::2])) != len(flat) // 2 for flat in column):
            raise Broken("names a key twice")


def _grouped(programs: Column, arguments: Column) -> dict[int, Column]:
    if len(set(programs)) == 1:  # as a rule
        return {programs[0]: arguments}
    groups: dict[int, list[Any]] = {}
    for index, of_one in zip(programs, arguments, strict=True):
        groups.setdefault(index, []).append(of_one)
    return dict(groups)


def _check_u256(column: Column) -> None:
    if all_of(column, int) and fit_u64(column):
        return
    check_u64([number for number in column if type(number) is not bytes])
    for number in column:
        if type(number) is bytes and not (8 < len(number) <= 32 and number[0]):
            raise Broken(f"{shown(number)} is not a number from 2**64 to 2**256 - 1 without leading zeros")


def _check_bytes(column: Column) -> None:
    if not all_of(column, bytes):
        raise Broken("it is not bytes")
    if column and max(map(len, column)) > BYTES_ARGUMENT_BYTES_MAX:
        raise Broken(f"it is longer than {BYTES_ARGUMENT_BYTES_MAX} bytes")


def _check_seconds(column: Column) -> None:
    for seconds in column:
        if type(seconds) is not float or not (isfinite(seconds) and seconds >= 0):
            raise Broken(f"{shown(seconds)} is not a finite float, zero or more")
