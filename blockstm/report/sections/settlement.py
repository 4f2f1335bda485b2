"""Blocks on a store: when each was confirmed, and when it was durable."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from blockstm.report.charts import dot_chart
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import NONE, count, milliseconds, two_digits
from blockstm.report.parts import Cell, Chart, Charts, Column, Section, Symbol, Table, cell, table, text_cell
from blockstm.report.results import BlockReplay
from blockstm.report.sections.shared import ROWS_DRAWN_MAX, stored_blocks
from blockstm.schema.settlement import SettledEntry

__all__ = ["settlement"]

MILLISECONDS: Final = 1000
DOTS: Final = (Symbol("confirmed", "●", "series-1"), Symbol("durable", "❙", "series-2"))
COLUMNS: Final = (
    Column("block", is_number=False), Column("number"), Column("txns"), Column("waited (ms)"),
    Column("confirmed (ms)"), Column("root (ms)"), Column("storing (ms)"), Column("durable (ms)"), Column("keys"),
    Column("nodes"),
)  # fmt: skip
STORE_COLUMNS: Final = (
    Column("store", is_number=False), Column("settled", is_number=False), Column("in flight"), Column("blocks"),
    Column("execution (s)"), Column("root (s)"), Column("storing (s)"), Column("all (s)"),
    Column("over the longest (x)"),
)  # fmt: skip


def settlement(inputs: Inputs) -> Section | None:
    """Return the section: a line for each block that was stored."""
    blocks = stored_blocks(inputs)
    if not blocks:
        return None
    return Section(
        "settlement",
        "Blocks on a store",
        "Each block was executed on the state that the one before it had left. It was confirmed when all of its "
        "transactions were final, and durable when its changes, its root and its record were on disk; both times "
        "count from its beginning. The root and storing overlap with the execution of the same and later blocks.",
        [_dots(blocks), _stores(inputs), table("Each block's way to the store", COLUMNS, map(_row, blocks))],
    )


def _dots(blocks: Sequence[tuple[str, BlockReplay, SettledEntry]]) -> Charts:
    drawn = blocks[:ROWS_DRAWN_MAX]
    values = [
        {"row": label, "kind": symbol.label, "value": seconds * MILLISECONDS}
        for label, _, settled in drawn
        for symbol, seconds in zip(DOTS, (settled.confirmed_seconds, settled.durable_seconds), strict=True)
    ]
    chart = dot_chart(values, [label for label, _, _ in drawn], DOTS, "from the block's beginning (ms)")
    note = f"The first {len(drawn)} of {len(blocks)} blocks are drawn." if len(drawn) < len(blocks) else ""
    return Charts([Chart("settlement-latency", "Confirmed and durable (ms)", chart)], DOTS, note)


def _stores(inputs: Inputs) -> Table:
    return table("Stages", STORE_COLUMNS, _store_rows(inputs))


def _store_rows(inputs: Inputs) -> Iterator[list[Cell]]:
    for store in (replay.store for replay in inputs.replays):
        if store is None or store.stages is None:
            continue
        stages = store.stages
        seconds = (stages.execution_seconds, stages.root_seconds, stages.store_seconds, stages.wall_seconds)
        yield [
            text_cell(store.file),
            text_cell(store.settle),
            cell(store.in_flight, count),
            text_cell(NONE if store.head is None else f"up to {store.head}"),
            *(cell(each, two_digits) for each in (*seconds, stages.over_longest)),
        ]


def _row(each: tuple[str, BlockReplay, SettledEntry]) -> list[Cell]:
    label, block, settled = each
    return [
        text_cell(label),
        cell(settled.number, count),
        cell(block.run.transactions, count),
        cell(settled.waited_seconds, milliseconds),
        cell(settled.confirmed_seconds, milliseconds),
        cell(settled.root_seconds, milliseconds),
        cell(settled.store_seconds, milliseconds),
        cell(settled.durable_seconds, milliseconds),
        cell(settled.keys, count),
        cell(settled.nodes, count),
    ]
