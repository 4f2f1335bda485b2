"""All schedules with few preemptions, depth first (CHESS: Musuvathi and Qadeer, PLDI 2007).

A switch away from a worker that could go on is a preemption; a switch away from one that sleeps, has left or
finds no task is none, and may go to any other. Most bugs need few preemptions, and schedules with at most c
of them grow with the power c of the steps, not exponentially.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from blockstm._core import STEP_IDLE, VirtualWorker
from blockstm.controlled.schedules import Decision

__all__ = ["ExhaustiveStrategy"]


@dataclass(slots=True)
class Choice:
    """One step of the schedule under way: what was chosen, and what is still to be tried in its place."""

    chosen: int
    untried: list[int]
    preemptions: int
    """How many the schedule had before this step."""
    steady: int
    """Whom it costs no preemption to choose; -1: it costs none whoever is chosen."""


class ExhaustiveStrategy:
    """Goes through all schedules with at most so many preemptions. Two workers are interchangeable at the start.

    Each schedule follows the one before up to the last step that has something untried, takes that, and goes on
    without preemptions.

    Arguments:
        preemptions: the most preemptions of a schedule.
    """

    def __init__(self, preemptions: int) -> None:
        """Start at the schedule without preemptions."""
        self._preemptions = preemptions
        self._choices: list[Choice] = []
        self._step = 0
        self.is_over = False
        """Whether all schedules were tried."""

    def begin(self) -> None:
        """Start the next schedule."""
        self._step = 0

    def decide(self, able: Sequence[VirtualWorker]) -> Decision:
        """Follow the schedule under way to where it is new, then go on without preemptions."""
        if self._step == len(self._choices):
            self._choices.append(self._first_choice(able))
        self._step += 1
        return self._choices[self._step - 1].chosen

    def _first_choice(self, able: Sequence[VirtualWorker]) -> Choice:
        """Return the choice at a step that no schedule has come to on this path."""
        last, preemptions = -1, 0
        if self._choices:
            before = self._choices[-1]
            last = before.chosen
            preemptions = before.preemptions + (before.steady not in (-1, before.chosen))
        going_on = [virtual for virtual in able if virtual.index == last]
        others = [virtual.index for virtual in able if virtual.index != last]
        if going_on and going_on[0].kind != STEP_IDLE:
            return Choice(last, others if preemptions < self._preemptions else [], preemptions, last)
        if going_on:
            others.append(last)
        if not self._choices:
            return Choice(others[0], [], 0, -1)
        return Choice(others[0], others[1:], preemptions, -1)

    def end(self, steps: int) -> None:
        """Nothing is learnt from a schedule that passed; see `advance`."""

    def advance(self) -> None:
        """Go to the next schedule."""
        del self._choices[self._step :]
        while self._choices and not self._choices[-1].untried:
            self._choices.pop()
        if not self._choices:
            self.is_over = True
            return
        self._choices[-1].chosen = self._choices[-1].untried.pop()
