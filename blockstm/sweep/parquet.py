"""Rows as a Parquet file. Needs pyarrow, of the extra `sweep`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Final

import pyarrow
import pyarrow.parquet

from blockstm.sweep.rows import COLUMNS, Row, parameter_columns

__all__ = ["parquet_bytes"]

_TYPES: Final = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}


def parquet_bytes(rows: Sequence[Row]) -> bytes:
    """Return a table with a row for each run as a Parquet file.

    A parameter that has a text in any row has texts in its whole column.
    """
    types = dict(COLUMNS)
    for name in parameter_columns(rows):
        is_text = any(isinstance(row.get(name), str) for row in rows)
        types[name] = str if is_text else int
    schema = pyarrow.schema([(name, _TYPES[kind]) for name, kind in types.items()])
    arrays = [
        pyarrow.array([_value(row.get(name), kind) for row in rows], type=_TYPES[kind])
        for name, kind in types.items()
    ]
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(arrays, schema=schema), written, compression="zstd")
    return written.getvalue()


def _value(value: object, kind: type) -> object:
    return value if value is None else kind(value)
