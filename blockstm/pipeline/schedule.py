"""How long executing a block takes, and when each transaction is final: as the engine does it, or by figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from blockstm.models import Model
from blockstm.pipeline.work import BlockWork, reads_of
from blockstm.simulate import Simulation, Source

__all__ = ["Executor", "Reads", "Schedule", "engine_executor", "given_executor"]


@dataclass(frozen=True)
class Reads:
    """How the entries of a block are read.

    Arguments:
        latencies: of each entry, in seconds; 0 if it is in memory.
        queue_depth: how many reads are under way at once.
        gap_seconds: the least time between the beginnings of two.
    """

    latencies: tuple[float, ...]
    queue_depth: int
    gap_seconds: float


@dataclass(frozen=True)
class Schedule:
    """The execution of a block; times in seconds from its beginning.

    Arguments:
        begins: when each transaction begins at the latest for that.
        commits: when each is final in order; they ascend.
        read_seconds: how long reads took while it ran, taken together.
        reads: how many were not answered from memory.
    """

    begins: tuple[float, ...]
    commits: tuple[float, ...]
    read_seconds: float = 0.0
    reads: int = 0

    @property
    def seconds(self) -> float:
        """How long it takes."""
        return self.commits[-1] if self.commits else 0.0


Executor: TypeAlias = Callable[[Reads | None, bool], Schedule]
"""Executes a block: with its state read on first touch, or in memory (None); and whether its list is known."""


def engine_executor(work: BlockWork, simulation: Simulation, cores: int, model: Model | str) -> Executor:
    """Return the engine in modelled time, on a number of cores.

    Arguments:
        work: what the block asks for.
        simulation: of the block; it stays open while the executor is used.
        cores: how many.
        model: the model of execution; one that keeps the order of the block.
    """

    def execute(reads: Reads | None, is_listed: bool) -> Schedule:
        source = None
        if reads is not None and any(reads.latencies):
            source = Source(reads.latencies, work.entries, reads.queue_depth, reads.gap_seconds)
        weights = simulation.reference.weights  # first, as it may need a run of its own
        result = simulation.run(cores, model=model, source=source)
        commits = tuple(accumulate((each.commit_seconds for each in result.receipts), max))
        begins = tuple(max(0.0, commit - weight) for commit, weight in zip(commits, weights, strict=True))
        if source is None:
            return Schedule(begins, commits)
        use = simulation.source_use
        return Schedule(begins, commits, use.busy_seconds, use.reads)

    return execute


def given_executor(work: BlockWork, seconds: float, cores: int) -> Executor:
    """Return an executor of transactions that are alike, and of whose dependencies nothing is known.

    With an access list they need not wait for each other, and each core takes the next as soon as it is free.
    Without one they are executed one after the other; each reads what it is the first to touch, and then
    computes.

    Arguments:
        work: what the block asks for.
        seconds: of the block, on one core and with its state in memory.
        cores: how many, with an access list.
    """
    weight = seconds / work.transactions if work.transactions else 0.0

    def execute(reads: Reads | None, is_listed: bool) -> Schedule:
        if reads is not None:
            return _reading(reads, reads_of(work), weight)
        turns = [txn_idx // (cores if is_listed else 1) for txn_idx in range(work.transactions)]
        return Schedule(tuple(turn * weight for turn in turns), tuple((turn + 1) * weight for turn in turns))

    return execute


def _reading(reads: Reads, first_reads: Sequence[Sequence[int]], weight: float) -> Schedule:
    """Return the schedule of transactions that come one after the other, and read on first touch."""
    begins, commits = [], []
    now = next_read = 0.0
    for entries in first_reads:
        begins.append(now)
        for latency in filter(None, (reads.latencies[entry] for entry in entries)):
            begin = max(now, next_read)
            next_read = begin + reads.gap_seconds
            now = begin + latency
        now += weight
        commits.append(now)
    taken = [latency for latency in reads.latencies if latency]
    return Schedule(tuple(begins), tuple(commits), sum(taken), len(taken))
