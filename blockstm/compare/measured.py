"""Comparing models in real time: all of them take turns on the same workers, so that they meet the same machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field

from blockstm.blocks.block import Block
from blockstm.chains.checked import CheckedBlock
from blockstm.compare.figures import ComparedRun, Comparison, Refused, order_of
from blockstm.engine import Engine
from blockstm.errors import UsageError, counted, shown
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT
from blockstm.measure.runs import Runs, Step, Turn
from blockstm.measure.spread import spread_of
from blockstm.models import Model, Sequential, model_of
from blockstm.results.outcomes import Outcomes
from blockstm.results.verify import DIFFERENCES_MAX
from blockstm.simulate import Reference

__all__ = ["compare_measured", "engines_of", "measured_steps"]


@contextmanager
def engines_of(
    workers: Sequence[int],
    *,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES_DEFAULT,
    time_limit_seconds: float | None = None,
    rounds_per_gas: float = 1.0,
) -> Iterator[Mapping[int, Engine]]:
    """Yield an engine for each number of workers, all of which take part in a block; closes them at the end.

    Arguments:
        workers: the numbers of workers.
        memory_limit_bytes, time_limit_seconds, rounds_per_gas: as for `Engine`.

    Raises:
        UsageError: there are more workers than cores that this process may use.
    """
    usable = len(os.sched_getaffinity(0))
    if max(workers) > usable:
        raise UsageError(
            f"{max(workers)} workers are more than the {counted(usable, 'usable core')} of the machine; leave such "
            "numbers out, or compare in modelled time (on the command line: --cores)"
        )
    with ExitStack() as stack:
        yield {
            count: stack.enter_context(
                Engine(
                    count,
                    active_workers=count,
                    memory_limit_bytes=memory_limit_bytes,
                    time_limit_seconds=time_limit_seconds,
                    rounds_per_gas=rounds_per_gas,
                )
            )
            for count in workers
        }


def measured_steps(models: Sequence[Model], workers: Sequence[int], repeat: int) -> int:
    """Return how many times `compare_measured` enters its `step`, where it refuses no model."""
    return 1 + sum(len(workers) if model.is_parallel else 1 for model in models) * (1 + 2 * repeat)


def compare_measured(
    block: Block | CheckedBlock,
    models: Sequence[Model | str],
    engines: Mapping[int, Engine],
    *,
    repeat: int = 5,
    verify: bool = False,
    step: Step | None = None,
) -> Comparison:
    """Run a block in several models on several numbers of workers.

    With each number of workers, the models take turns; which is first changes from one repetition to the next. Each
    has a sequential run beside it (`Runs.turn`).

    Arguments:
        block: the block; results are compared with what its chain knows of it.
        models: the models, or their texts; a model that cannot run the block is among `Comparison.refused`.
        engines: what runs it, by number of workers, as `engines_of` yields them.
        repeat: how often each model runs it with each number of workers; at least once.
        verify: whether to compare each run with sequential execution.
        step: entered for each run, as for `blockstm.measure.measure`; None for nothing to be told.

    Raises:
        UsageError: repeat is not what it must be.
        BlockstmError: the block cannot be run, as `Engine.execute` says, or its result cannot be trusted.
    """
    if type(repeat) is not int or repeat < 1:
        raise UsageError(f"repeat is {shown(repeat)}; give a whole number, 1 or more")
    chosen = [model_of(model) for model in models]
    checked = block if isinstance(block, CheckedBlock) else CheckedBlock.of(block)
    return _Comparing(checked, repeat, verify, step).comparison(chosen, engines)


@dataclass
class _Entrant:
    """A model, its runs with a number of workers, and its turns so far."""

    model: Model
    workers: int
    runs: Runs
    turns: list[Turn] = field(default_factory=list)


class _Comparing:
    """Goes through the numbers of workers, and for each through the models by turns."""

    def __init__(self, checked: CheckedBlock, repeat: int, verify: bool, step: Step | None) -> None:
        self._checked = checked
        self._repeat = repeat
        self._verify = verify
        self._step: Step = (lambda name: nullcontext()) if step is None else step
        self._refused: dict[str, Refused] = {}

    def comparison(self, models: Sequence[Model], engines: Mapping[int, Engine]) -> Comparison:
        reference, outcomes = self._reference(next(iter(engines.values())))
        entrants: list[_Entrant] = []
        for place, (workers, engine) in enumerate(engines.items()):
            of_engine = [model for model in models if model.is_parallel or place == 0]
            entrants += self._turns(of_engine, workers, engine)
        found = [difference for each in entrants for difference in each.runs.differences]
        return Comparison(
            clock="real",
            models=list(map(str, models)),
            transactions=reference.waits.transactions,
            virtual_machine=self._checked.executable.virtual_machine,
            sequential_seconds=reference.seconds,
            bound_critical_path=reference.bound_critical_path,
            longest_chain=reference.longest_chain,
            independent_share=reference.independent_share,
            runs=[
                _run(each, entrants, reference, verify=self._verify) for each in _by_model(entrants, models)
            ],
            refused=list(self._refused.values()),
            outcomes=outcomes,
            differences=found[:DIFFERENCES_MAX] if self._verify else None,
            header_checks=self._checked.header_checks,
        )

    def _reference(self, engine: Engine) -> tuple[Reference, Outcomes]:
        """Run the block sequentially, as often as the models will; the run that was disturbed least counts.

        Timing each transaction takes time of its own, so only the bounds come from this run.
        """
        block = self._checked.executable.block
        reference: Reference | None = None
        with self._step("sequential execution"):
            engine.warm_up(block, Sequential())
            for _ in range(self._repeat):
                result = engine.execute(block, Sequential(), timed=True)
                self._checked.check(result)
                outcomes = self._checked.outcomes(result)
                if reference is None or result.stats.wall_seconds < reference.seconds:
                    reference = Reference.of(block, result)
                del result  # kept, it would have its memory copied before the next run
        assert reference is not None
        return reference, outcomes

    def _turns(self, models: Sequence[Model], workers: int, engine: Engine) -> list[_Entrant]:
        """Have the models take turns in an engine."""
        entrants = []
        for model in models:
            runs = Runs(engine, self._checked, model, verify=self._verify, step=self._named(model, workers))
            try:
                runs.warm_up()
            except UsageError as error:
                self._refused.setdefault(str(model), Refused(str(model), str(error)))
                continue
            entrants.append(_Entrant(model, workers, runs))
        for repetition in range(self._repeat):
            first = repetition % max(1, len(entrants))
            for each in entrants[first:] + entrants[:first]:
                each.turns.append(each.runs.turn(repetition))
                each.runs.result = None  # it lies in the memory that the next run takes
        return entrants

    def _named(self, model: Model, workers: int) -> Step:
        return lambda name: self._step(f"{model}, {counted(workers, 'worker')}: {name}")


def _by_model(entrants: Sequence[_Entrant], models: Sequence[Model]) -> list[_Entrant]:
    return [each for model in models for each in entrants if each.model == model]


def _run(
    entrant: _Entrant, entrants: Sequence[_Entrant], reference: Reference, *, verify: bool
) -> ComparedRun:
    """Return the figures of a model with a number of workers; `entrants` are all models with all numbers."""
    figures = [turn.figures for turn in entrant.turns]
    wall = spread_of(each.wall_seconds for each in figures)
    # All sequential runs beside these turns met the same machine, whichever model they were beside.
    beside = [turn for each in entrants if each.workers == entrant.workers for turn in each.turns]
    sequential = spread_of(turn.sequential_seconds for turn in beside)
    assert wall is not None and sequential is not None
    middle = sorted(figures, key=lambda run: run.wall_seconds)[(len(figures) - 1) // 2]
    cores = entrant.workers if entrant.model.is_parallel else 1
    return ComparedRun(
        cores=cores,
        transactions=reference.waits.transactions,
        seconds=wall.median,
        sequential_seconds=sequential.median,
        executions=middle.executions,
        validations=middle.validations,
        aborts=middle.aborts,
        utilisation=None,
        bound_critical_path=reference.bound_critical_path,
        bound_greedy=reference.bound_greedy(cores),
        commit_latency_seconds=middle.commit_latency_seconds,
        model=str(entrant.model),
        order=order_of(entrant.model),
        is_parallel=entrant.model.is_parallel,
        seconds_by_turn=tuple(each.wall_seconds for each in figures),
        verified=not entrant.runs.differences if verify else None,
    )
