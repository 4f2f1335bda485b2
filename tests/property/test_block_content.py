"""Block files whose rows the core reads itself: it takes nothing that block_decode refuses, and reads the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block
from blockstm.blocks.block_decode import decode, decode_header
from blockstm.blocks.block_file import encode
from blockstm.blocks.block_header import BlockHeader
from blockstm.blocks.file_rows import FileRows, FileState, file_rows
from blockstm.blocks.packed import unpack_state
from blockstm.engine.block_run import InProcessRun
from blockstm.files.content import ContentError
from blockstm.programs.built_in import trace
from blockstm.programs.transaction import Recorded, Transaction
from blockstm.results.result import Result
from tests.support.blocks import SETTINGS, examples, native_transactions, states

HEADER = BlockHeader(None, None, {})
BLOCKS = st.builds(Block, st.lists(native_transactions, max_size=12), states)
LIMIT_BYTES = 1 << 20


def content_bytes(block: Block) -> bytes:
    return zstandard.ZstdDecompressor().decompress(encode(HEADER, block._packed))


def in_order(block: Block) -> Result:
    run = InProcessRun(block, 1, LIMIT_BYTES)
    try:
        return run.in_order()
    finally:
        run.close()


def from_core(rows: FileRows) -> Block:
    """The block that Block.load makes of what the core has read."""
    block = Block._bare(HEADER, rows.programs, rows.rows.txn_count)
    block._columns = rows
    block._state_columns = FileState(rows.rows)
    return block


@given(BLOCKS)
@settings(SETTINGS, max_examples=examples(60))
def test_the_core_reads_what_was_written(block: Block) -> None:
    found = file_rows(content_bytes(block))
    assert found is not None
    read = from_core(found[1])
    assert in_order(read).diff(in_order(block)) == []
    assert dict(found[1].rows.items()) == block.state
    assert read == block


@given(BLOCKS, st.data())
@settings(SETTINGS, max_examples=examples(100))
def test_damaged_rows_are_read_as_block_decode_reads_them(block: Block, data: st.DataObject) -> None:
    content = bytearray(content_bytes(block))
    begin = decode_header(iter([bytes(content)]))[3]
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.integers(begin, len(content) - 1))
        # Small numbers, which another one may often stand for, and the codes of msgpack.
        numbers = [at for at in range(begin, len(content)) if content[at] < 6]
        if numbers and data.draw(st.integers(0, 3)):
            content[data.draw(st.sampled_from(numbers))] = data.draw(st.integers(0, 5))
        else:
            content[place] = data.draw(st.integers(0, 12) | st.integers(0x80, 0xFF))
    if not data.draw(st.integers(0, 9)):
        del content[data.draw(st.integers(begin, len(content))) :]
    found = file_rows(bytes(content))
    if found is None:
        return
    _, packed = decode(iter([bytes(content)]))  # raises where it refuses
    plain, read = Block._of(HEADER, packed), from_core(found[1])
    assert dict(found[1].rows.items()) == unpack_state(packed)
    assert in_order(read).diff(in_order(plain)) == []


def test_what_does_not_fit_together_is_refused() -> None:
    content = content_bytes(Block([], {b"a": b"1"}))
    for wrong in (content.replace(b"transactions\x00", b"transactions\x01"), content + b"\x00", content[:-1]):
        assert wrong != content
        assert file_rows(wrong) is None
        with pytest.raises(ContentError):
            decode(iter([wrong]))


def test_what_the_core_does_not_read_is_read_by_block_decode(tmp_path: Path) -> None:
    transaction = trace.txn([b"a"], [], {}, 1)
    shared = dict.fromkeys([b"a", b"b"], bytes(100))
    for block in (
        Block([Transaction(trace, transaction.arguments, None, Recorded(gas_used=1))]),
        Block([transaction.replace(arrival_nanoseconds=1)]),
        Block([transaction], shared),
        Block([trace.txn([], [], {b"%d" % index: index for index in range(17)}, 1)]),
    ):
        assert file_rows(content_bytes(block)) is None
        block.save(tmp_path / "x.block")
        assert Block.load(tmp_path / "x.block") == block
