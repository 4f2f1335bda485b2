"""Carrying out a sweep: what is missing is done, and each finished run is kept at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from blockstm import __version__
from blockstm.errors import SweepError
from blockstm.sweep.execution import execute
from blockstm.sweep.points import Run
from blockstm.sweep.rows import Row

if TYPE_CHECKING:
    from blockstm.sweep.storage import ResultsFolder

__all__ = ["Executor", "InProcess", "Outcome", "Progressed", "carry_out"]


class Executor(Protocol):
    """Whatever does runs."""

    def rows(self, runs: Sequence[Run]) -> Iterable[Sequence[Row]]:
        """Do runs and yield their rows, some at a time, in any order, each as soon as it can be had.

        Arguments:
            runs: those of one block stand together; all have the same clock.

        Raises:
            BlockstmError: a run failed.
        """


class InProcess:
    """Does the runs in this process, one after the other.

    Arguments:
        memory_limit_bytes: the most memory of a run's arena.
    """

    def __init__(self, memory_limit_bytes: int) -> None:
        """Keep the limit."""
        self._memory_limit_bytes = memory_limit_bytes

    def rows(self, runs: Sequence[Run]) -> Iterable[Sequence[Row]]:
        """Do runs as an `Executor` does."""
        return ([row] for row in execute(runs, self._memory_limit_bytes))


@dataclass(frozen=True)
class Outcome:
    """What became of a sweep.

    Arguments:
        runs: how many it has.
        executed: how many were done now; the others were finished before.
        seconds: how long that took.
    """

    runs: int
    executed: int
    seconds: float


Progressed = Callable[[int, int], None]
"""Told how many runs are finished, and what share of the whole cost they are, in the unit of `Run.cost`."""


def carry_out(folder: ResultsFolder, executor: Executor, progressed: Progressed) -> Outcome:
    """Do the runs of a sweep that are missing in its folder.

    Raises:
        SweepError: a worker of the cluster has another version of blockstm.
        BlockstmError: a run failed, or its row cannot be kept; what was finished before is kept.
    """
    begun = time.monotonic()
    missing = folder.missing
    costs = {run.run_id: run.cost for run in missing}
    finished = len(folder.rows)
    done_cost = 0
    for rows in executor.rows(missing):
        for row in rows:
            if row["blockstm_version"] != __version__:
                raise SweepError(
                    f"a worker of the cluster has blockstm {row['blockstm_version']}, and this is "
                    f"{__version__}; install the same version on both"
                )
        folder.append(rows)
        finished += len(rows)
        done_cost += sum(costs[str(row["run_id"])] for row in rows)
        progressed(finished, done_cost)
    return Outcome(finished, len(missing), time.monotonic() - begun)
