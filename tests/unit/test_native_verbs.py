"""What native programs may hand to the verbs: data that they have just read, and any length.

The programs are those of native/_coretest.pyx; tests/documents/test_native_examples.py
compiles the docs' example as a user would.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import blockstm
from blockstm.errors import printable
from blockstm.limits import (
    BYTES_ARGUMENT_BYTES_MAX,
    EVENT_BYTES_MAX,
    KEY_BYTES_MAX,
    REASON_BYTES_MAX,
    VALUE_BYTES_MAX,
)
from blockstm.native import _coretest as core
from blockstm.results.result import Receipt
from blockstm.results.verify import differences
from tests.support.engines import run

WRITE, WRITE_REST, EMIT, REVERT, FAIL, LOCATE, REVERT_WITH_REASON = range(7)
KEY, U64 = "key", "u64"
write_and_use = blockstm.NativeProgram(
    "tests.write_and_use",
    tuple(
        blockstm.Parameter(name, kind)
        for name, kind in (("first", KEY), ("second", KEY), ("size", U64), ("verb", U64))
    ),
    "blockstm.native._coretest:write_and_use_entry",
)
use_pattern = blockstm.NativeProgram(
    "tests.use_pattern",
    tuple(blockstm.Parameter(name, kind) for name, kind in (("key", KEY), ("size", U64), ("verb", U64))),
    "blockstm.native._coretest:use_pattern_entry",
)
emit_bytes = blockstm.NativeProgram(
    "tests.emit_bytes",
    (
        blockstm.Parameter("first", "bytes"),
        blockstm.Parameter("number", "u256"),
        blockstm.Parameter("second", "bytes"),
    ),
    "blockstm.native._coretest:emit_bytes_entry",
)


@blockstm.program
def call_emit_bytes(ctx: Any, first: bytes, second: bytes) -> None:
    ctx.call(emit_bytes, first, (1 << 70) + 1, second)


# The first buffer has 4 KiB: from small to those for which it has to move, once and more often.
SIZES = [1, 15, 16, 17, 100, 2_048, 2_049, 4_095, 4_096, 40_000, VALUE_BYTES_MAX]


@pytest.fixture(scope="module")
def engine() -> Iterator[blockstm.Engine]:
    with blockstm.Engine(2, active_workers=2) as engine:
        yield engine


def both_ways(engine: blockstm.Engine, block: blockstm.Block) -> blockstm.Result:
    """The result, which is the same sequentially and in parallel."""
    in_order = engine.execute(block, "sequential")
    for delay_seed in (0, 1, 2):
        assert differences(run(engine, block, 2, delay_seed), in_order) == []
    return in_order


@pytest.mark.parametrize("verb", [WRITE, WRITE_REST])
def test_value_just_read_may_be_written(engine: blockstm.Engine, verb: int) -> None:
    """It lies in the buffer that the write appends to, and that moves."""
    transactions = [write_and_use.txn(b"a %d" % size, b"b %d" % size, size, verb) for size in SIZES]
    result = both_ways(engine, blockstm.Block(transactions))
    for size in SIZES:
        assert result.state[b"a %d" % size] == core.pattern(size)
        assert result.state[b"b %d" % size] == core.pattern(size)[verb == WRITE_REST :]


def test_value_just_read_may_be_emitted(engine: blockstm.Engine) -> None:
    transactions = [write_and_use.txn(b"a %d" % size, b"b", size, EMIT) for size in SIZES]
    result = both_ways(engine, blockstm.Block(transactions))
    assert [receipt.events for receipt in result.receipts] == [[core.pattern(size)] * 2 for size in SIZES]


def receipts(engine: blockstm.Engine, program: blockstm.NativeProgram, *arguments: object) -> list[Receipt]:
    result = both_ways(engine, blockstm.Block([program.txn(*arguments)]))
    if result.receipts[0].status != "success":
        assert result.state == {}
    return list(result.receipts)


def shown(reason: bytes) -> str:
    """A reason as receipts have it, in one line."""
    return printable(reason.decode(errors="replace"))


@pytest.mark.parametrize(("verb", "status"), [(REVERT, "reverted"), (FAIL, "failed")])
def test_value_just_read_may_be_the_reason(engine: blockstm.Engine, verb: int, status: str) -> None:
    (receipt,) = receipts(engine, write_and_use, b"a", b"b", 3_000, verb)
    assert (receipt.status, receipt.error) == (status, shown(core.pattern(3_000)))


@pytest.mark.parametrize("size", [2, 100, 3_000])
def test_reason_of_a_nested_program_may_be_the_reason(engine: blockstm.Engine, size: int) -> None:
    """It lies in the very bytes that the new reason is put into."""
    (receipt,) = receipts(engine, use_pattern, b"k", size, REVERT_WITH_REASON)
    assert receipt.status == "reverted"
    assert receipt.error == shown(core.pattern(size)[1:])


@pytest.mark.parametrize("size", [1, KEY_BYTES_MAX])
def test_value_just_read_may_be_a_key(engine: blockstm.Engine, size: int) -> None:
    result = both_ways(engine, blockstm.Block([write_and_use.txn(b"first", b"b", size, LOCATE)]))
    assert result.state == {b"first": core.pattern(size), core.pattern(size): core.pattern(size)}


@pytest.mark.parametrize(
    ("verb", "limit", "error"),
    [
        (WRITE, VALUE_BYTES_MAX, f"LimitError: a value is longer than {VALUE_BYTES_MAX} bytes"),
        (EMIT, EVENT_BYTES_MAX, f"LimitError: an event is longer than {EVENT_BYTES_MAX} bytes"),
        (LOCATE, KEY_BYTES_MAX, f"LimitError: a key is longer than {KEY_BYTES_MAX} bytes"),
    ],
)
def test_lengths_are_those_of_python_programs(
    engine: blockstm.Engine, verb: int, limit: int, error: str
) -> None:
    (longest,) = receipts(engine, use_pattern, b"k", limit, verb)
    assert (longest.status, longest.error) == ("success", None)
    for size in (limit + 1, 100_000, (1 << 32) - 1):
        (refused,) = receipts(engine, use_pattern, b"k", size, verb)
        assert (refused.status, refused.error) == ("failed", error)
        assert refused.events == []


@pytest.mark.parametrize(("verb", "status"), [(REVERT, "reverted"), (FAIL, "failed")])
def test_long_reasons_are_cut(engine: blockstm.Engine, verb: int, status: str) -> None:
    for size in (REASON_BYTES_MAX, REASON_BYTES_MAX + 1, 100_000):
        (receipt,) = receipts(engine, use_pattern, b"k", size, verb)
        assert receipt.status == status
        assert receipt.error == shown(core.pattern(REASON_BYTES_MAX))


def test_what_native_programs_write_can_be_a_block(engine: blockstm.Engine) -> None:
    result = engine.execute(blockstm.Block([use_pattern.txn(b"k", VALUE_BYTES_MAX, WRITE)]))
    assert blockstm.Block([], dict(result.state)).state == {b"k": core.pattern(VALUE_BYTES_MAX)}


def test_byte_strings_arrive_in_every_way(engine: blockstm.Engine, tmp_path: Path) -> None:
    """In blocks made of objects, in those of files, and in calls."""
    lengths = [*range(18), 511, 512, 513, 65_535, EVENT_BYTES_MAX]
    pairs = [(core.pattern(length), core.pattern(lengths[-n])) for n, length in enumerate(lengths)]
    block = blockstm.Block([emit_bytes.txn(first, (1 << 70) + 1, second) for first, second in pairs])
    block.save(tmp_path / "x.block")
    called = blockstm.Block([call_emit_bytes.txn(first, second) for first, second in pairs])
    for each in (block, blockstm.Block.load(tmp_path / "x.block"), called):
        result = both_ways(engine, each)
        assert [receipt.events for receipt in result.receipts] == [list(pair) for pair in pairs]


def test_byte_strings_may_be_longer_than_events(engine: blockstm.Engine) -> None:
    result = both_ways(engine, blockstm.Block([emit_bytes.txn(b"", 0, bytes(BYTES_ARGUMENT_BYTES_MAX))]))
    assert result.receipts[0].error == "the number is another one"
