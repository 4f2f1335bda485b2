"""What ``blockstm simulate --pipeline --json`` prints; docs/reference/command-line.md says the same to users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from blockstm.schema.common import NO_OPTIONS, LatencyEntry, OptionsEntry
from blockstm.schema.entry import Entry, Mark, Output

__all__ = ["ChainBlockEntry", "PipelineModeEntry", "PipelineOutput", "StageEntry"]


@dataclass(frozen=True)
class StageEntry(Entry):
    """A stage of a chain. See `blockstm.pipeline.StageFigures`."""

    seconds: float
    utilisation: float


@dataclass(frozen=True, kw_only=True)
class ChainBlockEntry(Entry):
    """When what was known of a block of the chain. See `blockstm.pipeline.ChainBlockTimes`."""

    block: str
    arrived_seconds: float
    begun_seconds: float
    confirmed_seconds: float
    valid_seconds: float
    durable_seconds: float


@dataclass(frozen=True, kw_only=True)
class PipelineModeEntry(Entry):
    """A chain in a mode; what does not exist is left out. See `blockstm.pipeline.Prediction`."""

    mode: str
    transactions: int
    gas: int
    seconds: float
    seconds_per_block: float
    blocks_per_second: float | None = None
    transactions_per_second: float | None = None
    gas_per_second: float | None = None
    bottleneck: str | None = None
    stages: Mapping[str, StageEntry]
    confirmed_latency_seconds: LatencyEntry
    durable_latency_seconds: LatencyEntry
    blocks: tuple[ChainBlockEntry, ...]


@dataclass(frozen=True, kw_only=True)
class PipelineOutput(Output):
    """The whole object.

    Arguments:
        pipeline: the pipeline's file.
        files: those of the blocks; empty where the pipeline describes one.
        options: those that differ from their defaults.
        results: for each mode, in the order of the file.
    """

    command: ClassVar[str] = "simulate-pipeline"

    pipeline: str
    files: tuple[str, ...]
    options: Annotated[OptionsEntry, Mark.LEFT_OUT_IF_EMPTY] = NO_OPTIONS
    results: tuple[PipelineModeEntry, ...]
