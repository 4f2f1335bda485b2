"""Models side by side under both clocks: the figures are those of each model alone, and what cannot run says so."""

from __future__ import annotations

import doctest
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from blockstm import Block, Engine
from blockstm.chains.checked import CheckedBlock
from blockstm.compare import Comparison, compare_measured, compare_simulated, engines_of
from blockstm.compare import simulated as simulated_module
from blockstm.compare.measured import measured_steps
from blockstm.compare.simulated import simulated_steps
from blockstm.errors import UsageError
from blockstm.models import BlockStm, Model, Sequential, model_of
from blockstm.programs.built_in import transfer
from blockstm.simulate import Simulation, default_model
from tests.support.comparisons import Steps

MODELS = ("block-stm", "sequential")
CORES = (1, 3, 8)
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "compare.md"


@dataclass(frozen=True, slots=True)
class Refusing(Model):
    """A model that no block fits."""

    name: ClassVar[str] = "refusing"
    entry: ClassVar[str] = BlockStm.entry
    is_parallel: ClassVar[bool] = True

    def options(self) -> tuple[int, ...]:
        raise UsageError("model refusing: transaction 3 says nothing of its accesses; declare them")


@dataclass(frozen=True, slots=True)
class Reordering(BlockStm):
    """Says of itself that it chooses an order of its own."""

    keeps_order: ClassVar[bool] = False


def transfers(accounts: int, count: int) -> Block:
    chance = random.Random(1)
    keys = [b"account-%d" % index for index in range(accounts)]
    pairs = [chance.sample(keys, 2) for _ in range(count)]
    return Block([transfer.txn(*pair, 1, 1000) for pair in pairs], {key: b"\xff\xff" for key in keys})


@pytest.fixture(scope="module")
def block() -> Block:
    return transfers(40, 120)


def compared(block: Block, models: Sequence[Model | str] = MODELS, verify: bool = False) -> Comparison:
    return compare_simulated(block, models, CORES, verify=verify)


def test_each_model_comes_to_what_it_comes_to_alone(block: Block) -> None:
    comparison = compared(block)
    assert [(run.model, run.cores) for run in comparison.runs] == [
        ("block-stm", 1), ("block-stm", 3), ("block-stm", 8), ("sequential", 1),
    ]  # fmt: skip
    for run in comparison.runs:
        with Simulation(block, default_model(), run.cores, model=run.model) as simulation:
            assert run.entry() == simulation.figures(run.cores).entry()
    *_, sequential = comparison.runs
    assert (sequential.speedup, sequential.executions, sequential.aborts) == (1.0, len(block), 0)
    assert sequential.seconds == comparison.sequential_seconds


def test_the_longest_chain_and_what_is_independent() -> None:
    """Of transfers between pairs that nobody else uses, and one chain of five."""
    pairs = [transfer.txn(b"from %d" % number, b"to %d" % number, 1, 1000) for number in range(20)]
    chain = [transfer.txn(b"chain %d" % number, b"chain %d" % (number + 1), 1, 1000) for number in range(5)]
    state = {key: b"\xff" for txn in (*pairs, *chain) for key in txn.arguments[:2]}
    comparison = compared(Block([*pairs, *chain], state))
    assert (comparison.longest_chain, comparison.independent_share) == (5, 20 / 25)


def test_a_model_that_cannot_run_the_block_says_why_and_the_others_go_on(block: Block) -> None:
    alone = compared(block, ["block-stm"])
    comparison = compared(block, [Refusing(), "block-stm"])
    assert comparison.runs == alone.runs
    ((model, reason),) = ((refused.model, refused.reason) for refused in comparison.refused)
    assert (model, reason) == (
        "refusing",
        "model refusing: transaction 3 says nothing of its accesses; declare them",
    )
    # Where the model that was named first has no run, there is nothing to set others against.
    assert {comparison.first_for(run) for run in comparison.runs} == {None}


def test_runs_are_verified_in_whatever_order_they_are(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    comparison = compared(block, ["block-stm", Reordering()], verify=True)
    assert {(run.order, run.verified) for run in comparison.runs} == {("preset", True), ("changed", True)}
    assert comparison.verified is True
    monkeypatch.setattr(simulated_module, "differences", lambda result, reference: ["another state"])
    comparison = compared(block, verify=True)
    assert comparison.verified is False
    assert comparison.differences == ["another state"] * 4
    assert {run.verified for run in comparison.runs} == {False}
    assert compared(block).verified is None


def test_models_take_turns_on_the_same_workers(block: Block) -> None:
    checked, models, steps = CheckedBlock.of(block), [Refusing(), BlockStm(), Sequential()], Steps()
    with engines_of([1]) as engines:
        comparison = compare_measured(checked, models, engines, repeat=3, verify=True, step=steps)
    assert [refused.model for refused in comparison.refused] == ["refusing"]
    assert [(run.model, run.cores, len(run.seconds_by_turn)) for run in comparison.runs] == [
        ("block-stm", 1, 3), ("sequential", 1, 3),
    ]  # fmt: skip
    for run in comparison.runs:
        assert sorted(run.seconds_by_turn)[1] == run.seconds
        assert (run.executions, run.utilisation, run.verified) == (len(block), None, True)
        entry = run.compared_entry(comparison.first_for(run))
        assert (entry.seconds_min, entry.seconds_max) == (min(run.seconds_by_turn), max(run.seconds_by_turn))
    # Sequential execution once, a warming up of each, also of the one that is refused, and two runs a turn.
    assert len(steps.names) == measured_steps(models[1:], [1], 3) + 1
    turns = [name.partition(",")[0] for name in steps.names[4::2]]
    assert turns == ["block-stm", "sequential", "sequential", "block-stm", "block-stm", "sequential"]


def test_measured_bounds_are_those_of_the_dependencies(block: Block, shared_engine: Engine) -> None:
    comparison = compare_measured(block, ["block-stm"], {2: shared_engine}, repeat=1)
    (run,) = comparison.runs
    with Simulation(block, default_model(), 1) as simulation:
        reference = simulation.reference
    assert comparison.longest_chain == reference.longest_chain
    assert comparison.independent_share == reference.independent_share
    assert run.bound_greedy is not None and comparison.bound_critical_path is not None
    assert 0 < run.bound_greedy <= comparison.bound_critical_path * (1 + 1e-9)
    assert run.seconds_by_turn == (run.seconds,)


def test_steps_are_as_many_as_was_said(block: Block) -> None:
    models, steps = [model_of(name) for name in MODELS], Steps()
    compare_simulated(CheckedBlock.of(block), models, CORES, step=steps)
    assert len(steps.names) == simulated_steps(models, CORES) == 5


def test_empty_blocks_are_compared(shared_engine: Engine) -> None:
    checked = CheckedBlock.of(Block([]))
    for comparison in (
        compared(checked.block, verify=True),
        compare_measured(checked, MODELS, {2: shared_engine}, verify=True),
    ):
        assert {run.executions for run in comparison.runs} == {0}
        assert (comparison.longest_chain, comparison.independent_share, comparison.verified) == (
            0,
            None,
            True,
        )


def test_the_examples_of_its_page() -> None:
    text = "\n".join(re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL))
    session = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, None, 0)
    assert len(session.examples) > 5
    outcome = doctest.DocTestRunner(verbose=False).run(session, out=pytest.fail)
    assert outcome.failed == 0


def test_what_cannot_be_asked_for(block: Block) -> None:
    with pytest.raises(UsageError, match="9999 workers are more than the"), engines_of([9999]):
        pass
    with pytest.raises(UsageError, match="repeat is 0; give a whole number, 1 or more"):
        compare_measured(block, MODELS, {}, repeat=0)
    with pytest.raises(UsageError, match="model 'blok' is unknown"):
        compared(block, ["blok"])
