"""What ``blockstm replay --store`` shows to a person."""

from __future__ import annotations

from blockstm.cli.columns import Column, print_columns, print_values, print_wrapped
from blockstm.cli.figures_text import NONE, duration, milliseconds, times
from blockstm.cli.outcomes_text import reason_lines
from blockstm.cli.replay_store import ChainRun, StoredFigures
from blockstm.cli.tables import equality, verdict
from blockstm.errors import counted, shown_path
from blockstm.schema.common import LatencyEntry
from blockstm.schema.settlement import StagesEntry, StoreEntry

__all__ = ["print_chain"]

COLUMNS = (
    Column("block", is_number=False), Column("number"), Column("txns"), Column("confirmed\nms"), Column("root\nms"),
    Column("storing\nms"), Column("durable\nms"), Column("verified", is_number=False),
    Column("header", is_number=False),
)  # fmt: skip


def print_chain(run: ChainRun) -> None:
    """Print the blocks that were stored, a line each, and the store."""
    if run.blocks:
        print_columns(COLUMNS, [_cells(each) for each in run.blocks])
        print()
    if reasons := reason_lines(each.outcomes for each in run.blocks):
        for line in reasons:
            print_wrapped(line)
        print()
    print_values(_store_values(run.store))


def _cells(each: StoredFigures) -> list[str]:
    entry = each.entry
    settled = each.times
    assert entry.settlement is not None
    return [
        shown_path(each.loaded.file.name),
        str(entry.settlement.number),
        f"{entry.transactions:,}",
        milliseconds(settled.confirmed_seconds),
        milliseconds(settled.root_seconds),
        milliseconds(settled.store_seconds),
        milliseconds(settled.durable_seconds),
        verdict(entry.verified),
        equality(entry.has_header_equal),
    ]


def _store_values(store: StoreEntry) -> dict[str, str]:
    values = {
        "store": shown_path(store.file),
        "blocks": NONE if store.head is None else f"up to {store.head}",
        "state root": f"{store.state_root or NONE} ({store.tree})",
    }
    if store.resumed:
        values["resumed"] = f"{counted(store.resumed, 'block')} were durable already"
    values["settled"] = f"{store.settle}, at most {counted(store.in_flight, 'block')} in flight"
    if store.stages is not None:
        values["confirmed after"] = _latency(store.confirmed_latency_seconds)
        values["durable after"] = _latency(store.durable_latency_seconds)
        values["stages"] = _stages(store.stages)
    sizes = {"state": store.state_bytes, "nodes": store.nodes_bytes, "blocks": store.blocks_bytes}
    values["bytes"] = ", ".join(
        f"{name} {size:,}" for name, size in {**sizes, "file": store.file_bytes}.items()
    )
    return values


def _latency(latency: LatencyEntry) -> str:
    return ", ".join(f"{name} {duration(value)}" for name, value in latency.as_json().items())


def _stages(stages: StagesEntry) -> str:
    return (
        f"execution {duration(stages.execution_seconds)}, root {duration(stages.root_seconds)}, "
        f"storing {duration(stages.store_seconds)}; all {duration(stages.wall_seconds)}, "
        f"{times(stages.over_longest)} the longest"
    )
