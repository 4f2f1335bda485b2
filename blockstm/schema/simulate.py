"""What ``blockstm simulate --json`` prints; docs/reference/command-line.md says the same to users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from blockstm.schema.common import NO_LATENCY, NO_OPTIONS, LatencyEntry, OptionsEntry, OutcomesEntry
from blockstm.schema.entry import Cores, Entry, Mark, Output

__all__ = ["SimulateOutput", "SimulatedRunEntry"]

MODEL_DEFAULT: Final = "block-stm"
"""The execution model where the options tell of none."""


@dataclass(frozen=True, kw_only=True)
class SimulatedRunEntry(Entry):
    """What the block came to on a number of cores; all times are modelled. See `blockstm.simulate.Figures`."""

    cores: Cores
    seconds: float
    sequential_seconds: float | None = None
    speedup: float | None = None
    efficiency: float | None = None
    executions: int | None = None
    validations: int | None = None
    aborts: int | None = None
    utilisation: float | None = None
    bound_critical_path: float | None = None
    bound_greedy: float | None = None
    commit_latency_seconds: LatencyEntry = NO_LATENCY


@dataclass(frozen=True, kw_only=True)
class SimulateOutput(Output):
    """The whole object.

    Arguments:
        file: the block's file.
        options: those that differ from their defaults.
        transactions: of the block.
        virtual_machine: what executed them, where their chain has several.
        outcomes: how they ended; output of early versions does not tell.
        header_checks: as of `blockstm.schema.replay.BlockEntry`.
        results: for each number of cores, in the order in which they were asked for.
    """

    command: ClassVar[str] = "simulate"

    file: str
    options: Annotated[OptionsEntry, Mark.LEFT_OUT_IF_EMPTY] = NO_OPTIONS
    transactions: int | None = None
    virtual_machine: str | None = None
    outcomes: Annotated[OutcomesEntry | None, Mark.FLAT] = None
    header_checks: Mapping[str, bool | None] | None = None
    results: tuple[SimulatedRunEntry, ...]

    @property
    def model(self) -> str:
        """The execution model."""
        return self.options.model or MODEL_DEFAULT
