"""Block files of random blocks, and of random damage."""

import tempfile
from pathlib import Path
from typing import Any

import msgpack
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.blocks.block_file import check_rows
from blockstm.errors import BlockFileError, BlockstmError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import Recorded, Transaction, program


@program
def anything(ctx: Any, *values: object) -> None:
    """Takes anything."""


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
    | st.tuples(st.just(anything), st.lists(VALUES, max_size=3).map(tuple))
)
TRANSACTIONS = st.builds(
    lambda run, gas_limit, recorded: Transaction(run[0], run[1], gas_limit, recorded),
    ARGUMENTS,
    GAS_LIMITS,
    RECORDED,
)
BLOCKS = st.builds(
    lambda transactions, state, **header: Block(transactions, state, **header),
    st.lists(TRANSACTIONS, max_size=8),
    st.dictionaries(KEYS, st.binary(max_size=40), max_size=5),
    chain=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    number=st.none() | U64,
    meta=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), VALUES, max_size=3),
)


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
    check_rows(loaded.packed)
    assert _file_of(loaded) == data


@settings(max_examples=100)
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


@settings(max_examples=100)
@given(BLOCKS, st.data())
def test_changed_content_is_refused_or_a_sound_block(block: Block, data: st.DataObject) -> None:
    """Behind a right checksum anything can come: replace bytes, or whole objects, of the content."""
    content = bytearray(zstandard.ZstdDecompressor().decompress(_file_of(block)))
    if data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    else:
        unpacker = msgpack.Unpacker(strict_map_key=False)
        unpacker.feed(bytes(content))
        objects = list(unpacker)
        rows = objects[3]
        target = data.draw(st.sampled_from([objects, rows, *rows] if rows else [objects]))
        target[data.draw(st.integers(0, len(target) - 1))] = data.draw(MSGPACK_VALUES)
        content = bytearray(b"".join(map(msgpack.packb, objects)))
    try:
        loaded = _through_a_file(zstandard.ZstdCompressor(write_checksum=True).compress(bytes(content)))
    except BlockstmError as error:
        assert "\n" not in str(error)
        return
    assert len(loaded.transactions) == len(loaded)
    check_rows(loaded.packed)
    assert "nan" in repr(loaded.transactions) or _through_a_file(_file_of(loaded)) == loaded
