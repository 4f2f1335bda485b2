"""What limits a block: bounds under each set of rules, and hot keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from blockstm.report.charts import SERIES_MAX, line_chart, series_legend
from blockstm.report.inputs import Inputs
from blockstm.report.numbers import count, share, two_digits
from blockstm.report.parts import Cell, Chart, Charts, Column, Part, Section, cell, table, text_cell
from blockstm.report.series import short_names
from blockstm.schema.inspect import BoundEntry, HotKeyEntry, InspectOutput

__all__ = ["hot_keys", "limits"]

PANELS_MAX: Final = 12


def limits(inputs: Inputs) -> Section | None:
    """Return the section: how parallel each inspected block can be."""
    inspections = [each.told for each in inputs.inspections if each.told.bounds]
    if not inspections:
        return None
    names = short_names(inspection.file for inspection in inspections)
    cores = sorted({count for each in inspections for bound in each.bounds for count in bound.cores or ()})
    columns = [
        Column("block", is_number=False), Column("rules", is_number=False), Column("weight", is_number=False),
        Column("longest chain (txns)"), Column("independent"), Column("any number of cores (x)"),
        *(Column(f"{each:,} cores (x)") for each in cores),
    ]  # fmt: skip
    rows = (
        [text_cell(names[each.file]), *_bound_cells(bound, cores)]
        for each in inspections
        for bound in each.bounds
    )
    parts: list[Part] = [*_charts(inspections, names), table("Bounds on the speed-up", columns, rows)]
    return Section(
        "limits",
        "What limits the blocks",
        "The most that parallel execution can gain, given which transactions depend on which; each set of rules "
        "says what counts as a dependency. The bound on a number of cores is that of greedy list scheduling with "
        "perfect knowledge.",
        parts,
    )


def hot_keys(inputs: Inputs) -> Section | None:
    """Return the section: the keys that make transactions wait."""
    inspections = [each.told for each in inputs.inspections if each.told.hot_keys]
    if not inspections:
        return None
    names = short_names(inspection.file for inspection in inspections)
    columns = (
        Column("block", is_number=False), Column("key", is_number=False), Column("waiting (txns)"),
        Column("of the block"), Column("longest chain (txns)"), Column("bound without it (x)"),
    )  # fmt: skip
    rows = (
        [text_cell(names[inspection.file]), *_key_cells(hot, inspection)]
        for inspection in inspections
        for hot in inspection.hot_keys
    )
    return Section(
        "hot-keys",
        "Hot keys",
        "The keys that make the most transactions wait for an earlier one. The last column is the bound on the "
        "speed-up, on any number of cores, if no transaction waited because of that key.",
        [table("Hot keys", columns, rows)],
    )


def _charts(inspections: Sequence[InspectOutput], names: dict[str, str]) -> Iterator[Charts]:
    """Yield the charts of bounds against cores, if there are any."""
    drawn = [each for each in inspections if any(len(bound.cores or ()) > 1 for bound in each.bounds)][
        :PANELS_MAX
    ]
    labels = list(dict.fromkeys(bound.rules for each in drawn for bound in each.bounds))[:SERIES_MAX]
    charts = []
    for place, each in enumerate(drawn, 1):
        weight = each.weight or each.bounds[0].weight
        values: list[dict[str, Any]] = [
            {"series": bound.rules, "cores": cores, "value": speedup}
            for bound in each.bounds
            if bound.weight == weight and bound.rules in labels
            for cores, speedup in (bound.cores or {}).items()
        ]
        if values:
            title = f"{names[each.file]}: bound on the speed-up (x), by {weight}"
            drawn_bounds = line_chart(values, labels, "value", "speed-up (x)", is_speedup=True)
            charts.append(Chart(f"bounds-{place}", title, drawn_bounds))
    if charts:
        left_out = len(inspections) - len(drawn)
        yield Charts(
            charts, series_legend(labels), f"{left_out} more blocks are in the table." if left_out else ""
        )


def _bound_cells(bound: BoundEntry, cores: Sequence[int]) -> list[Cell]:
    return [
        text_cell(bound.rules),
        text_cell(bound.weight),
        cell(bound.longest_chain, count),
        cell(bound.independent_share, share),
        cell(bound.unlimited, two_digits),
        *(cell((bound.cores or {}).get(each), two_digits) for each in cores),
    ]


def _key_cells(hot: HotKeyEntry, inspection: InspectOutput) -> list[Cell]:
    part = hot.transactions / inspection.transactions if inspection.transactions else None
    return [
        text_cell(hot.name or hot.key),
        cell(hot.transactions, count),
        cell(part, share),
        cell(hot.longest_chain, count),
        cell(hot.unlimited, two_digits),
    ]
