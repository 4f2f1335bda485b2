"""Each model under adversarial schedules, with deaths: what comes of a block does not depend on them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm import Block, Declared, UndeclaredAccessError
from blockstm.explore.batches import explore
from blockstm.explore.explorer import Plan, search
from blockstm.models import MODELS, model_of
from blockstm.programs.built_in import trace
from tests.support import mutants
from tests.support.mutants import assert_nothing

TEXTS = [
    "auto:1",
    "auto:2",
    "push",
    "declared:observed",
    "hinted:60:30",
    "oracle",
    "locks:observed",
    "locks:graph:observed",
    "snapshot",
    "snapshot:in-order:2",
]
BLOCKS = [
    mutants.bounded_adds,
    mutants.moving_place,
    mutants.two_lanes,
    mutants.levels,
]
KEYS = [b"x", b"y"]


def test_every_parallel_model_is_explored() -> None:
    explored = {model_of(text).name for text in TEXTS} | {"block-stm"}
    assert explored == {name for name, model in MODELS.items() if model.is_parallel}


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_is_found_in_a_model(text: str, lend_host: Callable[..., None]) -> None:
    lend_host()
    for number, block in enumerate(BLOCKS):
        strategy = "pct" if number % 2 else "random"
        plan = Plan(
            "pct" if strategy == "pct" else "random", 2 + number % 2, 40, seed=number, model=model_of(text)
        )
        assert_nothing(explore(block(), plan))


@pytest.mark.parametrize("text", TEXTS)
def test_nothing_is_found_in_a_model_where_workers_die(text: str, lend_host: Callable[..., None]) -> None:
    lend_host(kills=2)
    for number, block in enumerate([mutants.ring, mutants.bounded_adds]):
        assert_nothing(explore(block(), Plan("random", 3, 30, seed=number, kills=2, model=model_of(text))))


accesses = st.lists(st.sampled_from(KEYS), unique=True)
touched = st.tuples(accesses, accesses, accesses, accesses)


@given(st.lists(touched, min_size=2, max_size=4), st.sampled_from(["declared", "declared:wait", "locks"]))
def test_what_was_not_declared_ends_the_same_under_every_schedule(
    transactions: list[tuple[list[bytes], ...]], text: str
) -> None:
    block = Block(
        [
            trace.txn(reads, writes, {}, 0).replace(declared=Declared(reads=may_read, writes=may_write))
            for reads, writes, may_read, may_write in transactions
        ],
        {b"x": b"\1"},
    )
    assert_nothing(search(block, Plan("random", 2, 6, model=model_of(text))))


@pytest.mark.parametrize("text", ["declared", "declared:wait", "locks"])
def test_a_death_is_no_leave_to_touch_what_was_not_declared(text: str) -> None:
    transactions = [trace.txn([], [], {}, 0), trace.txn([], [b"x"], {}, 0)]
    block = Block([each.replace(declared=Declared()) for each in transactions], {b"x": b"\1"})
    assert_nothing(explore(block, Plan("random", 2, 50, kills=1, model=model_of(text))))


def test_a_block_that_fails_for_a_touch_does_so_for_the_same_transaction() -> None:
    block = mutants.undeclared()
    with pytest.raises(UndeclaredAccessError, match="transaction 1: undeclared: it writes key 0x63"):
        explore(block, Plan("random", 2, 1, model=model_of("declared:abort-block")))
