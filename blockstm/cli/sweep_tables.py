"""What ``blockstm sweep`` shows to a person: the speed-up at each point of the grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from rich.table import Table

from blockstm.cli.tables import print_wide, times
from blockstm.sweep import Sweep
from blockstm.sweep.rows import PARAMETER, Row

__all__ = ["print_speedups", "speedups"]

LINES_MAX = 60


def speedups(sweep: Sweep, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Return for each point what it is, and its median speed-up over seeds and repeats, where there is one."""
    by_point: dict[object, list[Row]] = {}
    for row in rows:
        by_point.setdefault(row["point"], []).append(row)
    found: list[dict[str, Any]] = []
    for point, of_point in by_point.items():
        values = [row["speedup"] for row in of_point if isinstance(row["speedup"], float)]
        found.append(
            {
                "point": point,
                "cores": of_point[0]["cores"],
                "parameters": {field: of_point[0].get(f"{PARAMETER}{field}") for field in sweep.varied},
                "runs": len(of_point),
                **({"speedup": median(values)} if values else {}),
            }
        )
    return found


def print_speedups(sweep: Sweep, rows: Sequence[Row]) -> None:
    """Print a line for each combination of the parameters that vary, with a column for each number of cores."""
    lines: dict[tuple[object, ...], dict[int, float | None]] = {}
    for entry in speedups(sweep, rows):
        lines.setdefault(tuple(entry["parameters"].values()), {})[entry["cores"]] = entry.get("speedup")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for field in sweep.varied:
        table.add_column(field.rpartition(".")[2].replace("_", "\n"), justify="right", no_wrap=True)
    for cores in sweep.cores:
        table.add_column(f"{cores}\ncore{'s' * (cores > 1)}", justify="right", no_wrap=True)
    for parameters, by_cores in list(lines.items())[:LINES_MAX]:
        values = [f"{value:,}" if isinstance(value, int) else str(value) for value in parameters]
        table.add_row(*values, *(times(by_cores.get(cores)) for cores in sweep.cores))
    print_wide(table)
    left_out = len(lines) - LINES_MAX
    if left_out > 0:
        print(f"... and {left_out:,} lines more, which the file has")
    each = len(sweep.seeds) * sweep.repeats
    of_several = f", medians of {each} runs" if each > 1 else ""
    clock = "modelled time" if sweep.clock == "virtual" else "real time"
    print(f"\nspeed-up over sequential execution, {clock}{of_several}")
