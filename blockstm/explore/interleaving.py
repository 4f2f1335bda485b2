"""A schedule as people read it: what each worker does, run by run; of a livelock, the loop."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from blockstm.errors import shown
from blockstm.explore.schedules import death_of
from blockstm.explore.strategies import GuidedStrategy
from blockstm.explore.trial import Finding, Step, Trials
from blockstm.native._core import STEPS, STEPS_ON_KEYS, STEPS_ON_TXNS

__all__ = ["Loop", "interleaving", "loop_at_end"]

NAMES: Final = {kind: name for name, kind in STEPS.items()}
NO_TXN: Final = 0xFFFFFFFF
PERIOD_MAX: Final = 1000
"""How many steps a loop may have to be found."""
ROUNDS_MIN: Final = 3
"""How often it must have been gone through."""
LINES_MAX: Final = 60
"""How many lines are shown of a part that has more: the last ones, which lead to what is wrong."""
DEEDS_MAX: Final = 100
"""How many deeds a line names; of more, the last."""

Loop = tuple[int, int]
"""At which step it begins, and how many steps it has."""


def interleaving(trials: Trials, finding: Finding) -> list[str]:
    """Run the schedule of a finding again and return a line for each run of steps of one worker.

    Of a livelock: how it comes to the loop in which the workers go round, and one round of that.

    Arguments:
        trials: where it was found.
        finding: the finding.
    """
    taken: list[Step] = []
    trials.run(GuidedStrategy(finding.schedule), taken)
    del taken[len(finding.schedule.decisions) :]
    texts = [described(trials, kind, what) for _, kind, what in taken]
    steps = list(zip((decision for decision, _, _ in taken), texts, strict=True))
    loop = loop_at_end(steps) if finding.check == "livelock" else None
    if loop is None:
        return ending(lines(steps, 0))
    begin, period = loop
    rounds = (len(steps) - begin) // period
    return [
        *ending(lines(steps[:begin], 0)),
        f"then a loop of {period} steps, gone through {rounds:,} times:",
        *ending(lines(steps[begin : begin + period], begin)),
    ]


def loop_at_end(steps: Sequence[object]) -> Loop | None:
    """Return the shortest loop in which a list ends, None where it ends in none."""
    for period in range(1, min(PERIOD_MAX, len(steps) // ROUNDS_MIN) + 1):
        begin = len(steps) - ROUNDS_MIN * period
        if steps[begin:-period] == steps[begin + period :]:
            while begin > 0 and steps[begin - 1] == steps[begin - 1 + period]:
                begin -= 1
            return begin, period
    return None


def lines(steps: Sequence[tuple[int, str]], first: int) -> list[str]:
    """Return the line of each run of steps, of which the first has the number `first`."""
    written = []
    for decision, group in groupby(steps, key=lambda taken: taken[0]):
        texts = [text for _, text in group]
        deeds = [text for text, _ in groupby(texts)]
        shortened = f"... {', '.join(deeds[-DEEDS_MAX:])}" if len(deeds) > DEEDS_MAX else ", ".join(deeds)
        worker = decision if decision >= 0 else death_of(decision)
        who = f"worker {worker}" if decision >= 0 else f"worker {worker} dies"
        written.append(f"step {first:4}  {who}: {shortened}")
        first += len(texts)
    return written


def ending(written: list[str]) -> list[str]:
    """Return the last lines, and how many are left out before them."""
    left_out = len(written) - LINES_MAX
    return written if left_out <= 0 else [f"({left_out:,} lines left out)", *written[left_out:]]


def described(trials: Trials, kind: int, what: int) -> str:
    """Return what a step is about to do, and to what."""
    name = NAMES[kind]
    if kind in STEPS_ON_KEYS:
        return f"{name} {shown(trials.observer.key(what))}"
    if kind in STEPS_ON_TXNS and what != NO_TXN:
        return f"{name} {what}"
    return name
