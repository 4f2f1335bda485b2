"""Rows as a Parquet file. Needs pyarrow, of the extra `sweep`."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow.parquet

from blockstm.sweep.rows import Row
from blockstm.sweep.table import SweepTable

__all__ = ["parquet_bytes"]


def parquet_bytes(rows: Sequence[Row]) -> bytes:
    """Return the table of a sweep as a Parquet file."""
    written = io.BytesIO()
    pyarrow.parquet.write_table(SweepTable(rows).to_arrow(), written, compression="zstd")
    return written.getvalue()
