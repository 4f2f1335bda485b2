"""The timeline of a block: what each worker did when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any, Final

from blockstm.report.charts import spans_chart
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import count, milliseconds, share, short_seconds
from blockstm.report.parts import (
    Cell,
    Chart,
    Charts,
    Column,
    Part,
    Section,
    Symbol,
    Table,
    cell,
    table,
    text_cell,
)
from blockstm.report.timelines import Lane, TimelineRun

__all__ = ["timeline"]

RUNS_MAX: Final = 4
LANES_MAX: Final = 64
EXACT_SPANS_MAX: Final = 2000
"""Of one run; more are drawn in columns."""
COLUMNS_OF_ALL_LANES: Final = 900
COLUMNS_MIN: Final = 60
COLUMNS_MAX: Final = 300
ALONE: Final = 0.999
UNITS: Final = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))

# What blockstm writes has a colour of its own; what others write gets what is left.
COLOURS: Final = {
    "execution": "series-1", "aborted": "series-2", "abort": "series-4", "validation": "series-3",
    "commit": "series-6", "wait": "series-8", "sleep": "faint",
}  # fmt: skip
FURTHER_COLOURS: Final = ("series-5", "series-7")


def timeline(inputs: Inputs) -> Section | None:
    """Return the section: the lanes of a run, and how the time was shared out."""
    runs = [run for each in inputs.timelines for run in each.runs]
    if not runs:
        return None
    parts: list[Part] = []
    for place, run in enumerate(runs[:RUNS_MAX], 1):
        categories = sorted(
            {span.category for lane in run.lanes for span in lane.spans},
            key=lambda name: (_order(name), name),
        )
        parts += [_chart(run, categories, place), _shares(run, categories)]
    left_out = len(runs) - RUNS_MAX
    introduction = (
        "What each worker did, and when. In an empty lane it was looking for a task, or did not run."
    )
    if left_out > 0:
        introduction += f" The first {RUNS_MAX} runs are shown; {left_out} more are in the files."
    return Section("timeline", "Timeline of a block", introduction, parts)


def _order(category: str) -> int:
    return list(COLOURS).index(category) if category in COLOURS else len(COLOURS)


def _chart(run: TimelineRun, categories: Sequence[str], place: int) -> Charts:
    size, unit = next((each for each in UNITS if run.seconds >= each[0]), UNITS[-1])
    lanes = run.lanes[:LANES_MAX]
    columns = None if run.spans <= EXACT_SPANS_MAX else _column_count(len(lanes))
    values: list[dict[str, Any]] = []
    for number, lane in enumerate(lanes):
        drawn = _spans(lane) if columns is None else _columns(lane, run.seconds, columns, categories)
        values += [
            {**each, "lane": number, "begin": round(begin / size, 6), "end": round(end / size, 6)}
            for begin, end, each in drawn
        ]
    further = iter(FURTHER_COLOURS * len(categories))
    legend = [Symbol(name, "■", COLOURS.get(name) or next(further)) for name in categories]
    specification = spans_chart(values, [lane.name for lane in lanes], legend, run.seconds / size, unit)
    return Charts([Chart(f"timeline-{place}", _title(run), specification)], legend, _note(run, columns))


def _title(run: TimelineRun) -> str:
    """Return the run's name, after the block's, where it does not tell it."""
    file = PurePath(run.file).name if run.file else ""
    return run.name if file in run.name else f"{file}, {run.name}"


def _column_count(lanes: int) -> int:
    """Return how many columns a lane is drawn in, so that the page stays small."""
    return min(max(COLUMNS_MIN, COLUMNS_OF_ALL_LANES // lanes), COLUMNS_MAX)


_Drawn = Iterator[tuple[float, float, dict[str, Any]]]


def _spans(lane: Lane) -> _Drawn:
    """Yield the beginning and the end of each span, and how it is drawn."""
    for span in lane.spans:
        yield span.begin, span.end, {"kind": span.category, "name": span.name, "low": 0, "high": 1}


def _columns(lane: Lane, seconds: float, count: int, categories: Sequence[str]) -> _Drawn:
    """Yield the same for columns of equal time, in which the categories are stacked by their share of the time.

    Neighbours that one category has for itself are drawn as one.
    """
    width = seconds / count
    alone: tuple[int, str] | None = None

    def of(name: str, first: int, last: int, low: float, high: float) -> tuple[float, float, dict[str, Any]]:
        share_of_time = f"{name}, {share(high - low)} of this time"
        return first * width, last * width, {"kind": name, "name": share_of_time, "low": low, "high": high}

    for column, shares in enumerate([*lane.columns(seconds, count), {}]):
        whole = next((name for name, part in shares.items() if part > ALONE), None)
        if alone is not None and whole != alone[1]:
            yield of(alone[1], alone[0], column, 0.0, 1.0)
            alone = None
        if whole is not None:
            alone = alone or (column, whole)
            continue
        low = 0.0
        for name in categories:
            if name in shares:
                high = min(1.0, low + shares[name])
                yield of(name, column, column + 1, low, high)
                low = high


def _note(run: TimelineRun, columns: int | None) -> str:
    notes = []
    if columns is None:
        notes.append(f"All {run.spans:,} spans are drawn.")
    else:
        notes.append(
            f"The timeline has {run.spans:,} spans, too many to be seen one by one: it is drawn in "
            f"{columns} columns of {short_seconds(run.seconds / columns)}. In each, a colour has its share of that "
            "time in the lane. The table counts every span; the file itself opens in ui.perfetto.dev."
        )
    if len(run.lanes) > LANES_MAX:
        notes.append(f"The first {LANES_MAX} of {len(run.lanes)} lanes are drawn.")
    if run.dropped:
        notes.append(f"{run.dropped:,} spans are missing: there was no memory left for them.")
    return " ".join(notes)


def _shares(run: TimelineRun, categories: Sequence[str]) -> Table:
    columns = [
        Column("lane", is_number=False),
        Column("spans"),
        *(Column(f"{name} (ms)") for name in categories),
    ]
    columns.append(Column("empty"))
    rows = (_lane_cells(lane, run, categories) for lane in run.lanes)
    return table(f"Where the time went, of {milliseconds(run.seconds)} ms", columns, rows)


def _lane_cells(lane: Lane, run: TimelineRun, categories: Sequence[str]) -> list[Cell]:
    seconds = lane.seconds_by_category
    idle = max(0.0, 1 - sum(seconds.values()) / run.seconds)
    return [
        text_cell(lane.name),
        cell(len(lane.spans), count),
        *(cell(seconds.get(name, 0.0), milliseconds) for name in categories),
        cell(idle, share),
    ]
