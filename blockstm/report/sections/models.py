"""Models of execution side by side: speed-up against cores, and which model suits each block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from blockstm.report.charts import SERIES_MAX, line_chart, series_legend
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import NONE, count, milliseconds, share, three_digits, two_digits
from blockstm.report.parts import Cell, Chart, Charts, Column, Part, Section, Table, cell, table, text_cell
from blockstm.report.results import ComparedBlock, Comparison, Run
from blockstm.report.sections.summary import verdict
from blockstm.report.series import short_names
from blockstm.schema.compare import ComparedRunEntry

__all__ = ["models"]

CHARTS_MAX: Final = 12
GREEDY: Final = "greedy bound"
SUITS_COLUMNS: Final = (
    Column("block", is_number=False), Column("txns"), Column("independent"), Column("longest chain"),
    Column("suits", is_number=False), Column("why", is_number=False),
)  # fmt: skip
RUN_COLUMNS: Final = (
    Column("block", is_number=False), Column("model", is_number=False), Column("cores"),
    Column("order", is_number=False),
    Column("time (ms)"), Column("sequential (ms)"), Column("speed-up (x)"), Column("against first (x)"),
    Column("efficiency"), Column("utilised"), Column("greedy bound (x)"), Column("chain bound (x)"),
    Column("executions / txn"), Column("validations / txn"), Column("aborts / txn"), Column("commit p50 (ms)"),
    Column("commit p99 (ms)"), Column("verified", is_number=False),
)  # fmt: skip
GAIN_COLUMNS: Final = (
    Column("model", is_number=False), Column("against", is_number=False), Column("cores"), Column("faster on"),
    Column("slower on"), Column("the same on"), Column("least (x)"), Column("greatest (x)"), Column("over all (x)"),
)  # fmt: skip
REFUSED_COLUMNS: Final = (
    Column("block", is_number=False), Column("model", is_number=False), Column("reason", is_number=False),
)  # fmt: skip

Labelled = Sequence[tuple[str, ComparedBlock]]


def models(inputs: Inputs) -> Section | None:
    """Return the section: of each comparison charts, which model suits each block, and all runs."""
    if not inputs.comparisons:
        return None
    parts: list[Part] = []
    for place, comparison in enumerate(inputs.comparisons, 1):
        parts += _parts(comparison, place)
    return Section(
        "models",
        "Models side by side",
        "Each block was executed in several models. The greedy bound is what list scheduling in the preset order "
        "reaches with perfect knowledge. A model suits a block if none is clearly faster on the most cores; the "
        "column against first is the time of the model that was named first, over this model's, on as many cores.",
        parts,
    )


def _parts(comparison: Comparison, place: int) -> Iterator[Part]:
    names = short_names(block.told.file for block in comparison.blocks)
    labelled = [(names[block.told.file], block) for block in comparison.blocks]
    clock = "modelled time" if comparison.told.clock == "virtual" else "real time"
    if charts := _charts(comparison, labelled, place):
        yield charts
    yield table(f"Which model suits, {clock}", SUITS_COLUMNS, map(_suits_row, labelled))
    if comparison.told.gains:
        yield table(f"Where models pay, {clock}", GAIN_COLUMNS, _gain_rows(comparison))
    yield table(f"All models, {clock}", RUN_COLUMNS, _run_rows(labelled))
    yield from _refused(labelled)


def _charts(comparison: Comparison, labelled: Labelled, place: int) -> Charts | None:
    """Return a chart of speed-up against cores for each block, if there are several numbers of cores."""
    names = [*comparison.told.models, GREEDY][-SERIES_MAX:]
    charts = []
    for number, (label, block) in enumerate(labelled[:CHARTS_MAX], 1):
        values = list(_values(block, names))
        if len({value["cores"] for value in values}) > 1:
            drawn = line_chart(values, names, "value", "speed-up (x)", is_speedup=True)
            charts.append(Chart(f"models-{place}-{number}", f"{label}: speed-up (x)", drawn))
    if not charts:
        return None
    notes = []
    if len(labelled) > CHARTS_MAX:
        notes.append(f"The first {CHARTS_MAX} of {len(labelled)} blocks are drawn.")
    if len(names) <= len(comparison.told.models):
        notes.append(f"The last {len(names) - 1} of {len(comparison.told.models)} models are drawn.")
    return Charts(charts, series_legend(names), " ".join(notes))


def _values(block: ComparedBlock, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the points of a block's chart: of each model, and of the greedy bound."""
    bounds: dict[int, float] = {}
    for told, run in zip(block.told.results, block.runs, strict=True):
        if run.speedup is not None and told.model in names:
            yield {"series": told.model, "cores": run.cores, "value": run.speedup}
        if run.bound_greedy is not None:
            bounds[run.cores] = run.bound_greedy
    yield from ({"series": GREEDY, "cores": cores, "value": bound} for cores, bound in sorted(bounds.items()))


def _suits_row(labelled: tuple[str, ComparedBlock]) -> list[Cell]:
    label, block = labelled
    told = block.told
    return [
        text_cell(label),
        cell(told.transactions, count),
        cell(told.independent_share, share),
        cell(told.longest_chain, count),
        text_cell(", ".join(told.suits) or NONE),
        text_cell(told.why),
    ]


def _gain_rows(comparison: Comparison) -> Iterator[list[Cell]]:
    for gain in comparison.told.gains:
        yield [
            text_cell(gain.model),
            text_cell(gain.against),
            *(cell(number, count) for number in (gain.cores, gain.faster, gain.slower, gain.same)),
            *(cell(number, two_digits) for number in (gain.least, gain.greatest, gain.times_first)),
        ]


def _run_rows(labelled: Labelled) -> Iterator[list[Cell]]:
    for label, block in labelled:
        for told, run in zip(block.told.results, block.runs, strict=True):
            yield [text_cell(label), text_cell(told.model), cell(run.cores, count), *_cells(told, run)]


def _cells(told: ComparedRunEntry, run: Run) -> list[Cell]:
    return [
        text_cell(told.order or NONE),
        cell(run.seconds, milliseconds),
        cell(run.sequential_seconds, milliseconds),
        cell(run.speedup, two_digits),
        cell(told.times_first, two_digits),
        cell(run.efficiency, share),
        cell(run.utilisation, share),
        cell(run.bound_greedy, two_digits),
        cell(run.bound_critical_path, two_digits),
        cell(run.executions_per_transaction, three_digits),
        cell(run.validations_per_transaction, three_digits),
        cell(run.aborts_per_transaction, three_digits),
        cell(run.latency.p50, milliseconds),
        cell(run.latency.p99, milliseconds),
        text_cell(verdict(told.verified, "yes", "NO")),
    ]


def _refused(labelled: Labelled) -> list[Table]:
    """Return a table of the models that could not run a block, if there are any."""
    rows = [
        [text_cell(label), text_cell(each.model), text_cell(each.reason)]
        for label, block in labelled
        for each in block.told.refused
    ]
    return [table("Models that were not run", REFUSED_COLUMNS, rows)] if rows else []
