"""The lock schedulers on random blocks: what every lock scheduler promises, and the rules written down directly."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.models.lock_scheduling import GraphScheduler, GreedyScheduler, LockSet, schedule_locks
from tests.support.lock_reference import Reference, conflicts

Scheduler = GreedyScheduler | GraphScheduler

keys = st.frozensets(st.sampled_from([bytes([key]) for key in range(6)]), max_size=3)
lock_sets = st.one_of(
    st.builds(LockSet, keys, keys), st.builds(LockSet, reads=keys), st.builds(LockSet, writes=keys)
)
schedulers = st.one_of(
    st.builds(
        kind, st.sampled_from([1, 2, 5]), st.sampled_from([3, 12, 99]), st.sampled_from([1, 20, 60, 999])
    )
    for kind in (GreedyScheduler, GraphScheduler)
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[LockSet], list[int], int, Scheduler]:
    """Lock sets, costs, workers and a scheduler."""
    drawn = draw(st.lists(st.tuples(lock_sets, st.integers(0, 9)), max_size=40))
    accesses, costs = [locks for locks, _ in drawn], [cost for _, cost in drawn]
    return accesses, costs, draw(st.integers(1, 5)), draw(schedulers)


@settings(max_examples=300)
@given(cases())
def test_schedules_are_those_of_the_rules(case: tuple[list[LockSet], list[int], int, Scheduler]) -> None:
    assert schedule_locks(*case) == Reference(*case).schedule()


@given(cases())
def test_each_is_handed_out_once_and_conflicting_ones_never_overlap(
    case: tuple[list[LockSet], list[int], int, Scheduler],
) -> None:
    accesses, costs, workers, _ = case
    made = schedule_locks(*case)
    assert sorted(made.order) == list(range(len(accesses)))
    assert all(0 <= worker < workers for worker in made.workers)
    ends = [start + cost for start, cost in zip(made.starts_compute_units, costs, strict=True)]
    assert made.makespan_compute_units == max(ends, default=0)
    for place, later in enumerate(made.order):
        for earlier in made.order[:place]:
            together = made.workers[earlier] == made.workers[later]
            if together or conflicts(accesses[earlier], accesses[later]):
                assert ends[earlier] <= made.starts_compute_units[later]


@given(cases())
def test_the_graph_keeps_the_order_of_those_that_conflict(
    case: tuple[list[LockSet], list[int], int, Scheduler],
) -> None:
    accesses, costs, workers, drawn = case
    graph = GraphScheduler(drawn.batch_size, drawn.look_ahead, drawn.budget_compute_units)
    places = {txn: place for place, txn in enumerate(schedule_locks(accesses, costs, workers, graph).order)}
    for later in range(len(accesses)):
        for earlier in range(later):
            if conflicts(accesses[earlier], accesses[later]):
                assert places[earlier] < places[later]


@given(cases(), st.data())
def test_priorities_are_the_order_in_which_transactions_stand(
    case: tuple[list[LockSet], list[int], int, Scheduler], data: st.DataObject
) -> None:
    accesses, costs, workers, scheduler = case
    priorities = data.draw(st.lists(st.integers(0, 3), min_size=len(accesses), max_size=len(accesses)))
    made = schedule_locks(accesses, costs, workers, scheduler, priorities)
    ranked = sorted(range(len(accesses)), key=lambda txn: (-priorities[txn], txn))

    def by_rank(values: Sequence[int]) -> tuple[int, ...]:
        return tuple(values[txn] for txn in ranked)

    expected = schedule_locks(by_rank_locks(accesses, ranked), by_rank(costs), workers, scheduler)
    assert made.order == tuple(ranked[rank] for rank in expected.order)
    assert by_rank(made.workers) == expected.workers
    assert by_rank(made.batches) == expected.batches
    assert by_rank(made.starts_compute_units) == expected.starts_compute_units


def by_rank_locks(accesses: Sequence[LockSet], ranked: Sequence[int]) -> list[LockSet]:
    return [accesses[txn] for txn in ranked]
