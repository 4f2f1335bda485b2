"""What several sections draw in the same way: measures of series, and labels of replayed blocks."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from blockstm.report.charts import SERIES_MAX, is_wide, line_chart, series_legend
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import count
from blockstm.report.parts import Cell, Chart, Charts, Column, Table, cell, table, text_cell
from blockstm.report.results import BlockReplay, Run
from blockstm.report.series import Series, by_group, short_names
from blockstm.schema.settlement import SettledEntry

__all__ = [
    "ROWS_DRAWN_MAX",
    "Measure",
    "blocks_table",
    "heat_map",
    "labelled_blocks",
    "lines",
    "measure_parts",
    "series_table",
    "several_cores",
    "stored_blocks",
]

ROWS_DRAWN_MAX: Final = 40
HEAT_CLASSES: Final = 6


@dataclass(frozen=True)
class Measure:
    """A figure of a run that is drawn against the number of cores.

    Arguments:
        identifier: of its chart.
        title: with the unit, in lower case.
        of: takes it from a run.
        written: how a table writes it.
        scale: the number drawn for 1, such as 1000 for seconds drawn in milliseconds.
        is_speedup: whether it is a speed-up, for which the axes are logarithmic.
    """

    identifier: str
    title: str
    of: Callable[[Run], float | None]
    written: Callable[[float | None], str]
    scale: float = 1
    is_speedup: bool = False


def several_cores(series: Sequence[Series]) -> list[Series]:
    """Return the series that have more than one number of cores, so that a line can be drawn."""
    return [each for each in series if len(each.runs) > 1]


def measure_parts(series: Sequence[Series], measures: Sequence[Measure]) -> list[Charts | Table]:
    """Return for each group a chart of lines for each measure, or, where it has many series, a heat map for each.

    A measure that no run of a group knows is left out.
    """
    parts: list[Charts | Table] = []
    for place, (group, members) in enumerate(by_group(several_cores(series)).items(), 1):
        runs = [run for each in members for run in each.runs]
        known = [measure for measure in measures if any(measure.of(run) is not None for run in runs)]
        if len(members) > SERIES_MAX:
            parts += [heat_map(group, members, measure) for measure in known]
        elif known:
            parts.append(lines(place, group, members, known))
    return parts


def lines(place: int, group: str, series: Sequence[Series], measures: Sequence[Measure]) -> Charts:
    """Return a chart of lines for each measure of a group, with one legend.

    Arguments:
        place: the group's, among those of the section.
        group: its name.
        series: those of the group.
        measures: what is drawn.
    """
    labels = [each.name for each in series]
    charts = []
    for measure in measures:
        values: list[dict[str, Any]] = []
        for each in series:
            for run in each.runs:
                number = measure.of(run)
                if number is not None:
                    values.append({"series": each.name, "cores": run.cores, "value": number * measure.scale})
        specification = line_chart(values, labels, "value", measure.title, is_speedup=measure.is_speedup)
        identifier = f"{measure.identifier}-{place}"
        charts.append(Chart(identifier, f"{group}: {measure.title}", specification))
    return Charts(charts, series_legend(labels))


def heat_map(group: str, series: Sequence[Series], measure: Measure) -> Table:
    """Return a table of a measure: rows are the series of a group, columns numbers of cores, colours the value."""
    cores = sorted({run.cores for each in series for run in each.runs})
    shown = series[:ROWS_DRAWN_MAX]
    numbers = [number for each in series for run in each.runs if (number := measure.of(run)) is not None]
    limits = _limits(min(numbers), max(numbers))

    def heated(number: float | None) -> Cell:
        written = cell(number, measure.written)
        if number is None:
            return written
        return Cell(written.text, written.value, min(bisect_right(limits[1:], number) + 1, HEAT_CLASSES))

    rows = []
    for each in shown:
        by_cores = {run.cores: measure.of(run) for run in each.runs}
        rows.append([text_cell(each.name), *(heated(by_cores.get(number)) for number in cores)])
    legend = [
        f"{measure.written(below)} – {measure.written(above)}"  # noqa: RUF001 - from one to the other
        for below, above in pairwise(limits)
    ]
    columns = [Column("cores", is_number=False), *(Column(f"{number:,}") for number in cores)]
    return Table(
        f"{group}: {measure.title}, by number of cores",
        columns,
        rows,
        len(series) - len(shown),
        legend if limits[0] < limits[-1] else legend[-1:],
    )


def _limits(low: float, high: float) -> list[float]:
    """Return the limits of the classes of a heat map: in equal steps, or ratios where numbers are far apart."""
    steps = [step / HEAT_CLASSES for step in range(HEAT_CLASSES + 1)]
    if is_wide(low, high):
        return [low * (high / low) ** step for step in steps]
    return [low + (high - low) * step for step in steps]


def labelled_blocks(inputs: Inputs) -> list[tuple[str, BlockReplay]]:
    """Return the replayed blocks, each with a label that no other has."""
    blocks = [block for replay in inputs.replays for block in replay.blocks]
    names = short_names(block.told.file for block in blocks)
    labels = [names[block.told.file] for block in blocks]
    if len({(block.told.model, block.run.cores) for block in blocks}) > 1:
        labels = [
            f"{label}, {block.told.model}, {block.run.cores} workers"
            for label, block in zip(labels, blocks, strict=True)
        ]
    count = Counter(labels)
    seen: Counter[str] = Counter()
    numbered = []
    for label in labels:
        seen[label] += 1
        numbered.append(label if count[label] == 1 else f"{label} #{seen[label]}")
    return list(zip(numbered, blocks, strict=True))


def stored_blocks(inputs: Inputs) -> list[tuple[str, BlockReplay, SettledEntry]]:
    """Return the blocks that were stored, with their labels, and how they were."""
    return [
        (label, block, block.told.settlement)
        for label, block in labelled_blocks(inputs)
        if block.told.settlement is not None
    ]


def blocks_table(
    what: str,
    blocks: Iterable[tuple[str, BlockReplay]],
    columns: Sequence[Column],
    cells: Callable[[Run], Sequence[Cell]],
) -> Table:
    """Return a table of replayed blocks: a line for each, with its cells in the columns."""
    return table(
        f"Replayed blocks: {what}",
        (Column("block", is_number=False), Column("workers"), *columns),
        ([text_cell(label), cell(block.run.cores, count), *cells(block.run)] for label, block in blocks),
    )


def series_table(
    what: str, series: Iterable[Series], columns: Sequence[Column], cells: Callable[[Run], Sequence[Cell]]
) -> Table:
    """Return a table of series: a line for each number of cores, with the run's cells in the columns."""
    return table(
        f"By number of cores: {what}",
        (Column("series", is_number=False), Column("cores"), *columns),
        ([text_cell(each.name), cell(run.cores, count), *cells(run)] for each in series for run in each.runs),
    )
