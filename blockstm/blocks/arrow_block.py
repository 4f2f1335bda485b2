"""Blocks out of Arrow tables: a column for each parameter, and two for the state."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from blockstm.blocks.arrow_columns import U256_BYTES, ArrowColumn
from blockstm.errors import LimitError, UnknownProgramError, UsageError, counted, shown, type_shown
from blockstm.limits import KEY_BYTES_MAX, KEYS_MAX, PROGRAMS_MAX, TRANSACTIONS_MAX, U64_MAX
from blockstm.native._core import Column, ColumnRows, StateColumns
from blockstm.programs.parameters import REQUIRED, Kind
from blockstm.programs.program import NativeProgram, Program, lookup
from blockstm.programs.transaction import Transaction
from blockstm.tables.arrow import import_pyarrow

if TYPE_CHECKING:
    import pyarrow

__all__ = ["NativeRows", "state_of", "transactions_of"]

PROGRAM: Final = "program"
GAS_LIMIT: Final = "gas_limit"
STATE_COLUMNS: Final = ("key", "value")


class NativeRows(NamedTuple):
    """Transactions that run native programs, column by column."""

    programs: tuple[Program, ...]
    rows: ColumnRows

    def transactions(self) -> Iterator[Transaction]:
        """Make the transactions."""
        for place, arguments, gas_limit in self.rows:
            yield Transaction(self.programs[place], arguments, gas_limit)


def transactions_of(given: object, program: Program | None) -> NativeRows | list[Transaction]:
    """Return the rows of a table of transactions; where a program is one in Python, transactions.

    Arguments:
        given: the table.
        program: what all of them run; None where a column says it for each.

    Raises:
        UsageError: a column is missing, unknown, of the wrong type, or holds what does not fit;
            names column and row.
        LimitError: a value or a count is over its limit.
        UnknownProgramError: no imported module defines a program.
    """
    table = _table(given, "transactions")
    if table.num_rows > TRANSACTIONS_MAX:
        raise LimitError(
            f"the table has {table.num_rows} transactions; the limit is {TRANSACTIONS_MAX}: split it"
        )
    rows = _Rows.of(table, program)
    rows.check_columns()
    if all(isinstance(each, NativeProgram) for each in rows.programs):
        return NativeRows(rows.programs, rows.native())
    return list(rows.transactions())


def state_of(given: object) -> StateColumns:
    """Return the state that a table of keys and values holds; raises as `transactions_of` does."""
    table = _table(given, "state")
    if sorted(table.column_names) != sorted(STATE_COLUMNS):
        raise UsageError(
            f"the table of the state has the columns {', '.join(map(shown, table.column_names)) or '(none)'}; "
            f"give it two, {' and '.join(STATE_COLUMNS)}"
        )
    if table.num_rows > KEYS_MAX:
        raise LimitError(
            f"the state has {table.num_rows} keys; the limit is {KEYS_MAX}: leave out what is not used"
        )
    keys = ArrowColumn("key", table.column("key")).strings("key", KEY_BYTES_MAX)
    values = ArrowColumn("value", table.column("value")).strings("bytes")
    repeated = keys.first_repeated(secrets.randbits(64))
    if repeated is not None:
        raise UsageError(
            f"column key, row {repeated}: the key stands in a row before it, too; give each once"
        )
    return StateColumns(keys, values)


def _table(given: object, what: str) -> pyarrow.Table:
    arrow = import_pyarrow()
    if not isinstance(given, arrow.Table):
        if not (hasattr(given, "__arrow_c_stream__") or hasattr(given, "__arrow_c_array__")):
            raise UsageError(
                f"{what} is {type_shown(given)}; give a table for Arrow, as of pyarrow, polars, pandas or DuckDB"
            )
        try:
            given = arrow.table(given)
        except (arrow.ArrowException, TypeError, ValueError) as error:
            raise UsageError(f"{what} is no table for Arrow: {error}; give one with named columns") from error
    table: pyarrow.Table = given
    for name in table.column_names:
        if table.column_names.count(name) > 1:
            raise UsageError(f"the table of the {what} has two columns named {shown(name)}; rename one")
    return table


@dataclass(slots=True)
class _Rows:
    """A table of transactions, and which program each of them runs."""

    table: pyarrow.Table
    programs: tuple[Program, ...]
    """In the order in which they first come."""
    places: Any = None
    """For each row the place of its program, uint32; None: all run the first."""
    is_program_column: bool = False
    columns: dict[tuple[str, Kind], Column] = field(default_factory=dict)

    @classmethod
    def of(cls, table: pyarrow.Table, program: Program | None) -> _Rows:
        if program is not None:
            if not isinstance(program, Program):
                raise UsageError(f"program is {shown(program)}, {type_shown(program)}; give a program")
            return cls(table, (program,) if table.num_rows else ())
        if PROGRAM not in table.column_names:
            raise UsageError(
                f"the table of the transactions has no column {PROGRAM}; give it one with the programs' names, "
                "or say program=..., which all of them run"
            )
        arrow = import_pyarrow()
        names = table.column(PROGRAM)
        kind = names.type.value_type if arrow.types.is_dictionary(names.type) else names.type
        if not (arrow.types.is_string(kind) or arrow.types.is_large_string(kind)):
            raise UsageError(
                f"column {PROGRAM} is of type {names.type}; give the programs' names, as strings"
            )
        ArrowColumn(PROGRAM, names)
        names = names.cast(arrow.large_string())
        different = arrow.compute.unique(names)
        if len(different) > PROGRAMS_MAX:
            raise LimitError(
                f"the block has {len(different)} programs; the limit is {PROGRAMS_MAX}: split it"
            )
        places = arrow.compute.index_in(names, value_set=different)
        programs = tuple([_named(name.as_py(), names) for name in different])
        only_one = len(programs) <= 1
        return cls(table, programs, None if only_one else places.cast(arrow.uint32()).combine_chunks(), True)

    def check_columns(self) -> None:
        """Check that each column stands for something."""
        parameters = {name for each in self.programs for name in each.defaults()}
        for reserved in (GAS_LIMIT, PROGRAM) if self.is_program_column else (GAS_LIMIT,):
            if reserved in parameters:
                raise UsageError(
                    f"a program has a parameter named {reserved}, as which a table has another column; "
                    "make a block of such transactions of objects"
                )
            parameters.add(reserved)
        for name in self.table.column_names:
            # One that is null throughout may be of programs that run elsewhere in a larger table.
            if name not in parameters and self.table.column(name).null_count != self.table.num_rows:
                raise UsageError(
                    f"column {shown(name)} is no parameter of {_listed(self.programs)}; leave it out, or rename it"
                )

    def native(self) -> ColumnRows:
        """Return the rows as the core takes them."""
        limits = self._gas_limits()
        length = self.table.num_rows
        columns = [
            [
                self._column(program, parameter.name, parameter.kind, parameter.default)
                for parameter in program.parameters
            ]
            for program in self.programs
            if isinstance(program, NativeProgram)
        ]
        places = None if self.places is None else _plain(self.places, 4, "I")
        return ColumnRows(length, columns, places, *limits)

    def _column(self, program: Program, name: str, kind: Kind, default: object) -> Column:
        known = self.columns.get((name, kind))
        if known is None or not self._is_given(name):
            column = self._of_table(program, name, default)
            known = self.columns[name, kind] = column.of_kind(kind)
        return known

    def _is_given(self, name: str) -> bool:
        return name in self.table.column_names

    def _of_table(self, program: Program, name: str, default: object) -> ArrowColumn:
        if self._is_given(name):
            return ArrowColumn(name, self.table.column(name), self._rows_with(name))
        if default is REQUIRED:
            raise UsageError(
                f"the table of the transactions has no column {shown(name)}, a parameter of {shown(program.name)}; "
                "add it"
            )
        arrow = import_pyarrow()
        return ArrowColumn(name, arrow.chunked_array([_repeated(default, self.table.num_rows)]))

    def _rows_with(self, name: str) -> Any:
        """Return for each row whether its program has such a parameter; None where each has."""
        arrow = import_pyarrow()
        having = [place for place, each in enumerate(self.programs) if name in each.defaults()]
        if len(having) == len(self.programs):
            return None
        return arrow.compute.is_in(self.places, value_set=arrow.array(having, arrow.uint32()))

    def _gas_limits(self) -> tuple[Column | None, memoryview[int] | None]:
        """Return the gas limits, and for each row whether it has one; nothing where none has."""
        arrow = import_pyarrow()
        if not self._is_given(GAS_LIMIT) or arrow.types.is_null(self.table.column(GAS_LIMIT).type):
            return None, None
        limits = self.table.column(GAS_LIMIT)
        limited = limits.is_valid()
        return (
            ArrowColumn(GAS_LIMIT, limits, limited).of_kind("u64"),
            _plain(limited.cast(arrow.uint8()).combine_chunks(), 1, "B"),
        )

    def transactions(self) -> Iterator[Transaction]:
        """Make the transactions, one by one, as Python programs take any objects."""
        names = [list(each.defaults()) for each in self.programs]
        for name in {name for of_program in names for name in of_program}:
            if self._is_given(name):
                ArrowColumn(name, self.table.column(name), self._rows_with(name))
        columns = {name: self.table.column(name) for name in self.table.column_names}
        places = [0] * self.table.num_rows if self.places is None else self.places.to_pylist()
        for row, place in enumerate(places):
            arguments = {name: columns[name][row].as_py() for name in names[place] if name in columns}
            gas_limit = columns[GAS_LIMIT][row].as_py() if GAS_LIMIT in columns else None
            yield self.programs[place].txn(gas_limit=gas_limit, **arguments)


def _named(name: str, names: Any) -> Program:
    try:
        return lookup(name)
    except UnknownProgramError as error:
        row = names.index(name).as_py()
        raise UnknownProgramError(f"column {PROGRAM}, row {row}: {error}") from None


def _repeated(value: object, count: int) -> Any:
    """Return a default as a column."""
    arrow = import_pyarrow()
    key, number = arrow.large_binary(), arrow.binary(U256_BYTES)
    if isinstance(value, Mapping):
        pairs = [(added_to, _binary(amount)) for added_to, amount in value.items()]
        return arrow.array([pairs] * count, arrow.map_(key, number))
    if isinstance(value, tuple):
        return arrow.array([value] * count, arrow.large_list(key))
    if isinstance(value, int):
        is_small = value <= U64_MAX
        scalar = arrow.scalar(value, arrow.uint64()) if is_small else arrow.scalar(_binary(value), number)
        return arrow.repeat(scalar, count)
    return arrow.repeat(arrow.scalar(value, key), count)


def _binary(number: int) -> bytes:
    return number.to_bytes(U256_BYTES, "big")


def _plain(values: Any, width: int, code: Literal["B", "I"]) -> memoryview[int]:
    """Return the numbers of an array, each of `width` bytes."""
    buffer = values.buffers()[1]
    start = values.offset * width
    return memoryview(buffer or b"").cast("B")[start : start + len(values) * width].cast(code)


def _listed(programs: Sequence[Program]) -> str:
    return shown(programs[0].name) if len(programs) == 1 else counted(len(programs), "program")
