"""From a schedule that fails to the shortest one that is found to fail in the same way.

Delta debugging (Zeller and Hildebrandt 2002) over the runs of a schedule: runs are left out, in ever smaller
pieces, and what is left guides a new trial. Fewer switches between workers are better, then fewer steps.
"""

from __future__ import annotations

from typing import Final

from blockstm.explore.schedules import Decision, Schedule
from blockstm.explore.strategies import GuidedStrategy
from blockstm.explore.trial import Finding, Trials

__all__ = ["shrink"]

TRIALS_MAX: Final = 1000

Runs = list[tuple[Decision, int]]


def shrink(trials: Trials, finding: Finding, trials_max: int = TRIALS_MAX) -> Finding:
    """Return the finding with the shortest schedule; the same for the same arguments.

    Arguments:
        trials: where the finding was made.
        finding: the finding.
        trials_max: the most schedules to try.
    """
    best = finding
    left = trials_max
    pieces = 2
    while left > 0:
        runs = best.schedule.runs
        size = max(1, -(-len(runs) // pieces))
        better = None
        for start in range(0, len(runs), size):
            if left == 0:
                break
            left -= 1
            better = attempt(trials, best, runs[:start] + runs[start + size :])
            if better is not None:
                break
        if better is not None:
            best = better
            pieces = max(2, pieces - 1)
        elif size == 1:
            break
        else:
            pieces = min(len(runs), 2 * pieces)
    return best


def attempt(trials: Trials, best: Finding, runs: Runs) -> Finding | None:
    """Return what a guide leads to, if it fails the same check on a shorter schedule."""
    guide = Schedule.of_runs(trials.workers, runs)
    schedule, finding = trials.run(GuidedStrategy(guide))
    if finding is None or finding.check != best.check or cost(schedule) >= cost(best.schedule):
        return None
    return finding


def cost(schedule: Schedule) -> tuple[int, int, int]:
    """Return what is to be small: deaths, switches between workers, steps."""
    return sum(decision < 0 for decision in schedule.decisions), schedule.switches, len(schedule.decisions)
