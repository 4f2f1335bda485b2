"""What ``blockstm sweep --json`` prints, and the columns of a sweep's table; docs/how-to/sweeps.md tells users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from blockstm.schema.entry import Cores, Entry, Output
from blockstm.schema.fields import Scalar

__all__ = ["COLUMNS", "PARAMETER", "PointEntry", "SweepOutput"]

COLUMNS: Final[Mapping[str, type]] = {
    "point": int,
    "run_id": str,
    "clock": str,
    "cores": int,
    "model": str,
    "scenario": str,
    "seed": int,
    "repeat": int,
    "transactions": int,
    "seconds": float,
    "sequential_seconds": float,
    "speedup": float,
    "executions": int,
    "validations": int,
    "aborts": int,
    "commit_latency_p50_seconds": float,
    "commit_latency_p99_seconds": float,
    "commit_latency_max_seconds": float,
    "bound_critical_path": float,
    "bound_greedy": float,
    "utilisation": float,
    "refused": str,
    "scenario_text": str,
    "block_digest": str,
    "virtual_machine": str,
    "cost_model": str,
    "blockstm_version": str,
    "python_version": str,
    "machine": str,
    "cpu_count": int,
    "started_at": str,
}
"""The columns of every table, in order, and their types; then come those of the scenario's parameters."""

PARAMETER: Final = "parameter."
"""What the names of the parameters' columns begin with."""


@dataclass(frozen=True, kw_only=True)
class PointEntry(Entry):
    """A point of the grid, with what came of its runs, which differ in seed and repeat.

    Arguments:
        point: its number.
        scenario: the name of the scenario or of the recorded block; output of early versions does not tell.
        model: the execution model; output of early versions does not tell.
        cores: on how many cores.
        parameters: the fields that vary, by dotted name.
        runs: how many runs are finished.
        refused: why the model cannot run the block, where it cannot.
        speedup, speedup_min, speedup_max: the median of these, the least, the greatest; None where there is none,
            as of blocks without transactions.
    """

    point: int
    scenario: str | None = None
    model: str | None = None
    cores: Cores
    parameters: Mapping[str, Scalar | None]
    runs: int
    refused: str | None = None
    speedup: float | None = None
    speedup_min: float | None = None
    speedup_max: float | None = None


@dataclass(frozen=True, kw_only=True)
class SweepOutput(Output):
    """The whole object.

    Arguments:
        sweep: the name of the definition.
        folder, results: where the results are, and their table.
        clock: ``virtual`` or ``real``.
        runs, executed: of the whole grid, and how many of them this command has done.
        wall_seconds: what the command took.
        points: what is known of the grid.
    """

    command: ClassVar[str] = "sweep"

    sweep: str
    folder: str
    results: str
    clock: str
    runs: int
    executed: int
    wall_seconds: float
    points: tuple[PointEntry, ...]
