"""A schedule as people read it: what each worker does, run by run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from blockstm._core import STEP_NAMES, STEPS_ON_KEYS, STEPS_ON_TXNS
from blockstm.controlled.schedules import Schedule, death_of
from blockstm.controlled.strategies import GuidedStrategy
from blockstm.controlled.trial import Step, Trials
from blockstm.errors import shown

__all__ = ["interleaving"]

NO_TXN = 0xFFFFFFFF


def interleaving(trials: Trials, schedule: Schedule) -> list[str]:
    """Run a schedule again and return a line for each run of steps of one worker.

    Arguments:
        trials: where it was found.
        schedule: the schedule.
    """
    trace: list[Step] = []
    trials.run(GuidedStrategy(schedule), trace)
    return list(lines(trials, trace[: len(schedule.decisions)]))


def lines(trials: Trials, trace: list[Step]) -> Iterator[str]:
    """Yield the line of each run."""
    step = 0
    for decision, group in groupby(trace, key=lambda taken: taken[0]):
        steps = list(group)
        worker = decision if decision >= 0 else death_of(decision)
        deed = f"worker {worker}" if decision >= 0 else f"worker {worker} dies"
        deeds = [text for text, _ in groupby(described(trials, kind, what) for _, kind, what in steps)]
        yield f"step {step:4}  {deed}: {', '.join(deeds)}"
        step += len(steps)


def described(trials: Trials, kind: int, what: int) -> str:
    """Return what a step is about to do, and to what."""
    name = STEP_NAMES[kind]
    if kind in STEPS_ON_KEYS:
        return f"{name} {shown(trials.probe.key(what))}"
    if kind in STEPS_ON_TXNS and what != NO_TXN:
        return f"{name} {what}"
    return name
