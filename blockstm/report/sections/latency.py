"""Commit latency: how long it took until transactions were final."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from blockstm.report.charts import dot_chart
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import milliseconds
from blockstm.report.parts import Cell, Chart, Charts, Column, Part, Section, Symbol, cell
from blockstm.report.results import BlockReplay, Run
from blockstm.report.sections.shared import (
    ROWS_DRAWN_MAX,
    Measure,
    blocks_table,
    labelled_blocks,
    measure_parts,
    series_table,
)
from blockstm.report.series import Series

__all__ = ["latency"]

MILLISECONDS: Final = 1000
MEASURES: Final = (
    Measure(
        "latency-p50", "commit latency p50 (ms)", lambda run: run.latency.p50, milliseconds, MILLISECONDS
    ),
    Measure(
        "latency-p99", "commit latency p99 (ms)", lambda run: run.latency.p99, milliseconds, MILLISECONDS
    ),
    Measure(
        "latency-max", "commit latency max (ms)", lambda run: run.latency.max, milliseconds, MILLISECONDS
    ),
)
DOTS: Final = (
    Symbol("p50", "●", "series-1"),
    Symbol("p99", "◆", "series-2"),
    Symbol("max", "❙", "series-4"),
)
COLUMNS: Final = (Column("p50 (ms)"), Column("p99 (ms)"), Column("max (ms)"))


def latency(inputs: Inputs, series: Sequence[Series]) -> Section | None:
    """Return the section: percentiles of the time from the start of the block to a transaction's commit."""
    blocks = [(label, block) for label, block in labelled_blocks(inputs) if _is_known(block.run)]
    timed = [each for each in series if any(map(_is_known, each.runs))]
    if not blocks and not timed:
        return None
    parts: list[Part] = []
    if blocks:
        parts.append(_dots(blocks))
        parts.append(blocks_table("commit latency", blocks, COLUMNS, _cells))
    if timed:
        parts += measure_parts(timed, MEASURES)
        parts.append(series_table("commit latency", timed, COLUMNS, _cells))
    return Section(
        "latency",
        "Commit latency",
        "The time from the start of the block until a transaction was final. Of 100 transactions, 99 took no "
        "longer than p99.",
        parts,
    )


def _is_known(run: Run) -> bool:
    return run.latency.p50 is not None or run.latency.p99 is not None or run.latency.max is not None


def _dots(blocks: Sequence[tuple[str, BlockReplay]]) -> Charts:
    drawn = blocks[:ROWS_DRAWN_MAX]
    values = [
        {"row": label, "kind": symbol.label, "value": number * MILLISECONDS}
        for label, block in drawn
        for symbol, measure in zip(DOTS, MEASURES, strict=True)
        if (number := measure.of(block.run)) is not None
    ]
    chart = dot_chart(values, [label for label, _ in drawn], DOTS, "commit latency (ms)")
    note = f"The first {len(drawn)} of {len(blocks)} blocks are drawn." if len(drawn) < len(blocks) else ""
    return Charts([Chart("block-latency", "Commit latency (ms)", chart)], DOTS, note)


def _cells(run: Run) -> list[Cell]:
    return [cell(measure.of(run), milliseconds) for measure in MEASURES]
