"""What ``blockstm replay --json`` prints; docs/reference/command-line.md says the same to users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from blockstm.schema.common import NO_LATENCY, NO_OPTIONS, LatencyEntry, OptionsEntry, OutcomesEntry
from blockstm.schema.entry import Cores, Entry, Mark, Output
from blockstm.schema.settlement import SettledEntry, StoreEntry

__all__ = ["BlockEntry", "ReplayOutput", "TotalsEntry"]


@dataclass(frozen=True, kw_only=True)
class BlockEntry(Entry):
    """A block that was run both ways; times are medians of its runs.

    Arguments:
        file: where it comes from.
        chain, number: what it says of itself.
        transactions, gas_used: of the block.
        virtual_machine: what executed the transactions, where their chain has several.
        model: the execution model that was compared with sequential execution.
        workers, active_workers: worker processes, and those that took part.
        runs: how often it was run, each way.
        wall_seconds, sequential_seconds: times of the model, and of sequential execution.
        speedup: the second over the first.
        mgas_per_second: millions of gas a second; of a block with a header only.
        executions, validations, aborts: counts of the run with the median time.
        commit_latency_seconds: of the same run.
        outcomes: how transactions ended; output of early versions does not tell.
        state_root: of the state after it, 0x and hex digits.
        verified: whether all runs agree with sequential execution.
        differences: where they do not, a line each.
        header_checks: whether all runs came to what the header says, by name; null for what it does not say.
        stage_seconds: how long stages beside execution took, where its chain tells: ``senders``, and roots.
        settlement: how it became durable, where it was stored.
    """

    file: str
    chain: str | None = None
    number: int | None = None
    transactions: int
    gas_used: int | None = None
    virtual_machine: str | None = None
    model: str
    workers: Cores
    active_workers: Cores | None = None
    runs: int | None = None
    wall_seconds: float
    sequential_seconds: float | None = None
    speedup: float | None = None
    mgas_per_second: float | None = None
    executions: int | None = None
    validations: int | None = None
    aborts: int | None = None
    commit_latency_seconds: LatencyEntry = NO_LATENCY
    outcomes: Annotated[OutcomesEntry | None, Mark.FLAT] = None
    state_root: str | None = None
    verified: bool | None = None
    differences: Annotated[tuple[str, ...], Mark.LEFT_OUT_IF_EMPTY] = ()
    header_checks: Mapping[str, bool | None] | None = None
    stage_seconds: Mapping[str, float] | None = None
    settlement: SettledEntry | None = None

    @property
    def has_header_equal(self) -> bool | None:
        """Whether nothing differs from the block's own header; None if nothing was compared."""
        compared = [is_equal for is_equal in (self.header_checks or {}).values() if is_equal is not None]
        return all(compared) if compared else None


@dataclass(frozen=True, kw_only=True)
class TotalsEntry(Entry):
    """All blocks together: sums, and what follows from them."""

    transactions: int | None = None
    gas_used: int | None = None
    wall_seconds: float | None = None
    sequential_seconds: float | None = None
    speedup: float | None = None
    succeeded: int | None = None
    reverted: int | None = None
    failed: int | None = None
    verified: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ReplayOutput(Output):
    """The whole object."""

    command: ClassVar[str] = "replay"

    options: Annotated[OptionsEntry, Mark.LEFT_OUT_IF_EMPTY] = NO_OPTIONS
    blocks: tuple[BlockEntry, ...]
    totals: TotalsEntry | None = None
    store: StoreEntry | None = None
