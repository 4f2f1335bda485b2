"""Schedules: which worker went on at each step, and their string form.

A schedule is written as ``1.WORKERS.RUNS``: the version of the form, the number of workers, and the runs of
steps one after the other. ``a`` is a step of worker 0, ``b17`` are seventeen steps of worker 1, ``C`` is the
death of worker 2. All characters are safe in URLs, file names and shells.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from blockstm.errors import ScheduleError, shown
from blockstm.native._core import STEPS

__all__ = ["IDLE", "SLEEP", "WORKERS_MAX", "Decision", "Schedule", "death_of"]

VERSION: Final = 1
WORKERS_MAX: Final = 16
STEPS_MAX: Final = 10_000_000
LETTERS: Final = "abcdefghijklmnop"
FORM: Final = re.compile(r"(\d{1,4})\.(\d{1,4})\.((?:[a-p](?:[1-9]\d{0,6})?|[A-P])*)", re.ASCII)
RUN: Final = re.compile(r"([a-pA-P])(\d*)", re.ASCII)

IDLE: Final = STEPS["idle"]
"""The step of a worker that has found no task."""
SLEEP: Final = STEPS["sleep"]
"""The step of a worker that sleeps until it is woken."""

Decision = int
"""What happens at a step: worker n goes on (n), or worker n dies before it (see `death_of`)."""


def death_of(worker: int) -> Decision:
    """Return the decision that a worker dies; applied to such a decision, the worker."""
    return ~worker


@dataclass(frozen=True, slots=True)
class Schedule:
    """Which worker went on at each step.

    Arguments:
        workers: how many there were, 1 to 16.
        decisions: what happened at each step.
    """

    workers: int
    decisions: tuple[Decision, ...]

    def __str__(self) -> str:
        """Return the string form."""
        return f"{VERSION}.{self.workers}.{''.join(written(self.decisions))}"

    @property
    def runs(self) -> list[tuple[Decision, int]]:
        """The runs of equal decisions one after the other, with their lengths."""
        return runs_of(self.decisions)

    @property
    def switches(self) -> int:
        """How often the worker changed."""
        return max(0, len(self.runs) - 1)

    @classmethod
    def of_runs(cls, workers: int, runs: Iterable[tuple[Decision, int]]) -> Schedule:
        """Return the schedule that consists of these runs."""
        return cls(workers, tuple(decision for decision, count in runs for _ in range(count)))

    @classmethod
    def parse(cls, text: str) -> Schedule:
        """Return the schedule that a string stands for.

        Raises:
            ScheduleError: it stands for none; the message says where it goes wrong, and the fix.
        """
        matched = FORM.fullmatch(text)
        if matched is None:
            raise ScheduleError(f"schedule {shown(text)}: {first_fault(text)}; {FIX}")
        version, workers = int(matched[1]), int(matched[2])
        if version != VERSION:
            raise ScheduleError(
                f"schedule {shown(text)}: its version is {version}, not {VERSION}; "
                "replay it with the version of blockstm that printed it"
            )
        if not 1 <= workers <= WORKERS_MAX:
            raise ScheduleError(
                f"schedule {shown(text)}: {workers} workers are not 1 to {WORKERS_MAX}; {FIX}"
            )
        schedule = cls.of_runs(workers, parsed_runs(text, matched[3], workers))
        if str(schedule) != text:
            raise ScheduleError(
                f"schedule {shown(text)}: its runs are not written in their shortest form; {FIX}"
            )
        return schedule


FIX: Final = "copy the whole string as it was printed"


def written(decisions: Sequence[Decision]) -> Iterator[str]:
    """Yield the string form of each run."""
    for decision, count in runs_of(decisions):
        if decision < 0:
            yield LETTERS[death_of(decision)].upper() * count
        else:
            yield LETTERS[decision] + (str(count) if count > 1 else "")


def runs_of(decisions: Iterable[Decision]) -> list[tuple[Decision, int]]:
    """Return equal neighbours with their counts."""
    return [(decision, sum(1 for _ in group)) for decision, group in groupby(decisions)]


def parsed_runs(text: str, runs: str, workers: int) -> list[tuple[Decision, int]]:
    """Return the runs of a schedule that has the form of one.

    Raises:
        ScheduleError: a worker is not there, or there are too many steps.
    """
    parsed: list[tuple[Decision, int]] = []
    steps = 0
    for place in RUN.finditer(runs):
        worker = LETTERS.index(place[1].lower())
        count = int(place[2] or "1")
        steps += count
        where = f"schedule {shown(text)}: run {len(parsed) + 1}, {place[0]!r}"
        if worker >= workers:
            raise ScheduleError(f"{where}, is of worker {worker}, and there are {workers} workers; {FIX}")
        if steps > STEPS_MAX:
            raise ScheduleError(f"{where}, goes past {STEPS_MAX} steps; {FIX}")
        parsed.append((death_of(worker) if place[1].isupper() else worker, count))
    return parsed


def first_fault(text: str) -> str:
    """Say where a string stops to have the form of a schedule."""
    head = re.match(r"\d{1,4}\.\d{1,4}\.", text, re.ASCII)
    if head is None:
        return "it does not begin with 1.WORKERS. as in 1.2.a5b3"
    good = re.compile(r"(?:[a-p](?:[1-9]\d{0,6})?|[A-P])*", re.ASCII).match(text, head.end())
    place = good.end() if good is not None else head.end()
    return f"character {place + 1}, {text[place : place + 1]!r}, is neither a worker (a to p) nor a count"
