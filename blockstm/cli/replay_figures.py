"""What ``blockstm replay`` reports: the measurements of its blocks, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blockstm.cli.blocks import LoadedBlock
from blockstm.measure import Measurement
from blockstm.measure.measurement import ratio
from blockstm.schema.common import LatencyEntry
from blockstm.schema.replay import BlockEntry, TotalsEntry

__all__ = ["MeasuredBlock", "Totals"]


@dataclass(frozen=True)
class MeasuredBlock:
    """What is reported of one block; its result is let go.

    Arguments:
        file: where it comes from.
        chain, number: what it says of itself.
        state_root: of the state after it.
        figures: what was measured.
        stage_seconds: how long stages of the block beside execution took, by name.
    """

    file: Path
    chain: str | None
    number: int | None
    state_root: bytes
    figures: Measurement
    stage_seconds: Mapping[str, float]

    @staticmethod
    def of(loaded: LoadedBlock, measurement: Measurement) -> MeasuredBlock:
        """Return what is reported of a block that was measured."""
        block = loaded.block
        return MeasuredBlock(
            file=loaded.file,
            chain=block.chain,
            number=block.number,
            state_root=measurement.result.state_root,
            figures=measurement.without_result(),
            stage_seconds=dict(loaded.stage_seconds),
        )

    def entry(self) -> BlockEntry:
        """Return what the JSON output says."""
        figures = self.figures
        return BlockEntry(
            file=str(self.file),
            chain=self.chain,
            number=self.number,
            transactions=figures.transactions,
            gas_used=figures.gas_used,
            virtual_machine=figures.virtual_machine,
            model=figures.model,
            workers=figures.workers,
            active_workers=figures.active_workers,
            runs=figures.runs,
            wall_seconds=figures.wall_seconds,
            sequential_seconds=figures.sequential_seconds,
            speedup=figures.speedup,
            mgas_per_second=None if figures.header_checks is None else figures.mgas_per_second,
            executions=figures.executions,
            validations=figures.validations,
            aborts=figures.aborts,
            commit_latency_seconds=LatencyEntry(**figures.commit_latency_seconds),
            outcomes=figures.outcomes.entry(),
            state_root=f"0x{self.state_root.hex()}",
            verified=figures.verified,
            differences=figures.differences or (),
            header_checks=figures.header_checks,
            stage_seconds=self.stage_seconds or None,
        )


@dataclass(frozen=True)
class Totals:
    """What is reported of all blocks together."""

    transactions: int
    gas_used: int
    wall_seconds: float
    sequential_seconds: float
    executions: int
    validations: int
    aborts: int
    succeeded: int
    reverted: int
    failed: int
    verified: bool | None

    @staticmethod
    def of(blocks: Iterable[Measurement]) -> Totals:
        """Add up the blocks; they are verified together if each one was found to agree."""
        blocks = list(blocks)
        checks = [figures.verified for figures in blocks]
        return Totals(
            transactions=sum(figures.transactions for figures in blocks),
            gas_used=sum(figures.gas_used for figures in blocks),
            wall_seconds=sum(figures.wall_seconds for figures in blocks),
            sequential_seconds=sum(figures.sequential_seconds for figures in blocks),
            executions=sum(figures.executions for figures in blocks),
            validations=sum(figures.validations for figures in blocks),
            aborts=sum(figures.aborts for figures in blocks),
            succeeded=sum(figures.outcomes.succeeded for figures in blocks),
            reverted=sum(figures.outcomes.reverted for figures in blocks),
            failed=sum(figures.outcomes.failed for figures in blocks),
            verified=None if None in checks else all(checks),
        )

    @property
    def speedup(self) -> float | None:
        """Sum of sequential times over sum of times; None if it took no time."""
        return ratio(self.sequential_seconds, self.wall_seconds)

    def entry(self) -> TotalsEntry:
        """Return what the JSON output says."""
        return TotalsEntry(
            transactions=self.transactions,
            gas_used=self.gas_used,
            wall_seconds=self.wall_seconds,
            sequential_seconds=self.sequential_seconds,
            speedup=self.speedup,
            succeeded=self.succeeded,
            reverted=self.reverted,
            failed=self.failed,
            verified=self.verified,
        )
