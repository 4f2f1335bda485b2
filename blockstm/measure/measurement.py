"""What parallel execution of a block gains: the block run both ways several times, and summed up."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Final

from blockstm.blocks.block import Block
from blockstm.chains.checked import CheckedBlock
from blockstm.engine import Engine
from blockstm.errors import UsageError, shown
from blockstm.measure.runs import Runs, Step
from blockstm.measure.spread import Spread, spread_of
from blockstm.models import BlockStm, Model, model_of
from blockstm.results.outcomes import Outcomes
from blockstm.results.result import Result

__all__ = ["Measurement", "measure", "steps_of"]

BLOCK_STM: Final = BlockStm()


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What came of measuring a block. Make it with `measure`.

    The counts and commit latencies are those of one run, the one with the median time (of the two middle ones the
    faster), so that they belong together.

    Arguments:
        transactions: of the block.
        gas_used: by all of them.
        virtual_machine: what executed the transactions, where their chain has several; None for all others.
        model: the execution model that was compared with sequential execution.
        workers: worker processes of the engine.
        active_workers: those that took part.
        wall: the times of the model's runs, in seconds.
        sequential: those of the sequential ones, in seconds.
        executions, validations, aborts: counts of the block; see `blockstm.results.result.Stats`.
        commit_latency_seconds: ``p50``, ``p99`` and ``max``, from the block's start until transactions were final.
        outcomes: how the transactions ended.
        differences: where runs disagreed with sequential execution, a line each; None if they were not compared.
        header_checks: whether all runs came to what the block's own header says, by name; None for what the
            header does not say, and instead of all this for a block without one.
        kept: what came of the last run of the model; None where it was released.
    """

    transactions: int
    gas_used: int
    virtual_machine: str | None
    model: str
    workers: int
    active_workers: int
    wall: Spread
    sequential: Spread
    executions: int
    validations: int
    aborts: int
    commit_latency_seconds: Mapping[str, float]
    outcomes: Outcomes
    differences: tuple[str, ...] | None
    header_checks: Mapping[str, bool | None] | None
    kept: Result | None

    @property
    def result(self) -> Result:
        """What came of the last run of the model.

        Raises:
            UsageError: this is a measurement `without_result`.
        """
        if self.kept is None:
            raise UsageError(
                "the result of this measurement was released; use the measurement that measure() returned"
            )
        return self.kept

    def without_result(self) -> Measurement:
        """Return the figures alone, which take little memory however long the block is."""
        return replace(self, kept=None)

    @property
    def runs(self) -> int:
        """How often the block was run each way."""
        return self.wall.runs

    @property
    def wall_seconds(self) -> float:
        """Time of the model, the median."""
        return self.wall.median

    @property
    def sequential_seconds(self) -> float:
        """Time of sequential execution, the median."""
        return self.sequential.median

    @property
    def speedup(self) -> float | None:
        """Sequential time over time; None if it took no time."""
        return ratio(self.sequential_seconds, self.wall_seconds)

    @property
    def mgas_per_second(self) -> float | None:
        """Millions of gas a second; None if it took no time."""
        return ratio(self.gas_used / 1e6, self.wall_seconds)

    @property
    def sequential_mgas_per_second(self) -> float | None:
        """Millions of gas a second in sequential execution; None if it took no time."""
        return ratio(self.gas_used / 1e6, self.sequential_seconds)

    @property
    def verified(self) -> bool | None:
        """Whether all runs agree with sequential execution; None if they were not compared."""
        return None if self.differences is None else not self.differences

    @property
    def has_header_equal(self) -> bool | None:
        """Whether nothing differs from the header; None for a block without one."""
        return None if self.header_checks is None else False not in self.header_checks.values()

    @property
    def disagrees(self) -> bool:
        """Whether the result of a run is not what it must be."""
        return False in (self.verified, self.has_header_equal)

    def __repr__(self) -> str:
        """Sum up the measurement."""
        speedup = "" if self.speedup is None else f", speed-up {self.speedup:.2f}"
        verified = {None: "not compared", True: "verified", False: "DISAGREES"}[self.verified]
        return (
            f"<Measurement of {self.transactions} transactions, {self.model} on {self.active_workers} workers: "
            f"{self.wall_seconds:.6f} s, sequential {self.sequential_seconds:.6f} s{speedup}, "
            f"medians of {self.runs}, {verified}>"
        )


def _checked(block: Block | CheckedBlock, virtual_machine: str | None) -> CheckedBlock:
    if isinstance(block, Block):
        return CheckedBlock.of(block, virtual_machine)
    if virtual_machine is not None:
        raise UsageError("a checked block has its virtual machine already; leave out virtual_machine")
    return block


def ratio(numerator: float, denominator: float) -> float | None:
    """Divide, or give None for a division by zero."""
    return numerator / denominator if denominator else None


def steps_of(repeat: int, *, timeline: bool = False) -> int:
    """Return how many times `measure` enters its `step`."""
    return 1 + 2 * repeat + timeline


def measure(
    block: Block | CheckedBlock,
    engine: Engine | None = None,
    *,
    workers: int | None = None,
    model: Model | str = BLOCK_STM,
    virtual_machine: str | None = None,
    repeat: int = 5,
    verify: bool = True,
    timeline: bool = False,
    step: Step | None = None,
) -> Measurement:
    """Run a block sequentially and in a model, by turns, so that both meet the same machine.

    Before, every worker executes it once unmeasured (`Engine.warm_up`), so that neither way pays for what a process
    does only once. Which way is first changes from one repetition to the next. Where the block's chain knows what
    must come of it, each run is compared with that.

    Arguments:
        block: the block; or one of which is known already what its chain knows of it, whose header checks are then
            noted there, too.
        engine: what runs it, which stays open; None: an engine of its own, closed at the end.
        workers: worker processes of an engine of its own; None: as many as there are usable cores.
        model: the execution model, or its name, as of `Engine.execute`.
        virtual_machine: what executes the block, where its chain has several, as `blockstm.chains.ChainBlock` says
            (for Ethereum `native` or `py-evm`); None for the one that the chain prefers.
        repeat: how often to run it, both ways; at least once.
        verify: whether to compare each run of the model with the first sequential run: state, receipts, reads.
        timeline: whether to run it in the model once more at the end, with a timeline. That run is not measured.
        step: is called with the name of each run, as many times as `steps_of` says, and returns a context manager
            that is entered while the run goes on; for progress that is shown.

    Raises:
        UsageError: an argument is not what it must be.
        BlockstmError: the block cannot be run, as Engine.execute says, or its result cannot be trusted.
    """
    if type(repeat) is not int or repeat < 1:
        raise UsageError(f"repeat is {shown(repeat)}; give a whole number, 1 or more")
    if engine is not None and workers is not None:
        raise UsageError(
            "workers does not go with an engine, which has workers of its own; leave out one of them"
        )
    model = model_of(model)
    checked = _checked(block, virtual_machine)
    with ExitStack() as stack:
        if engine is None:
            engine = stack.enter_context(Engine(workers))
        runs = Runs(engine, checked, model, verify=verify, step=step)
        runs.warm_up()
        turns = [runs.turn(repetition) for repetition in range(repeat)]
        if timeline:
            runs.with_timeline()
    result = runs.result
    wall = spread_of(turn.figures.wall_seconds for turn in turns)
    sequential = spread_of(turn.sequential_seconds for turn in turns)
    assert result is not None and wall is not None and sequential is not None
    middle = sorted((turn.figures for turn in turns), key=lambda run: run.wall_seconds)[(repeat - 1) // 2]
    return Measurement(
        transactions=len(result),
        gas_used=result.gas_used,
        virtual_machine=checked.executable.virtual_machine,
        model=str(model),
        workers=result.stats.workers,
        active_workers=result.stats.active_workers,
        wall=wall,
        sequential=sequential,
        executions=middle.executions,
        validations=middle.validations,
        aborts=middle.aborts,
        commit_latency_seconds=middle.commit_latency_seconds,
        outcomes=checked.outcomes(result),
        differences=tuple(runs.differences) if verify else None,
        header_checks=checked.header_checks,
        kept=result,
    )
