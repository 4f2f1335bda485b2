"""What models of execution come to on one block: figures that can be laid side by side, under either clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from blockstm.models import Model
from blockstm.results.outcomes import Outcomes
from blockstm.schema.compare import ComparedRunEntry, RefusedEntry
from blockstm.simulate import Figures

__all__ = ["Clock", "ComparedRun", "Comparison", "Refused", "is_slower", "order_of"]

Clock = Literal["virtual", "real"]

TOLERANCE: Final = 0.02
"""Times that differ by a smaller share count as the same."""
TURNS_SHARE: Final = 0.8
"""In so many of the turns a model must be slower, too, where times are measured."""


def order_of(model: Model) -> str:
    """Return how the order of a model's result is called in tables and JSON."""
    return "preset" if model.keeps_order else "changed"


@dataclass(frozen=True)
class ComparedRun(Figures):
    """Figures of a block in a model on a number of cores; measured ones are those of the run with the median time.

    Arguments:
        model: the model's text.
        order: ``preset``, or ``changed`` where the model chooses an order of its own.
        seconds_by_turn: the times of all runs where they are measured; runs of one turn meet the same machine.
        verified: whether the runs agree with sequential execution; None if they were not compared.
        is_parallel: whether the model uses more than one core.
    """

    model: str
    order: str
    is_parallel: bool
    seconds_by_turn: tuple[float, ...] = ()
    verified: bool | None = None

    @property
    def executions_per_transaction(self) -> float:
        """Incarnations that reached an end, for each transaction; 0 for an empty block."""
        return self.executions / self.transactions if self.transactions else 0.0

    def times(self, first: ComparedRun | None) -> float | None:
        """Return the time of another run over this one's; None where there is none, or this took no time."""
        return first.seconds / self.seconds if first is not None and self.seconds else None

    def compared_entry(self, first: ComparedRun | None) -> ComparedRunEntry:
        """Return what the JSON output says.

        Arguments:
            first: the run of the model that was named first on as many cores; None where this is it.
        """
        several = len(self.seconds_by_turn) > 1
        return ComparedRunEntry(
            **vars(self.entry()),
            model=self.model,
            order=self.order,
            seconds_min=min(self.seconds_by_turn) if several else None,
            seconds_max=max(self.seconds_by_turn) if several else None,
            times_first=self.times(first),
            verified=self.verified,
        )


def is_slower(run: ComparedRun, other: ComparedRun) -> bool:
    """Tell whether a run is clearly slower than another one of the same block.

    Modelled times have no chance in them, so a difference that matters is enough. Of measured ones, a run must be
    slower in most of the turns as well, in which both met the same machine: then a single disturbed run decides
    nothing.
    """
    if run.seconds <= other.seconds * (1 + TOLERANCE):
        return False
    turns = list(zip(run.seconds_by_turn, other.seconds_by_turn, strict=False))
    return sum(ours > theirs for ours, theirs in turns) >= TURNS_SHARE * len(turns)


@dataclass(frozen=True)
class Refused:
    """A model that cannot run a block, and why."""

    model: str
    reason: str

    def entry(self) -> RefusedEntry:
        """Return what the JSON output says."""
        return RefusedEntry(self.model, self.reason)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One block in several models.

    Arguments:
        clock: whether the times are modelled or measured.
        models: the texts of the models that were asked for, in order.
        transactions: of the block.
        virtual_machine: what executed them, where their chain has several.
        sequential_seconds: of one sequential run: what the bounds are computed from.
        bound_critical_path: sequential time over the heaviest chain of dependent transactions.
        longest_chain: the most transactions of which each waits for the one before.
        independent_share: of the transactions, those that wait for none and for which none waits.
        runs: of each model for each number of cores, in the order in which these were asked for; a model that uses
            one core has one run.
        refused: the models that cannot run the block.
        outcomes: how the transactions ended.
        differences: where runs disagree with sequential execution; None if they were not compared.
        header_checks: whether all runs came to what the block's own header says, by name; None without one.
    """

    clock: Clock
    models: Sequence[str]
    transactions: int
    virtual_machine: str | None
    sequential_seconds: float
    bound_critical_path: float | None
    longest_chain: int
    independent_share: float | None
    runs: Sequence[ComparedRun]
    refused: Sequence[Refused]
    outcomes: Outcomes
    differences: Sequence[str] | None
    header_checks: Mapping[str, bool | None] | None

    @property
    def cores(self) -> Sequence[int]:
        """The numbers of cores, in ascending order."""
        parallel = {run.cores for run in self.runs if run.is_parallel}
        return sorted(parallel or {run.cores for run in self.runs})

    def on(self, cores: int) -> Sequence[ComparedRun]:
        """Return the runs of the models on a number of cores; those that use one core always take part."""
        return [run for run in self.runs if run.cores == cores or not run.is_parallel]

    def run(self, model: str, cores: int) -> ComparedRun | None:
        """Return the run of a model on a number of cores; None where the model was refused."""
        return next((run for run in self.on(cores) if run.model == model), None)

    def first_for(self, run: ComparedRun) -> ComparedRun | None:
        """Return the run of the model that was named first that stands against another; None for its own."""
        return None if run.model == self.models[0] else self.run(self.models[0], run.cores)

    @property
    def verified(self) -> bool | None:
        """Whether all runs that could be compared agree with sequential execution; None if none was."""
        return None if self.differences is None else not self.differences
