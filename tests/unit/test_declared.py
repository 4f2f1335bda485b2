"""What blocks say of accesses and arrivals beside what was measured: as objects, before any file."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import blockstm
from blockstm import (
    Block,
    BlockAccessList,
    BlockstmError,
    Declared,
    Hints,
    KeyAccesses,
    KeyChange,
    LimitError,
    ProgramError,
    Recorded,
    Transaction,
    UsageError,
)
from blockstm.limits import ACCESSES_MAX, VALUE_BYTES_MAX
from blockstm.programs.built_in import trace, transfer

DECLARED = Declared(reads=[b"a", b"b"], writes=[b"b"], adds=[b"c"])
HINTS = Hints(writes=[b"a"])
ACCESS_LIST = BlockAccessList(
    {
        b"b": KeyAccesses([(2, b"\x06"), (0, None)], [1]),
        b"a": KeyAccesses(reads=[3, 1, 1]),
        b"c": KeyAccesses(),
    }
)
COPIES: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]


@pytest.mark.parametrize("kind", [Declared, Hints])
def test_keys_are_kept_once_and_in_order(kind: type[Declared | Hints]) -> None:
    made = kind([b"b", b"a", b"b"], {b"d", b"c"}, (b"",))
    assert (made.reads, made.writes, made.adds) == ((b"a", b"b"), (b"c", b"d"), (b"",))
    assert made == kind(reads=(b"a", b"b"), writes=frozenset([b"c", b"d"]), adds=[b""])
    assert hash(made) == hash(kind([b"a", b"b"], [b"c", b"d"], [b""]))
    assert made != kind([b"a", b"b"], [b"c"], [b""])
    assert repr(made) == f"{kind.__name__}(reads=(b'a', b'b'), writes=(b'c', b'd'), adds=(b'',))"
    assert eval(repr(made)) == made
    with pytest.raises(AttributeError):
        made.reads = ()  # type: ignore[misc]


def test_a_promise_is_no_hint() -> None:
    assert Declared([b"a"]) != Hints([b"a"])
    assert Declared() != Hints()


@pytest.mark.parametrize(
    ("make", "error", "problem"),
    [
        (lambda: Declared(reads=b"a"), ProgramError, "declared reads is 0x61, a bytes; give a list of keys"),
        (lambda: Declared(writes="a"), ProgramError, "declared writes is 'a', a str"),
        (lambda: Declared(adds={b"a": 1}), ProgramError, "declared adds is {b'a': 1}, a dict"),
        (lambda: Declared(adds=iter([])), ProgramError, "declared adds is <list_iterator"),
        (lambda: Hints(writes=5), ProgramError, "hinted writes is 5, an int; give a list of keys"),
        (lambda: Hints([b"a", "a"]), ProgramError, "a key of hinted reads is 'a', a str; a key is bytes"),
        (lambda: Hints([bytes(65)]), LimitError, "a key of hinted reads 0x0.* is 65 bytes long"),
        (lambda: Declared([b"a"] * (ACCESSES_MAX + 1)), LimitError, "declared reads has 1048577 entries"),
        (
            lambda: transfer.txn(b"a", b"b", 1).replace(declared=HINTS),
            ProgramError,
            "give a Declared or None",
        ),
        (lambda: transfer.txn(b"a", b"b", 1).replace(hints=DECLARED), ProgramError, "give Hints or None"),
        (lambda: transfer.txn(b"a", b"b", 1).replace(recorded=5), ProgramError, "give a Recorded or None"),
        (lambda: transfer.txn(b"a", b"b", 1).replace(sender=5), ProgramError, "'sender' is not a part of a"),
        (lambda: transfer.txn(b"a", b"b", 1).replace(arrival_nanoseconds=0.5), ProgramError, "give an int"),
        (
            lambda: Transaction(trace, ([], [], {}, 0), arrival_nanoseconds=-1),
            LimitError,
            "is -1; it must be",
        ),
        (lambda: KeyAccesses([(0, None), (0, b"")]), UsageError, "index 0 of an access list has two changes"),
        (lambda: KeyAccesses([(1,)]), UsageError, r"a change of an access list is \(1,\); give a pair"),
        (lambda: KeyAccesses(b"ab"), UsageError, "changes of an access list are 0x6162; give a list"),
        (lambda: KeyAccesses(reads=5), UsageError, "reads of an access list are 5; give a list"),
        (
            lambda: KeyAccesses(reads=[True]),
            UsageError,
            "index True of an access list is a bool; give an int",
        ),
        (lambda: KeyAccesses(reads=[-1]), LimitError, "index -1 of an access list must be from 0 to 1000001"),
        (lambda: KeyAccesses([(0, "a")]), UsageError, "a value of an access list is 'a', a str; give bytes"),
        (lambda: KeyAccesses([(0, bytes(VALUE_BYTES_MAX + 1))]), LimitError, "is 65537 bytes long"),
        (lambda: BlockAccessList([b"a"]), UsageError, "give a dict of keys and KeyAccesses"),
        (lambda: BlockAccessList({"a": KeyAccesses()}), UsageError, "key 'a' of an access list is a str"),
        (lambda: BlockAccessList({bytes(65): KeyAccesses()}), LimitError, "is 65 bytes long"),
        (lambda: BlockAccessList({b"a": ((), ())}), UsageError, "key 0x61 of an access list has .* a tuple"),
        (lambda: Block([], access_list={}), UsageError, "access_list is {}; give a BlockAccessList or None"),
        (
            lambda: Block([transfer.txn(b"a", b"b", 1)], access_list=ACCESS_LIST),
            UsageError,
            "names index 3 for key 0x61; of a block of 1 transactions the last is 2: give the list of this block",
        ),
    ],
)
def test_what_cannot_be_said_is_refused(
    make: Callable[[], object], error: type[BlockstmError], problem: str
) -> None:
    with pytest.raises(error, match=problem) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_transaction_has_it_beside_what_was_recorded() -> None:
    plain = transfer.txn(b"a", b"b", 5, gas_limit=9)
    assert (plain.declared, plain.hints, plain.arrival_nanoseconds) == (None, None, None)
    recorded = Recorded(gas_used=3)
    full = plain.replace(declared=DECLARED, hints=HINTS, arrival_nanoseconds=7, recorded=recorded)
    assert (full.declared, full.hints, full.arrival_nanoseconds) == (DECLARED, HINTS, 7)
    assert (full.program, full.arguments, full.gas_limit, full.recorded) == (
        transfer,
        plain.arguments,
        9,
        recorded,
    )
    assert full == Transaction(
        transfer, (b"a", b"b", 5), 9, recorded, declared=DECLARED, hints=HINTS, arrival_nanoseconds=7
    )
    assert full.replace(declared=None, hints=None, arrival_nanoseconds=None, recorded=None) == plain
    assert full.replace() == full
    for name in ("declared", "hints", "arrival_nanoseconds", "gas_limit"):
        without: dict[str, Any] = {name: None}
        assert full.replace(**without) != full
        assert f"{name}=" in repr(full)
        assert f"{name}=" not in repr(full.replace(**without))
    assert repr(transfer.txn(b"a", b"b", 5)) == "<Transaction transfer(b'a', b'b', 5, 0)>"


def test_a_long_declaration_is_shown_in_one_bounded_line() -> None:
    many = transfer.txn(b"a", b"b", 5).replace(declared=Declared([b"%d" % i for i in range(1000)]))
    assert len(repr(many)) < 300


def test_an_access_list_reads_like_a_dict_in_the_order_of_keys() -> None:
    assert list(ACCESS_LIST) == [b"a", b"b", b"c"]
    assert len(ACCESS_LIST) == 3
    assert ACCESS_LIST[b"b"].changes == (KeyChange(0, None), KeyChange(2, b"\x06"))
    assert ACCESS_LIST[b"b"].changes[1].value == b"\x06"
    assert ACCESS_LIST[b"a"].reads == (1, 3)
    assert ACCESS_LIST.get(b"d") is None
    assert BlockAccessList(dict(reversed(list(ACCESS_LIST.items())))) == ACCESS_LIST
    assert hash(ACCESS_LIST) == hash(BlockAccessList(dict(ACCESS_LIST)))
    assert BlockAccessList({**ACCESS_LIST, b"c": KeyAccesses(reads=[0])}) != ACCESS_LIST
    assert dict(ACCESS_LIST) != ACCESS_LIST
    assert repr(ACCESS_LIST) == "<BlockAccessList of 3 keys with 2 changes>"
    assert [entry.index_max for entry in ACCESS_LIST.values()] == [3, 2, 0]
    with pytest.raises(TypeError):
        ACCESS_LIST[b"d"] = KeyAccesses()  # type: ignore[index]


def test_an_access_list_does_not_follow_what_it_was_made_of() -> None:
    changes: list[tuple[int, bytes | None]] = [(1, b"x")]
    entries = {b"k": KeyAccesses(changes)}
    made = BlockAccessList(entries)
    changes.clear()
    entries.clear()
    assert made[b"k"].changes == ((1, b"x"),)


def _block(**changes: Any) -> Block:
    transactions = [transfer.txn(b"a", b"b", 1), transfer.txn(b"b", b"c", 1).replace(declared=DECLARED)]
    return Block(transactions, {b"a": b"\x05"}, **{"access_list": ACCESS_LIST, **changes})


def test_a_block_with_an_access_list() -> None:
    block = _block()
    assert block.access_list is ACCESS_LIST
    assert repr(block) == "<Block of 2 transactions, 1 key of state, with an access list>"
    assert block == _block()
    assert block != _block(access_list=None)
    assert _block(access_list=None).access_list is None
    assert _block(access_list=BlockAccessList({})).access_list == BlockAccessList({})
    assert Block([transfer.txn(b"b", b"c", 1)]) != Block([transfer.txn(b"b", b"c", 1).replace(hints=HINTS)])


def _loaded(block: Block, directory: Any) -> Iterator[Block]:
    yield block
    block.save(directory / "x.block")
    yield Block.load(directory / "x.block")


@pytest.mark.parametrize("again", COPIES, ids=["copy", "deepcopy", "pickle"])
def test_copies_keep_all_of_it(again: Callable[[Any], Any], tmp_path: Any) -> None:
    for said in (DECLARED, HINTS, ACCESS_LIST, ACCESS_LIST[b"b"]):
        assert again(said) == said
        assert hash(again(said)) == hash(said)
    transaction = transfer.txn(b"a", b"b", 1).replace(declared=DECLARED, hints=HINTS, arrival_nanoseconds=7)
    assert again(transaction) == transaction
    for block in _loaded(_block(), tmp_path):
        made = again(block)
        assert made == block
        assert made.access_list == ACCESS_LIST
        assert made.transactions[1].declared == DECLARED


def test_the_core_does_not_look_at_it(shared_engine: blockstm.Engine, tmp_path: Any) -> None:
    expected = shared_engine.execute(_block(access_list=None)).state
    for block in _loaded(_block(), tmp_path):
        assert shared_engine.execute(block).state == expected


def test_packed_records_cannot_be_changed(tmp_path: Any) -> None:
    recorded = Recorded(gas_used=1, reads=(b"a",), adds={b"b": 1})
    block = Block([transfer.txn(b"a", b"b", 1).replace(recorded=recorded)])
    block.save(tmp_path / "x.block")
    loaded = Block.load(tmp_path / "x.block")
    for held in (block, loaded, *(again(loaded) for again in COPIES)):
        with pytest.raises(TypeError):
            held._packed.rows[0][3]["gas_used"] = 2
        assert held.transactions[0].recorded == recorded
        held.save(tmp_path / "y.block")
        assert (tmp_path / "y.block").read_bytes() == (tmp_path / "x.block").read_bytes()
