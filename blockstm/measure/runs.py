"""Runs of one block that are to be compared: warm, by turns, and checked for what they come to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from blockstm.chains.checked import CheckedBlock
from blockstm.engine import Engine
from blockstm.models import Model, Sequential, model_of, reference_of
from blockstm.results.result import Result
from blockstm.results.verify import DIFFERENCES_MAX, differences

__all__ = ["RunFigures", "Runs", "Step", "Turn"]


Step = Callable[[str], AbstractContextManager[None]]
"""Takes the name of a run, and returns a context manager that is entered while the run goes on."""


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Figures of one run, kept when the run's result is released; see `blockstm.results.result.Stats`."""

    wall_seconds: float
    executions: int
    validations: int
    aborts: int
    commit_latency_seconds: Mapping[str, float]

    @staticmethod
    def of(result: Result) -> RunFigures:
        """Return the figures of a result."""
        stats = result.stats
        return RunFigures(
            wall_seconds=stats.wall_seconds,
            executions=stats.executions,
            validations=stats.validations,
            aborts=stats.aborts,
            commit_latency_seconds=stats.commit_latency_seconds,
        )


@dataclass(frozen=True, slots=True)
class Turn:
    """A sequential run and one in a model, one after the other, so that both meet the same machine.

    Arguments:
        sequential_seconds: what the sequential run took.
        figures: those of the other.
    """

    sequential_seconds: float
    figures: RunFigures


class Runs:
    """Runs a block both ways. Before the first run that counts, `warm_up`.

    Arguments:
        engine: what runs it.
        checked: the block; finds out of each run whether it can be trusted.
        model: the execution model that is compared with sequential execution, or its name.
        verify: whether to compare each run of the model with the first sequential run.
        step: entered for each run; None for nothing to be told.
    """

    def __init__(
        self,
        engine: Engine,
        checked: CheckedBlock,
        model: Model | str,
        *,
        verify: bool = False,
        step: Step | None = None,
    ) -> None:
        """Know of no run yet."""
        self._engine = engine
        self._checked = checked
        self._model = model_of(model)
        self._verify = verify
        self._step: Step = (lambda name: nullcontext()) if step is None else step
        self._reference: Result | None = None
        self._reference_model: Model = Sequential()
        self.result: Result | None = None
        """What came of the last run of the model."""
        self.differences: list[str] = []
        """Where runs of the model disagreed with the first sequential one, if they are compared; for a model
        with another order or with promises, with a sequential one of its own (`reference_of`)."""

    def warm_up(self) -> None:
        """Have every worker execute the block once, so that no run pays for what a process does only once."""
        with self._step("warming up"):
            self._engine.warm_up(self._checked.executable.block, self._model)

    def turn(self, repetition: int) -> Turn:
        """Run the block both ways; which is first changes from one repetition to the next.

        Arguments:
            repetition: from 0, where sequential execution is first; with `verify` the first turn must be that one.

        Raises:
            BlockstmError: the block cannot be run, as Engine.execute says, or its result cannot be trusted.
        """
        if repetition % 2 == 0:
            seconds = self._sequential_seconds()
            return Turn(seconds, self._figures())
        figures = self._figures()
        return Turn(self._sequential_seconds(), figures)

    def with_timeline(self) -> None:
        """Run the block in the model with a timeline; what it takes is not measured. For errors see `turn`."""
        self._checked_run("timeline", timeline=True)

    def _sequential_seconds(self) -> float:
        result = self._run(Sequential.name, Sequential())
        if self._verify and self._reference is None:
            self._reference = result
        return result.stats.wall_seconds

    def _figures(self) -> RunFigures:
        return RunFigures.of(self._checked_run(str(self._model)))

    def _checked_run(self, name: str, *, timeline: bool = False) -> Result:
        self.result = None  # kept, it might have its memory copied before this run
        result = self._run(name, self._model, timeline=timeline)
        self._checked.check(result)
        if self._reference is not None:
            left = DIFFERENCES_MAX - len(self.differences)
            self.differences += differences(result, self._right_result(result), left)
        self.result = result
        return result

    def _right_result(self, result: Result) -> Result:
        """Return what a run of the model must have come to: most often that of the first sequential run."""
        wanted = reference_of(self._model, result.order)
        if wanted != self._reference_model:
            self._reference = self._run(str(wanted), wanted)
            self._reference_model = wanted
        assert self._reference is not None
        return self._reference

    def _run(self, name: str, model: Model, *, timeline: bool = False) -> Result:
        with self._step(name):
            return self._engine.execute(self._checked.executable.block, model, timeline=timeline)
