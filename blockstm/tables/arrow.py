"""Tables for data tools: Arrow's PyCapsule interface, which pyarrow, polars, DuckDB and pandas take as it is.

It needs pyarrow, which the extras `report` and `sweep` bring. Importing this module does not import it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from blockstm.errors import UsageError, install_extra

if TYPE_CHECKING:
    import pyarrow

__all__ = ["ArrowTable", "Column", "import_pyarrow"]

# So few that what one batch holds of the largest values, 64 KiB each, is bounded; so many that the work of a batch
# itself does not count.
BATCH_ROWS: Final = 8192


class Column(NamedTuple):
    """The type of a column.

    Arguments:
        arrow_type: as Arrow names it, such as "uint64"; "list<large_binary>" is a list of bytes.
        is_nullable: whether a value may be missing.
    """

    arrow_type: str
    is_nullable: bool = False


class ArrowTable(ABC):
    """What can be taken as a table: ``polars.DataFrame(x)``, ``pyarrow.table(x)``, DuckDB's ``FROM x``.

    Rows are decoded batch by batch as they are asked for.
    """

    __slots__ = ()

    @abstractmethod
    def _arrow_columns(self) -> Mapping[str, Column]:
        """Return the columns by name, in order."""

    @abstractmethod
    def _arrow_rows(self) -> Iterator[tuple[object, ...]]:
        """Yield the values of each row, in the order of the columns."""

    def to_arrow(self) -> pyarrow.Table:
        """Return everything as a ``pyarrow.Table``.

        Raises:
            UsageError: pyarrow is not installed.
        """
        return self._reader().read_all()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return everything as a PyCapsule that holds an ``ArrowArrayStream``.

        Arguments:
            requested_schema: a capsule that holds the schema to which the table shall be cast; None for its own.

        Raises:
            UsageError: pyarrow is not installed.
        """
        return self._reader().__arrow_c_stream__(requested_schema)

    def _reader(self) -> Any:
        pyarrow = import_pyarrow()
        types = {"list<large_binary>": pyarrow.list_(pyarrow.large_binary())}
        schema = pyarrow.schema(
            [
                pyarrow.field(
                    name,
                    types.get(column.arrow_type) or pyarrow.type_for_alias(column.arrow_type),
                    nullable=column.is_nullable,
                )
                for name, column in self._arrow_columns().items()
            ]
        )
        rows = self._arrow_rows()

        def batches() -> Iterator[Any]:
            while batch := list(islice(rows, BATCH_ROWS)):
                columns = zip(*batch, strict=True)
                arrays = [
                    pyarrow.array(values, type=field.type)
                    for values, field in zip(columns, schema, strict=True)
                ]
                yield pyarrow.record_batch(arrays, schema=schema)

        return pyarrow.RecordBatchReader.from_batches(schema, batches())


def import_pyarrow() -> Any:
    """Return the module pyarrow.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a table for Arrow needs {error.name}, which is not installed; {install_extra('report')}"
        ) from error
