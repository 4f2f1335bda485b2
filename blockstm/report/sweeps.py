"""What a sweep's folder holds: results.parquet, one row a run, and sweep.toml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from blockstm.errors import ReportError, install_extra, shown_path
from blockstm.files import ContentError, content_pieces, open_input
from blockstm.report.fields import Fields, printable
from blockstm.report.results import Latency, Run, cores_of

__all__ = ["Sweep", "SweepRun", "read_sweep"]

RESULTS: Final = "results.parquet"
DEFINITION: Final = "sweep.toml"
RESULTS_BYTES_MAX: Final = 1 << 28
ROWS_MAX: Final = 100_000
DEFINITION_BYTES_MAX: Final = 1 << 20
PARAMETER: Final = "parameter."
MACHINE_COLUMNS: Final = ("machine", "cpu_count", "blockstm_version", "python_version")

COUNTS: Final = ("executions", "validations", "aborts", "transactions")
NUMBERS: Final = (
    "seconds", "sequential_seconds", "speedup", "utilisation", "bound_critical_path", "bound_greedy",
    "commit_latency_p50_seconds", "commit_latency_p99_seconds", "commit_latency_max_seconds",
)  # fmt: skip
TEXTS: Final = ("clock", "model", "scenario")
REQUIRED: Final = ("cores", "seconds", *TEXTS)


@dataclass(frozen=True)
class SweepRun:
    """One row: a run of one block on so many cores."""

    scenario: str
    clock: str
    model: str
    parameters: Mapping[str, str | float]
    run: Run


@dataclass(frozen=True)
class Sweep:
    """All runs of a sweep.

    Arguments:
        source: the folder.
        definition: the text of sweep.toml; None if it is not there.
        machines: what ran it: the different values of the columns that tell, by column.
        started: when the first and the last run began, in UTC; None if the rows do not tell.
        runs: the runs.
    """

    source: str
    definition: str | None
    machines: Mapping[str, tuple[str, ...]]
    started: tuple[str, str] | None
    runs: tuple[SweepRun, ...]


def read_sweep(folder: Path) -> tuple[Sweep, dict[str, list[Any]]]:
    """Read a sweep's folder.

    Returns:
        the sweep, and the columns of its results as they are, for the page's data.

    Raises:
        ReportError: the results are missing, damaged or not a sweep's, or pyarrow is not installed.
    """
    path = folder / RESULTS
    try:
        columns = _read_columns(path)
        rows = _rows(columns)
        runs = tuple(_sweep_run(Fields(row, f"row {index}")) for index, row in enumerate(rows))
    except ContentError as error:
        raise ReportError(f"{shown_path(path)}: {error}") from error
    started = sorted(str(value) for value in columns.get("started_at", ()) if value is not None)
    sweep = Sweep(
        source=shown_path(folder),
        definition=_definition(folder / DEFINITION),
        machines={
            name: tuple(sorted({printable(str(value)) for value in columns[name] if value is not None}))
            for name in MACHINE_COLUMNS
            if name in columns
        },
        started=(printable(started[0]), printable(started[-1])) if started else None,
        runs=runs,
    )
    return sweep, columns


def _read_columns(path: Path) -> dict[str, list[Any]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ReportError(
            f"{shown_path(path)}: reading a sweep needs pyarrow, which is not installed; {install_extra('report')}"
        ) from error
    with open_input(path, ReportError) as file:
        if path.stat().st_size > RESULTS_BYTES_MAX:
            raise ContentError(
                f"is larger than {RESULTS_BYTES_MAX} bytes, which is the limit; split the sweep"
            )
        try:
            results = pyarrow.parquet.ParquetFile(file)
            if results.metadata.num_rows > ROWS_MAX:
                raise ContentError(f"has more than {ROWS_MAX} rows, which is the limit; split the sweep")
            columns: dict[str, list[Any]] = results.read().to_pydict()
        except ContentError:
            raise
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            raise ContentError(f"is not a readable Parquet file: {error}; run the sweep again") from error
    for name in REQUIRED:
        if name not in columns:
            raise ContentError(f"column {name} is missing; name a folder that blockstm sweep has written")
    return columns


def _rows(columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    wanted = [
        name for name in columns if name in (*REQUIRED, *COUNTS, *NUMBERS) or name.startswith(PARAMETER)
    ]
    values = zip(*(map(_known, columns[name]) for name in wanted), strict=True)
    rows = [dict(zip(wanted, row, strict=True)) for row in values]
    if not rows:
        raise ContentError("has no rows; run the sweep first")
    return rows


def _known(value: Any) -> Any:
    """Return None for what is not a number: some writers say so what is missing."""
    return None if isinstance(value, float) and math.isnan(value) else value


def _sweep_run(row: Fields) -> SweepRun:
    numbers = {name: row.optional_number(name) for name in NUMBERS}
    counts = {name: row.optional_count(name) for name in COUNTS}
    parameters: dict[str, str | float] = {}
    for name in row.names():
        if name.startswith(PARAMETER):
            parameters[printable(name.removeprefix(PARAMETER))] = _parameter(row, name)
    run = Run(
        cores=cores_of(row, "cores"),
        seconds=row.number("seconds"),
        sequential_seconds=numbers["sequential_seconds"],
        speedup=numbers["speedup"],
        latency=Latency(*(numbers[f"commit_latency_{name}_seconds"] for name in ("p50", "p99", "max"))),
        utilisation=numbers["utilisation"],
        bound_critical_path=numbers["bound_critical_path"],
        bound_greedy=numbers["bound_greedy"],
        **counts,
    )
    return SweepRun(row.text("scenario"), row.text("clock"), row.text("model"), parameters, run)


def _parameter(row: Fields, name: str) -> str | float:
    value = row.value(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return printable(str(value))


def _definition(path: Path) -> str | None:
    if not path.exists():
        return None
    with open_input(path, ReportError) as file:
        try:
            data = b"".join(content_pieces(file, DEFINITION_BYTES_MAX))
        except ContentError as error:
            raise ReportError(f"{shown_path(path)}: {error}") from error
    text = data.decode(errors="replace")
    return "\n".join(printable(line.expandtabs(4)) for line in text.splitlines())
