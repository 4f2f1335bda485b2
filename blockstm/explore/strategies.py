"""Strategies: which worker goes on at the next step.

A strategy is asked before every step: it is told which workers can go on, and answers with a decision (see
`schedules`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Protocol

from blockstm.errors import ScheduleError
from blockstm.explore.schedules import IDLE, Decision, Schedule, death_of
from blockstm.native._core import VirtualWorker

__all__ = [
    "GuidedStrategy",
    "KillingStrategy",
    "PCTStrategy",
    "RandomStrategy",
    "ReplayStrategy",
    "Strategy",
    "steady",
]

STEADINESS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98)
"""The chances, one a schedule by turns, with which the worker of the last step goes on."""

STEPS_EXPECTED = 100
"""How long the first schedule is taken to be."""


class Strategy(Protocol):
    """Decides about one schedule after the other."""

    def begin(self) -> None:
        """Start the next schedule."""

    def decide(self, able: Sequence[VirtualWorker]) -> Decision | None:
        """Choose among those that can go on; None gives the schedule up."""

    def end(self, steps: int) -> None:
        """Learn how many steps the schedule took."""


def steady(able: Sequence[VirtualWorker], last: int) -> VirtualWorker:
    """Return the worker of the last step where it can go on and is not idle, else the next one in turn."""
    for virtual in able:
        if virtual.index == last and virtual.kind != IDLE:
            return virtual
    return min(able, key=lambda virtual: (virtual.index <= last, virtual.index))


class RandomStrategy:
    """Mostly the worker of the last step, by chance another; how mostly changes from schedule to schedule.

    Arguments:
        seed: where the chances start.
        first: the number of the first schedule.
    """

    def __init__(self, seed: int, first: int = 0) -> None:
        """Start at that schedule of the seed."""
        self._seed = seed
        self._number = first

    def begin(self) -> None:
        """Start the next schedule; it depends on the seed and its number only."""
        self._chance = random.Random(f"{self._seed} {self._number}").random
        self._steadiness = STEADINESS[self._number % len(STEADINESS)]
        self._number += 1
        self._last = -1

    def decide(self, able: Sequence[VirtualWorker]) -> Decision:
        """Choose."""
        if self._chance() < self._steadiness:
            for virtual in able:
                if virtual.index == self._last:
                    return self._last
        self._last = able[int(self._chance() * len(able))].index
        return self._last

    def end(self, steps: int) -> None:
        """Nothing is learnt."""


class PCTStrategy:
    """Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010).

    Workers have random priorities; the highest goes on. At depth - 1 random steps the worker that would go on drops
    below all others. Finds a bug of depth d in a schedule of k steps and n workers with a chance of 1 in
    n * k ** (d - 1) at least. A worker that finds no task drops below all others, too: it would spin for ever.

    Arguments:
        seed: where the chances start.
        depth: d, at least 1.
        first: the number of the first schedule.
    """

    def __init__(self, seed: int, depth: int, first: int = 0) -> None:
        """Start at that schedule of the seed."""
        self._seed = seed
        self._number = first
        self._depth = depth
        self._expected = STEPS_EXPECTED

    def begin(self) -> None:
        """Draw the priorities and the steps at which they change."""
        self._random = random.Random(f"{self._seed} {self._number}")
        self._number += 1
        self._priorities: dict[int, float] = {}
        self._lowest = 0.0
        self._step = 0
        self._changes = {self._random.randrange(self._expected) for _ in range(self._depth - 1)}

    def decide(self, able: Sequence[VirtualWorker]) -> Decision:
        """Choose."""
        for virtual in able:
            if virtual.index not in self._priorities:
                self._priorities[virtual.index] = 1 + self._random.random()
            elif virtual.kind == IDLE:
                self._drop(virtual.index)
        if self._step in self._changes:
            self._drop(self._highest(able))
        self._step += 1
        return self._highest(able)

    def _highest(self, able: Sequence[VirtualWorker]) -> int:
        return max((virtual.index for virtual in able), key=self._priorities.__getitem__)

    def _drop(self, worker: int) -> None:
        self._lowest -= 1
        self._priorities[worker] = self._lowest

    def end(self, steps: int) -> None:
        """Take the next schedule to be as long."""
        self._expected = max(1, steps)


class KillingStrategy:
    """Another strategy, and up to a number of deaths in a schedule, at random steps of the worker that would go on.

    Arguments:
        strategy: what decides otherwise.
        kills: the most deaths.
        seed: where the chances start.
        first: the number of the first schedule.
    """

    def __init__(self, strategy: Strategy, kills: int, seed: int, first: int = 0) -> None:
        """Start at that schedule of the seed."""
        self._strategy = strategy
        self._kills = kills
        self._seed = seed
        self._number = first
        self._expected = STEPS_EXPECTED

    def begin(self) -> None:
        """Draw the steps at which a worker dies."""
        self._strategy.begin()
        chance = random.Random(f"kill {self._seed} {self._number}")
        self._number += 1
        self._step = 0
        self._deaths = {chance.randrange(self._expected) for _ in range(self._kills)}

    def decide(self, able: Sequence[VirtualWorker]) -> Decision | None:
        """Choose, and decide whether the chosen worker dies instead."""
        decision = self._strategy.decide(able)
        if decision is None:
            return None
        due = self._step in self._deaths
        self._step += 1
        if due:
            if any(virtual.index == decision and not virtual.recovering for virtual in able):
                return death_of(decision)
            self._deaths.add(self._step)
        return decision

    def end(self, steps: int) -> None:
        """Take the next schedule to be as long."""
        self._expected = max(1, steps)
        self._strategy.end(steps)


class GuidedStrategy:
    """A recorded schedule as far as it can be followed, then the worker that went on last.

    A run of steps of a worker that cannot go on is left out. So any list of runs is a guide.

    Arguments:
        schedule: the schedule.
    """

    def __init__(self, schedule: Schedule) -> None:
        """Start at its first step."""
        self._runs = schedule.runs

    def begin(self) -> None:
        """Start anew."""
        self._place = 0
        self._taken = 0
        self._last = -1

    def decide(self, able: Sequence[VirtualWorker]) -> Decision:
        """Follow the guide."""
        while self._place < len(self._runs):
            decision, count = self._runs[self._place]
            worker = decision if decision >= 0 else death_of(decision)
            follows = any(
                virtual.index == worker and (decision >= 0 or not virtual.recovering) for virtual in able
            )
            if self._taken < count and follows:
                self._taken += 1
                self._last = worker
                return decision
            self._place += 1
            self._taken = 0
        self._last = steady(able, self._last).index
        return self._last

    def end(self, steps: int) -> None:
        """Nothing is learnt."""


class ReplayStrategy:
    """A recorded schedule, exactly.

    Arguments:
        schedule: the schedule.
    """

    def __init__(self, schedule: Schedule) -> None:
        """Start at its first step."""
        self._decisions = schedule.decisions

    def begin(self) -> None:
        """Start anew."""
        self._step = 0

    def decide(self, able: Sequence[VirtualWorker]) -> Decision:
        """Follow the schedule.

        Raises:
            ScheduleError: it does not fit: its worker cannot go on, or it is over before the block is.
        """
        if self._step == len(self._decisions):
            raise ScheduleError(f"the schedule is over after {self._step} steps, but the block is not: {FIX}")
        decision = self._decisions[self._step]
        worker = decision if decision >= 0 else death_of(decision)
        if not any(virtual.index == worker and (decision >= 0 or not virtual.recovering) for virtual in able):
            deed = "go on" if decision >= 0 else "die"
            raise ScheduleError(f"worker {worker} of the schedule cannot {deed} at step {self._step}: {FIX}")
        self._step += 1
        return decision

    def end(self, steps: int) -> None:
        """Say whether the whole schedule was used.

        Raises:
            ScheduleError: the block was over before the schedule.
        """
        if self._step < len(self._decisions):
            raise ScheduleError(f"the block is over after {self._step} steps, but the schedule is not: {FIX}")


FIX = "replay it with the same block, number of workers and version of blockstm"
