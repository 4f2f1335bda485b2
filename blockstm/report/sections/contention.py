"""The heat map of contention by cores."""

from __future__ import annotations

from collections.abc import Sequence

from blockstm.report.parts import Section
from blockstm.report.sections.scaling import SPEEDUP
from blockstm.report.sections.shared import heat_map, several_cores
from blockstm.report.series import Series, by_group

__all__ = ["contention"]


def contention(series: Sequence[Series]) -> Section | None:
    """Return the section: where speed-up ends, by workload and number of cores."""
    drawn = by_group(each for each in several_cores(series) if each.best is not None)
    maps = [heat_map(group, members, SPEEDUP) for group, members in drawn.items() if len(members) > 1]
    if not maps:
        return None
    return Section(
        "contention",
        "Contention by cores",
        "Speed-up of each workload on each number of cores; the darker (on a dark page, the brighter), the higher. "
        "Where a row stops changing, more cores do not help.",
        maps,
    )
