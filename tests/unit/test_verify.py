"""The comparison of two runs names each kind of difference, and finds none where there is none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from blockstm.errors import UsageError
from blockstm.results.result import Result
from blockstm.results.verify import differences


@dataclass(frozen=True)
class Run:
    """A finished run as the core shows it, with a list entry for each transaction."""

    statuses: list[int] = field(default_factory=lambda: [0, 1])
    gas: list[int] = field(default_factory=lambda: [21_000, 30_000])
    errors: list[str | None] = field(default_factory=lambda: [None, "no funds"])
    all_events: list[list[bytes]] = field(default_factory=lambda: [[b"one", b"two"], []])
    all_reads: list[list[tuple[bytes, bytes | None]]] = field(
        default_factory=lambda: [[(b"a", None), (b"b", b"\x01")], [(b"a", b"\x02")]]
    )
    asked: list[list[tuple[bytes, bytes]]] = field(default_factory=lambda: [[(b"a", b"e1")], []])
    values: dict[bytes, bytes] = field(default_factory=lambda: {b"a": b"\x02", b"b": b"\x03"})
    seconds: float = 0.5

    def __len__(self) -> int:
        return len(self.statuses)

    def status(self, txn_idx: int) -> int:
        return self.statuses[txn_idx]

    def gas_used(self, txn_idx: int) -> int:
        return self.gas[txn_idx]

    def error(self, txn_idx: int) -> str | None:
        return self.errors[txn_idx]

    def events(self, txn_idx: int) -> list[bytes]:
        return self.all_events[txn_idx]

    def reads(self, txn_idx: int) -> list[tuple[bytes, bytes | None]]:
        return self.all_reads[txn_idx]

    def predicates(self, txn_idx: int) -> list[tuple[bytes, bytes]]:
        return self.asked[txn_idx]

    def state(self) -> dict[bytes, bytes]:
        return self.values

    def commit_seconds(self, txn_idx: int) -> float:
        return self.seconds


def compare(run: Run, reference: Run) -> list[str]:
    ours, theirs = (
        Result(cast(Any, snapshot), model="block-stm", workers=2, active_workers=2)
        for snapshot in (run, reference)
    )
    return differences(ours, theirs)


def test_equal_runs_differ_in_nothing_though_their_times_do() -> None:
    assert compare(Run(), Run(seconds=0.75)) == []


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"values": {b"a": b"\x09", b"b": b"\x03"}}, "state: key 0x61 holds 0x09 instead of 0x02"),
        ({"values": {b"a": b"\x02"}}, "state: key 0x62 holds nothing instead of 0x03"),
        (
            {"values": {b"a": b"\x02", b"b": b"\x03", b"c": b""}},
            "state: key 0x63 holds 0x instead of nothing",
        ),
        (
            {"asked": [[(b"a", b"e0")], []]},
            "transaction 0: predicate 0 is Existence(key=b'a', holds=False) instead of "
            "Existence(key=b'a', holds=True)",
        ),
        ({"asked": [[], []]}, "transaction 0: 0 predicates instead of 1"),
        ({"statuses": [0, 2]}, "transaction 1: status is failed instead of reverted"),
        ({"gas": [21_001, 30_000]}, "transaction 0: gas_used is 21001 instead of 21000"),
        ({"errors": [None, "no\nluck"]}, r"transaction 1: error is 'no\nluck' instead of 'no funds'"),
        ({"all_events": [[b"one"], []]}, "transaction 0: 1 events instead of 2"),
        ({"all_events": [[b"one", b"2"], []]}, "transaction 0: event 1 is 0x32 instead of 0x74776f"),
        (
            {"all_reads": [[(b"a", b"\x07"), (b"b", b"\x01")], [(b"a", b"\x02")]]},
            "transaction 0: read 0, of key 0x61, saw 0x07 instead of nothing",
        ),
        (
            {"all_reads": [[(b"a", None), (b"b", b"\x01")], [(b"c", b"\x02")]]},
            "transaction 1: read 0 is of key 0x63 instead of key 0x61",
        ),
        ({"all_reads": [[(b"a", None)], [(b"a", b"\x02")]]}, "transaction 0: 1 reads instead of 2"),
    ],
)
def test_each_kind_of_difference_is_named(changed: dict[str, Any], message: str) -> None:
    assert compare(replace(Run(), **changed), Run()) == [message]


def test_another_number_of_transactions() -> None:
    other = Run(statuses=[0], gas=[1], errors=[None], all_events=[[]], all_reads=[[]])
    assert compare(other, Run()) == ["the block: 1 transactions instead of 2"]


def test_messages_are_bounded_and_no_kind_crowds_out_another() -> None:
    count = 1000
    reference = Run(
        statuses=[0] * count,
        gas=[1] * count,
        errors=[None] * count,
        all_events=[[]] * count,
        all_reads=[[(b"k", b"v")]] * count,
        values={b"%d" % number: b"v" for number in range(count)},
    )
    run = replace(
        reference,
        gas=[2] * count,
        all_reads=[[(b"k", b"w")]] * count,
        values={b"%d" % number: b"w" * 65_536 for number in range(count)},
    )
    messages = compare(run, reference)
    assert len(messages) == 10
    for kind in ("state: ", "gas_used", "saw"):
        assert sum(kind in message for message in messages) >= 3
    assert all("\n" not in message and len(message) < 500 for message in messages)


def test_a_late_difference_is_found() -> None:
    count = 50
    reference = Run([0] * count, [1] * count, [None] * count, [[]] * count, [[]] * count, [[]] * count, {})
    last = replace(reference, gas=[1] * (count - 1) + [2])
    assert compare(last, reference) == ["transaction 49: gas_used is 2 instead of 1"]


def results(*runs: Run) -> list[Result]:
    return [Result(cast(Any, run), model="block-stm", workers=2, active_workers=2) for run in runs]


def test_results_are_equal_when_nothing_differs() -> None:
    first, later, other = results(Run(), Run(seconds=9.0), Run(gas=[21_000, 1]))
    assert first == later
    assert first != other
    assert first != list(first)
    assert first.diff(later) == []
    assert other.diff(first) == ["transaction 1: gas_used is 1 instead of 30000"]
    assert other.diff(first, limit=0) == []
    with pytest.raises(UsageError, match="other is 5, an int; give a result"):
        first.diff(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)
