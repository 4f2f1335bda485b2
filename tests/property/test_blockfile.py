"""Block files of random blocks, and of random damage."""

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.blocks.access_list import BlockAccessList, KeyAccesses
from blockstm.blocks.block import Block
from blockstm.blocks.block_file import check_rows
from blockstm.errors import BlockFileError, BlockstmError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.declared import Declared, Hints
from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram, program
from blockstm.programs.transaction import Recorded, Transaction
from tests.support.block_files import compress, content_of, read_by_the_page


@program
def anything(ctx: Any, *values: object) -> None:
    """Takes anything."""


raw = NativeProgram(
    "tests.raw",
    (Parameter("raw", "bytes"), Parameter("key", "key"), Parameter("rest", "bytes")),
    "no.module:entry",
)
KEYS = st.binary(max_size=64) | st.sampled_from([b"a", b"b", b"c"])
U64 = st.integers(0, (1 << 64) - 1)
U256 = st.integers(0, (1 << 256) - 1) | U64
KEY_LISTS = st.lists(KEYS, max_size=5)
ADDS = st.dictionaries(KEYS, U256, max_size=4)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63) + 1, (1 << 63) - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.binary(max_size=8)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=3)
    ),
    max_leaves=6,
)
GAS_LIMITS = st.none() | U64
RECORDED = st.none() | st.builds(
    Recorded,
    gas_used=st.none() | U64,
    seconds=st.none() | st.floats(0, 1e9),
    reads=st.none() | KEY_LISTS,
    writes=st.none() | KEY_LISTS,
    adds=st.none() | ADDS,
)
ARGUMENTS = (
    st.tuples(st.just(transfer), st.tuples(KEYS, KEYS, U256, U64))
    | st.tuples(st.just(trace), st.tuples(KEY_LISTS, KEY_LISTS, ADDS, U64))
    | st.tuples(st.just(raw), st.tuples(st.binary(max_size=300), KEYS, st.binary(max_size=8)))
    | st.tuples(st.just(anything), st.lists(VALUES, max_size=3).map(tuple))
)
TRANSACTIONS = st.builds(
    lambda run, gas_limit, recorded: Transaction(run[0], run[1], gas_limit, recorded),
    ARGUMENTS,
    GAS_LIMITS,
    RECORDED,
)
KEY_SETS = st.sets(KEYS, max_size=4)
TOLD: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "declared": st.builds(Declared, KEY_SETS, KEY_SETS, KEY_SETS),
        "hints": st.builds(Hints, KEY_SETS, KEY_SETS, KEY_SETS),
        "arrival_nanoseconds": U64,
    },
)
"""What is said of a transaction beside what was recorded."""


def access_lists(transactions: int) -> st.SearchStrategy[BlockAccessList]:
    """Access lists of a block of so many transactions."""
    places = st.integers(0, transactions + 1)
    changes = st.dictionaries(places, st.none() | st.binary(max_size=40), max_size=3)
    entry = st.builds(lambda changes, reads: KeyAccesses(changes.items(), reads), changes, st.sets(places))
    return st.dictionaries(KEYS, entry, max_size=5).map(BlockAccessList)


@st.composite
def blocks(draw: st.DrawFn) -> Block:
    """Blocks, half of them such as version 1 of the format holds."""
    transactions = draw(st.lists(TRANSACTIONS, max_size=8))
    access_list = None
    if draw(st.booleans()):
        transactions = [transaction.replace(**draw(TOLD)) for transaction in transactions]
        access_list = draw(st.none() | access_lists(len(transactions)))
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
    return Block(
        transactions,
        draw(st.dictionaries(KEYS, st.binary(max_size=40), max_size=5)),
        chain=draw(st.none() | text),
        number=draw(st.none() | U64),
        meta=draw(st.dictionaries(text, VALUES, max_size=3)),
        access_list=access_list,
    )


BLOCKS = blocks()


def _through_a_file(data: bytes) -> Block:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.block")
        path.write_bytes(data)
        return Block.load(path)


def _file_of(block: Block) -> bytes:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "x.block")
        block.save(path)
        return path.read_bytes()


@given(BLOCKS)
def test_a_block_comes_back(block: Block) -> None:
    data = _file_of(block)
    loaded = _through_a_file(data)
    assert loaded == block
    check_rows(loaded._packed)
    assert _file_of(loaded) == data
    assert pickle.loads(pickle.dumps(loaded)) == block


def _keys_by_access(said: Declared | Hints | None) -> dict[str, set[bytes]] | None:
    return said and {"reads": set(said.reads), "writes": set(said.writes), "adds": set(said.adds)}


@given(BLOCKS)
def test_the_specification_tells_what_is_in_the_file(block: Block) -> None:
    """A reader that knows only the page finds what the block says beside what was recorded, and no more."""
    with tempfile.TemporaryDirectory() as directory:
        block.save(path := Path(directory, "x.block"))
        found = read_by_the_page(path)
    expected: dict[str, Any] = {
        "declared": [_keys_by_access(transaction.declared) for transaction in block.transactions],
        "hints": [_keys_by_access(transaction.hints) for transaction in block.transactions],
        "arrival_nanoseconds": [transaction.arrival_nanoseconds for transaction in block.transactions],
    }
    expected = {name: column for name, column in expected.items() if column.count(None) != len(column)}
    if block.access_list is not None:
        expected["access_list"] = {
            key: (dict(entry.changes), list(entry.reads)) for key, entry in block.access_list.items()
        }
    assert {name: found[name] for name in expected} == expected
    assert found["header"]["counts"].keys() - {"keys", "state", "transactions"} == expected.keys()
    assert found["header"]["version"] == (2 if expected else 1)


@settings(max_examples=40)
@given(BLOCKS, st.data())
def test_damage_is_one_error_or_no_change(block: Block, data: st.DataObject) -> None:
    damaged = bytearray(_file_of(block))
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        assert _through_a_file(bytes(damaged)) == block
    except BlockFileError as error:
        assert "\n" not in str(error)


MSGPACK_VALUES = st.recursive(
    SCALARS | U64,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(0, 5) | st.text(max_size=4), inner)
    ),
    max_leaves=8,
)


def _lists_in(objects: list[Any]) -> Iterator[list[Any]]:
    """Yield the lists that hold anything, at any depth, within a list of decoded objects."""
    for one in objects:
        if isinstance(one, list) and one:
            yield one
            yield from _lists_in(one)


@settings(max_examples=40)
@given(BLOCKS, st.data())
def test_changed_content_is_refused_or_a_sound_block(block: Block, data: st.DataObject) -> None:
    """Behind a right checksum anything can come: replace bytes, or whole objects, of the content."""
    with tempfile.TemporaryDirectory() as directory:
        block.save(path := Path(directory, "x.block"))
        content = bytearray(content_of(path))
    if data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    else:
        unpacker = msgpack.Unpacker(strict_map_key=False)
        unpacker.feed(bytes(content))
        objects = list(unpacker)
        target = data.draw(st.sampled_from(list(_lists_in([objects]))))
        target[data.draw(st.integers(0, len(target) - 1))] = data.draw(MSGPACK_VALUES)
        content = bytearray(b"".join(map(msgpack.packb, objects)))
    try:
        loaded = _through_a_file(compress(bytes(content)))
    except BlockstmError as error:
        assert "\n" not in str(error)
        return
    assert len(loaded.transactions) == len(loaded)
    check_rows(loaded._packed)
    assert "nan" in repr(loaded.transactions) or _through_a_file(_file_of(loaded)) == loaded
