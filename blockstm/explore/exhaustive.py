"""All schedules with few preemptions, depth first (CHESS: Musuvathi and Qadeer, PLDI 2007).

A switch away from a worker that could go on is a preemption; a switch away from one that sleeps, has left or
finds no task is none, and may go to any other. Most bugs need few preemptions, and schedules with at most c
of them grow with the power c of the steps, not exponentially.

A schedule is given up where it comes to a state that was seen before: what can follow has been tried, or will be,
from there. That is sound because

- equal states (see `Trials.state`) with the same worker on turn have the same continuations, each with the same
  number of preemptions. One is left out only where the first visit had as many preemptions left or more: as many
  for the same worker on turn, or where any switch was free; one more for another, as its first switch may cost one;
- the first visit leaves nothing out for good: what it has not tried yet stands on the stack of choices, and the
  search ends when the stack is empty;
- no schedule is given up for a state that it has itself come through: it goes round in a circle, which the bound on
  steps finds. So livelocks are not pruned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from blockstm.explore.schedules import IDLE, Decision
from blockstm.native._core import VirtualWorker

__all__ = ["ExhaustiveStrategy", "VisitedStates"]

ANYBODY = -1
"""Instead of the worker on turn: any switch is free."""


class States(Protocol):
    """Tells states apart: a `Trials` that does."""

    def state(self) -> int:
        """Return a number for the present state."""

    def histories(self) -> list[int]:
        """Return what is needed to tell states apart from here on."""

    def go_on_from(self, histories: list[int] | None) -> None:
        """Tell states apart from here on; None: not now."""


class VisitedStates:
    """States, and how many preemptions were left when they were come to."""

    def __init__(self) -> None:
        """Know none."""
        self._left: dict[int, dict[int, int]] = {}

    @property
    def states(self) -> set[int]:
        """The states."""
        return set(self._left)

    def add(self, state: int, steady: int, left: int) -> bool:
        """Note a state; return whether all that can follow was, or will be, tried from an earlier visit.

        Arguments:
            state: its number.
            steady: the worker that it costs no preemption to choose; ANYBODY: it costs none to choose any.
            left: how many preemptions are left.
        """
        visits = self._left.setdefault(state, {})
        for other, had in visits.items():
            if had >= left + (other not in (ANYBODY, steady)):
                return True
        visits[steady] = left
        return False


@dataclass(slots=True)
class Choice:
    """One step of the schedule under way: what was chosen, and what is still to be tried in its place."""

    chosen: int
    untried: list[int]
    preemptions: int
    """How many the schedule had before this step."""
    steady: int
    """The worker that it costs no preemption to choose, or ANYBODY."""
    state: int
    """The state before this step; 0 where states are not told apart."""
    histories: list[int]


class ExhaustiveStrategy:
    """Goes through all schedules with few preemptions. Two workers are interchangeable at the start.

    Each schedule follows the one before up to the last step that has something untried, takes that, and goes on
    without preemptions.

    Arguments:
        preemptions: the most preemptions of a schedule.
        states: tells states apart, to give up schedules that come to one that was seen before; None: give up none.
    """

    def __init__(self, preemptions: int, states: States | None = None) -> None:
        """Start at the schedule without preemptions."""
        self._preemptions = preemptions
        self._states = states
        self._choices: list[Choice] = []
        self._on_path: Counter[int] = Counter()
        self._step = 0
        self.visited = VisitedStates()
        self.pruned = 0
        """How many schedules were given up."""
        self.is_over = False
        """Whether all schedules were tried."""

    def begin(self) -> None:
        """Start the next schedule."""
        self._step = 0

    def decide(self, able: Sequence[VirtualWorker]) -> Decision | None:
        """Follow the schedule under way to where it is new, then go on without preemptions."""
        if self._states is not None and self._step < len(self._choices):
            self._tell_states(self._states)
        if self._step == len(self._choices):
            choice = self._first_choice(able)
            if self._was_seen(choice):
                self.pruned += 1
                return None
            self._choices.append(choice)
            self._on_path[choice.state] += 1
        self._step += 1
        return self._choices[self._step - 1].chosen

    def _tell_states(self, states: States) -> None:
        """Tell states apart from the last step on that the schedule has in common with the one before."""
        if self._step == len(self._choices) - 1:
            states.go_on_from(self._choices[-1].histories)
        elif self._step == 0:
            states.go_on_from(None)

    def _was_seen(self, choice: Choice) -> bool:
        """Whether what follows was, or will be, tried after another schedule."""
        if self._states is None or self._on_path[choice.state]:
            return False
        return self.visited.add(choice.state, choice.steady, self._preemptions - choice.preemptions)

    def _first_choice(self, able: Sequence[VirtualWorker]) -> Choice:
        """Return the choice at a step that no schedule has come to on this path."""
        state, histories = 0, []
        if self._states is not None:
            state, histories = self._states.state(), self._states.histories()
        last, preemptions = ANYBODY, 0
        if self._choices:
            before = self._choices[-1]
            last = before.chosen
            preemptions = before.preemptions + (before.steady not in (ANYBODY, before.chosen))
        going_on = [virtual for virtual in able if virtual.index == last]
        others = [virtual.index for virtual in able if virtual.index != last]
        if going_on and going_on[0].kind != IDLE:
            untried = others if preemptions < self._preemptions else []
            return Choice(last, untried, preemptions, last, state, histories)
        if going_on:
            others.append(last)
        untried = others[1:] if self._choices else []
        return Choice(others[0], untried, preemptions, ANYBODY, state, histories)

    def end(self, steps: int) -> None:
        """Nothing is learnt from a schedule that passed; see `advance`."""

    def advance(self) -> None:
        """Go to the next schedule."""
        self._cut(self._step)
        while self._choices and not self._choices[-1].untried:
            self._cut(len(self._choices) - 1)
        if not self._choices:
            self.is_over = True
            return
        self._choices[-1].chosen = self._choices[-1].untried.pop()

    def _cut(self, length: int) -> None:
        """Shorten the schedule under way."""
        self._on_path.subtract(choice.state for choice in self._choices[length:])
        del self._choices[length:]
