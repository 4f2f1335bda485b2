"""What ``blockstm sweep`` shows to a person: the speed-up at each point of the grid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from blockstm.cli.columns import Column, print_columns
from blockstm.cli.figures_text import times
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
    parameters = [Column(field.rpartition(".")[2].replace("_", "\n")) for field in sweep.varied]
    cores = [Column(f"{cores}\ncore{'s' * (cores > 1)}") for cores in sweep.cores]
    printed = [
        [*map(parameter_text, values), *(times(by_cores.get(cores)) for cores in sweep.cores)]
        for values, by_cores in list(lines.items())[:LINES_MAX]
    ]
    print_columns([*parameters, *cores], printed, keys=len(parameters))
    left_out = len(lines) - LINES_MAX
    if left_out > 0:
        print(f"... and {left_out:,} lines more, which the file has")
    each = len(sweep.seeds) * sweep.repeats
    of_several = f", medians of {each} runs" if each > 1 else ""
    clock = "modelled time" if sweep.clock == "virtual" else "real time"
    print(f"\nspeed-up over sequential execution, {clock}{of_several}")


def parameter_text(value: object) -> str:
    """Write the value of a parameter."""
    return f"{value:,}" if isinstance(value, int) else str(value)
