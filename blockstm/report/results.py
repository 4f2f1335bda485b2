"""What commands printed with --json (blockstm.schema), and the runs that they tell of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Self

from blockstm.measure.spread import Spread, spread_of
from blockstm.schema.common import NO_LATENCY, LatencyEntry, OptionsEntry
from blockstm.schema.compare import ComparedBlockEntry, CompareOutput
from blockstm.schema.fields import Fields, check_cores
from blockstm.schema.inspect import InspectOutput
from blockstm.schema.replay import BlockEntry, ReplayOutput
from blockstm.schema.settlement import StoreEntry
from blockstm.schema.simulate import SimulatedRunEntry, SimulateOutput

__all__ = ["BlockReplay", "ComparedBlock", "Comparison", "Inspection", "Replay", "Run", "Simulation"]


@dataclass(frozen=True)
class Run:
    """What a block came to on a number of cores; None where it is not known.

    Arguments:
        cores: how many cores there were; of a replay, how many workers took part.
        seconds: from the start of the block to its last commit.
        sequential_seconds: of sequential execution.
        speedup: sequential time over time.
        transactions: the block's length.
        executions, validations, aborts: counts of the block.
        latency: until transactions were final.
        utilisation: the share of the cores' time that went into work.
        bound_critical_path, bound_greedy: what the speed-up cannot exceed, and what list scheduling with perfect
            knowledge reaches.
        speedups: where this stands for several runs, what their speed-ups were.
    """

    cores: int
    seconds: float
    sequential_seconds: float | None = None
    speedup: float | None = None
    transactions: int | None = None
    executions: float | None = None
    validations: float | None = None
    aborts: float | None = None
    latency: LatencyEntry = NO_LATENCY
    utilisation: float | None = None
    bound_critical_path: float | None = None
    bound_greedy: float | None = None
    speedups: Spread | None = None

    @classmethod
    def median_of(cls, runs: Sequence[Run]) -> Run:
        """Return what stands for several runs on as many cores: of each figure the median."""
        if len(runs) == 1:
            return runs[0]

        def middle(of: Callable[[Run], float | None]) -> float | None:
            spread = spread_of(map(of, runs))
            return None if spread is None else spread.median

        transactions = middle(lambda run: run.transactions)
        return cls(
            cores=runs[0].cores,
            seconds=median(run.seconds for run in runs),
            sequential_seconds=middle(lambda run: run.sequential_seconds),
            speedup=middle(lambda run: run.speedup),
            transactions=None if transactions is None else round(transactions),
            executions=middle(lambda run: run.executions),
            validations=middle(lambda run: run.validations),
            aborts=middle(lambda run: run.aborts),
            latency=LatencyEntry(
                middle(lambda run: run.latency.p50),
                middle(lambda run: run.latency.p99),
                middle(lambda run: run.latency.max),
            ),
            utilisation=middle(lambda run: run.utilisation),
            bound_critical_path=middle(lambda run: run.bound_critical_path),
            bound_greedy=middle(lambda run: run.bound_greedy),
            speedups=spread_of(run.speedup for run in runs),
        )

    @property
    def efficiency(self) -> float | None:
        """The speed-up for each core."""
        return None if self.speedup is None else self.speedup / self.cores

    @property
    def executions_per_transaction(self) -> float | None:
        """Incarnations that reached an end, for each transaction."""
        return self._per_transaction(self.executions)

    @property
    def reexecutions_per_transaction(self) -> float | None:
        """Incarnations that reached an end beyond the one that each transaction needs."""
        executions = self.executions_per_transaction
        return None if executions is None else max(0.0, executions - 1)

    @property
    def validations_per_transaction(self) -> float | None:
        """Read sets checked, for each transaction."""
        return self._per_transaction(self.validations)

    @property
    def aborts_per_transaction(self) -> float | None:
        """Incarnations given up because they had read something stale, for each transaction."""
        return self._per_transaction(self.aborts)

    def _per_transaction(self, count: float | None) -> float | None:
        return count / self.transactions if count is not None and self.transactions else None


@dataclass(frozen=True)
class BlockReplay:
    """One block of a replay: what is told of it, and the run that stands for it."""

    told: BlockEntry
    run: Run

    @classmethod
    def of(cls, told: BlockEntry) -> Self:
        """Take the run out of a block's entry."""
        run = Run(
            cores=told.active_workers or told.workers,
            seconds=told.wall_seconds,
            sequential_seconds=told.sequential_seconds,
            speedup=told.speedup,
            transactions=told.transactions,
            executions=told.executions,
            validations=told.validations,
            aborts=told.aborts,
            latency=told.commit_latency_seconds,
        )
        return cls(told, run)


@dataclass(frozen=True)
class Replay:
    """What ``blockstm replay --json`` printed into a file.

    Arguments:
        source: the file.
        blocks: what it tells of each block.
        options: those of the command.
        store: the store, where blocks were stored.
    """

    source: str
    blocks: tuple[BlockReplay, ...]
    options: OptionsEntry
    store: StoreEntry | None = None

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it."""
        told = ReplayOutput.read(content)
        blocks = tuple(map(BlockReplay.of, told.blocks))
        check_cores({block.run.cores for block in blocks})
        return cls(source, blocks, told.options, told.store)


@dataclass(frozen=True)
class Simulation:
    """What ``blockstm simulate --json`` printed into a file: the object, and its runs."""

    source: str
    told: SimulateOutput
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it."""
        told = SimulateOutput.read(content)
        check_cores({entry.cores for entry in told.results})
        return cls(source, told, tuple(_simulated(entry, told.transactions) for entry in told.results))


def _simulated(entry: SimulatedRunEntry, transactions: int | None) -> Run:
    return Run(
        cores=entry.cores,
        seconds=entry.seconds,
        sequential_seconds=entry.sequential_seconds,
        speedup=entry.speedup,
        transactions=transactions,
        executions=entry.executions,
        validations=entry.validations,
        aborts=entry.aborts,
        latency=entry.commit_latency_seconds,
        utilisation=entry.utilisation,
        bound_critical_path=entry.bound_critical_path,
        bound_greedy=entry.bound_greedy,
    )


@dataclass(frozen=True)
class ComparedBlock:
    """One block of a comparison: what is told of it, and its runs, in the order of `told.results`."""

    told: ComparedBlockEntry
    runs: tuple[Run, ...]

    @classmethod
    def of(cls, told: ComparedBlockEntry) -> Self:
        """Take the runs out of a block's entry."""
        return cls(told, tuple(_simulated(entry, told.transactions) for entry in told.results))


@dataclass(frozen=True)
class Comparison:
    """What ``blockstm compare --json`` printed into a file: the object, and its blocks."""

    source: str
    told: CompareOutput
    blocks: tuple[ComparedBlock, ...]

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it."""
        told = CompareOutput.read(content)
        blocks = tuple(map(ComparedBlock.of, told.blocks))
        check_cores({run.cores for block in blocks for run in block.runs})
        return cls(source, told, blocks)


@dataclass(frozen=True)
class Inspection:
    """What ``blockstm inspect --json`` printed into a file."""

    source: str
    told: InspectOutput

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it."""
        told = InspectOutput.read(content)
        check_cores({cores for bound in told.bounds for cores in bound.cores or ()})
        return cls(source, told)
