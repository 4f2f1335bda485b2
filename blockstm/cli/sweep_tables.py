"""What ``blockstm sweep`` shows to a person: the speed-up at each point of the grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from blockstm.cli.columns import Column, print_columns, print_wrapped
from blockstm.cli.figures_text import NONE, per_cent, times
from blockstm.errors import counted
from blockstm.measure.spread import Spread, spread_of
from blockstm.schema.fields import Scalar
from blockstm.schema.sweep import PARAMETER, PointEntry
from blockstm.sweep import Sweep
from blockstm.sweep.rows import Row

__all__ = ["Point", "points_of", "print_speedups"]

LINES_MAX = 60


@dataclass(frozen=True)
class Point:
    """A point of the grid, with what came of its runs, which differ in seed and repeat.

    Arguments:
        number: of the point.
        scenario: the name of the scenario or of the recorded block.
        model: the execution model.
        cores: on how many cores.
        parameters: the fields that vary, by dotted name.
        runs: how many runs are finished.
        refused: why the model cannot run the block; None where it can.
        speedup: of these; None where there is none, as of blocks without transactions.
    """

    number: int
    scenario: str
    model: str
    cores: int
    parameters: Mapping[str, Scalar | None]
    runs: int
    refused: str | None
    speedup: Spread | None

    def entry(self) -> PointEntry:
        """Return what the JSON output says."""
        speedup = self.speedup
        return PointEntry(
            point=self.number,
            scenario=self.scenario,
            model=self.model,
            cores=self.cores,
            parameters=self.parameters,
            runs=self.runs,
            refused=self.refused,
            speedup=None if speedup is None else speedup.median,
            speedup_min=None if speedup is None else speedup.least,
            speedup_max=None if speedup is None else speedup.greatest,
        )


def points_of(sweep: Sweep, rows: Iterable[Row]) -> list[Point]:
    """Return the points of a sweep that have finished runs.

    Arguments:
        sweep: the sweep.
        rows: those of the finished runs.
    """
    by_point: dict[object, list[Row]] = {}
    for row in rows:
        by_point.setdefault(row["point"], []).append(row)
    return [_point(sweep, of_point) for of_point in by_point.values()]


def _point(sweep: Sweep, rows: Sequence[Row]) -> Point:
    first = rows[0]
    values = [row["speedup"] for row in rows]
    return Point(
        number=int(str(first["point"])),
        scenario=str(first["scenario"]),
        model=str(first["model"]),
        cores=int(str(first["cores"])),
        parameters={field: _scalar(first.get(f"{PARAMETER}{field}")) for field in sweep.varied},
        runs=len(rows),
        refused=next((str(row["refused"]) for row in rows if row["refused"] is not None), None),
        speedup=spread_of(value for value in values if isinstance(value, int | float)),
    )


def _scalar(value: object) -> Scalar | None:
    assert value is None or isinstance(value, Scalar)
    return value


def print_speedups(sweep: Sweep, rows: Sequence[Row]) -> None:
    """Print a line for each combination of what varies beside the cores, with a column for each number of cores."""
    lines: dict[tuple[object, ...], dict[int, Spread | None]] = {}
    points = points_of(sweep, rows)
    for point in points:
        lines.setdefault(_varying(sweep, point), {})[point.cores] = point.speedup
    runs = sweep.runs_of_a_point
    columns = [Column("block", is_number=False)] * bool(sweep.recorded)
    columns += [Column(field.rpartition(".")[2].replace("_", "\n")) for field in sweep.varied]
    columns += [Column("model", is_number=False)] * (len(sweep.models) > 1)
    keys = len(columns)
    columns += [Column(f"{cores}\ncore{'s' * (cores > 1)}") for cores in sweep.cores]
    columns += [Column("spread")] * (runs > 1)
    printed = [
        [*map(parameter_text, values), *_cells(by_cores, sweep.cores), *[_widest(by_cores)] * (runs > 1)]
        for values, by_cores in list(lines.items())[:LINES_MAX]
    ]
    print_columns(columns, printed, keys=keys)
    left_out = len(lines) - LINES_MAX
    if left_out > 0:
        print(f"... and {left_out:,} more lines, which are in the file")
    clock = "modelled time" if sweep.clock == "virtual" else "real time"
    print(f"\nspeed-up over sequential execution, {clock}{f', medians of {runs} runs' if runs > 1 else ''}")
    if runs > 1:
        print_wrapped(
            "spread: how far apart the speed-ups of these runs are, in per cent of their median; the widest in "
            "the line"
        )
    _print_refused(points)


def _print_refused(points: Iterable[Point]) -> None:
    """Say of each model that cannot run a block why; of several blocks with the first one's reason."""
    by_model: dict[str, dict[str, str]] = {}
    for point in points:
        if point.refused is not None:
            by_model.setdefault(point.model, {}).setdefault(point.scenario, point.refused)
    for model, reasons in by_model.items():
        name, reason = next(iter(reasons.items()))
        others = f" and {counted(len(reasons) - 1, 'other block')}" if len(reasons) > 1 else ""
        print_wrapped(f"{model} was not run on {name}{others}: {reason}")


def _varying(sweep: Sweep, point: Point) -> tuple[object, ...]:
    """Return what stands at the left of a point's line: block, parameters and model, where they vary."""
    block = [point.scenario] * bool(sweep.recorded)
    return (*block, *point.parameters.values(), *[point.model] * (len(sweep.models) > 1))


def _cells(by_cores: Mapping[int, Spread | None], cores: Sequence[int]) -> list[str]:
    found = (by_cores.get(each) for each in cores)
    return [times(None if speedup is None else speedup.median) for speedup in found]


def _widest(by_cores: Mapping[int, Spread | None]) -> str:
    """Write how far the runs are apart where they are furthest apart, on some number of cores."""
    shares = [
        (speedup.greatest - speedup.least) / speedup.median
        for speedup in by_cores.values()
        if speedup is not None and speedup.median
    ]
    return per_cent(max(shares)) if shares else NONE


def parameter_text(value: object) -> str:
    """Write the value of a parameter."""
    return f"{value:,}" if isinstance(value, int) else str(value)
