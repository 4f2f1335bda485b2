"""Scans: what they find, and that only a key which comes or goes where they looked is a conflict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from blockstm import Block, Engine, NativeProgram, ProgramError, program
from blockstm.explore.explorer import Plan, search
from blockstm.explore.strategies import PCTStrategy
from blockstm.explore.trial import Trials
from blockstm.results.accesses import net_accesses
from blockstm.results.predicates import Scanned
from blockstm.results.verify import differences
from blockstm.simulate import Simulation, default_model
from blockstm.workloads import read_scenario
from blockstm.workloads.programs import place_order
from tests.support.mutants import assert_nothing, put, tell_keys
from tests.support.sources import Silent

ROOT = Path(__file__).parents[2]
STATE = {key: b"1" for key in (b"", b"a", b"a1", b"a2", b"b", b"b\xff", b"b\xff\xff", b"\xff", b"\xff\xff1")}


@program
def scan(ctx: Any, prefix: bytes, limit: int, start: bytes = b"", end: bytes | None = None) -> None:
    for key in ctx.scan(prefix, limit, start, end):
        ctx.emit(key)


@pytest.mark.parametrize("prefix", [b"", b"a", b"a1", b"b", b"b\xff", b"c", b"\xff", b"\xff\xff"])
@pytest.mark.parametrize(
    "bounds", [(b"", None), (b"a1", b"b\xff"), (b"b", b"a"), (b"a2", b"a2"), (b"\xff", None)]
)
@pytest.mark.parametrize("limit", [1, 2, 1024])
def test_what_is_found_is_what_python_finds(
    shared_engine: Engine, prefix: bytes, bounds: tuple[bytes, bytes | None], limit: int
) -> None:
    start, end = bounds
    result = shared_engine.execute(Block([scan.txn(prefix, limit, start, end)], STATE))
    expected = [
        key for key in sorted(STATE) if key.startswith(prefix) and key >= start and (end is None or key < end)
    ]
    assert result.receipts[0].events == expected[:limit]


@program
def change_and_scan(ctx: Any) -> None:
    """Change keys of the range in every way, of which one had no value and one was never heard of."""
    ctx.write(b"a15", b"")
    ctx.add(b"a17", 1)
    ctx.delete(b"a2")
    ctx.delete(b"none")
    for key in ctx.scan(b"a", 9):
        ctx.emit(key)
    ctx.write(b"a2", b"again")
    for key in ctx.scan(b"a", 3, b"a1"):
        ctx.emit(key)


def test_what_the_transaction_has_done_itself_counts(shared_engine: Engine) -> None:
    result = shared_engine.execute(Block([change_and_scan.txn()], STATE))
    assert result.receipts[0].events == [b"a", b"a1", b"a15", b"a17", b"a1", b"a15", b"a17"]
    assert result.predicates(0) == [
        Scanned(b"a", b"b", None, (b"a", b"a1")),
        Scanned(b"a1", b"b", b"a17", (b"a1",)),
    ]
    assert result.reads(0) == []


def aborts(asking: Any, changes: list[tuple[bytes, bytes | None]], state: dict[bytes, bytes]) -> int:
    """How many incarnations are given up in forty schedules of transactions that ask, each after a change."""
    pairs = [(put.txn(key, value), asking) for key, value in changes]
    trials = Trials(Block([each for pair in pairs for each in pair], state), 3)
    total = 0
    try:
        for seed in range(40):
            _, finding = trials.run(PCTStrategy(seed, 3))
            assert finding is None, finding
            total += trials.result().stats.aborts
    finally:
        trials.close()
    return total


LEVELS = {b"p3": b"1", b"p5": b"1", b"p7": b"1"}
NO_CONFLICTS = [
    [(b"p3", b"2"), (b"p5", b"another")],  # new values
    [(b"o", b"2"), (b"q", b"2"), (b"p", b"2")],  # outside of the range
    [(b"p6", b"2"), (b"p7", None), (b"p9", None)],  # after the last one that was wanted
    [(b"p4", None), (b"p31", None)],  # absent before and after
]
CONFLICTS = [
    [(b"p4", b"2")],  # a phantom
    [(b"p31", b""), (b"p31", None)],
    [(b"p5", None)],  # one less, so one more comes into sight
    [(b"p30", b"2")],
]


@pytest.mark.parametrize("changes", NO_CONFLICTS)
def test_what_leaves_the_keys_as_they_were_is_no_conflict(changes: list[tuple[bytes, bytes | None]]) -> None:
    assert aborts(scan.txn(b"p", 2, b"p3"), changes, LEVELS) == 0


@pytest.mark.parametrize("changes", CONFLICTS)
def test_a_key_that_comes_or_goes_is_a_conflict(changes: list[tuple[bytes, bytes | None]]) -> None:
    assert aborts(scan.txn(b"p", 2, b"p3"), changes, LEVELS) > 0


@pytest.mark.parametrize("value", [b"2", None])
def test_every_schedule_of_a_scan_and_a_change(value: bytes | None) -> None:
    """Also with the list of keys in order being made meanwhile, and a key that no one has heard of before."""
    key = b"p4" if value else b"p5"
    block = Block([put.txn(key, value), tell_keys.txn(b"p", 2, b"x")], {b"p5": b"1"})
    report = search(block, Plan("exhaustive", 2, None, preemptions=2))
    assert_nothing(report)
    assert report.schedules > 100


@program
def scan_after(ctx: Any, tries: list[list[Any]]) -> None:
    for arguments in tries:
        try:
            ctx.scan(*arguments)
        except Exception as error:
            ctx.emit(f"{type(error).__name__}: {error}".encode())


def test_wrong_arguments_are_refused(shared_engine: Engine) -> None:
    tries = {
        ("k", 1): "TypeError: a prefix is str, not bytes",
        (b"k", 1, None): "TypeError: a start is NoneType, not bytes",
        (b"k", 1, b"", 5): "TypeError: an end is int, not bytes",
        (bytes(65), 1): "LimitError: a prefix has 65 bytes; a key has at most 64",
        (b"", 1, bytes(65)): "LimitError: a start has 65 bytes; a key has at most 64",
        (b"", 0): "LimitError: a limit of 0 keys is not within 1..1024: scan in parts",
        (b"", 1025): "LimitError: a limit of 1025 keys is not within 1..1024: scan in parts",
        (b"", True): "TypeError: the limit is True, a bool; give an int",
    }
    block = Block([scan_after.txn([list(arguments) for arguments in tries])])
    events = shared_engine.execute(block).receipts[0].events
    assert [event.decode() for event in events] == list(tries.values())


def test_a_state_that_is_asked_of_a_source_cannot_be_scanned() -> None:
    block = Block([scan.txn(b"", 1), scan_after.txn([[b"", 1]]), put.txn(b"k", b"1")], Silent({b"k": b"0"}))
    with Engine(2) as engine:
        result = engine.execute(block)
        assert differences(result, engine.execute(block, "sequential")) == []
    error = (
        "UsageError: a scan needs a state whose keys are known, but that of this block is asked of a source, which "
        "cannot list them: give the block a mapping"
    )
    assert (result.receipts[0].status, result.receipts[0].error) == ("failed", error)
    assert result.receipts[1].events == [error.encode()]
    assert result.receipts[2].status == "success"


def test_keys_that_were_deleted_before_count_as_read(shared_engine: Engine) -> None:
    block = Block(
        [put.txn(b"p3", None), put.txn(b"p9", None), put.txn(b"p4", b"1"), scan.txn(b"p", 2)],
        {**LEVELS, b"p9": b"1"},
    )
    result = shared_engine.execute(block)
    assert [accesses.reads for accesses in net_accesses(block, result)][3] == [b"p3", b"p4", b"p5"]


def test_many_keys_stand_in_order_from_the_first_scan_on(shared_engine: Engine) -> None:
    """More than a table of keys holds, some of which come up while the block runs."""
    state = {b"%d" % (number * 7919 % 20_011): b"1" for number in range(5_000)}
    block = Block(
        [each for number in range(40) for each in (put.txn(b"9%d" % number, b"1"), scan.txn(b"9", 1024))],
        state,
    )
    result = shared_engine.execute(block)
    for number in range(40):
        state[b"9%d" % number] = b"1"
        expected = sorted(key for key in state if key.startswith(b"9"))[:1024]
        assert result.receipts[2 * number + 1].events == expected


def test_scans_take_modelled_time(shared_engine: Engine) -> None:
    """As long as finding the first key and looking at each; the same keys for each number of cores."""
    state = {b"p%d" % number: b"1" for number in range(100)}
    seconds = []
    for limit in (1, 100):
        block = Block([scan.txn(b"p", limit) for _ in range(20)], state)
        expected = shared_engine.execute(block, "sequential")
        with Simulation(block, default_model(), 4) as simulation:
            assert differences(simulation.run(4), expected) == []
            seconds.append(
                [simulation.run(1).stats.wall_seconds, simulation.run_sequentially().stats.wall_seconds]
            )
    few, many = seconds
    assert many[0] > few[0]
    assert many[1] > few[1]


def test_what_a_native_program_says_that_it_scans_is_put_in_order_beforehand() -> None:
    """So no transaction goes through all keys for it, which takes modelled time."""
    programs = [
        NativeProgram(f"tests.place_{len(scans)}", place_order.parameters, place_order.entry, scans=scans)
        for scans in ((), (b"obkl",))
    ]
    state = read_scenario(ROOT / "scenarios" / "orderbook.toml").block().state
    seconds = []
    for each in programs:
        orders = [each.txn(0, 1, 1_000_000 + number, 0, 4_000, 1, 0, 0) for number in range(3)]
        with Simulation(Block(orders, state), default_model(), 1) as simulation:
            result = simulation.run_sequentially()
            assert [receipt.status for receipt in result.receipts] == ["success"] * 3
            seconds.append(result.stats.wall_seconds)
    assert seconds[1] < seconds[0]


def test_prefixes_of_scans_are_checked() -> None:
    for wrong, shown in (("k", "'k'"), (bytes(65), "0x00")):
        with pytest.raises(ProgramError, match=f"{shown}.* is no prefix of keys that it scans; give bytes"):
            NativeProgram("tests.scans", (), "module:attribute", scans=(wrong,))  # type: ignore[arg-type]
    called = NativeProgram("tests.called", (), "/lib.so:called", scans=(b"a", b"b"))
    caller = NativeProgram("tests.caller_of_scans", (), "/lib.so:caller", calls=(called,), scans=(b"c",))
    assert caller.all_scans() == {b"a", b"b", b"c"}
