"""Run one block several times, in the chosen model and sequentially, and sum up what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from blockstm.block import Block
from blockstm.cli.headerchecks import checks_of
from blockstm.cli.progress import Progress
from blockstm.engine import Engine
from blockstm.ethereum.block import EthereumBlock
from blockstm.result import Result
from blockstm.verify import DIFFERENCES_MAX, differences

__all__ = ["BlockFigures", "Totals", "measure"]


@dataclass(frozen=True)
class RunFigures:
    """Figures of one run, kept when the run's result is let go."""

    wall_seconds: float
    executions: int
    validations: int
    aborts: int
    commit_latency_seconds: Mapping[str, float]

    @staticmethod
    def of(result: Result) -> RunFigures:
        """Return the figures of a result."""
        stats = result.stats
        return RunFigures(
            wall_seconds=stats.wall_seconds,
            executions=stats.executions,
            validations=stats.validations,
            aborts=stats.aborts,
            commit_latency_seconds=stats.commit_latency_seconds,
        )


@dataclass(frozen=True)
class BlockFigures:
    """What is reported of one block.

    Both times are medians over all runs. The counts and commit latencies are those of one run, the one with
    the median time (of the two middle ones the faster), so that they belong together.
    """

    file: Path
    chain: str | None
    number: int | None
    transactions: int
    gas_used: int
    model: str
    workers: int
    active_workers: int
    runs: int
    wall_seconds: float
    sequential_seconds: float
    executions: int
    validations: int
    aborts: int
    commit_latency_seconds: Mapping[str, float]
    state_root: bytes
    differences: list[str] | None
    """Where a run disagreed with sequential execution; None if they were not compared."""
    header_checks: Mapping[str, bool | None] | None
    """Whether all runs came to what the block's own header says, by name; None for what the header does not say,
    and for a block without one."""

    @property
    def mgas_per_second(self) -> float | None:
        """Millions of gas a second; None if it took no time."""
        return ratio(self.gas_used / 1e6, self.wall_seconds)

    @property
    def sequential_mgas_per_second(self) -> float | None:
        """Millions of gas a second in sequential execution; None if it took no time."""
        return ratio(self.gas_used / 1e6, self.sequential_seconds)

    @property
    def has_header_equal(self) -> bool | None:
        """Whether nothing differs from the header; None for a block without one."""
        return None if self.header_checks is None else False not in self.header_checks.values()

    @property
    def speedup(self) -> float | None:
        """Sequential time over time; None if it took no time."""
        return ratio(self.sequential_seconds, self.wall_seconds)

    @property
    def verified(self) -> bool | None:
        """Whether all runs agree with sequential execution; None if they were not compared."""
        return None if self.differences is None else not self.differences

    def as_json(self) -> dict[str, Any]:
        """Give this block's entry of the JSON output (schema 1)."""
        return known(
            {
                "file": str(self.file),
                "chain": self.chain,
                "number": self.number,
                "transactions": self.transactions,
                "gas_used": self.gas_used,
                "model": self.model,
                "workers": self.workers,
                "active_workers": self.active_workers,
                "runs": self.runs,
                "wall_seconds": self.wall_seconds,
                "sequential_seconds": self.sequential_seconds,
                "speedup": self.speedup,
                "mgas_per_second": None if self.header_checks is None else self.mgas_per_second,
                "executions": self.executions,
                "validations": self.validations,
                "aborts": self.aborts,
                "commit_latency_seconds": dict(self.commit_latency_seconds),
                "state_root": f"0x{self.state_root.hex()}",
                "verified": self.verified,
                "differences": self.differences or None,
                "header_checks": None if self.header_checks is None else dict(self.header_checks),
            }
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
    verified: bool | None

    @staticmethod
    def of(blocks: Iterable[BlockFigures]) -> Totals:
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
            verified=None if None in checks else all(checks),
        )

    @property
    def speedup(self) -> float | None:
        """Sum of sequential times over sum of times; None if it took no time."""
        return ratio(self.sequential_seconds, self.wall_seconds)

    def as_json(self) -> dict[str, Any]:
        """Give the totals of the JSON output (schema 1)."""
        return known(
            {
                "transactions": self.transactions,
                "gas_used": self.gas_used,
                "wall_seconds": self.wall_seconds,
                "sequential_seconds": self.sequential_seconds,
                "speedup": self.speedup,
                "verified": self.verified,
            }
        )


def ratio(numerator: float, denominator: float) -> float | None:
    """Divide, or give None for a division by zero."""
    return numerator / denominator if denominator else None


def known(entry: dict[str, Any]) -> dict[str, Any]:
    """Drop what is not known (None), as the JSON schema asks."""
    return {name: value for name, value in entry.items() if value is not None}


def measure(
    engine: Engine,
    file: Path,
    block: Block,
    ethereum: EthereumBlock | None,
    *,
    model: str,
    repeat: int,
    verify: bool,
    progress: Progress,
) -> tuple[BlockFigures, Result]:
    """Run a block sequentially and in a model, by turns, so that both meet the same machine.

    Arguments:
        engine: what runs it.
        file: where the block comes from, for the report.
        block: the block.
        ethereum: the same with its header, if it is one of Ethereum.
        model: the execution model.
        repeat: how often to run it, both ways; at least once.
        verify: whether to compare each run of the model with the first sequential run.
        progress: gets two steps a repetition.

    Returns:
        the figures, and the last result of the model.

    Raises:
        BlockstmError: the block cannot be run, as Engine.execute says.
    """
    sequential_seconds: list[float] = []
    runs: list[RunFigures] = []
    reference: Result | None = None
    found: list[str] = []
    checks: dict[str, bool | None] | None = None
    for _ in range(repeat):
        with progress.step(f"{file.name}: sequential"):
            sequential = engine.execute(block, model="sequential")
        sequential_seconds.append(sequential.stats.wall_seconds)
        if verify and reference is None:
            reference = sequential
        with progress.step(f"{file.name}: {model}"):
            result = engine.execute(block, model=model)
        runs.append(RunFigures.of(result))
        if reference is not None:
            found += differences(result, reference, DIFFERENCES_MAX - len(found))
        if ethereum is not None:
            checks = checks_of(ethereum, result, checks)
    middle = sorted(runs, key=lambda run: run.wall_seconds)[(repeat - 1) // 2]
    figures = BlockFigures(
        file=file,
        chain=block.chain,
        number=block.number,
        transactions=len(block),
        gas_used=result.gas_used,
        model=model,
        workers=result.stats.workers,
        active_workers=result.stats.active_workers,
        runs=repeat,
        wall_seconds=median(run.wall_seconds for run in runs),
        sequential_seconds=median(sequential_seconds),
        executions=middle.executions,
        validations=middle.validations,
        aborts=middle.aborts,
        commit_latency_seconds=middle.commit_latency_seconds,
        state_root=result.state_root,
        differences=found if verify else None,
        header_checks=checks,
    )
    return figures, result
