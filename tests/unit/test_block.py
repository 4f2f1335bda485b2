"""Blocks made of objects."""

import copy
import pickle
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from blockstm.blocks.block import Block
from blockstm.blocks.packed import unpack_state, unpack_transactions
from blockstm.engine import Engine
from blockstm.errors import BlockstmError, LimitError, UsageError
from blockstm.limits import KEY_BYTES_MAX, VALUE_BYTES_MAX
from blockstm.processes.pickling import dumps, loads
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import Program, program
from blockstm.programs.transaction import Recorded, Transaction
from blockstm.state import MappingSource


@program
def note(ctx: Any, *values: object) -> None:
    """Takes anything."""


BLOCK = Block(
    [
        transfer.txn(b"a", b"b", 5, gas_limit=9),
        transfer.txn(b"b", b"c", 1 << 255, work=3),
        trace.txn([b"a", b"a"], [b"d"], {b"e": 1 << 64, b"a": 1}, 21_000),
        note.txn(1, [2, {"x": 1 << 200}], None),
        Transaction(
            trace,
            ([], [], {}, 0),
            None,
            Recorded(gas_used=1, seconds=0.5, reads=(b"new",), writes=(), adds={b"e": 7}),
        ),
        Transaction(transfer, (b"", b"x" * KEY_BYTES_MAX, 0), 0, Recorded()),
    ],
    {b"a": b"\x05", b"only in state": b"", b"big": bytes(VALUE_BYTES_MAX)},
    chain="test",
    number=7,
    meta={"fork": "x", "nested": {"list": [1, 2.5, None, True, b"y"]}},
)


def test_packing_and_unpacking_give_the_same() -> None:
    packed = BLOCK._packed
    assert unpack_transactions(packed) == BLOCK.transactions
    assert unpack_state(packed) == BLOCK.state
    assert len(set(packed.keys)) == len(packed.keys)
    assert [p.name for p in packed.programs] == ["transfer", "trace", note.name]


def test_a_block_of_objects_is_laid_out_as_it_is() -> None:
    rows = BLOCK._rows_for_core()
    assert rows.keys is None
    assert rows.state == BLOCK.state
    assert [gas_limit for _, _, gas_limit in rows.rows] == [each.gas_limit for each in BLOCK.transactions]
    assert rows.programs == BLOCK.programs
    assert len(BLOCK) == 6
    assert repr(Block([], number=0)) == "<Block of 0 transactions, 0 keys of state, number 0>"


@pytest.mark.parametrize("from_file", [False, True], ids=["objects", "file"])
def test_a_block_is_a_sequence_of_its_transactions(from_file: bool, tmp_path: Path) -> None:
    block = BLOCK
    if from_file:
        BLOCK.save(tmp_path / "x.block")
        block = Block.load(tmp_path / "x.block")
        assert repr(block) == "<Block of 6 transactions, 3 keys of state, chain 'test', number 7>"
    last = Transaction(transfer, (b"", b"x" * KEY_BYTES_MAX, 0), 0, Recorded())
    assert isinstance(block, Sequence)
    assert list(block) == list(block.transactions)
    assert next(reversed(block)) == block[-1] == block[5] == last
    assert block[1:3] == block.transactions[1:3]
    assert last in block
    assert 5 not in block
    assert (block.index(last), block.count(last)) == (5, 1)
    for txn_idx in (6, -7):
        with pytest.raises(IndexError):
            block[txn_idx]
    assert Block(block, block.state, chain="test", number=7, meta=block.meta) == block
    with pytest.raises(TypeError, match="unhashable"):
        hash(block)
    with pytest.raises(TypeError):
        block[0] = last  # type: ignore[index]


def test_what_was_recorded_does_not_change_and_has_a_hash() -> None:
    given = {b"k": 1}
    recorded = Recorded(gas_used=3, adds=given)
    given[b"k"] = 2
    assert recorded.adds == {b"k": 1}
    assert recorded.adds == {b"k": 1}
    assert recorded.adds != {b"k": 2}
    assert repr(recorded.adds) == "{b'k': 1}"
    with pytest.raises(TypeError):
        recorded.adds[b"k"] = 2  # type: ignore[index]
    assert len({recorded, Recorded(gas_used=3, adds={b"k": 1}), Recorded(gas_used=4)}) == 2
    for again in (copy.copy, copy.deepcopy, lambda given: pickle.loads(pickle.dumps(given))):
        assert again(recorded) == recorded
        assert asdict(again(recorded)) == asdict(recorded)


def test_a_block_does_not_follow_what_it_was_made_of() -> None:
    transactions = [transfer.txn(b"a", b"b", 1)]
    state = {b"a": b"\x01"}
    meta: dict[str, Any] = {"list": [1]}
    block = Block(transactions, state, meta=meta)
    transactions.clear()
    state.clear()
    meta["list"].append(2)
    assert len(block) == len(block.transactions) == 1
    assert block.state == {b"a": b"\x01"}
    assert block.meta == {"list": [1]}
    with pytest.raises(TypeError):
        block.state[b"x"] = b""  # type: ignore[index]


def test_blocks_are_equal_when_everything_is() -> None:
    def make(**changes: Any) -> Block:
        values: dict[str, Any] = {
            "transactions": [transfer.txn(b"a", b"b", 1)],
            "state": {b"a": b"1"},
            "chain": "c",
            "number": 1,
            "meta": {"k": (1,)},
        }
        values.update(changes)
        return Block(values.pop("transactions"), values.pop("state"), **values)

    assert make() == make(meta={"k": [1]})
    assert make() != make(transactions=[])
    assert make() != make(state={})
    assert make() != make(chain=None)
    assert make() != make(number=2)
    assert make() != make(meta={})
    assert make() != 5


def _named_alike() -> list[Program]:
    def make() -> Program:
        @program
        def twin(ctx: Any) -> None: ...

        return twin

    return [make(), make()]


@pytest.mark.parametrize(
    ("arguments", "options", "error", "problem"),
    [
        (([], {bytes(65): b""}), {}, LimitError, "state key 0x0.* is 65 bytes long"),
        (([], {b"k": bytes(VALUE_BYTES_MAX + 1)}), {}, LimitError, "state key 0x6b is 65537 bytes long"),
        (([], {"k": b""}), {}, UsageError, "state key is 'k', a str; a key is bytes"),
        (([], {b"k": 5}), {}, UsageError, "state key 0x6b is an int; give bytes"),
        (([], [1]), {}, UsageError, "state is a list"),
        ((5,), {}, UsageError, "transactions is 5"),
        (([transfer.txn(b"a", b"b", 1), 5],), {}, UsageError, "transaction 1 is 5, an int"),
        (([],), {"chain": 5}, UsageError, "chain is 5"),
        (([],), {"chain": "x" * 300}, LimitError, "longer than 256 bytes"),
        (([],), {"chain": "\ud800"}, UsageError, "cannot be kept"),
        (([],), {"number": "5"}, UsageError, "number is '5', a str; give an int"),
        (([],), {"number": True}, UsageError, "number is True"),
        (([],), {"number": -1}, LimitError, "number is -1"),
        (([],), {"number": 1 << 64}, LimitError, "number is 18446744073709551616"),
        (([],), {"meta": [1]}, UsageError, "meta is"),
        (([],), {"meta": {1: 2}}, UsageError, "an int cannot be the key"),
        (([],), {"meta": {"a": 1 << 64}}, UsageError, "does not fit into 63 bits"),
        (([],), {"meta": {"a": {1}}}, UsageError, "type set"),
        (([],), {"meta": {"a": bytes(1 << 18)}}, LimitError, "meta takes"),
        (
            ([transaction.txn() for transaction in _named_alike()],),
            {},
            UsageError,
            "transaction 1: two different programs are named",
        ),
    ],
)
def test_what_a_block_cannot_hold_is_refused(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[BlockstmError], problem: str
) -> None:
    with pytest.raises(error, match=problem) as caught:
        Block(*arguments, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("is_loaded", [False, True])
def test_a_block_on_another_state_starts_from_that(
    tmp_path: Path, shared_engine: Engine, is_loaded: bool
) -> None:
    block = Block([transfer.txn(b"a", b"b", 5), transfer.txn(b"b", b"c", 3)], {b"a": b"\x09", b"c": b"\1"})
    if is_loaded:
        block.save(tmp_path / "x.block")
        block = Block.load(tmp_path / "x.block")
    placed = block.on(MappingSource({b"a": b"\x64", b"b": b"\x07", b"d": b"d"}), {b"b": None, b"a": b"\x32"})
    result = shared_engine.execute(placed)
    assert dict(result.state) == {b"a": b"\x2d", b"b": b"\x02", b"c": b"\x03", b"d": b"d"}
    assert dict(shared_engine.execute(block).state) == {b"a": b"\x04", b"b": b"\x02", b"c": b"\x04"}
    assert dict(loads(dumps(placed)).known) == {b"b": None, b"a": b"\x32"}
    assert placed.transactions == block.transactions
    assert placed != block
    assert repr(placed) == "<Block of 2 transactions, state of <MappingSource of 3 keys>>"
    with pytest.raises(UsageError, match="the state of this block is asked of a source"):
        placed.save(tmp_path / "y.block")


def test_what_a_block_is_placed_on_is_checked() -> None:
    block = Block([])
    with pytest.raises(
        UsageError, match=r"source is a dict_keys; give a StateSource, which has a method get\(key\)"
    ):
        block.on({}.keys())  # type: ignore[arg-type]
    source = MappingSource({})
    for known in ({"a": b"1"}, {b"a": "1"}):
        with pytest.raises(UsageError, match="state key"):
            block.on(source, known)  # type: ignore[arg-type]
    with pytest.raises(LimitError):
        block.on(source, {b"a": bytes(VALUE_BYTES_MAX + 1)})
    with pytest.raises(LimitError):
        block.on(source, {bytes(KEY_BYTES_MAX + 1): None})
