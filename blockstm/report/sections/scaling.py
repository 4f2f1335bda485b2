"""Speed-up against cores, with the bounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from blockstm.report.charts import SCALING_LEGEND, SERIES_MAX, scaling_chart
from blockstm.report.numbers import count, milliseconds, share, two_digits
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
from blockstm.report.results import Run
from blockstm.report.sections.shared import Measure, lines, several_cores
from blockstm.report.series import Series, by_group

__all__ = ["scaling"]

PANELS_MAX: Final = 12
CHAIN_SHOWN: Final = 1.3
"""The chain bound is on the chart where it is at most this many times everything else on it."""

SPEEDUP: Final = Measure("speed-up", "speed-up (x)", lambda run: run.speedup, two_digits, is_speedup=True)
COLUMNS: Final = (
    Column("series", is_number=False), Column("cores"), Column("time (ms)"), Column("sequential (ms)"),
    Column("speed-up (x)"), Column("efficiency"), Column("utilised"), Column("greedy bound (x)"),
    Column("chain bound (x)"),
)  # fmt: skip
SPREAD_COLUMNS: Final = (Column("runs"), Column("least speed-up (x)"), Column("greatest (x)"))


def scaling(series: Sequence[Series]) -> Section | None:
    """Return the section: what more cores gain, and what they could."""
    if not series:
        return None
    drawn = [each for each in several_cores(series) if each.best is not None]
    parts: list[Part] = []
    for place, (group, members) in enumerate(by_group(drawn).items(), 1):
        if 1 < len(members) <= SERIES_MAX:
            parts.append(lines(place, group, members, [SPEEDUP]))
        parts.append(_panels(members, f"scaling-{place}"))
    parts.append(_table(series))
    return Section(
        "scaling",
        "Speed-up against cores",
        "Speed-up is sequential time divided by time. No schedule exceeds the chain bound, as some transactions "
        "wait for others. The greedy bound is what list scheduling in the preset order reaches on as many cores if "
        "all dependencies are known beforehand and handing out tasks costs nothing. Where there were several runs "
        "on the same number of cores, with several seeds for example, each figure is their median. Both axes are "
        "logarithmic.",
        parts,
    )


def _panels(series: Sequence[Series], identifier: str) -> Charts:
    """Return a chart for each series; of many, for some, evenly spread."""
    chosen = (
        list(series)
        if len(series) <= PANELS_MAX
        else [series[place * (len(series) - 1) // (PANELS_MAX - 1)] for place in range(PANELS_MAX)]
    )
    runs = [run for each in chosen for run in each.runs]
    known = [run.speedup for run in runs] + [run.bound_greedy for run in runs]
    known += [end for run in runs if run.speedups for end in (run.speedups.least, run.speedups.greatest)]
    shown = [number for number in known if number is not None] + [float(run.cores) for run in runs]
    chains = {run.bound_critical_path for run in runs} - {None}
    top = max(shown) * CHAIN_SHOWN
    shown += [chain for chain in chains if chain is not None and chain <= top]
    charts = [
        Chart(
            f"{identifier}-{place}",
            each.name,
            scaling_chart([_drawn(run) for run in each.runs], shown),
        )
        for place, each in enumerate(chosen, 1)
    ]
    notes = []
    if len(chosen) < len(series):
        notes.append(f"{len(chosen)} of {len(series)} series are drawn, evenly spread; the table has all.")
    if any(chain is not None and chain > top for chain in chains):
        notes.append("A chain bound that is not drawn lies above the chart; the table has it.")
    return Charts(charts, _legend(chosen), " ".join(notes))


def _drawn(run: Run) -> dict[str, float | None]:
    spread = {} if run.speedups is None else {"least": run.speedups.least, "greatest": run.speedups.greatest}
    return {
        "cores": run.cores,
        "speedup": run.speedup,
        "greedy": run.bound_greedy,
        "chain": run.bound_critical_path,
        **spread,
    }


def _legend(series: Sequence[Series]) -> list[Symbol]:
    runs = [run for each in series for run in each.runs]
    known = (
        True,
        any(run.speedups is not None for run in runs),
        any(run.bound_greedy is not None for run in runs),
        any(run.bound_critical_path is not None for run in runs),
        True,
    )
    return [symbol for symbol, is_known in zip(SCALING_LEGEND, known, strict=True) if is_known]


def _table(series: Sequence[Series]) -> Table:
    """Return the table of all runs; with columns for the spread, where any stands for several."""
    are_several = any(run.speedups is not None for each in series for run in each.runs)
    rows = (
        [*_row(each, run), *(_spread(run) if are_several else ())] for each in series for run in each.runs
    )
    return table("Times, speed-up and bounds", COLUMNS + SPREAD_COLUMNS * are_several, rows)


def _spread(run: Run) -> list[Cell]:
    if run.speedups is None:
        return [cell(1, count), cell(None, two_digits), cell(None, two_digits)]
    least, greatest = run.speedups.least, run.speedups.greatest
    return [cell(run.speedups.runs, count), cell(least, two_digits), cell(greatest, two_digits)]


def _row(series: Series, run: Run) -> list[Cell]:
    return [
        text_cell(series.name),
        cell(run.cores, count),
        cell(run.seconds, milliseconds),
        cell(run.sequential_seconds, milliseconds),
        cell(run.speedup, two_digits),
        cell(run.efficiency, share),
        cell(run.utilisation, share),
        cell(run.bound_greedy, two_digits),
        cell(run.bound_critical_path, two_digits),
    ]
