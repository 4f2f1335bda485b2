"""The graph of conflicts decides as the public crate `prio-graph`: used by a scheduler, and level by level."""

from __future__ import annotations

import random

import pytest

from blockstm.models.lock_scheduling import GraphScheduler, LockSet, graph, schedule_locks
from blockstm.models.lock_scheduling.locks import numbered_locks
from tests.support.prio_graph_program import RecordedGraph, crate_answers

SETS = 1_000


def random_set(chance: random.Random) -> list[LockSet]:
    keys = [b"%d" % key for key in range(chance.choice([2, 5, 20, 80]))]

    def some(most: int) -> frozenset[bytes]:
        return frozenset(chance.choices(keys, k=chance.randrange(most)))

    return [LockSet(some(4), some(3)) for _ in range(chance.randrange(40))]


def levels(accesses: list[LockSet]) -> tuple[list[str], str]:
    """All of a set inserted and drained level by level: the crate's operations, and what is to come of them."""
    drained, found = RecordedGraph(), []
    for place, locks in enumerate(numbered_locks(accesses)[0]):
        drained.insert(place, locks.reads, locks.writes)
    inserted = [operation for operation, _ in drained.log]
    while level := list(iter(drained.pop, None)):
        for place in level:
            drained.unblock(place)
        found.append(f"[{' '.join(map(str, level))}]")
    drained.log.clear()
    return [*inserted, "levels"], "".join(found)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What schedulers ask their graphs, and what these answer, from now on."""
    kept: list[tuple[str, str]] = []
    monkeypatch.setattr(RecordedGraph, "log", kept, raising=False)
    monkeypatch.setattr(graph, "ConflictGraph", RecordedGraph)
    return kept


def test_what_a_scheduler_is_told_is_what_the_crate_says(log: list[tuple[str, str]]) -> None:
    chance = random.Random(13)
    for _ in range(SETS):
        accesses = random_set(chance)
        scheduler = GraphScheduler(chance.randint(1, 6), chance.choice([1, 3, 8, 100]), chance.randint(1, 50))
        schedule_locks(accesses, [chance.randrange(9) for _ in accesses], chance.randint(1, 4), scheduler)
    assert sum(operation == "new" for operation, _ in log) == SETS
    assert crate_answers(operation for operation, _ in log) == [answer for _, answer in log]


def test_levels_are_the_natural_batches_of_the_crate(log: list[tuple[str, str]]) -> None:
    chance = random.Random(14)
    drained = [levels(random_set(chance)) for _ in range(SETS)]
    answers = crate_answers(operation for operations, _ in drained for operation in operations)
    assert [answer for answer in answers if answer != "ok"] == [expected for _, expected in drained]
