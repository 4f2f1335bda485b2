"""Aborts and re-executions: the work that was in vain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from blockstm.report.charts import bar_chart
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import count, three_digits
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

__all__ = ["aborts"]

ABORTS: Final = Measure(
    "aborts", "aborts per transaction", lambda run: run.aborts_per_transaction, three_digits
)
REEXECUTIONS: Final = Measure(
    "re-executions",
    "re-executions per transaction",
    lambda run: run.reexecutions_per_transaction,
    three_digits,
)
MEASURES: Final = (ABORTS, REEXECUTIONS)
COLOURS: Final = ("series-2", "series-1")
COLUMNS: Final = (
    Column("executions"), Column("validations"), Column("aborts"), Column("executions / txn"),
    Column("validations / txn"), Column("aborts / txn"),
)  # fmt: skip


def aborts(inputs: Inputs, series: Sequence[Series]) -> Section | None:
    """Return the section: how much work was in vain."""
    blocks = [(label, block) for label, block in labelled_blocks(inputs) if block.run.aborts is not None]
    counted = [each for each in series if any(run.aborts is not None for run in each.runs)]
    if not blocks and not counted:
        return None
    parts: list[Part] = []
    if blocks:
        parts.append(_bars(blocks))
        parts.append(blocks_table("counts", blocks, COLUMNS, _cells))
    if counted:
        parts += measure_parts(counted, MEASURES)
        parts.append(series_table("counts", counted, COLUMNS, _cells))
    return Section(
        "aborts",
        "Aborts and re-executions",
        "An abort is an incarnation that was given up because it had read something stale. Executions count the "
        "incarnations that ran to their end: whatever exceeds 1 per transaction was executed again.",
        parts,
    )


def _bars(blocks: Sequence[tuple[str, BlockReplay]]) -> Charts:
    drawn = blocks[:ROWS_DRAWN_MAX]
    kinds = [Symbol(each.title, "■", name) for each, name in zip(MEASURES, COLOURS, strict=True)]
    values = [
        {"row": label, "kind": each.title, "value": number}
        for label, block in drawn
        for each in MEASURES
        if (number := each.of(block.run)) is not None
    ]
    chart = bar_chart(values, [label for label, _ in drawn], kinds, "per transaction")
    note = f"The first {len(drawn)} of {len(blocks)} blocks are drawn." if len(drawn) < len(blocks) else ""
    return Charts([Chart("block-aborts", "Aborts and re-executions per transaction", chart)], kinds, note)


def _cells(run: Run) -> list[Cell]:
    return [
        cell(run.executions, count),
        cell(run.validations, count),
        cell(run.aborts, count),
        cell(run.executions_per_transaction, three_digits),
        cell(run.validations_per_transaction, three_digits),
        cell(run.aborts_per_transaction, three_digits),
    ]
