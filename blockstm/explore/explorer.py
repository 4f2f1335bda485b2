"""Many schedules of a strategy over a block, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from blockstm.blocks.block import Block
from blockstm.explore.exhaustive import ExhaustiveStrategy
from blockstm.explore.interleaving import interleaving
from blockstm.explore.schedules import Schedule
from blockstm.explore.shrink import shrink
from blockstm.explore.strategies import (
    KillingStrategy,
    PCTStrategy,
    RandomStrategy,
    ReplayStrategy,
    Strategy,
)
from blockstm.explore.trial import BLOCK_STM, Finding, Trials
from blockstm.models import Model

__all__ = ["KILLS_MAX", "Failure", "Plan", "Report", "Search", "replay", "search"]

KILLS_MAX: Final = 2
"""The third death of a transaction's workers on final reads fails it, as it should."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to try.

    Arguments:
        strategy: random, pct or exhaustive.
        workers: how many virtual workers.
        schedules: the most schedules; None: all, which only an exhaustive search has.
        seed: where the chances start.
        depth: of PCT.
        preemptions: of an exhaustive search.
        kills: the most deaths a schedule; not with an exhaustive search. See `batches.explore`.
        first: the number of the first schedule: a search may be cut into parts.
        model: the model of execution.
        mutant: the mutant of the protocol to run, None for the protocol itself.
        prune: whether an exhaustive search gives up schedules that come to a state seen before.
    """

    strategy: Literal["random", "pct", "exhaustive"] = "random"
    workers: int = 2
    schedules: int | None = 1000
    seed: int = 0
    depth: int = 3
    preemptions: int = 2
    kills: int = 0
    first: int = 0
    model: Model = BLOCK_STM
    mutant: str | None = None
    prune: bool = True

    @property
    def tells_states(self) -> bool:
        """Whether states are told apart."""
        return self.strategy == "exhaustive" and self.prune

    def make(self, trials: Trials) -> Strategy:
        """Return the strategy for such trials."""
        strategy: Strategy
        if self.strategy == "exhaustive":
            return ExhaustiveStrategy(self.preemptions, trials if self.prune else None)
        if self.strategy == "pct":
            strategy = PCTStrategy(self.seed, self.depth, self.first)
        else:
            strategy = RandomStrategy(self.seed, self.first)
        return KillingStrategy(strategy, self.kills, self.seed, self.first) if self.kills else strategy


@dataclass(frozen=True, slots=True)
class Failure:
    """A finding, the shortest schedule that fails the same check, and how people read it."""

    found: Finding
    shortest: Finding
    lines: list[str]
    number: int
    """The number of the schedule, from 0."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a search."""

    schedules: int
    steps: int
    failures: list[Failure]
    pruned: int = 0
    """How many of the schedules were given up in a state that was seen before."""


class Search:
    """One search, schedule by schedule.

    Arguments:
        block: the block.
        plan: what to try.

    Raises:
        MemoryLimitError: the block does not fit.
    """

    def __init__(self, block: Block, plan: Plan) -> None:
        """Make the workers."""
        self._plan = plan
        self._trials = Trials(
            block, plan.workers, model=plan.model, mutant=plan.mutant, states=plan.tells_states
        )
        self._strategy = plan.make(self._trials)
        self.schedules = 0
        self.steps = 0

    def findings(self) -> Iterator[Finding | None]:
        """Try one schedule after the other; yield what is wrong with each, None for nothing."""
        while self._plan.schedules is None or self.schedules < self._plan.schedules:
            if isinstance(self._strategy, ExhaustiveStrategy) and self._strategy.is_over:
                return
            schedule, finding = self._trials.run(self._strategy)
            if isinstance(self._strategy, ExhaustiveStrategy):
                self._strategy.advance()
            self.schedules += 1
            self.steps += len(schedule.decisions)
            yield finding

    @property
    def pruned(self) -> int:
        """How many schedules were given up."""
        return self._strategy.pruned if isinstance(self._strategy, ExhaustiveStrategy) else 0

    def explain(self, finding: Finding) -> Failure:
        """Shrink a finding, and write it down for people."""
        shortest = shrink(self._trials, finding)
        return Failure(finding, shortest, interleaving(self._trials, shortest), self.schedules - 1)

    def close(self) -> None:
        """Free the memory."""
        self._trials.close()


def search(
    block: Block,
    plan: Plan,
    *,
    failures_max: int = 1,
    progress: Callable[[int], None] = lambda schedules: None,
) -> Report:
    """Try the schedules of a plan until enough fail.

    Arguments:
        block: the block.
        plan: what to try.
        failures_max: after how many failures to stop.
        progress: told after each schedule how many were tried.

    Raises:
        MemoryLimitError: the block does not fit.
    """
    work = Search(block, plan)
    failures: list[Failure] = []
    try:
        for finding in work.findings():
            progress(work.schedules)
            if finding is not None:
                failures.append(work.explain(finding))
                if len(failures) == failures_max:
                    break
        return Report(work.schedules, work.steps, failures, work.pruned)
    finally:
        work.close()


def replay(block: Block, schedule: Schedule, mutant: str | None = None, model: Model = BLOCK_STM) -> Report:
    """Run a block under one recorded schedule.

    Arguments:
        block: the block.
        schedule: the schedule.
        mutant: the mutant of the protocol to run, None for the protocol itself.
        model: the model of execution.

    Raises:
        ScheduleError: the schedule does not fit the block.
        MemoryLimitError: the block does not fit.
    """
    trials = Trials(block, schedule.workers, model=model, mutant=mutant)
    try:
        ran, finding = trials.run(ReplayStrategy(schedule))
        failures = []
        if finding is not None:
            finding = replace(finding, schedule=schedule)
            failures.append(Failure(finding, finding, interleaving(trials, finding), 0))
        return Report(1, len(ran.decisions), failures)
    finally:
        trials.close()
