"""Receipts, state and figures of a run, and that they are decoded only when looked at."""

from __future__ import annotations

import json
import math
import pickle
from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.results.result import Receipt, Result, nearest_rank
from blockstm.trees.binary import state_root


class CountingSnapshot:
    """A finished run of three transactions, and how often each part of it was decoded."""

    wall_seconds = 0.25
    arena_bytes = 4096

    def __init__(self, transactions: int = 3) -> None:
        self.transactions = transactions
        self.calls: Counter[str] = Counter()

    def __len__(self) -> int:
        return self.transactions

    def __getattr__(self, name: str) -> Callable[..., Any]:
        answers: dict[str, Callable[..., Any]] = {
            "status": lambda i: i,
            "gas_used": lambda i: 100 + i,
            "error": lambda i: [None, "no funds", "ValueError: x"][i],
            "events": lambda i: [b"event"] * i,
            "commit_seconds": lambda i: [0.1, 0.2, 0.2][i],
            "traceback": lambda i: None,
            "reads": lambda i: [(b"key", None), (b"other", b"%d" % i)],
            "state": lambda: {b"a": b"1", b"b": b"2"},
            "counters": lambda: {"executions": 5, "validations": 7, "aborts": 2, "suspensions": 1},
        }
        answer = answers[name]

        def call(*arguments: int) -> Any:
            self.calls[name] += 1
            return answer(*arguments)

        return call


@pytest.fixture
def snapshot() -> CountingSnapshot:
    return CountingSnapshot()


@pytest.fixture
def result(snapshot: CountingSnapshot) -> Result:
    return Result(cast(Any, snapshot), model="block-stm", workers=8, active_workers=2)


def test_making_a_result_decodes_nothing(snapshot: CountingSnapshot, result: Result) -> None:
    assert len(result) == len(result.receipts) == 3
    assert not snapshot.calls


def test_looking_at_one_receipt_decodes_no_other(snapshot: CountingSnapshot, result: Result) -> None:
    assert result.receipts[1] == Receipt(1, "reverted", 101, "no funds", [b"event"], 0.2)
    assert set(snapshot.calls) == {"status", "gas_used", "error", "events", "commit_seconds", "traceback"}
    assert set(snapshot.calls.values()) == {1}


def test_receipts_are_a_sequence(result: Result) -> None:
    receipts = result.receipts
    assert [receipt.status for receipt in receipts] == ["success", "reverted", "failed"]
    assert [receipt.txn_idx for receipt in receipts[::-1]] == [2, 1, 0]
    assert receipts[-1].error == "ValueError: x"
    assert receipts[1:] == list(receipts)[1:]
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            receipts[beyond]


def test_receipts_compare_by_outcome_not_by_time(result: Result) -> None:
    receipts = list(result.receipts)
    later = [Receipt(r.txn_idx, r.status, r.gas_used, r.error, r.events, 9.0) for r in receipts]
    assert result.receipts == receipts == later
    assert result.receipts != receipts[:2]
    assert result.receipts != [receipts[0], receipts[0], receipts[2]]
    assert result.receipts != "abc"


def test_events_are_a_tuple_that_equals_a_list() -> None:
    receipt = Receipt(0, "success", 1, None, [b"a", b"b"], 0.5)
    assert receipt.events == [b"a", b"b"]
    assert receipt.events == [b"a", b"b"]
    assert receipt.events == (b"a", b"b")
    assert receipt.events != [b"a"]
    assert receipt.events != "ab"
    assert (receipt.events != [b"a", b"b"]) is False
    assert isinstance(receipt.events, tuple)
    assert repr(receipt.events) == "[b'a', b'b']"
    assert json.dumps([event.decode() for event in receipt.events]) == '["a", "b"]'
    assert type(pickle.loads(pickle.dumps(receipt)).events) is type(receipt.events)


def test_a_receipt_has_a_hash(result: Result) -> None:
    later = Receipt(1, "reverted", 101, "no funds", (b"event",), 9.0)
    assert len({*result.receipts, later}) == len(result.receipts)
    assert hash(later) == hash(result.receipts[1])


def test_the_state_is_read_only_and_decoded_once(snapshot: CountingSnapshot, result: Result) -> None:
    assert result.state == {b"a": b"1", b"b": b"2"}
    assert result.state_root == state_root({b"a": b"1", b"b": b"2"})
    assert snapshot.calls["state"] == 1
    with pytest.raises(TypeError):
        cast(Any, result.state)[b"a"] = b"3"


def test_reads_are_those_of_one_transaction(result: Result) -> None:
    assert result.reads(2) == [(b"key", None), (b"other", b"2")]
    assert result.reads(-1) == result.reads(2)
    with pytest.raises(IndexError):
        result.reads(3)


def test_stats(snapshot: CountingSnapshot, result: Result) -> None:
    stats = result.stats
    assert (stats.model, stats.workers, stats.active_workers) == ("block-stm", 8, 2)
    assert (stats.executions, stats.validations, stats.aborts, stats.suspensions) == (5, 7, 2, 1)
    assert (stats.wall_seconds, stats.arena_bytes) == (0.25, 4096)
    assert stats.commit_latency_seconds == {"p50": 0.2, "p99": 0.2, "max": 0.2}
    assert result.gas_used == 303
    assert snapshot.calls["counters"] == 1


def test_a_block_without_transactions() -> None:
    result = Result(cast(Any, CountingSnapshot(0)), model="sequential", workers=1, active_workers=1)
    assert list(result.receipts) == []
    assert result.stats.commit_latency_seconds == {}
    assert result.gas_used == 0


@pytest.mark.parametrize(
    ("count", "percent", "expected"),
    [(1, 50, 1), (2, 50, 1), (3, 50, 2), (100, 99, 99), (101, 99, 100), (5, 100, 5)],
)
def test_nearest_rank_examples(count: int, percent: int, expected: int) -> None:
    assert nearest_rank(range(1, count + 1), percent) == expected


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200), st.integers(1, 100))
def test_nearest_rank_is_the_smallest_value_that_enough_do_not_exceed(
    values: list[float], percent: int
) -> None:
    found = nearest_rank(sorted(values), percent)
    enough = math.ceil(percent * len(values) / 100 - 1e-9)
    assert found in values
    assert sum(value <= found for value in values) >= enough
    assert sum(value < found for value in values) < enough
