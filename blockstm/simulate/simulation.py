"""Running a block on any number of modelled cores, and the figures of that.

What runs is the core itself, on virtual workers (faces/virtual_clock.pxi); only the time is modelled. A run is
a function of the block, the number of cores and the cost model: two runs give the same figures to the last digit.

The virtual workers share a process of their own, a host: a program that crashes takes that with it and not this
one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

from blockstm.analysis import Dependencies, critical_path, dependencies, greedy_schedule
from blockstm.analysis.conflicts import independent_transactions
from blockstm.blocks.block import Block
from blockstm.engine.hosted import HostedRun
from blockstm.errors import UsageError, counted
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, WORKERS_MAX
from blockstm.models import BlockStm, Foreseen, Model, Sequential, model_of
from blockstm.results.accesses import net_accesses
from blockstm.results.result import Result
from blockstm.schema.common import LatencyEntry
from blockstm.schema.simulate import SimulatedRunEntry
from blockstm.simulate import hosted
from blockstm.simulate.costmodel import PRICES, CostModel
from blockstm.simulate.source import NS, Source, SourceUse

__all__ = ["Figures", "Reference", "Simulation"]

BLOCK_STM: Final = BlockStm()
SECONDS_MAX: Final = 1e4
"""No recorded time counts for more."""
IDLE: Final = ("look", "pause")
"""What a worker without a task does."""


@dataclass(frozen=True)
class Figures:
    """Figures of a block on a number of cores; all times are modelled, but where `blockstm.compare` measures them.

    Arguments:
        cores: the number of virtual workers.
        transactions: the block's length.
        seconds: from the start of the block to its last commit.
        sequential_seconds: of sequential execution under the same cost model.
        executions, validations, aborts: counts of the block.
        utilisation: the share of the cores' time that goes into work, not into looking for it or sleeping.
        bound_critical_path: sequential time over the heaviest chain of dependent transactions: no number of cores
            is faster.
        bound_greedy: sequential time over that of list scheduling with perfect knowledge on as many cores.
        commit_latency_seconds: p50, p99 and max; empty for a block without transactions.
    """

    cores: int
    transactions: int
    seconds: float
    sequential_seconds: float
    executions: int
    validations: int
    aborts: int
    utilisation: float | None
    bound_critical_path: float | None
    bound_greedy: float | None
    commit_latency_seconds: Mapping[str, float]

    @property
    def speedup(self) -> float | None:
        """Sequential time over time; None if it takes no time."""
        return self.sequential_seconds / self.seconds if self.seconds else None

    @property
    def efficiency(self) -> float | None:
        """The speed-up for each core."""
        return None if self.speedup is None else self.speedup / self.cores

    def entry(self) -> SimulatedRunEntry:
        """Return what the JSON output says."""
        return SimulatedRunEntry(
            cores=self.cores,
            seconds=self.seconds,
            sequential_seconds=self.sequential_seconds,
            speedup=self.speedup,
            efficiency=self.efficiency,
            executions=self.executions,
            validations=self.validations,
            aborts=self.aborts,
            utilisation=self.utilisation,
            bound_critical_path=self.bound_critical_path,
            bound_greedy=self.bound_greedy,
            commit_latency_seconds=LatencyEntry(**self.commit_latency_seconds),
        )


@dataclass(frozen=True)
class Reference:
    """What a block takes in sequential execution, and the bounds that follow for any other. Make it with `of`.

    Arguments:
        seconds: what the block took.
        weights: what each transaction took, in seconds.
        waits: the dependencies between the transactions.
    """

    seconds: float
    weights: list[float]
    waits: Dependencies

    @classmethod
    def of(cls, block: Block, result: Result) -> Self:
        """Return the reference that a block's sequential run gives, real or modelled, in which it was `timed`."""
        weights = [result.execution_seconds(txn_idx) or 0.0 for txn_idx in range(len(result))]
        commits = [receipt.commit_seconds for receipt in result.receipts]
        # What a transaction takes beside its program is the same for all, near enough.
        extra = (commits[-1] - sum(weights)) / len(weights) if weights else 0.0
        waits = dependencies(net_accesses(block, result))
        return cls(result.stats.wall_seconds, [weight + extra for weight in weights], waits)

    @cached_property
    def longest_chain(self) -> int:
        """The most transactions of which each waits for the one before."""
        return round(critical_path(self.waits, [1] * self.waits.transactions))

    @property
    def independent_share(self) -> float | None:
        """The share of the transactions that wait for no other, and for which no other waits; None without any."""
        count = self.waits.transactions
        return independent_transactions(self.waits) / count if count else None

    @cached_property
    def bound_critical_path(self) -> float | None:
        """Sequential time over the heaviest chain of dependent transactions; None if it takes no time."""
        path = critical_path(self.waits, self.weights)
        return self.seconds / path if path else None

    def bound_greedy(self, cores: int) -> float | None:
        """Return sequential time over that of list scheduling on that many cores; None if it takes no time."""
        greedy = greedy_schedule(self.waits, self.weights, cores)
        return self.seconds / greedy if greedy else None


class Simulation:
    """A block laid out for modelled runs; a context manager that frees its memory at the end.

    Programs run in a process of their own. What they log reaches the handlers of this process; what they print, its
    standard error.

    Arguments:
        block: the block.
        costs: the cost model.
        cores_max: the most cores that it will be run on, 1 to 256.
        model: the model of execution that runs on these cores where a run names no other: one of blockstm.models,
            or its name.
        rounds_per_gas: work of the program trace, in rounds for a unit of recorded gas.
        memory_limit_bytes: the most memory that a run may take.
        recorded_seconds: whether programs take the times that were recorded, where all have one; else they take
            what they take in this engine: rounds of work, and gas.

    Raises:
        MemoryLimitError: not even the workers' bookkeeping fits.
        ProgramError: a program cannot be sent to another process.
        UsageError: cores_max is out of range.
    """

    def __init__(
        self,
        block: Block,
        costs: CostModel,
        cores_max: int,
        *,
        model: Model | str = BLOCK_STM,
        rounds_per_gas: float = 1.0,
        memory_limit_bytes: int = MEMORY_LIMIT_BYTES_DEFAULT,
        recorded_seconds: bool = True,
    ) -> None:
        """Make the workers, and let them know the programs."""
        if not 1 <= cores_max <= WORKERS_MAX:
            raise UsageError(f"cores is {cores_max}; give a whole number from 1 to {WORKERS_MAX}")
        self._block = block
        self._costs = costs
        self._model = model_of(model)
        self._cores_max = cores_max
        self._rounds_per_gas = rounds_per_gas
        self._recorded_seconds = recorded_seconds
        self._hosted = HostedRun(block, cores_max, memory_limit_bytes, hosted.__name__)
        self._counts: dict[str, float] = dict.fromkeys(PRICES, 0.0)
        self._transfers: dict[str, float] = {}
        self._charged_ns = 0.0
        self._source_use = SourceUse(0, 0.0, 0.0)

    @cached_property
    def _program_ns(self) -> bytes | None:
        """The recorded times of the transactions' programs, where all have one."""
        recorded = [transaction.recorded for transaction in self._block.transactions]
        seconds = [None if entry is None else entry.seconds for entry in recorded]
        if not self._recorded_seconds or not seconds or None in seconds:
            return None
        return struct.pack(
            f"={len(seconds)}Q", *(round(min(each or 0.0, SECONDS_MAX) * 1e9) for each in seconds)
        )

    @cached_property
    def reference(self) -> Reference:
        """What the block takes in sequential execution, and the bounds that follow, whatever the model."""
        return Reference.of(self._block, self.run_sequentially())

    @cached_property
    def _foreseen(self) -> Foreseen:
        return Foreseen.of(self.run_sequentially())

    def run_sequentially(self, *, timeline: bool = False) -> Result:
        """Execute the block under the sequential model, and return what came of it.

        Arguments:
            timeline: as for `run`.
        """
        return self._run(Sequential(), 1, timeline)

    def run(
        self,
        cores: int,
        *,
        model: Model | str | None = None,
        timeline: bool = False,
        source: Source | None = None,
    ) -> Result:
        """Execute the block in a model on that many cores, and return what came of it.

        Arguments:
            cores: how many.
            model: the model, or its name; None for that of the simulation.
            timeline: whether workers note what they do when (see `Result.timeline`), which takes no modelled time.
            source: where the state before the block is read from, on first touch; None if it is in memory.

        Raises:
            MemoryLimitError: the run takes more memory than the limit.
            ProgramError: a program ends the process that it runs in, or cannot be loaded there.
            UsageError: there are fewer workers than that, or the model is unknown or cannot run the block.
        """
        if not 1 <= cores <= self._cores_max:
            raise UsageError(f"cores is {cores}; give a whole number from 1 to {self._cores_max}")
        return self._run(self._model if model is None else model_of(model), cores, timeline, source)

    @property
    def source_use(self) -> SourceUse:
        """What the source did in the last run."""
        return self._source_use

    def counts(self) -> dict[str, float]:
        """Return how often each kind of work was charged in the last run, by the name of its price."""
        return self._counts

    def transfers(self) -> dict[str, float]:
        """Return how often a core fetched a cache line from another in the last run, by what stands there.

        The names are those of the scheduler's counters (``execution index``, ``validation index``,
        ``commit index``, ``sleepers``), and ``keys``, ``transactions``, ``readers``; only the model push has the
        last.
        """
        return self._transfers

    def figures(self, cores: int, *, model: Model | str | None = None) -> Figures:
        """Execute the block on that many cores, and return its figures.

        Arguments:
            cores, model: as for `run`.

        Raises:
            as `run` does.
        """
        return self.figures_and_result(cores, model=model)[0]

    def figures_and_result(
        self, cores: int, *, model: Model | str | None = None, timeline: bool = False
    ) -> tuple[Figures, Result]:
        """Execute the block on that many cores, and return its figures and what came of it.

        Arguments:
            cores, model, timeline: as for `run`.

        Raises:
            as `run` does.
        """
        reference = self.reference
        result = self.run(cores, model=model, timeline=timeline)
        stats = result.stats
        figures = Figures(
            cores=cores,
            transactions=len(result),
            seconds=stats.wall_seconds,
            sequential_seconds=reference.seconds,
            executions=stats.executions,
            validations=stats.validations,
            aborts=stats.aborts,
            utilisation=self._utilisation(cores, stats.wall_seconds),
            bound_critical_path=reference.bound_critical_path,
            bound_greedy=reference.bound_greedy(cores),
            commit_latency_seconds=stats.commit_latency_seconds,
        )
        return figures, result

    def __repr__(self) -> str:
        """Say what is simulated, and how."""
        return f"<Simulation of {self._block!r}, {self._model}, up to {counted(self._cores_max, 'core')}>"

    def close(self) -> None:
        """Free the memory; results stay readable."""
        self._hosted.close()

    def __enter__(self) -> Self:
        """Return the simulation; it is closed at the end of the `with` statement."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def _run(self, model: Model, cores: int, timeline: bool, source: Source | None = None) -> Result:
        run, timed = self._hosted, not model.is_parallel
        workers = cores if model.is_parallel else 1
        if run.start(
            model,
            workers,
            rounds_per_gas=self._rounds_per_gas,
            timed=timed,
            timeline=timeline,
            known=lambda: self._foreseen,
        ):
            if not run.is_open:
                run.call(hosted.open_clock, self._costs.prices(), self._program_ns)
            packed = None if source is None else source.packed()
            self._counts, self._transfers, self._charged_ns, use = run.call(hosted.run_clock, workers, packed)
            self._source_use = SourceUse(use[0], use[1] / NS, use[2] / NS)
        return run.result("simulating the block")

    def _utilisation(self, cores: int, seconds: float) -> float | None:
        if not seconds:
            return None
        costs = self._costs.prices()
        idle = sum(self._counts[name] * costs[name] for name in IDLE)
        busy_seconds = (self._charged_ns - idle) / 1e9
        return float(min(1.0, busy_seconds / (cores * seconds)))
