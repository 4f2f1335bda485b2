"""What is done in fresh processes: transactions alone, the variables that they change, a schedule shrunk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from blockstm.blocks.block import Block
from blockstm.explore.explorer import Plan, Search
from blockstm.explore.interleaving import interleaving
from blockstm.explore.schedules import Schedule
from blockstm.explore.shrink import shrink
from blockstm.explore.strategies import GuidedStrategy, Strategy
from blockstm.explore.trial import Finding, Step, Trials
from blockstm.processes.pickling import loads
from blockstm.testing.fork_server import forked, outcome
from blockstm.testing.outside import OutsideCalls
from blockstm.testing.reach import Reach, python_programs, reach
from blockstm.testing.recording import Recording
from blockstm.testing.sites import Site
from blockstm.testing.tape import Divergence, Tape, Watch
from blockstm.testing.world import World

__all__ = [
    "Alone",
    "Change",
    "Explained",
    "Explored",
    "changes",
    "explain",
    "explore",
    "outside_call",
    "repeat_alone",
]

SHRINK_TRIALS_MAX = 300


@dataclass(frozen=True, slots=True)
class Alone:
    """What came of a transaction that was executed with the same reads in a process that had executed nothing."""

    divergence: Divergence | None
    calls: dict[str, tuple[str, Site]]


@dataclass(frozen=True, slots=True)
class Change:
    """A variable outside of contexts that an execution has changed."""

    label: str
    txn_idx: int
    program: str
    before: str
    after: str
    site: Site | None


@dataclass(frozen=True, slots=True)
class Explored:
    """What came of schedules."""

    schedules: int
    steps: int
    failing: Finding | None


@dataclass(frozen=True, slots=True)
class Explained:
    """A schedule that fails, as short as was found, in a process that had tried no other."""

    shortest: Finding
    lines: list[str]
    left: list[str]
    """What it changes of the variables outside of contexts."""


def repeat_alone(packed: bytes, tapes: Sequence[Tape], only: Sequence[int]) -> list[Alone]:
    """Execute transactions again with the same reads, each in a fork of its own.

    Arguments:
        packed: the block.
        tapes: what its transactions did.
        only: the numbers of the tapes in question.
    """
    block = loads(packed)
    return [outcome(forked(repeat_one, block, tapes, number)) for number in only]


def repeat_one(block: Block, tapes: list[Tape], number: int) -> Alone:
    """Execute one transaction again."""
    world = World(reach(python_programs(block)).namespaces)
    world.install()
    with world.running():
        repeated = Recording(block, tapes).repeat(tapes[number], Watch())
    return Alone(repeated.divergence, world.calls)


def outside_call(packed: bytes, tapes: list[Tape], number: int) -> tuple[str, Site] | None:
    """Return the first call with which a program asks the operating system for something, and its line.

    Arguments:
        packed: the block.
        tapes: what its transactions did.
        number: the number of the tape in question.
    """
    block = loads(packed)
    world, outside = World(reach(python_programs(block)).namespaces), OutsideCalls()
    world.install()
    with world.running():
        Recording(block, tapes).repeat(tapes[number], Watch(), wrap=outside.noting)
    return outside.first


def changes(packed: bytes, tapes: list[Tape], program: str, give_up: tuple[int, int] | None) -> list[Change]:
    """Return what executions change of the variables that a program can reach, in the order in which they do.

    Arguments:
        packed: the block.
        tapes: what its transactions did.
        program: the name of the program.
        give_up: the number of the one tape to repeat, and of the verb at which it is given up; None: repeat all,
            to the end.
    """
    block = loads(packed)
    own = [found for found in python_programs(block) if found.name == program]
    world = World(reach(python_programs(block)).namespaces)
    world.install()
    recording, watch = Recording(block, tapes), Watch()
    found: dict[str, Change] = {}
    before = reach(own)
    for number, tape in enumerate(tapes):
        if give_up is not None and number != give_up[0]:
            continue
        with world.running():
            recording.repeat(tape, watch, None if give_up is None else give_up[1])
        after = reach(own)
        for change in differing(before, after, tape):
            found.setdefault(change.label, change)
        before = after
    return list(found.values())


def differing(before: Reach, after: Reach, tape: Tape) -> list[Change]:
    """Return the variables that differ."""
    found = []
    for label in [*after.variables, *(before.variables.keys() - after.variables.keys())]:
        old, new = before.variables.get(label), after.variables.get(label)
        if old is not None and new is not None and old.fingerprint == new.fingerprint:
            continue
        was, is_now = ("not there" if variable is None else variable.shown for variable in (old, new))
        known = new or old
        site = None if known is None else after.site_of(known.name)
        found.append(Change(label, tape.txn_idx, tape.program, was, is_now, site))
    return found


def explore(packed: bytes, plans: Sequence[Plan]) -> Explored:
    """Try schedules until one fails.

    Arguments:
        packed: the block.
        plans: what to try.
    """
    block = loads(packed)
    schedules = steps = 0
    for plan in plans:
        search = Search(block, plan)
        failing = next((finding for finding in search.findings() if finding is not None), None)
        schedules, steps = schedules + search.schedules, steps + search.steps
        search.close()
        if failing is not None:
            return Explored(schedules, steps, failing)
    return Explored(schedules, steps, None)


class ForkedTrials(Trials):
    """Trials each of which runs in a fork of this process: what programs keep does not get from one to another."""

    runs_in_forks: ClassVar[bool] = True

    def run(self, strategy: Strategy, trace: list[Step] | None = None) -> tuple[Schedule, Finding | None]:
        """See Trials."""
        ran: tuple[Schedule, Finding | None] = outcome(forked(super().run, strategy))
        return ran


def explain(packed: bytes, workers: int, schedule: Schedule) -> Explained | None:
    """Run a schedule in a process that has tried no other, and shrink it; None if it does not fail here.

    Arguments:
        packed: the block.
        workers: how many virtual workers.
        schedule: the schedule.
    """
    trials = ForkedTrials(loads(packed), workers)
    finding = trials.run(GuidedStrategy(schedule))[1]
    if finding is None:
        return None
    shortest = shrink(trials, finding, SHRINK_TRIALS_MAX)
    explained: Explained = outcome(forked(read, packed, workers, shortest))
    return explained


def read(packed: bytes, workers: int, shortest: Finding) -> Explained:
    """Write a schedule down for people."""
    block = loads(packed)
    trials = Trials(block, workers)
    before = reach(python_programs(block)).variables
    lines = interleaving(trials, shortest)
    left = [
        f"{label} was {before[label].shown if label in before else 'not there'} and is {variable.shown}"
        for label, variable in reach(python_programs(block)).variables.items()
        if label not in before or before[label].fingerprint != variable.fingerprint
    ]
    return Explained(shortest, lines, left)
