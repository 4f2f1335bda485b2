"""What a sweep's folder holds: results.parquet, one row a run, and sweep.toml."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from blockstm.errors import ReportError, install_extra, shown, shown_path
from blockstm.files.content import ContentError, content_pieces, open_input
from blockstm.report.columns import Values, Wanted
from blockstm.report.columns_process import read_columns
from blockstm.report.results import Run
from blockstm.schema.common import LatencyEntry
from blockstm.schema.fields import NUMBER_MAX, Fields, check_cores, printable
from blockstm.schema.sweep import COLUMNS, PARAMETER

__all__ = ["Sweep", "SweepRun", "read_sweep"]

RESULTS: Final = "results.parquet"
DEFINITION: Final = "sweep.toml"
RESULTS_BYTES_MAX: Final = 1 << 26
DEFINITION_BYTES_MAX: Final = 1 << 20
MACHINE_COLUMNS: Final = ("machine", "cpu_count", "blockstm_version", "python_version")
STARTED: Final = "started_at"
REFUSED: Final = "refused"
"""Says why a model cannot run a block; such a row has no figures."""

COUNTS: Final = ("executions", "validations", "aborts", "transactions")
NUMBERS: Final = tuple(name for name, kind in COLUMNS.items() if kind is float)
TEXTS: Final = ("clock", "model", "scenario")
REQUIRED: Final = ("cores", "seconds", *TEXTS)
IDENTIFYING: Final = ("point", "run_id", "seed", "repeat")
"""Of no use here, but kept with the page's data. The texts of scenario and cost model are not: they are long."""
WANTED: Final = Wanted(
    (*REQUIRED, *COUNTS, *NUMBERS, *MACHINE_COLUMNS, STARTED, REFUSED, *IDENTIFYING), PARAMETER
)


@dataclass(frozen=True)
class SweepRun:
    """One row: a run of a block on a number of cores; of its parameters, those that differ between rows."""

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


def read_sweep(folder: Path) -> tuple[Sweep, dict[str, Values]]:
    """Read a sweep's folder.

    Returns:
        the sweep, and the columns that were read of its results as they are, for the page's data.

    Raises:
        ReportError: the results are missing, damaged or not a sweep's, or pyarrow is not installed.
    """
    path = folder / RESULTS
    try:
        columns = _read_columns(path)
        runs = tuple(_sweep_run(row) for row in _rows(columns))
    except ContentError as error:
        raise ReportError(f"{shown_path(path)}: {error}") from error
    started = sorted(str(value) for value in columns.get(STARTED, ()) if value is not None)
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


def _read_columns(path: Path) -> dict[str, Values]:
    if find_spec("pyarrow") is None:
        raise ReportError(
            f"{shown_path(path)}: reading a sweep needs pyarrow, which is not installed; {install_extra('report')}"
        )
    with open_input(path, ReportError) as file:
        if os.fstat(file.fileno()).st_size > RESULTS_BYTES_MAX:
            raise ContentError(
                f"is larger than {RESULTS_BYTES_MAX} bytes, which is the limit; split the sweep"
            )
        columns = read_columns(file, WANTED)
    for name in REQUIRED:
        if name not in columns:
            raise ContentError(f"column {name} is missing; name a folder that blockstm sweep has written")
    if not columns[REQUIRED[0]]:
        raise ContentError("has no rows; run the sweep first")
    check_cores(set(columns["cores"]))
    return columns


def _rows(columns: Mapping[str, Values]) -> Iterator[Fields]:
    """Yield the rows that have figures, without those parameters that are the same in all of them."""
    names = [name for name in columns if name in (*REQUIRED, *COUNTS, *NUMBERS)]
    for name in columns:
        if name.startswith(PARAMETER):
            different = set(columns[name])
            for value in different:
                _check_parameter(name, value)
            if len(different - {None}) > 1:
                names.append(name)
    refused = columns.get(REFUSED) or [None] * len(columns[REQUIRED[0]])
    for index, row in enumerate(zip(*(columns[name] for name in names), strict=True)):
        if refused[index] is None:
            yield Fields(dict(zip(names, row, strict=True)), f"row {index}")


def _check_parameter(name: str, value: object) -> None:
    if isinstance(value, int | float) and not -NUMBER_MAX <= value <= NUMBER_MAX:
        raise ContentError(
            f"column {shown(name)} has {shown(value)}, neither a text nor a number from {-NUMBER_MAX:g} to "
            f"{NUMBER_MAX:g}; run the sweep again"
        )


def _sweep_run(row: Fields) -> SweepRun:
    numbers = {name: row.optional_number(name) for name in NUMBERS}
    parameters: dict[str, str | float] = {}
    for name in row.names():
        if name.startswith(PARAMETER):
            parameters[printable(name.removeprefix(PARAMETER))] = _parameter(row, name)
    run = Run(
        cores=row.cores("cores"),
        seconds=row.number("seconds"),
        sequential_seconds=numbers["sequential_seconds"],
        speedup=numbers["speedup"],
        latency=LatencyEntry(*(numbers[f"commit_latency_{name}_seconds"] for name in ("p50", "p99", "max"))),
        utilisation=numbers["utilisation"],
        bound_critical_path=numbers["bound_critical_path"],
        bound_greedy=numbers["bound_greedy"],
        transactions=row.optional_count("transactions"),
        executions=row.optional_count("executions"),
        validations=row.optional_count("validations"),
        aborts=row.optional_count("aborts"),
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
