"""What ``blockstm compare --json`` prints; docs/reference/command-line.md says the same to users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from blockstm.schema.common import NO_OPTIONS, OptionsEntry, OutcomesEntry
from blockstm.schema.entry import Entry, Mark, Output
from blockstm.schema.simulate import SimulatedRunEntry

__all__ = ["CompareOutput", "ComparedBlockEntry", "ComparedRunEntry", "GainEntry", "RefusedEntry"]


@dataclass(frozen=True, kw_only=True)
class ComparedRunEntry(SimulatedRunEntry):
    """What a block came to in a model on a number of cores; with real time, medians of several runs.

    Arguments:
        model: the model, as the command line has it.
        order: ``preset``, or ``changed`` where the model chooses an order of its own.
        seconds_min, seconds_max: the shortest and the longest of several runs.
        times_first: the time of the model that was named first, on as many cores, over this one's; not of that
            model itself.
        verified: whether the runs agree with sequential execution, where they were compared.
    """

    model: str
    order: str | None = None
    seconds_min: float | None = None
    seconds_max: float | None = None
    times_first: float | None = None
    verified: bool | None = None


@dataclass(frozen=True)
class RefusedEntry(Entry):
    """A model that cannot run a block, and why."""

    model: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class ComparedBlockEntry(Entry):
    """A block in all models.

    Arguments:
        file: where it comes from.
        chain, number: what it says of itself.
        transactions: of the block.
        virtual_machine: what executed them, where their chain has several.
        outcomes: how they ended.
        header_checks: as of `blockstm.schema.replay.BlockEntry`.
        longest_chain: the most transactions of which each waits for the one before.
        independent_share: of the transactions, those that wait for none and for which none waits.
        results: of each model, for each number of cores; a model that uses one core has one.
        refused: the models that cannot run the block.
        suits: the models that do best on the most cores; none where no model is faster than sequential execution.
        why: which model suits the block and why, in one sentence.
        differences: where runs disagree with sequential execution, a line each.
    """

    file: str
    chain: str | None = None
    number: int | None = None
    transactions: int
    virtual_machine: str | None = None
    outcomes: Annotated[OutcomesEntry | None, Mark.FLAT] = None
    header_checks: Mapping[str, bool | None] | None = None
    longest_chain: int | None = None
    independent_share: float | None = None
    results: tuple[ComparedRunEntry, ...]
    refused: Annotated[tuple[RefusedEntry, ...], Mark.LEFT_OUT_IF_EMPTY] = ()
    suits: tuple[str, ...] = ()
    why: str
    differences: Annotated[tuple[str, ...], Mark.LEFT_OUT_IF_EMPTY] = ()


@dataclass(frozen=True, kw_only=True)
class GainEntry(Entry):
    """Where a model pays against the one that was named first, on the most cores.

    Arguments:
        model, against: the two.
        cores: how many.
        faster, slower, same: on how many blocks it is clearly faster or slower, or neither.
        times_first: the time of all these blocks in the first model, over that in this one.
        least, greatest: the same of the block on which it does worst, and best.
    """

    model: str
    against: str
    cores: int
    faster: int
    slower: int
    same: int
    times_first: float
    least: float
    greatest: float


@dataclass(frozen=True, kw_only=True)
class CompareOutput(Output):
    """The whole object.

    Arguments:
        clock: ``virtual`` or ``real``.
        models: those that were asked for, in order.
        runs: how often each was run, with real time.
        verified: whether all runs agree with sequential execution, where they were compared.
        options: those that differ from their defaults.
        blocks: the blocks.
        gains: of each model but the first.
    """

    command: ClassVar[str] = "compare"

    clock: str
    models: tuple[str, ...]
    runs: int | None = None
    verified: bool | None = None
    options: Annotated[OptionsEntry, Mark.LEFT_OUT_IF_EMPTY] = NO_OPTIONS
    blocks: tuple[ComparedBlockEntry, ...]
    gains: tuple[GainEntry, ...] = ()
