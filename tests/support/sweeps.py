"""Small sweeps for tests, and what their tables hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet

SMALL = """
cores = [1, 3]
seeds = [1, 2]

[scenario]
workload = "transfers"
transactions = 40

[scenario.transfers]
work = 100

[grid]
transfers.accounts = [2, 50]
transactions = [20, 40]
"""
"""Sixteen virtual runs of eight points."""

CHANCE = {"started_at"}
"""What differs between two virtual runs of the same on the same machine."""


def written(folder: Path, text: str = SMALL, name: str = "small") -> Path:
    """Write a sweep's definition."""
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def table_of(folder: Path) -> list[Mapping[str, Any]]:
    """The rows of a sweep's table."""
    return pyarrow.parquet.read_table(folder / "results.parquet").to_pylist()


def without_chance(rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Rows without what differs every time."""
    return [{name: value for name, value in row.items() if name not in CHANCE} for row in rows]
