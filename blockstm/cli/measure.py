"""Run one block several times, in the chosen model and sequentially, and sum up what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from blockstm.cli.blocks import LoadedBlock
from blockstm.cli.progress import Progress
from blockstm.engine import Engine
from blockstm.results.outcomes import Outcomes
from blockstm.results.result import Result
from blockstm.results.verify import DIFFERENCES_MAX, differences

__all__ = ["BlockFigures", "Totals", "measure", "steps_of"]


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
    outcomes: Outcomes
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

    @property
    def disagrees(self) -> bool:
        """Whether a run came to something else than it must."""
        return False in (self.verified, self.has_header_equal)

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
                **self.outcomes.as_json(),
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
    succeeded: int
    reverted: int
    failed: int
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
            succeeded=sum(figures.outcomes.succeeded for figures in blocks),
            reverted=sum(figures.outcomes.reverted for figures in blocks),
            failed=sum(figures.outcomes.failed for figures in blocks),
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
                "succeeded": self.succeeded,
                "reverted": self.reverted,
                "failed": self.failed,
                "verified": self.verified,
            }
        )


def ratio(numerator: float, denominator: float) -> float | None:
    """Divide, or give None for a division by zero."""
    return numerator / denominator if denominator else None


def known(entry: dict[str, Any]) -> dict[str, Any]:
    """Drop what is not known (None), as the JSON schema asks."""
    return {name: value for name, value in entry.items() if value is not None}


class Runs:
    """The measured runs of a block, and whether they come to what they must.

    Arguments:
        engine: what runs it.
        loaded: the block.
        model: the execution model.
        verify: whether to compare each run of the model with the first sequential run.
        progress: gets a step a run.
    """

    def __init__(
        self, engine: Engine, loaded: LoadedBlock, model: str, verify: bool, progress: Progress
    ) -> None:
        """Know of no run yet."""
        self._engine = engine
        self._loaded = loaded
        self._model = model
        self._verify = verify
        self._progress = progress
        self._reference: Result | None = None
        self.sequential_seconds: list[float] = []
        self.figures: list[RunFigures] = []
        self.differences: list[str] = []
        """Where runs of the model disagreed with the first sequential one."""

    def run_sequentially(self) -> None:
        """Run the block one transaction after the other."""
        result = self._run("sequential", "sequential")
        self.sequential_seconds.append(result.stats.wall_seconds)
        if self._verify and self._reference is None:
            self._reference = result

    def run_model(self) -> Result:
        """Run the block in the model, after a first sequential run."""
        result = self._run(self._model, self._model)
        self.figures.append(RunFigures.of(result))
        self._check(result)
        return result

    def run_with_timeline(self) -> Result:
        """Run the block in the model with a timeline; this run is not measured."""
        result = self._run("timeline", self._model, timeline=True)
        self._check(result)
        return result

    def _check(self, result: Result) -> None:
        self._loaded.check(result)
        if self._reference is not None:
            left = DIFFERENCES_MAX - len(self.differences)
            self.differences += differences(result, self._reference, left)

    def _run(self, name: str, model: str, *, timeline: bool = False) -> Result:
        with self._progress.step(f"{self._loaded.file.name}: {name}"):
            return self._engine.execute(self._loaded.block, model, timeline=timeline)


def steps_of(repeat: int, *, timeline: bool) -> int:
    """Return how many steps of progress `measure` takes."""
    return 1 + 2 * repeat + timeline


def measure(
    engine: Engine,
    loaded: LoadedBlock,
    *,
    model: str,
    repeat: int,
    verify: bool,
    timeline: bool,
    progress: Progress,
) -> tuple[BlockFigures, Result]:
    """Run a block sequentially and in a model, by turns, so that both meet the same machine.

    Before, every worker executes it once unmeasured (`Engine.warm_up`), so that neither way pays for what a process
    does only once. Which way is first changes from one repetition to the next.

    Arguments:
        engine: what runs it.
        loaded: the block.
        model: the execution model.
        repeat: how often to run it, both ways; at least once.
        verify: whether to compare each run of the model with the first sequential run.
        timeline: whether to run it in the model once more at the end, with a timeline. That run is not measured.
        progress: gets as many steps as `steps_of` says.

    Returns:
        the figures, and the last result of the model.

    Raises:
        BlockstmError: the block cannot be run, as Engine.execute says, or what comes of it cannot be trusted.
    """
    block = loaded.block
    with progress.step(f"{loaded.file.name}: warming up"):
        engine.warm_up(block, model)
    runs = Runs(engine, loaded, model, verify, progress)
    for turn in range(repeat):
        if turn % 2 == 0:
            runs.run_sequentially()
        result = runs.run_model()
        if turn % 2 == 1:
            runs.run_sequentially()
    if timeline:
        result = runs.run_with_timeline()
    middle = sorted(runs.figures, key=lambda run: run.wall_seconds)[(repeat - 1) // 2]
    figures = BlockFigures(
        file=loaded.file,
        chain=block.chain,
        number=block.number,
        transactions=len(block),
        gas_used=result.gas_used,
        model=model,
        workers=result.stats.workers,
        active_workers=result.stats.active_workers,
        runs=repeat,
        wall_seconds=median(run.wall_seconds for run in runs.figures),
        sequential_seconds=median(runs.sequential_seconds),
        executions=middle.executions,
        validations=middle.validations,
        aborts=middle.aborts,
        commit_latency_seconds=middle.commit_latency_seconds,
        outcomes=loaded.outcomes(result),
        state_root=result.state_root,
        differences=runs.differences if verify else None,
        header_checks=loaded.header_checks,
    )
    return figures, result
