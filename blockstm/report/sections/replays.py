"""Replayed blocks: times, speed-up, and whether they are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from blockstm.report.charts import bar_chart
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import NONE, count, milliseconds, two_digits
from blockstm.report.parts import Cell, Chart, Charts, Column, Section, Symbol, Table, cell, table, text_cell
from blockstm.report.results import BlockReplay
from blockstm.report.sections.shared import ROWS_DRAWN_MAX, labelled_blocks
from blockstm.report.sections.summary import verdict

__all__ = ["replays"]

COLUMNS: Final = (
    Column("block", is_number=False), Column("txns"), Column("workers"), Column("time (ms)"),
    Column("sequential (ms)"), Column("speed-up (x)"), Column("Mgas / s"), Column("succeeded"),
    Column("reverted"), Column("failed"), Column("state digest", is_number=False),
    Column("verified", is_number=False), Column("header", is_number=False),
)  # fmt: skip
REASON_COLUMNS: Final = (
    Column("block", is_number=False), Column("txns"), Column("status", is_number=False),
    Column("reason", is_number=False),
)  # fmt: skip
KIND: Final = (Symbol("speed-up", "■", "series-1"),)
ROOT_CHARACTERS: Final = 10


def replays(inputs: Inputs) -> Section | None:
    """Return the section: a line for each replayed block."""
    blocks = [(label, block) for label, block in labelled_blocks(inputs) if block.told.settlement is None]
    if not blocks:
        return None
    runs = {block.told.runs for _, block in blocks}
    median = (
        f" Times are medians of {runs.pop()} runs." if len(runs) == 1 and runs not in ({None}, {1}) else ""
    )
    return Section(
        "replays",
        "Replayed blocks",
        "Each block was executed speculatively by worker processes, and then one transaction after the other; "
        f"speed-up is the second time divided by the first.{median}",
        [
            _bars(blocks),
            table("Times and checks", COLUMNS, (_row(label, block) for label, block in blocks)),
            *_reasons(blocks),
        ],
    )


def _reasons(blocks: Sequence[tuple[str, BlockReplay]]) -> list[Table]:
    """Return a table of why transactions were reverted or failed, if any were."""
    rows = [
        [text_cell(label), cell(each.count, count), text_cell(each.status), text_cell(each.reason or NONE)]
        for label, block in blocks
        for each in (() if block.told.outcomes is None else block.told.outcomes.reasons)
    ]
    return [table("Most common reasons for reverts and failures", REASON_COLUMNS, rows)] if rows else []


def _bars(blocks: Sequence[tuple[str, BlockReplay]]) -> Charts:
    drawn = blocks[:ROWS_DRAWN_MAX]
    values = [
        {"row": label, "kind": KIND[0].label, "value": block.run.speedup}
        for label, block in drawn
        if block.run.speedup is not None
    ]
    chart = bar_chart(values, [label for label, _ in drawn], KIND, "speed-up (x)")
    note = f"The first {len(drawn)} of {len(blocks)} blocks are drawn." if len(drawn) < len(blocks) else ""
    return Charts([Chart("block-speed-up", "Speed-up (x)", chart)], (), note)


def _row(label: str, block: BlockReplay) -> list[Cell]:
    outcomes = block.told.outcomes
    root = block.told.state_root or ""
    return [
        text_cell(label),
        cell(block.run.transactions, count),
        cell(block.run.cores, count),
        cell(block.run.seconds, milliseconds),
        cell(block.run.sequential_seconds, milliseconds),
        cell(block.run.speedup, two_digits),
        cell(block.told.mgas_per_second, two_digits),
        cell(None if outcomes is None else outcomes.succeeded, count),
        cell(None if outcomes is None else outcomes.reverted, count),
        cell(None if outcomes is None else outcomes.failed, count),
        text_cell(root[:ROOT_CHARACTERS] + "..." * (len(root) > ROOT_CHARACTERS)),
        text_cell(verdict(block.told.verified, "yes", "NO")),
        text_cell(verdict(block.told.has_header_equal, "equal", "DIFFERS")),
    ]
