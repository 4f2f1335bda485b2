"""State that is asked of a source on first touch: runs come to what they come to on a loaded state."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import types
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block, Engine, StateSource, StateSourceError, UsageError
from blockstm.errors import shown
from blockstm.explore.batches import explore
from blockstm.explore.explorer import Plan, search
from blockstm.explore.strategies import RandomStrategy
from blockstm.explore.trial import Trials
from blockstm.programs import trace, transfer
from blockstm.simulate import Simulation, default_model
from blockstm.state import MappingSource
from blockstm.testing import check
from tests.exploration import transaction_of
from tests.support.blocks import SETTINGS, blocks, examples, operations_without_scans, seeds
from tests.support.engines import run
from tests.support.mutants import assert_nothing
from tests.support.oracle import assert_equal, run_in_order, run_transaction
from tests.support.programs import KEYS
from tests.support.sources import (
    Deadly,
    LoadedNowhere,
    Nested,
    Noting,
    Silent,
    Wrong,
    both,
    catches,
    deep,
    take,
)

MODELS = ("block-stm", "sequential")


def asked_of(block: Block, source: StateSource | None = None) -> Block:
    return Block(block.transactions, source or MappingSource(block.state))


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(4, active_workers=4) as engine:
        yield engine


@given(blocks(60, operations_without_scans), st.integers(1, 4), seeds)
@settings(SETTINGS, max_examples=examples(16))
def test_runs_on_a_source_equal_the_oracle(engine: Engine, block: Block, workers: int, seed: int) -> None:
    expected = run_in_order(block)
    asked = asked_of(block)
    assert_equal(engine.execute(asked, "sequential"), expected, "of the sequential model")
    for delay_seed in (0, seed):
        assert_equal(run(engine, asked, workers, delay_seed), expected, f"with delay seed {delay_seed}")


class Stops(dict[bytes, bytes]):
    """A state of the oracle that notes which of some keys of the state before the block are touched."""

    def __init__(self, values: Mapping[bytes, bytes], watched: frozenset[bytes]) -> None:
        super().__init__(values)
        self.watched = set(watched)
        self.touched: list[bytes] = []

    def get(self, key: bytes, default: Any = None) -> Any:
        if key in self.watched:
            self.touched.append(key)
        return super().get(key, default)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.watched.discard(key)
        super().__setitem__(key, value)

    def pop(self, key: bytes, *default: Any) -> Any:
        self.watched.discard(key)
        return super().pop(key, *default)


@given(
    blocks(40, operations_without_scans), st.frozensets(st.sampled_from(KEYS), min_size=1, max_size=3), seeds
)
@settings(SETTINGS, max_examples=examples(16))
def test_a_source_that_cannot_tell_fails_the_block_the_same_way_each_time(
    engine: Engine, block: Block, broken: frozenset[bytes], seed: int
) -> None:
    asked = asked_of(block, Silent(block.state, broken))
    state = Stops(block.state, broken)
    for txn_idx, transaction in enumerate(block.transactions):
        run_transaction(state, txn_idx, transaction)
    try:
        expected = engine.execute(asked, "sequential")
    except StateSourceError as error:
        # (The oracle looks at a value for an add that no value would allow; the core does not.)
        assert any(
            f"asked for key {shown(key)}, raised LookupError: no answer for" in str(error)
            for key in state.touched
        )
        for delay_seed in (0, seed):
            with pytest.raises(StateSourceError) as raised:
                run(engine, asked, 4, delay_seed)
            assert str(raised.value) == str(error)
    else:
        for delay_seed in (0, seed):
            result = run(engine, asked, 4, delay_seed)
            assert result.changes == expected.changes
            assert result.receipts == expected.receipts


def test_a_source_that_cannot_tell_is_no_matter_to_a_transaction_but_to_the_block(
    shared_engine: Engine,
) -> None:
    block = Block(
        [transfer.txn(b"a", b"b", 1), catches.txn(b"hole")], Silent({b"a": b"\5"}, frozenset([b"hole"]))
    )
    for model in MODELS:
        with pytest.raises(StateSourceError) as raised:
            shared_engine.execute(block, model)
        assert str(raised.value) == (
            "the source of the state, asked for key 0x686f6c65, raised LookupError: no answer for b'hole'; "
            "correct the source, or do not ask for that key"
        )
    stream = shared_engine.stream(block)
    assert next(stream).status == "success"
    with pytest.raises(StateSourceError):
        next(stream)
    with (
        Simulation(block, default_model(), 2) as simulation,
        pytest.raises(StateSourceError, match="686f6c65"),
    ):
        simulation.run(2)
    with pytest.raises(StateSourceError, match="686f6c65"):
        search(block, Plan("random", 2, 5))


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (7, "answered 7, an int; give bytes, or None for an absent key"),
        (bytearray(b"1"), r"answered bytearray\(b'1'\), a bytearray; give bytes"),
        (bytes(65_537), "answered 65537 bytes; the limit is 65536: split the value over several keys"),
    ],
)
def test_answers_that_no_key_may_hold(shared_engine: Engine, answer: object, says: str) -> None:
    for model in MODELS:
        with pytest.raises(StateSourceError, match=f"asked for key 0x61, {says}"):
            shared_engine.execute(Block([trace.txn([b"a"], [], {}, 0)], Wrong(answer)), model)


def test_a_source_is_asked_for_what_is_touched_and_keys_may_be_absent(
    tmp_path: Path, shared_engine: Engine
) -> None:
    block = Block(
        [
            trace.txn([b"a", b"none"], [b"only written"], {b"sum": 2}, 0),
            trace.txn([b"a"], [], {b"sum": 3}, 0),
        ],
        Noting(tmp_path / "log", {b"a": b"1", b"sum": b"\7", b"untouched": b"2"}),
    )
    for model in MODELS:
        result = shared_engine.execute(block, model)
        assert result.reads(0) == [(b"a", b"1"), (b"none", None)]
        assert result.changes[b"sum"] == b"\x0c"
    asked = (tmp_path / "log").read_bytes().split(b"\n")
    assert {line for line in asked if line and not line.startswith(b"loaded")} == {b"a", b"none", b"sum"}


def test_a_source_stays_in_the_workers_until_there_is_another(tmp_path: Path) -> None:
    def loads(log: Path) -> int:
        return log.read_bytes().count(b"loaded")

    first, second = (Noting(tmp_path / name, {b"a": name.encode()}) for name in ("first", "second"))
    reader = [trace.txn([b"a"], [], {}, 0)]
    with Engine(2, active_workers=2) as engine:
        for _ in range(3):
            assert engine.execute(Block(reader, first)).reads(0) == [(b"a", b"first")]
        assert loads(first.log) == 2
        assert engine.execute(Block(reader, second)).reads(0) == [(b"a", b"second")]
        assert engine.execute(Block(reader, {b"a": b"loaded"})).reads(0) == [(b"a", b"loaded")]
        assert engine.execute(Block(reader, first)).reads(0) == [(b"a", b"first")]
        assert (loads(first.log), loads(second.log)) == (4, 2)


@pytest.mark.parametrize("model", MODELS)
def test_nobody_waits_for_a_worker_that_dies_while_it_asks(tmp_path: Path, model: str) -> None:
    block = Block([transfer.txn(b"%d" % (i % 7), b"%d" % (i % 5), 1) for i in range(200)], Deadly(tmp_path))
    with Engine(3, active_workers=3) as engine:
        result = engine.execute(block, model)
    assert sorted(os.listdir(tmp_path)) == ["1", "3", "5"]
    assert_equal_changes(result, Block(block.transactions, {b"%d" % i: b"\x40" for i in range(7)}))


def assert_equal_changes(result: Any, loaded: Block) -> None:
    expected = run_in_order(loaded)
    assert {**loaded.state, **result.changes} == expected.state
    assert [result.reads(i) for i in range(len(result))] == [outcome.reads for outcome in expected.outcomes]


# --- schedules ---

ADDS = Block(
    [
        trace.txn([b"x"], [b"y"], {b"sum": 1}, 0),
        transaction_of((3, 4)),
        trace.txn([b"sum", b"y"], [b"x"], {}, 0),
        transaction_of((4, 1)),
    ],
    MappingSource({b"x": b"\1", b"sum": b"\5"}),
)


STOCK = Block([take.txn(2) for _ in range(5)], MappingSource({b"stock": b"\6"}))


@pytest.mark.parametrize("block", [ADDS, STOCK])
@pytest.mark.parametrize("kind", ["random", "pct"])
def test_nothing_is_found_where_a_source_is_asked(block: Block, kind: Any) -> None:
    assert_nothing(search(block, Plan(kind, 3, 150, seed=5)))


@pytest.mark.parametrize("block", [ADDS, STOCK])
def test_nothing_is_found_where_those_who_ask_die(block: Block) -> None:
    assert_nothing(explore(block, Plan("random", 3, 150, seed=2, kills=2)))


def test_nothing_is_found_where_all_schedules_are_tried() -> None:
    block = Block([transaction_of((4, 0)), transaction_of((4, 3))], MappingSource({b"x": b"\1"}))
    report = search(block, Plan("exhaustive", 2, None, preemptions=1))
    assert_nothing(report)
    assert report.schedules > 40


def test_what_only_stale_reads_ask_for_does_not_fail_the_block() -> None:
    asked: set[bytes] = set()

    class Listening(Silent):
        def get(self, key: bytes) -> bytes | None:
            asked.add(key)
            return super().get(key)

    trials = Trials(Block([both.txn()] * 4, Listening({}, frozenset([b"hole"]))), 3)
    strategy = RandomStrategy(3)
    for _ in range(60):
        assert trials.run(strategy)[1] is None
    trials.close()
    assert asked == {b"one", b"two", b"hole"}


# --- elsewhere ---


def test_simulated_and_checked_runs_ask_the_source(shared_engine: Engine) -> None:
    with Simulation(STOCK, default_model(), 3) as simulation:
        simulated = simulation.run(3)
    expected = shared_engine.execute(STOCK)
    assert simulated.changes == expected.changes
    assert simulated.state_root == expected.state_root
    assert check(STOCK).schedules > 0


def test_the_state_after_a_block_whose_source_cannot_list_it(shared_engine: Engine) -> None:
    result = shared_engine.execute(Block([transfer.txn(b"a", b"b", 1)], Silent({b"a": b"\5"})))
    assert result.changes == {b"a": b"\4", b"b": b"\1"}
    for look in (lambda: result.state, lambda: result.state_root):
        with pytest.raises(UsageError, match="use changes, or give the source a method items"):
            look()


def test_what_a_block_says_of_its_source(tmp_path: Path) -> None:
    source = MappingSource({b"a": b"\5"})
    block = Block([transfer.txn(b"a", b"b", 1)], source)
    assert block.source is source
    assert isinstance(source, StateSource)
    assert copy.deepcopy(block) == pickle.loads(pickle.dumps(block)) == block
    assert block != Block(block.transactions, {b"a": b"\5"})
    assert Block(block.transactions, {b"a": b"\5"}).source is None
    for look in (lambda: block.state, lambda: block._packed, lambda: block.save(tmp_path / "a.block")):
        with pytest.raises(UsageError, match=r"asked of a source \(Block.source\)"):
            look()
    for wrong in (7, [b"a"], MappingSource, "text"):
        with pytest.raises(UsageError, match="give a dict of keys and values, both bytes, or a StateSource"):
            Block([], wrong)  # type: ignore[arg-type]


def test_a_source_that_cannot_be_sent(shared_engine: Engine) -> None:
    source = Silent({})
    source.values = {b"a": sys.stdout}  # type: ignore[dict-item]
    with pytest.raises(
        StateSourceError, match="the source of the state cannot be sent to the workers: TypeError"
    ):
        shared_engine.execute(Block([transfer.txn(b"a", b"b", 1)], source))


def test_a_source_that_cannot_be_loaded(shared_engine: Engine) -> None:
    block = Block([transfer.txn(b"a", b"b", 1)], LoadedNowhere())
    for _ in range(2):
        with pytest.raises(
            StateSourceError, match="cannot be loaded in a worker process: OSError: no such disk"
        ):
            shared_engine.execute(block)
    with (
        Simulation(block, default_model(), 2) as simulation,
        pytest.raises(StateSourceError, match="no such disk"),
    ):
        simulation.run(1)
    assert shared_engine.execute(STOCK).changes == {b"stock": b""}


def test_a_source_of_a_module_that_only_this_process_has(shared_engine: Engine) -> None:
    module = types.ModuleType("made_at_run_time")
    exec(
        "class Source:\n    def get(self, key):\n        return answer()\ndef answer():\n    return b'9'",
        vars(module),
    )
    sys.modules[module.__name__] = module
    try:
        result = shared_engine.execute(Block([trace.txn([b"a"], [], {}, 0)], module.Source()))
    finally:
        del sys.modules[module.__name__]
    assert result.reads(0) == [(b"a", b"9")]


def test_a_source_that_is_asked_from_deep_within_a_program(shared_engine: Engine) -> None:
    """What it answers does not depend on how deep the program is nested that happens to come first."""
    block = Block([deep.txn(30)], Nested())
    for model in MODELS:
        result = shared_engine.execute(block, model)
        assert result.receipts[0].error is None
        assert result.reads(0) == [(b"a", b"1")]
