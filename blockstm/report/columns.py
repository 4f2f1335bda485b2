"""Columns of a Parquet file of unknown origin, in bounded memory. Needs pyarrow.

What a file of a few kilobytes holds may be endless: compressed pages, and texts of a dictionary that each row
names. So nothing is decoded before its size is known, and a text that many rows name is decoded once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from blockstm.errors import one_line, shown
from blockstm.files.content import ContentError

if TYPE_CHECKING:
    import pyarrow.parquet

__all__ = ["Values", "Wanted", "decoded_columns"]

ROWS_MAX: Final = 100_000
COLUMNS_MAX: Final = 1_000
VALUES_MAX: Final = 5_000_000
"""Rows times columns that are read."""
ROW_GROUPS_MAX: Final = 256
DECODED_BYTES_MAX: Final = 1 << 28
"""Of the pages of the columns that are read, as the file states it."""
TEXT_BYTES_MAX: Final = 1 << 26
"""Of the texts of all columns that are read, in all rows."""
BATCH_ROWS: Final = 1 << 14
ENDLESS_ENCODING: Final = "DELTA_BYTE_ARRAY"
"""Each text is stated by what it shares with the one before, so a small page may hold texts of any length."""

Values = list[int | float | str | bool | None]


@dataclass(frozen=True)
class Wanted:
    """Which columns are read.

    Arguments:
        names: those called so.
        prefix: those too whose names begin so.
    """

    names: Sequence[str]
    prefix: str

    def __contains__(self, name: str) -> bool:
        """Tell whether a column is read."""
        return name in self.names or name.startswith(self.prefix)


def decoded_columns(file: BinaryIO, wanted: Wanted) -> dict[str, Values]:
    """Return some columns of a Parquet file, each a list of numbers, texts, or None where there is no value.

    A damaged file may end the process: pyarrow aborts at some of what its metadata may say. So
    `blockstm.report.columns_process` has this done by another one.

    Arguments:
        file: positioned at its start.
        wanted: which columns.

    Raises:
        ContentError: it is not a readable Parquet file, is over a limit, or a column holds something else.
    """
    import pyarrow
    import pyarrow.parquet

    try:
        names = _checked_names(pyarrow.parquet.ParquetFile(file), wanted)
        # A column of texts is read as its dictionary, and for each row a place in it.
        results = pyarrow.parquet.ParquetFile(file, read_dictionary=names)
        columns: dict[str, Values] = {name: [] for name in names}
        text_bytes = 0
        for name, group, chunk in _chunks(results, names):
            values, more_bytes = _decoded(chunk, name)
            text_bytes += more_bytes
            if text_bytes > TEXT_BYTES_MAX:
                raise ContentError(
                    f"the texts of its rows take more than {TEXT_BYTES_MAX} bytes, which is the limit; "
                    "split the sweep"
                )
            columns[name] += values
            if len(columns[name]) > results.metadata.num_rows:
                raise ContentError(
                    f"column {shown(name)}: row group {group} has too many rows; run the sweep again"
                )
    except ContentError:
        raise
    except MemoryError as error:
        raise ContentError("no memory is left to read it; split the sweep") from error
    except (pyarrow.ArrowException, OSError, ValueError, IndexError) as error:  # as of a place without a text
        raise ContentError(
            f"is not a readable Parquet file: {one_line(str(error))}; run the sweep again"
        ) from error
    return columns


def _checked_names(results: pyarrow.parquet.ParquetFile, wanted: Wanted) -> list[str]:
    """Return the names of the columns to read, after a look at what the file says of its size."""
    metadata, schema = results.metadata, results.schema_arrow
    for count, most, what in (
        (metadata.num_rows, ROWS_MAX, "rows"),
        (metadata.num_columns, COLUMNS_MAX, "columns"),
        (metadata.num_row_groups, ROW_GROUPS_MAX, "row groups"),
    ):
        if count > most:
            raise ContentError(f"has more than {most} {what}, which is the limit; split the sweep")
    names = [name for name in schema.names if name in wanted]
    for name in names:
        if schema.names.count(name) > 1:
            raise ContentError(f"has two columns {shown(name)}; run the sweep again")
        if not _is_plain(schema.field(name).type):
            raise ContentError(
                f"column {shown(name)} holds {one_line(str(schema.field(name).type))}, "
                "neither numbers nor texts; run the sweep again"
            )
    if metadata.num_rows * len(names) > VALUES_MAX:
        raise ContentError(
            f"has {metadata.num_rows} rows of {len(names)} columns, more than {VALUES_MAX} values, "
            "which is the limit; split the sweep"
        )
    _check_pages(metadata, set(names))
    return names


def _check_pages(metadata: pyarrow.parquet.FileMetaData, names: set[str]) -> None:
    decoded_bytes = 0
    for place in range(metadata.num_row_groups):
        group = metadata.row_group(place)
        for index in range(group.num_columns):
            chunk = group.column(index)
            if chunk.path_in_schema not in names:
                continue
            decoded_bytes += chunk.total_uncompressed_size
            if ENDLESS_ENCODING in chunk.encodings:
                raise ContentError(
                    f"column {shown(chunk.path_in_schema)} is encoded as {ENDLESS_ENCODING}, which is not read; "
                    "write it in another encoding"
                )
    if decoded_bytes > DECODED_BYTES_MAX:
        raise ContentError(
            f"takes more than {DECODED_BYTES_MAX} bytes decompressed, which is the limit; split the sweep"
        )


def _is_plain(kind: pyarrow.DataType) -> bool:
    from pyarrow import types

    if types.is_dictionary(kind):
        kind = kind.value_type
    kinds = (
        types.is_integer, types.is_float32, types.is_float64, types.is_boolean, types.is_string,
        types.is_large_string, types.is_null,
    )  # fmt: skip
    return any(is_kind(kind) for is_kind in kinds)


def _chunks(
    results: pyarrow.parquet.ParquetFile, names: list[str]
) -> Iterator[tuple[str, int, pyarrow.Array]]:
    """Yield the values of one column after the other, some rows at a time, with the row group they are of."""
    for name in names:
        for group in range(results.metadata.num_row_groups):
            batches = results.iter_batches(BATCH_ROWS, row_groups=[group], columns=[name], use_threads=False)
            for batch in batches:
                # A name with a dot also chooses those that it is the beginning of.
                yield name, group, batch.column(batch.schema.get_field_index(name))


def _decoded(chunk: pyarrow.Array, name: str) -> tuple[Values, int]:
    """Return the values of a part of a column, and how many bytes its texts take where each row has its own."""
    from pyarrow import types

    if not types.is_dictionary(chunk.type):
        return [_known(value) for value in chunk.to_pylist()], 0
    if not _is_plain(chunk.type):
        raise ContentError(f"column {shown(name)} holds neither numbers nor texts; run the sweep again")
    if chunk.dictionary.nbytes > TEXT_BYTES_MAX:
        return [], chunk.dictionary.nbytes
    texts: Values = chunk.dictionary.to_pylist()
    values = [None if place is None else texts[place] for place in chunk.indices.to_pylist()]
    return values, sum(len(value) for value in values if isinstance(value, str))


def _known(value: Any) -> Any:
    """Return None for what is not a number: some writers say so what is missing."""
    return None if isinstance(value, float) and math.isnan(value) else value
