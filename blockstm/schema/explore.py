"""What ``blockstm explore --json`` prints; docs/explanation/explore.md says the same to users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockstm.schema.entry import Entry, Output, Whole

__all__ = ["ExploreOutput", "FailureEntry"]


@dataclass(frozen=True)
class FailureEntry(Entry):
    """A schedule that fails a check.

    Arguments:
        schedule: in the form that ``--replay`` takes.
        check: what it fails.
        message: how.
        shortest: the shortest one found that fails the same check.
        interleaving: that one as people read it, line by line.
    """

    schedule: Whole
    check: str
    message: Whole
    shortest: Whole
    interleaving: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ExploreOutput(Output):
    """The whole object.

    Arguments:
        file: the block's file.
        virtual_machine: what executes the transactions, where their chain has several.
        strategy: how schedules were made; ``replay`` for one that was given.
        seed: where chances started.
        schedules, pruned, steps: how many were run, how many of these were cut short, and their steps together.
        failures: what was found.
    """

    command: ClassVar[str] = "explore"

    file: str
    virtual_machine: str | None = None
    strategy: str
    seed: int
    schedules: int
    pruned: int
    steps: int
    failures: tuple[FailureEntry, ...]
