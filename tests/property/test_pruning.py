"""A search that gives up schedules in states seen before comes to all that the whole search comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from blockstm.blocks.block import Block
from blockstm.explore.exhaustive import ANYBODY, ExhaustiveStrategy, VisitedStates
from blockstm.explore.explorer import Plan, Search, search
from blockstm.explore.schedules import Decision
from blockstm.explore.trial import Trials
from blockstm.native._core import MUTANTS, VirtualWorker
from blockstm.results.result import snapshot_of
from tests.exploration import ADD, NOTHING, READ, UPDATE, WRITE, Shape, block_of
from tests.support import mutants

SHAPES: list[Shape] = [
    ((ADD, READ), (UPDATE, WRITE)),
    ((WRITE, NOTHING), (READ, WRITE)),
    ((READ, NOTHING), (WRITE, NOTHING), (NOTHING, ADD)),
]


class WholeSearch(ExhaustiveStrategy):
    """Tells states apart at every step, and gives no schedule up."""

    def __init__(self, preemptions: int, trials: Trials) -> None:
        super().__init__(preemptions)
        self._trials = trials
        self.seen: set[int] = set()

    def decide(self, able: Sequence[VirtualWorker]) -> Decision | None:
        self.seen.add(self._trials.state())
        return super().decide(able)


Outcome = tuple[object, ...]


def outcomes(trials: Trials, strategy: ExhaustiveStrategy) -> tuple[set[Outcome], int]:
    """Run all schedules; return what they came to (with the incarnations it took), and in how many steps."""
    came_to: set[Outcome] = set()
    steps = 0
    while not strategy.is_over:
        pruned = strategy.pruned
        schedule, finding = trials.run(strategy)
        strategy.advance()
        steps += len(schedule.decisions)
        if finding is not None:
            came_to.add((finding.check, finding.message))
        elif strategy.pruned == pruned:
            snapshot = snapshot_of(trials.result())
            incarnations = [snapshot.incarnations(txn_idx) for txn_idx in range(len(snapshot))]
            came_to.add((*incarnations, *sorted(snapshot.state().items())))
    return came_to, steps


@pytest.mark.parametrize(
    ("block", "preemptions", "mutant"),
    [
        *((block_of(shape), 2, None) for shape in SHAPES),
        (mutants.moving_place(), 1, None),
        (mutants.ring(), 1, "waiter-lost"),
        (mutants.chain(), 1, "estimates-forgotten"),
    ],
)
def test_the_same_states_and_outcomes_are_come_to(block: Block, preemptions: int, mutant: str | None) -> None:
    trials = Trials(block, 2, mutant=mutant, states=True)
    whole = WholeSearch(preemptions, trials)
    pruning = ExhaustiveStrategy(preemptions, trials)
    whole_outcomes, whole_steps = outcomes(trials, whole)
    pruned_outcomes, pruned_steps = outcomes(trials, pruning)
    assert pruned_outcomes == whole_outcomes
    assert pruning.visited.states == whole.seen
    assert pruned_steps < whole_steps
    trials.close()


def found(block: Callable[[], Block], mutant: str, prune: bool) -> set[str]:
    plan = Plan("exhaustive", 2, 150, preemptions=2, mutant=mutant, prune=prune)
    work = Search(block(), plan)
    checks = {finding.check for finding in work.findings() if finding is not None}
    work.close()
    return checks


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if mutants.HUNTS[name].plan.kills == 0])
def test_mutants_that_the_whole_search_finds_are_found(mutant: str) -> None:
    block = mutants.HUNTS[mutant].block
    assert found(block, mutant, prune=True) >= found(block, mutant, prune=False)


def test_pruning_is_the_same_each_time() -> None:
    plan = Plan("exhaustive", 2, None, preemptions=1)
    first = search(mutants.adds(), plan)
    assert first.pruned > 0
    assert first == search(mutants.adds(), plan)
    whole = search(mutants.adds(), replace(plan, prune=False))
    assert (first.schedules, first.steps) < (whole.schedules, whole.steps)


def test_a_state_is_left_out_only_where_no_preemption_can_be_missing() -> None:
    visited = VisitedStates()
    assert not visited.add(7, steady=0, left=1)
    assert visited.add(7, steady=0, left=1)
    assert visited.add(7, steady=0, left=0)
    assert not visited.add(7, steady=0, left=2)
    assert not visited.add(7, steady=1, left=2)  # the first switch, to worker 1, would have cost one
    assert visited.add(7, steady=1, left=1)
    assert not visited.add(7, steady=ANYBODY, left=2)
    assert visited.add(7, steady=2, left=2)
    assert not visited.add(8, steady=2, left=2)
    assert visited.states == {7, 8}
