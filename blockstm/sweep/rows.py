"""What is kept of a run: one row of the table, with all that is needed to repeat it."""

from __future__ import annotations

import math
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Final

from blockstm import __version__
from blockstm.errors import shown
from blockstm.schema.sweep import COLUMNS, PARAMETER
from blockstm.sweep.points import Run

__all__ = ["Row", "parameter_columns", "problem_of", "row_of"]

Row = Mapping[str, object]
"""A run's values by column; None where there is none."""

INTEGER_MAX: Final = (1 << 63) - 1


def row_of(run: Run, started: datetime, figures: Row) -> Row:
    """Return the row of a run that was done just now, on this machine.

    Arguments:
        run: what was run.
        started: when it began.
        figures: the columns that were measured.
    """
    circumstances: dict[str, object] = {
        "blockstm_version": __version__,
        "python_version": platform.python_version(),
        "machine": machine(),
        "cpu_count": len(os.sched_getaffinity(0)),
        "started_at": started.astimezone(UTC).isoformat(timespec="milliseconds"),
    }
    whole = {**_determined(run), **circumstances, **figures}
    return {name: whole.get(name) for name in COLUMNS} | _parameter_columns(run)


def problem_of(row: object, run: Run) -> str | None:
    """Say why what is read from a file cannot be the row of a run; None if it can.

    Arguments:
        row: as it was read.
        run: the run whose row it should be.
    """
    if not isinstance(row, dict):
        return f"is {shown(row)}, not a JSON object"
    for name, value in {**_determined(run), **_parameter_columns(run)}.items():
        if name not in row or type(row[name]) is not type(value) or row[name] != value:
            return f"{name} is {shown(row.get(name))}, and the run's is {shown(value)}"
    names = {*COLUMNS, *_parameter_columns(run)}
    if row.keys() != names:
        return f"{shown(min(row.keys() ^ names))} is a column too many or too few"
    for name, kind in COLUMNS.items():
        if not (row[name] is None or _is_of_kind(row[name], kind)):
            return f"{name} is {shown(row[name])}, which the column cannot hold"
    return None


def _determined(run: Run) -> dict[str, object]:
    """Return the columns, but for the parameters', that a run determines."""
    return {
        "point": run.point,
        "run_id": run.run_id,
        "clock": run.clock,
        "cores": run.cores,
        "model": run.model,
        "scenario": run.scenario_name,
        "seed": run.seed,
        "repeat": run.repeat,
        "transactions": run.source.transactions,
        "scenario_text": run.scenario_text,
        "block_digest": run.block_digest,
        "cost_model": run.cost_model_text,
    }


def _parameter_columns(run: Run) -> dict[str, object]:
    return {f"{PARAMETER}{field}": value for field, value in run.parameters.items()}


def _is_of_kind(value: object, kind: type) -> bool:
    if kind is str or isinstance(value, str | bool):
        return kind is str and isinstance(value, str)
    if kind is float:
        return isinstance(value, int | float) and math.isfinite(value)
    return isinstance(value, int) and 0 <= value <= INTEGER_MAX


def parameter_columns(rows: Iterable[Row]) -> list[str]:
    """Return the names of the parameters' columns that any row has, in the order in which they come up."""
    return list(dict.fromkeys(name for row in rows for name in row if name.startswith(PARAMETER)))


@cache
def machine() -> str:
    """Describe this machine: its processor and its operating system, but not its name."""
    processor = platform.processor()
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text("utf-8"), re.MULTILINE)
        processor = found[1] if found is not None else processor
    except OSError:  # another system, or a sandbox
        pass
    return f"{processor or 'unknown processor'}, {platform.machine()}, {sys.platform} {platform.release()}"
