"""A ledger: blocks that follow each other on a store come to what one long block would."""

from __future__ import annotations

import os
import random
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockstm import Block, Engine, EngineError, Ledger, Store, StoreError, Transaction, UsageError
from blockstm.models import MODELS
from blockstm.programs import trace, transfer
from blockstm.settlement import Confirmed, Durable
from blockstm.state import MappingSource
from blockstm.trees.binary import state_root
from blockstm.workloads import scenario_from_text
from tests.support.oracle import run_in_order
from tests.support.sources import remove

pytestmark = pytest.mark.timeout(120)
SCENARIO = """
workload = "transfers"
transactions = 150
[transfers]
accounts = 30
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(2, active_workers=2) as engine:
        yield engine


@pytest.fixture(scope="module")
def chain() -> list[Block]:
    return list(scenario_from_text(SCENARIO, "chain.toml").chain(5))


@pytest.fixture(scope="module")
def states(chain: list[Block]) -> list[dict[bytes, bytes]]:
    """The state after each block, by executing transactions one by one in plain Python."""
    state = dict(chain[0].state)
    states = []
    for block in chain:
        state = dict(run_in_order(Block(block.transactions, state)).state)
        states.append(state)
    return states


def test_a_chain_is_one_block_in_pieces(chain: list[Block]) -> None:
    whole = scenario_from_text(SCENARIO.replace("150", "750"), "chain.toml").block()
    assert [txn for block in chain for txn in block] == list(whole)
    assert [dict(block.state) for block in chain] == [dict(whole.state), {}, {}, {}, {}]
    assert [block.number for block in chain] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("settle", "in_flight"), [("sync", 1), ("async", 1), ("async", 2), ("async", 8)])
def test_each_block_starts_from_what_the_last_one_has_left(
    tmp_path: Path,
    engine: Engine,
    chain: list[Block],
    states: list[dict[bytes, bytes]],
    settle: str,
    in_flight: int,
) -> None:
    with (
        Store.create(tmp_path / "state.lmdb", chain="scenario", tree="binary") as store,
        Ledger(engine, store, settle=settle, in_flight=in_flight) as ledger,  # type: ignore[arg-type]
    ):
        events = list(ledger.run(chain))
        assert dict(store.items()) == states[-1]
        blocks = list(store.blocks())
    confirmed = [event for event in events if isinstance(event, Confirmed)]
    durable = [event for event in events if isinstance(event, Durable)]
    assert [event.number for event in confirmed] == [event.number for event in durable] == [1, 2, 3, 4, 5]
    assert [block.root for block in blocks] == [state_root(state) for state in states]
    assert [event.root for event in durable] == [block.root for block in blocks]
    for event, of_store, block in zip(confirmed, blocks, chain, strict=True):
        outcomes = [
            (receipt.status, receipt.gas_used, receipt.error, list(receipt.events))
            for receipt in event.result.receipts
        ]
        statuses = ("success", "reverted", "failed")
        assert [(statuses[status], *rest) for status, *rest in of_store.outcomes] == outcomes
        assert of_store.transactions == len(block)
    for first, second in zip(confirmed, durable, strict=True):
        assert first.began_ns < first.confirmed_ns
        assert first.began_ns < second.drained_ns <= second.rooted_ns <= second.durable_ns
    if settle == "sync":
        assert [type(event) for event in events] == [Confirmed, Durable] * 5


@pytest.mark.parametrize(
    "model",
    # Declared accesses and locks are taken from a run before: these transactions declare nothing.
    [
        *sorted({*MODELS} - {"declared", "locks"}),
        "declared:observed",
        "hinted:60:30",
        "locks:observed",
        "auto:2",
    ],
)
def test_every_model_settles_what_it_commits(
    tmp_path: Path, engine: Engine, chain: list[Block], states: list[dict[bytes, bytes]], model: str
) -> None:
    with (
        Store.create(tmp_path / "state.lmdb", chain="scenario") as store,
        Ledger(engine, store) as ledger,
    ):
        results = [ledger.execute(block, model).result for block in chain]
        ledger.settle()
        stored = dict(store.items())
    if results[0].order is None:
        assert stored == states[-1]
    else:  # in the order that the model has chosen
        state = dict(chain[0].state)
        for block, result in zip(chain, results, strict=True):
            assert result.order is not None
            state = dict(run_in_order(Block([block[txn_idx] for txn_idx in result.order], state)).state)
        assert stored == state


def test_keys_go_and_come_back_while_their_blocks_are_in_flight(tmp_path: Path, engine: Engine) -> None:
    blocks = [
        Block([remove.txn(b"a")], {b"a": b"1", b"b": b"2"}),
        Block([trace.txn([b"a"], [], {}, 0), trace.txn([], [], {b"a": 1, b"c": 5}, 0)]),
        Block([remove.txn(b"b"), remove.txn(b"c")], {b"c": b"\5"}),
        Block([trace.txn([b"a", b"b", b"c"], [], {b"b": 7}, 0)], {b"new": b"x", b"a": b"\1"}),
    ]
    with (
        Store.create(tmp_path / "state.lmdb", tree="binary") as store,
        Ledger(engine, store, in_flight=8) as ledger,
    ):
        results = [ledger.execute(block).result for block in blocks]
        assert results[1].reads(0) == [(b"a", None)]
        assert results[3].reads(0) == [(b"a", b"\1"), (b"b", None), (b"c", None)]
        ledger.settle()
        assert dict(store.items()) == {b"a": b"\1", b"b": b"\7", b"new": b"x"}
        assert store.root == state_root(dict(store.items()))
        assert store.told(b"c") == (True, None)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_blocks_come_to_what_executing_them_in_order_comes_to(
    tmp_path: Path, engine: Engine, seed: int
) -> None:
    chance = random.Random(seed)
    keys = [b"key %d" % number for number in range(12)]

    def transaction() -> Transaction:
        some = chance.sample(keys, 3)
        if chance.random() < 0.3:
            return remove.txn(some[0])
        return trace.txn(some[:1], some[1:2], {some[2]: chance.randrange(9)}, 0)

    state = {key: b"\1" for key in keys[:6]}
    blocks = [Block([transaction() for _ in range(8)], {} if place else state) for place in range(25)]
    with (
        Store.create(tmp_path / "state.lmdb", tree="binary") as store,
        Ledger(engine, store, in_flight=chance.randint(1, 6), tree_workers=chance.randint(1, 2)) as ledger,
    ):
        for place, block in enumerate(blocks):
            if chance.random() < 0.7 and place + 1 < len(blocks):
                ledger.read_ahead(blocks[place + 1])
            if chance.random() < 0.2:
                ledger.settle()
            result = ledger.execute(block).result
            expected = run_in_order(Block(block.transactions, state))
            assert [result.reads(txn_idx) for txn_idx in range(len(block))] == [
                each.reads for each in expected.outcomes
            ]
            state = dict(expected.state)
        ledger.settle()
        assert dict(store.items()) == state
        assert store.root == state_root(state)


def test_receipts_are_handed_out_as_they_become_final_and_the_block_at_last(
    tmp_path: Path, engine: Engine, chain: list[Block], states: list[dict[bytes, bytes]]
) -> None:
    with Store.create(tmp_path / "state.lmdb", chain="scenario") as store, Ledger(engine, store) as ledger:
        for block in chain:
            *receipts, confirmed = ledger.stream(block)
            assert isinstance(confirmed, Confirmed)
            assert receipts == list(confirmed.result.receipts)
        ledger.settle()
        assert dict(store.items()) == states[-1]


def test_what_is_confirmed_becomes_durable_when_a_later_block_fails(
    tmp_path: Path, engine: Engine, chain: list[Block], states: list[dict[bytes, bytes]]
) -> None:
    with Store.create(tmp_path / "state.lmdb", chain="scenario") as store:
        ledger = Ledger(engine, store, in_flight=8)
        for block in chain[:3]:
            ledger.execute(block)
        stopped = ledger.stream(chain[3])
        next(stopped)
        stopped.close()  # type: ignore[attr-defined]
        with pytest.raises(EngineError, match="the settlement has ended: make a new ledger"):
            ledger.execute(chain[3])
        assert store.head in (3, 4)  # the last one may have been through before it was stopped
        assert dict(store.items()) == states[store.head - 1]
        ledger.close()
        with Ledger(engine, store) as again:
            list(again.run(chain[store.head :]))
        assert dict(store.items()) == states[-1]


def test_an_exception_inside_loses_nothing_that_is_confirmed(
    tmp_path: Path, engine: Engine, chain: list[Block], states: list[dict[bytes, bytes]]
) -> None:
    with Store.create(tmp_path / "state.lmdb", chain="scenario") as store:
        with pytest.raises(ZeroDivisionError), Ledger(engine, store, in_flight=8) as ledger:
            for block in chain[:3]:
                ledger.execute(block)
            raise ZeroDivisionError
        assert (store.head, dict(store.items())) == (3, states[2])


@pytest.mark.parametrize("in_flight", [1, 8])
def test_a_block_that_says_something_else_of_the_state_is_refused(
    tmp_path: Path, engine: Engine, in_flight: int
) -> None:
    first = Block([transfer.txn(b"a", b"b", 1)], {b"a": b"\5"})
    with Store.create(tmp_path / "state.lmdb") as store, Ledger(engine, store, in_flight=in_flight) as ledger:
        ledger.execute(first)
        if in_flight == 1:
            ledger.settle()
        message = "the block says that key 0x61 holds 0x05 before it, but after block 1 it holds 0x04"
        with pytest.raises(StoreError, match=message):
            ledger.execute(first)
        ledger.execute(Block([transfer.txn(b"a", b"b", 1)], {b"a": b"\4", b"b": b"\1"}))
        ledger.settle()
        assert (store.head, dict(store.items())) == (2, {b"a": b"\3", b"b": b"\2"})


def test_a_block_of_another_chain_or_that_does_not_follow_is_refused(tmp_path: Path, engine: Engine) -> None:
    def block(number: int | None, chain: str | None = "paper") -> Block:
        return Block([transfer.txn(b"a", b"b", 1)], chain=chain, number=number)

    with Store.create(tmp_path / "state.lmdb", chain="paper") as store, Ledger(engine, store) as ledger:
        assert ledger.execute(block(40)).number == 40
        with pytest.raises(
            StoreError, match=r"block 42 does not follow block 40, the last one; go on with block 41"
        ):
            ledger.execute(block(42))
        with pytest.raises(StoreError, match=r"is of chain 'paper', but the block is of chain 'other'"):
            ledger.execute(block(41, "other"))
        with pytest.raises(UsageError, match="is asked of a source; here that is the store"):
            ledger.execute(Block(block(None), MappingSource({}), chain="paper"))
        assert ledger.execute(block(None)).number == 41
        ledger.settle()
        assert store.head == 41


def content(path: Path) -> list[object]:
    """All that a store holds, byte for byte."""
    with Store(path) as store:
        nodes = []
        environment = store._environment
        with environment.lmdb.begin(db=environment.nodes) as transaction:
            nodes = list(transaction.cursor())
        return [
            store.chain,
            store.tree,
            store.head,
            list(store.items()),
            [each.encode() for each in store.blocks()],
            nodes,
        ]


def test_a_resumed_run_equals_an_uninterrupted_one_byte_for_byte(
    tmp_path: Path, engine: Engine, chain: list[Block]
) -> None:
    with (
        Store.create(tmp_path / "whole.lmdb", chain="scenario", tree="binary") as store,
        Ledger(engine, store) as ledger,
    ):
        list(ledger.run(chain))
    Store.create(tmp_path / "pieces.lmdb", chain="scenario", tree="binary").close()
    for first, end in ((0, 1), (1, 4), (4, 5)):
        with Store(tmp_path / "pieces.lmdb") as store, Ledger(engine, store, settle="sync") as ledger:
            list(ledger.run(chain[first:end]))
    assert content(tmp_path / "pieces.lmdb") == content(tmp_path / "whole.lmdb")


def test_a_verified_block_is_compared_before_it_is_stored(
    tmp_path: Path, engine: Engine, chain: list[Block]
) -> None:
    with Store.create(tmp_path / "state.lmdb", chain="scenario") as store, Ledger(engine, store) as ledger:
        assert [ledger.execute(block, verify=True).differences for block in chain] == [()] * 5
        with pytest.raises(UsageError, match="cannot be verified in model snapshot"):
            ledger.execute(Block([], chain="scenario"), "snapshot", verify=True)


@pytest.mark.parametrize("settle", ["sync", "async"])
def test_a_settlement_process_that_dies_stops_confirmation(
    tmp_path: Path, engine: Engine, chain: list[Block], states: list[dict[bytes, bytes]], settle: str
) -> None:
    path = tmp_path / "state.lmdb"
    with (
        pytest.raises(
            StoreError, match=r"was killed by SIGKILL; durable up to block 2: go on after that one"
        ),
        Store.create(path, chain="scenario") as store,
        Ledger(engine, store, settle=settle) as ledger,  # type: ignore[arg-type]
    ):
        ledger.execute(chain[0])
        ledger.execute(chain[1])
        ledger.settle()
        assert ledger.settlement_pid is not None
        os.kill(ledger.settlement_pid, signal.SIGKILL)
        ledger.execute(chain[2])
        ledger.settle()
    with Store(path) as store, Ledger(engine, store) as ledger:
        assert (store.head, dict(store.items())) == (2, states[1])
        list(ledger.run(chain[2:]))
        assert dict(store.items()) == states[-1]


def test_a_disk_that_is_full_stops_confirmation_and_loses_nothing(
    tmp_path: Path, engine: Engine, chain: list[Block], states: list[dict[bytes, bytes]]
) -> None:
    path = tmp_path / "state.lmdb"
    message = rf"^{path}: .*File too large.*; durable up to block 1: go on after"
    with (
        pytest.raises(StoreError, match=message) as caught,
        Store.create(path, chain="scenario") as store,
        Ledger(engine, store, settle="sync") as ledger,
    ):
        ledger.execute(chain[0])
        assert ledger.settlement_pid is not None
        limit = path.stat().st_size
        resource.prlimit(ledger.settlement_pid, resource.RLIMIT_FSIZE, (limit, limit))
        many = [trace.txn([], [b"large%d" % number], {}, 0) for number in range(3000)]
        ledger.execute(Block(many, chain="scenario"))
    assert "\n" not in str(caught.value)
    with Store(path) as store, Ledger(engine, store) as ledger:
        assert (store.head, dict(store.items())) == (1, states[0])
        list(ledger.run(chain[1:]))
        assert dict(store.items()) == states[-1]


def test_arguments_that_a_ledger_cannot_have_are_refused(tmp_path: Path, engine: Engine) -> None:
    with Store.create(tmp_path / "state.lmdb") as store:
        with pytest.raises(UsageError, match='settle is \'later\'; give "sync" or "async"'):
            Ledger(engine, store, settle="later")  # type: ignore[arg-type]
        for in_flight in (0, 65, True, 1.5):
            with pytest.raises(UsageError, match="give a whole number from 1 to 64"):
                Ledger(engine, store, in_flight=in_flight)  # type: ignore[arg-type]
    with (
        Store.create(tmp_path / "other.lmdb", tree="oak") as store,
        pytest.raises(StoreError, match="its tree is 'oak', which is not known here"),
    ):
        Ledger(engine, store)
