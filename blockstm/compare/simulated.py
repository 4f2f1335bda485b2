"""Comparing models in modelled time, on any number of cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from blockstm.blocks.block import Block
from blockstm.chains.checked import CheckedBlock
from blockstm.compare.figures import ComparedRun, Comparison, Refused, order_of
from blockstm.errors import UsageError
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT
from blockstm.measure.runs import Step
from blockstm.models import Model, Sequential, model_of, reference_of
from blockstm.results.result import Result
from blockstm.results.verify import DIFFERENCES_MAX, differences
from blockstm.simulate import CostModel, Simulation, default_model

__all__ = ["compare_simulated", "simulated_steps"]


def simulated_steps(models: Sequence[Model], cores: Sequence[int]) -> int:
    """Return how many times `compare_simulated` enters its `step`, where it refuses no model."""
    return 1 + sum(len(cores) if model.is_parallel else 1 for model in models)


def compare_simulated(
    block: Block | CheckedBlock,
    models: Sequence[Model | str],
    cores: Sequence[int],
    costs: CostModel | None = None,
    *,
    rounds_per_gas: float = 1.0,
    memory_limit_bytes: int = MEMORY_LIMIT_BYTES_DEFAULT,
    recorded_seconds: bool = True,
    verify: bool = False,
    step: Step | None = None,
) -> Comparison:
    """Simulate a block in several models on several numbers of cores, all under one cost model.

    Arguments:
        block: the block; results are compared with what its chain knows of it.
        models: the models, or their texts; a model that cannot run the block is among `Comparison.refused`.
        cores: the numbers of cores.
        costs: the cost model; None for the one that comes with the package.
        rounds_per_gas, memory_limit_bytes, recorded_seconds: as for `Simulation`.
        verify: whether to compare each result that keeps the preset order with sequential execution.
        step: entered for each run, as for `blockstm.measure.measure`; None for nothing to be told.

    Raises:
        BlockstmError: the block cannot be run, as `Simulation.run` says, or its result cannot be trusted.
    """
    chosen = [model_of(model) for model in models]
    checked = block if isinstance(block, CheckedBlock) else CheckedBlock.of(block)
    simulation = Simulation(
        checked.executable.block,
        default_model() if costs is None else costs,
        max(cores),
        rounds_per_gas=rounds_per_gas,
        memory_limit_bytes=memory_limit_bytes,
        recorded_seconds=recorded_seconds,
    )
    with simulation:
        return _Comparing(checked, simulation, verify, step).comparison(chosen, cores)


class _Comparing:
    """Goes through the models, each on all numbers of cores."""

    def __init__(
        self, checked: CheckedBlock, simulation: Simulation, verify: bool, step: Step | None
    ) -> None:
        self._checked = checked
        self._simulation = simulation
        self._verify = verify
        self._step: Step = (lambda name: nullcontext()) if step is None else step
        self._sequential: Result | None = None
        self._differences: list[str] = []
        self._refused: list[Refused] = []

    def comparison(self, models: Sequence[Model], cores: Sequence[int]) -> Comparison:
        with self._step("sequential execution"):
            sequential = self._simulation.run_sequentially()
            self._checked.check(sequential)
            outcomes = self._checked.outcomes(sequential)
            self._sequential = sequential if self._verify else None
            transactions = len(sequential)
            del sequential  # kept, it would have its memory copied before the next run
            reference = self._simulation.reference
        runs = [run for model in models for run in self._runs(model, cores)]
        return Comparison(
            clock="virtual",
            models=list(map(str, models)),
            transactions=transactions,
            virtual_machine=self._checked.executable.virtual_machine,
            sequential_seconds=reference.seconds,
            bound_critical_path=reference.bound_critical_path,
            longest_chain=reference.longest_chain,
            independent_share=reference.independent_share,
            runs=runs,
            refused=self._refused,
            outcomes=outcomes,
            differences=self._differences if self._verify else None,
            header_checks=self._checked.header_checks,
        )

    def _runs(self, model: Model, cores: Sequence[int]) -> Iterator[ComparedRun]:
        for count in cores if model.is_parallel else [1]:
            with self._step(f"{model}, {count} core{'s' * (count != 1)}"):
                try:
                    figures, result = self._simulation.figures_and_result(count, model=model)
                except UsageError as error:
                    self._refused.append(Refused(str(model), str(error)))
                    return
                verified = self._check(model, result)
            yield ComparedRun(
                **vars(figures),
                model=str(model),
                order=order_of(model),
                is_parallel=model.is_parallel,
                verified=verified,
            )

    def _check(self, model: Model, result: Result) -> bool | None:
        """Compare a result with the block's header, and with sequential execution where that was asked for.

        Sequential execution is in the order that the model has chosen, and keeps to the same promises.
        """
        self._checked.check(result)
        if self._sequential is None:
            return None
        wanted = reference_of(model, result.order)
        reference = self._sequential if wanted == Sequential() else self._simulation.run(1, model=wanted)
        found = differences(result, reference)
        self._differences += found[: DIFFERENCES_MAX - len(self._differences)]
        return not found
