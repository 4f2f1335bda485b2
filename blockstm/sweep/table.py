"""The table of a sweep, as data tools take it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, SupportsIndex, overload

from blockstm.errors import counted
from blockstm.schema.sweep import COLUMNS
from blockstm.sweep.rows import Row, parameter_columns
from blockstm.tables.arrow import ArrowTable, Column

__all__ = ["SweepTable"]

_TYPES: Final[Mapping[type, str]] = {int: "int64", float: "double", str: "string"}


class SweepTable(Sequence[Row], ArrowTable):
    """A row for each finished run, as mappings by column, and a table for data tools (``table.to_arrow()``).

    The columns are those of docs/how-to/sweeps.md: counts as int64, times (``..._seconds``) and ratios as double,
    texts as string; then ``parameter.NAME`` for each parameter of the scenario: int64, or string where any row has
    a text there. What a run does not have is null.

    Arguments:
        rows: the rows, in order.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        """Keep the rows."""
        self._rows = list(rows)

    def __len__(self) -> int:
        """Tell the number of rows."""
        return len(self._rows)

    @overload
    def __getitem__(self, index: SupportsIndex) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> SweepTable: ...
    def __getitem__(self, index: SupportsIndex | slice) -> Row | SweepTable:
        """Return one row, or for a slice a table of those.

        Raises:
            IndexError: there is no such row.
        """
        return SweepTable(self._rows[index]) if isinstance(index, slice) else self._rows[index]

    def __eq__(self, other: object) -> bool:
        """Two tables are equal when their rows are."""
        return self._rows == other._rows if isinstance(other, SweepTable) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Say how many rows there are."""
        return f"<SweepTable of {counted(len(self), 'row')}>"

    def _kinds(self) -> dict[str, type]:
        """Return the Python type of each column's values."""
        kinds = dict(COLUMNS)
        for name in parameter_columns(self._rows):
            is_text = any(isinstance(row.get(name), str) for row in self._rows)
            kinds[name] = str if is_text else int
        return kinds

    def _arrow_columns(self) -> Mapping[str, Column]:
        return {name: Column(_TYPES[kind], True) for name, kind in self._kinds().items()}

    def _arrow_rows(self) -> Iterator[tuple[object, ...]]:
        kinds = self._kinds()
        for row in self._rows:
            yield tuple([_value(row.get(name), kind) for name, kind in kinds.items()])


def _value(value: object, kind: type) -> object:
    return value if value is None else kind(value)
