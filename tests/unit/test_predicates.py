"""exists and check: what they answer, and that only another answer is a conflict."""

from __future__ import annotations

from typing import Any

import pytest

from blockstm import Block, Engine, program
from blockstm.explore.strategies import PCTStrategy
from blockstm.explore.trial import Trials
from blockstm.programs import trace
from blockstm.results.accesses import net_accesses
from blockstm.results.predicates import Checked, Existence
from blockstm.results.verify import differences
from tests.support.sources import Silent


@program
def ask(ctx: Any, key: bytes) -> None:
    """Emit what is known of a key before and after each thing that can be done to it."""

    def tell() -> None:
        ctx.emit(b"%d %d %d" % (ctx.exists(key), ctx.check(key, 1, 9), ctx.check(key, 0, 0)))

    tell()
    ctx.add(key, 3)
    tell()
    ctx.add(key, -3)
    tell()
    ctx.write(key, b"\x09")
    tell()
    ctx.write(key, b"not a number".ljust(33))
    tell()
    ctx.delete(key)
    tell()


def test_what_the_transaction_has_done_itself_counts(shared_engine: Engine) -> None:
    """An add leaves a value, also one of zero, which is no bytes."""
    result = shared_engine.execute(Block([ask.txn(b"k")], {}), "sequential")
    assert result.receipts[0].events == [b"0 0 1", b"1 1 0", b"1 0 1", b"1 1 0", b"1 0 0", b"0 0 1"]
    assert result.predicates(0) == [
        Existence(b"k", False),
        Checked(b"k", False, 1, 9),
        Checked(b"k", True, 0, 0),
        # With its own add of 3: below -2..6. That -3 lies below asks for nothing.
        Checked(b"k", True, 0, 6),
        Checked(b"k", False, 1, 9),
        Checked(b"k", True, 0, 0),
    ]
    assert result.reads(0) == []


@program
def read_first(ctx: Any, key: bytes) -> None:
    ctx.read(key)
    ctx.emit(b"%d %d" % (ctx.exists(key), ctx.check(key, 2, 3)))


@program
def ask_twice(ctx: Any, key: bytes) -> None:
    ctx.emit(b"%d %d" % (ctx.exists(key), ctx.exists(key)))
    ctx.read(key)


def test_what_was_read_or_asked_is_not_asked_again(shared_engine: Engine) -> None:
    result = shared_engine.execute(Block([read_first.txn(b"k"), ask_twice.txn(b"k")], {b"k": b"\2"}))
    assert result.receipts[0].events == [b"1 1"]
    assert (result.reads(0), result.predicates(0)) == ([(b"k", b"\2")], [])
    assert (result.reads(1), result.predicates(1)) == ([(b"k", b"\2")], [Existence(b"k", True)])
    assert result[1].predicates == result.predicates(1)


@program
def exists(ctx: Any, key: bytes) -> None:
    ctx.emit(b"%d" % ctx.exists(key))


@program
def check(ctx: Any, key: bytes) -> None:
    ctx.emit(b"%d" % ctx.check(key, 1, 9))


@program
def read(ctx: Any, key: bytes) -> None:
    ctx.emit(ctx.read(key) or b"none")


@program
def write(ctx: Any, key: bytes, value: bytes) -> None:
    ctx.write(key, value)


def aborts(asking: Any, changes: list[bytes]) -> int:
    """How many incarnations are given up in forty schedules of transactions that ask, each after a change."""
    pairs = [(write.txn(b"k", value), asking.txn(b"k")) for value in changes]
    trials = Trials(Block([each for pair in pairs for each in pair], {b"k": b"\1"}), 3)
    total = 0
    try:
        for seed in range(40):
            _, finding = trials.run(PCTStrategy(seed, 3))
            assert finding is None, finding
            total += trials.result().stats.aborts
    finally:
        trials.close()
    return total


def test_another_value_is_no_conflict_and_another_answer_is() -> None:
    same = [b"\2", b"\3", b"\4"]
    assert aborts(exists, same) == aborts(check, same) == 0
    assert aborts(read, same) > 0
    assert aborts(check, [b"\x0a", b"\1"]) > 0


@program
def delete(ctx: Any, key: bytes) -> None:
    ctx.delete(key)


def test_deletion_and_the_first_write_are_conflicts_of_existence(shared_engine: Engine) -> None:
    block = Block([delete.txn(b"k"), exists.txn(b"k"), write.txn(b"k", b""), exists.txn(b"k")], {b"k": b"\1"})
    trials = Trials(block, 3)
    total = 0
    try:
        for seed in range(40):
            _, finding = trials.run(PCTStrategy(seed, 3))
            assert finding is None, finding
            total += trials.result().stats.aborts
    finally:
        trials.close()
    assert total > 0
    assert [receipt.events for receipt in shared_engine.execute(block).receipts[1::2]] == [[b"0"], [b"1"]]


@program
def use(ctx: Any, verb: str, arguments: list[Any]) -> None:
    getattr(ctx, verb)(*arguments)


@pytest.mark.parametrize(
    ("verb", "arguments", "error"),
    [
        ("exists", ["k"], "TypeError: a key is str, not bytes"),
        ("exists", [bytes(65)], "LimitError: a key has 65 bytes; the limit is 64: hash it"),
        ("check", ["k"], "TypeError: a key is str, not bytes"),
        ("check", [b"k", 1.5], "TypeError: the minimum is 1.5, a float; give an int"),
        ("check", [b"k", 2, 1], "LimitError: bounds 2..1 are not within 0..2**256 - 1"),
        ("check", [b"k", -1, 5], "LimitError: bounds -1..5 are not within 0..2**256 - 1"),
    ],
)
def test_wrong_arguments_are_refused(
    shared_engine: Engine, verb: str, arguments: list[Any], error: str
) -> None:
    receipt = shared_engine.execute(Block([use.txn(verb, arguments)])).receipts[0]
    assert receipt.status == "failed"
    assert (receipt.error or "").startswith(error)


def test_predicates_count_as_reads_of_their_keys(shared_engine: Engine) -> None:
    block = Block([ask_twice.txn(b"k"), exists.txn(b"m"), check.txn(b"k")], {b"k": b"\2"})
    result = shared_engine.execute(block)
    assert [accesses.reads for accesses in net_accesses(block, result)] == [[b"k"], [b"m"], [b"k"]]


def test_two_runs_whose_predicates_differ_are_not_equal(shared_engine: Engine) -> None:
    first = shared_engine.execute(Block([ask_twice.txn(b"k")], {b"k": b"\2"}))
    other = Engine(1)
    with other:
        second = other.execute(Block([read_first.txn(b"k")], {b"k": b"\2"}))
        text = "transaction 0: 1 predicates instead of 0"
        assert text in differences(first, second)


def test_a_source_is_asked_for_what_is_asked_of_a_key() -> None:
    source = Silent({b"k": b"\5"})
    with Engine(2) as engine:
        block = Block([exists.txn(b"k"), check.txn(b"k"), exists.txn(b"m")], source)
        result = engine.execute(block)
        assert [receipt.events for receipt in result.receipts] == [[b"1"], [b"1"], [b"0"]]
        assert differences(result, engine.execute(block, "sequential")) == []


def test_adds_are_not_read_to_know_that_they_are_there(shared_engine: Engine) -> None:
    block = Block([trace.txn([], [], {b"k": 1}, 0), exists.txn(b"k"), check.txn(b"k")], {})
    result = shared_engine.execute(block)
    assert result.predicates(1) == [Existence(b"k", True)]
    assert result.predicates(2) == [Checked(b"k", True, 1, 9)]
