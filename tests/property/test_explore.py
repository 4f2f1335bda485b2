"""Exploration finds nothing in the protocol, and each of its mutants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from blockstm.blocks.block import Block
from blockstm.errors import ScheduleError
from blockstm.explore.batches import explore, repeat
from blockstm.explore.explorer import Plan, search
from blockstm.explore.schedules import Schedule
from blockstm.native._core import INVARIANTS, MUTANTS
from tests.support import mutants
from tests.support.mutants import HUNTS, assert_nothing

LendHost = Callable[..., None]

BLOCKS = [
    mutants.chain,
    mutants.ring,
    mutants.same_values,
    mutants.adds,
    mutants.bounded_adds,
    mutants.moving_place,
    mutants.account,
    mutants.margin,
    mutants.levels,
]


def test_every_mutant_is_hunted() -> None:
    assert HUNTS.keys() == MUTANTS.keys()


def test_every_check_finds_a_mutant() -> None:
    checks = {*INVARIANTS.values(), "deadlock", "livelock", "sequential"}
    assert {hunted.finds for hunted in HUNTS.values()} == checks


@pytest.mark.parametrize("name", HUNTS)
def test_every_mutant_is_found_and_its_schedule_repeated(name: str, lend_host: LendHost) -> None:
    lend_host(kills=HUNTS[name].plan.kills)
    assert_found_and_repeated(name)


@pytest.mark.parametrize("name", ["waiter-lost", "successor-forgotten"])
def test_a_schedule_is_repeated_in_another_process(name: str) -> None:
    assert_found_and_repeated(name)


def assert_found_and_repeated(name: str) -> None:
    block = HUNTS[name].block()
    report = explore(block, replace(HUNTS[name].plan, mutant=name))
    assert len(report.failures) == 1
    failure = report.failures[0]
    assert HUNTS[name].finds in (failure.found.check, failure.found.message.partition(": ")[2])
    assert failure.shortest.schedule.switches <= failure.found.schedule.switches
    assert failure.lines
    for finding in (failure.found, failure.shortest):
        schedule = Schedule.parse(str(finding.schedule))
        again = repeat(block, schedule, name, HUNTS[name].plan.model)
        assert [(found.found.check, found.found.message) for found in again.failures] == [
            (finding.check, finding.message)
        ]


@pytest.mark.parametrize(("block", "strategy"), list(product(BLOCKS, ["random", "pct"])))
def test_nothing_is_found_in_the_protocol(block: type, strategy: str, lend_host: LendHost) -> None:
    lend_host()
    for workers in (2, 3):
        plan = Plan("pct" if strategy == "pct" else "random", workers, 150, seed=7)
        assert_nothing(explore(block(), plan))


@pytest.mark.parametrize(
    "block", [mutants.ring, mutants.moving_place, mutants.bounded_adds, mutants.account, mutants.levels]
)
def test_nothing_is_found_where_workers_die(block: type) -> None:
    # Among them, in the ring: one says that the block is done, and dies before it wakes those who sleep.
    assert_nothing(explore(block(), Plan("random", 3, 300, seed=1, kills=2)))


def test_an_exhaustive_search_comes_to_its_end() -> None:
    counts = []
    for preemptions in range(2):
        report = search(mutants.chain(), Plan("exhaustive", 2, None, preemptions=preemptions))
        assert_nothing(report)
        counts.append(report.schedules)
    assert counts[0] < 10 < counts[1]


def test_an_exhaustive_search_finds_a_lost_waiter() -> None:
    plan = Plan("exhaustive", 2, None, preemptions=2, mutant="waiter-lost")
    report = search(mutants.ring(), plan)
    assert report.failures[0].found.message.endswith(mutants.WAITER)


def test_two_searches_are_the_same() -> None:
    plan = Plan("random", 3, 50, seed=5, mutant="ready-bit-lost")
    assert search(mutants.ring(), plan) == search(mutants.ring(), plan)


def test_a_schedule_of_another_block_is_refused() -> None:
    ran = search(mutants.chain(), Plan("random", 2, 2000, seed=1, mutant="estimates-forgotten"))
    schedule = ran.failures[0].found.schedule
    with pytest.raises(ScheduleError, match="replay it with the same block"):
        repeat(Block([], {}), schedule)
