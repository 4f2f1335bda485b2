"""What the commands' JSON objects (schema 1) say, as far as the page shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Self

from blockstm.measure.spread import Spread, spread_of
from blockstm.report.fields import Fields, check_cores
from blockstm.report.options import options_of

__all__ = [
    "BlockReplay",
    "Bound",
    "Endings",
    "HotKey",
    "Inspection",
    "Latency",
    "Reason",
    "Replay",
    "Run",
    "Simulation",
]

CORES_MAX: Final = 1_000_000
BOUNDS_MAX: Final = 1_000
"""Of one block; a set of rules has one for each weight."""


@dataclass(frozen=True)
class Latency:
    """Commit latency in seconds; None where it is not known."""

    p50: float | None = None
    p99: float | None = None
    maximum: float | None = None

    @classmethod
    def of(cls, entry: Fields) -> Self:
        """Read a run's commit latency."""
        latency = entry.optional_nested("commit_latency_seconds")
        return cls(*(latency.optional_number(name) for name in ("p50", "p99", "max")))


@dataclass(frozen=True)
class Reason:
    """Why so many transactions were reverted or failed, as their receipts say it."""

    reason: str
    status: str
    count: int

    @classmethod
    def of(cls, entry: Fields) -> Self:
        """Read one entry of the reasons."""
        return cls(entry.text("reason"), entry.text("status"), entry.count("count"))


@dataclass(frozen=True)
class Endings:
    """How many transactions ended in which way, and the commonest reasons; None where it is not known."""

    succeeded: int | None
    reverted: int | None
    failed: int | None
    reasons: tuple[Reason, ...]

    @classmethod
    def of(cls, entry: Fields) -> Self:
        """Read them, which output of earlier versions does not have."""
        return cls(
            entry.optional_count("succeeded"),
            entry.optional_count("reverted"),
            entry.optional_count("failed"),
            tuple(map(Reason.of, entry.optional_objects("reasons"))),
        )


@dataclass(frozen=True)
class Run:
    """What a block came to on so many cores; None where it is not known.

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
    latency: Latency = Latency()
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
            latency=Latency(
                middle(lambda run: run.latency.p50),
                middle(lambda run: run.latency.p99),
                middle(lambda run: run.latency.maximum),
            ),
            utilisation=middle(lambda run: run.utilisation),
            bound_critical_path=middle(lambda run: run.bound_critical_path),
            bound_greedy=middle(lambda run: run.bound_greedy),
            speedups=spread_of(run.speedup for run in runs),
        )

    @classmethod
    def of(cls, entry: Fields, cores: int, seconds: str, transactions: int | None) -> Self:
        """Read a run.

        Arguments:
            entry: its fields.
            cores: how many cores it had.
            seconds: the field that holds its time.
            transactions: the block's length.
        """
        return cls(
            cores=cores,
            seconds=entry.number(seconds),
            sequential_seconds=entry.optional_number("sequential_seconds"),
            speedup=entry.optional_number("speedup"),
            transactions=transactions,
            executions=entry.optional_count("executions"),
            validations=entry.optional_count("validations"),
            aborts=entry.optional_count("aborts"),
            latency=Latency.of(entry),
            utilisation=entry.optional_number("utilisation"),
            bound_critical_path=entry.optional_number("bound_critical_path"),
            bound_greedy=entry.optional_number("bound_greedy"),
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


def cores_of(entry: Fields, name: str) -> int:
    """Read how many cores a run had.

    Raises:
        ContentError: it is missing, or no number of cores.
    """
    cores = entry.count(name)
    if not 1 <= cores <= CORES_MAX:
        entry.refuse(name, f"is {cores}, not a number from 1 to {CORES_MAX}")
    return cores


@dataclass(frozen=True)
class BlockReplay:
    """One block of a replay."""

    file: str
    chain: str | None
    number: int | None
    model: str
    workers: int
    runs: int | None
    gas_used: int | None
    mgas_per_second: float | None
    state_root: str | None
    verified: bool | None
    header_checks: Mapping[str, bool | None]
    endings: Endings
    run: Run

    @classmethod
    def of(cls, entry: Fields) -> Self:
        """Read a block's entry."""
        checks = entry.optional_nested("header_checks")
        workers = cores_of(entry, "workers")
        active = cores_of(entry, "active_workers") if entry.has("active_workers") else workers
        return cls(
            file=entry.text("file"),
            chain=entry.optional_text("chain"),
            number=entry.optional_count("number"),
            model=entry.text("model"),
            workers=workers,
            runs=entry.optional_count("runs"),
            gas_used=entry.optional_count("gas_used"),
            mgas_per_second=entry.optional_number("mgas_per_second"),
            state_root=entry.optional_text("state_root"),
            verified=entry.optional_flag("verified"),
            header_checks={name: checks.optional_flag(name) for name in checks.names()},
            endings=Endings.of(entry),
            run=Run.of(entry, active, "wall_seconds", entry.count("transactions")),
        )

    @property
    def has_header_equal(self) -> bool | None:
        """Whether nothing differs from the block's own header; None if they were not compared."""
        return False not in self.header_checks.values() if self.header_checks else None


@dataclass(frozen=True)
class Replay:
    """What ``blockstm replay --json`` printed."""

    source: str
    blocks: tuple[BlockReplay, ...]
    options: tuple[str, ...]

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it."""
        blocks = tuple(map(BlockReplay.of, content.objects("blocks")))
        check_cores({block.run.cores for block in blocks})
        return cls(source, blocks, options_of(content))


@dataclass(frozen=True)
class Simulation:
    """What ``blockstm simulate --json`` printed."""

    source: str
    file: str
    runs: tuple[Run, ...]
    options: tuple[str, ...]

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it."""
        transactions = content.optional_count("transactions")
        runs = tuple(
            Run.of(entry, cores_of(entry, "cores"), "seconds", transactions)
            for entry in content.objects("results")
        )
        check_cores({run.cores for run in runs})
        return cls(source, content.text("file"), runs, options_of(content))


@dataclass(frozen=True)
class Bound:
    """What the speed-up cannot exceed under a set of rules.

    Arguments:
        rules: what counts as a dependency.
        weight: what weighs a transaction: gas or seconds.
        unlimited: on any number of cores.
        cores: by number of cores, under greedy list scheduling.
        longest_chain: in transactions.
        independent_share: of the transactions, those that wait for none and for which none waits.
    """

    rules: str
    weight: str
    unlimited: float | None
    cores: Mapping[int, float]
    longest_chain: int | None
    independent_share: float | None

    @classmethod
    def of(cls, entry: Fields) -> Self:
        """Read one entry of the bounds."""
        return cls(
            entry.text("rules"),
            entry.text("weight"),
            entry.optional_number("unlimited"),
            by_cores(entry),
            entry.optional_count("longest_chain"),
            entry.optional_number("independent_share"),
        )


def by_cores(entry: Fields) -> dict[int, float]:
    """Read speed-ups by number of cores."""
    cores = entry.optional_nested("cores")
    check_cores(cores.names())
    speedups: dict[int, float] = {}
    for name in cores.names():
        if not (name.isascii() and name.isdecimal() and len(name) < 7 and int(name)):
            cores.refuse(name, "is not a number of cores")
        speedups[int(name)] = cores.number(name)
    return dict(sorted(speedups.items()))


@dataclass(frozen=True)
class HotKey:
    """A key that makes transactions wait.

    Arguments:
        key: in hex.
        name: what a person calls it.
        transactions: how many wait because of it.
        longest_chain: of transactions that wait for one another because of it.
        unlimited: the bound on the speed-up, if nobody waited because of it.
    """

    key: str
    name: str | None
    transactions: int
    longest_chain: int | None
    unlimited: float | None

    @classmethod
    def of(cls, entry: Fields) -> Self:
        """Read one entry of the hot keys."""
        return cls(
            entry.text("key"),
            entry.optional_text("name"),
            entry.count("transactions"),
            entry.optional_count("longest_chain"),
            entry.optional_number("unlimited"),
        )


@dataclass(frozen=True)
class Inspection:
    """What ``blockstm inspect --json`` printed."""

    source: str
    file: str
    transactions: int
    keys: int | None
    independent_share: float | None
    longest_chain: int | None
    rules: str | None
    weight: str | None
    bounds: tuple[Bound, ...]
    hot_keys: tuple[HotKey, ...]
    options: tuple[str, ...]

    @classmethod
    def of(cls, source: str, content: Fields) -> Self:
        """Read it."""
        bounds = tuple(map(Bound.of, content.optional_objects("bounds", BOUNDS_MAX)))
        check_cores({cores for bound in bounds for cores in bound.cores})
        return cls(
            source,
            content.text("file"),
            content.count("transactions"),
            content.optional_count("keys"),
            content.optional_number("independent_share"),
            content.optional_count("longest_chain"),
            content.optional_text("rules"),
            content.optional_text("weight"),
            bounds,
            tuple(map(HotKey.of, content.optional_objects("hot_keys"))),
            options_of(content),
        )
