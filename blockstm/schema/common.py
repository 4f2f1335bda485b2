"""Objects that several commands print: how transactions ended, commit latencies, options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from blockstm.schema.entry import Entry

__all__ = ["NO_LATENCY", "NO_OPTIONS", "LatencyEntry", "OptionsEntry", "OutcomesEntry", "ReasonEntry"]


@dataclass(frozen=True)
class ReasonEntry(Entry):
    """Why transactions were reverted or failed.

    Arguments:
        reason: as their receipts say it, in one line of bounded length; empty where they say nothing.
        status: what it led to.
        count: of how many transactions.
    """

    reason: str
    status: str
    count: int


@dataclass(frozen=True)
class OutcomesEntry(Entry):
    """How the transactions of a block ended.

    Arguments:
        succeeded, reverted, failed: how many.
        reasons: the commonest, most transactions first.
    """

    succeeded: int
    reverted: int
    failed: int
    reasons: tuple[ReasonEntry, ...] = ()


@dataclass(frozen=True)
class LatencyEntry(Entry):
    """Commit latency in seconds, of all transactions of a block; empty for a block without transactions."""

    p50: float | None = None
    p99: float | None = None
    max: float | None = None


@dataclass(frozen=True)
class OptionsEntry(Entry):
    """The options of a command that differ from their defaults; None stands for the default."""

    cost_model: str | None = None
    model: str | None = None
    evm: str | None = None
    rounds_per_gas: float | None = None
    as_replay: bool | None = None
    time_limit: float | None = None
    fee_key: tuple[str, ...] | None = None
    top: int | None = None
    execute: bool | None = None
    memory_limit: int | None = None
    programs: tuple[str, ...] | None = None


NO_LATENCY: Final = LatencyEntry()
NO_OPTIONS: Final = OptionsEntry()
