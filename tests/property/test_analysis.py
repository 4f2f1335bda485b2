"""Dependencies and schedules of blocks, by their definitions on small random blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.analysis import Dependencies, critical_path, dependencies, greedy_schedule


@dataclass(frozen=True)
class Access:
    """What a transaction accessed."""

    reads: frozenset[bytes] = frozenset()
    writes: frozenset[bytes] = frozenset()
    adds: frozenset[bytes] = frozenset()


keys = st.frozensets(st.sampled_from([b"a", b"b", b"c"]), max_size=2)
blocks = st.lists(
    st.builds(lambda reads, writes, adds: Access(reads, writes, adds - reads - writes), keys, keys, keys),
    max_size=8,
)
weights = st.integers(0, 9)


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[set[int]], list[int]]:
    """Dependencies of at most eight transactions, and their weights."""
    count = draw(st.integers(0, 8))
    waits = [set(draw(st.sets(st.integers(0, place - 1)))) if place else set() for place in range(count)]
    return waits, draw(st.lists(weights, min_size=count, max_size=count))


def waits_by_definition(block: Sequence[Access], txn_idx: int) -> set[int]:
    """Those below whose change of a key that is read still shows: no later one has written over it."""
    return {
        earlier
        for earlier in range(txn_idx)
        for key in block[txn_idx].reads
        if key in block[earlier].writes | block[earlier].adds
        and not any(key in block[between].writes for between in range(earlier + 1, txn_idx))
    }


def heaviest_chain(waits: Sequence[set[int]], weight: Sequence[int], last: int) -> int:
    """The heaviest of all chains that end with a transaction, each tried."""
    return weight[last] + max((heaviest_chain(waits, weight, earlier) for earlier in waits[last]), default=0)


@settings(deadline=None)
@given(blocks)
def test_dependencies_are_those_of_the_definition(block: list[Access]) -> None:
    graph = dependencies(block)
    expected = [waits_by_definition(block, place) for place in range(len(block))]
    assert [graph.direct(place) for place in range(len(block))] == expected
    assert graph.nearest == [max(waits, default=None) for waits in expected]
    weights = [2 + place * place % 7 for place in range(len(block))]
    for cores in (1, 2, 3):
        # Joins change nothing: who waits for the same transactions one by one is as long.
        plain = Dependencies.of(expected)
        assert greedy_schedule(graph, weights, cores) == greedy_schedule(plain, weights, cores)


@settings(deadline=None)
@given(graphs())
def test_the_critical_path_is_the_heaviest_chain(graph: tuple[list[set[int]], list[int]]) -> None:
    waits, weight = graph
    chains = [heaviest_chain(waits, weight, last) for last in range(len(weight))]
    assert critical_path(Dependencies.of(waits), weight) == max(chains, default=0)


@settings(deadline=None)
@given(graphs())
def test_one_core_takes_all_the_time_and_many_take_the_critical_path(
    graph: tuple[list[set[int]], list[int]],
) -> None:
    waits, weight = Dependencies.of(graph[0]), graph[1]
    assert greedy_schedule(waits, weight, 1) == sum(weight)
    assert greedy_schedule(waits, weight, max(1, len(weight))) == critical_path(waits, weight)


@settings(deadline=None)
@given(graphs(), st.integers(1, 5))
def test_a_schedule_keeps_to_the_bounds(graph: tuple[list[set[int]], list[int]], cores: int) -> None:
    waits, weight = Dependencies.of(graph[0]), graph[1]
    least_path, total = critical_path(waits, weight), sum(weight)
    length = greedy_schedule(waits, weight, cores)
    assert length >= max(least_path, total / cores)
    # Graham's bound, and the one on the optimum that follows from it.
    assert length <= total / cores + (1 - 1 / cores) * least_path + 1e-9
    assert length <= (2 - 1 / cores) * max(least_path, total / cores) + 1e-9


@settings(deadline=None)
@given(graphs(), st.integers(1, 5))
def test_a_schedule_is_what_a_clock_would_show(graph: tuple[list[set[int]], list[int]], cores: int) -> None:
    """By steps of one unit of time, with weights of at least one."""
    waits, weight = graph[0], [one + 1 for one in graph[1]]
    left = dict(enumerate(weight))
    running: list[int] = []
    now = 0
    while left:
        free = [idx for idx in left if idx not in running and not waits[idx] & left.keys()]
        running += sorted(free)[: cores - len(running)]
        now += 1
        for txn_idx in running:
            left[txn_idx] -= 1
        left = {idx: rest for idx, rest in left.items() if rest}
        running = [txn_idx for txn_idx in running if txn_idx in left]
    assert greedy_schedule(Dependencies.of(waits), weight, cores) == now


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (Access(reads=frozenset([b"k"])), {1, 2}),
        (Access(writes=frozenset([b"k"])), set()),
        (Access(adds=frozenset([b"k"])), set()),
    ],
)
def test_who_waits_for_whom(later: Access, expected: set[int]) -> None:
    key = frozenset([b"k"])
    block = [Access(writes=key), Access(key, key), Access(adds=key), later]
    graph = dependencies(block)
    assert [graph.direct(txn_idx) for txn_idx in range(4)] == [set(), {0}, set(), expected]


def test_readers_of_adds_share_their_edges() -> None:
    key = frozenset([b"k"])
    block = [Access(adds=key)] * 1000 + [Access(reads=key)] * 1000
    graph = dependencies(block)
    assert graph.direct(1999) == set(range(1000))
    assert sum(map(len, graph.waits)) == 2000
    assert critical_path(graph, [1] * 2000) == 2


def test_weights_of_every_transaction_are_needed() -> None:
    graph = Dependencies.of([(), ()])
    with pytest.raises(ValueError, match="1 weights for 2 transactions"):
        critical_path(graph, [1.0])
    with pytest.raises(ValueError, match="3 weights for 2 transactions"):
        greedy_schedule(graph, [1.0] * 3, 2)
