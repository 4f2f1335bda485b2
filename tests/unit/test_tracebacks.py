"""Where a Python program failed: in the receipt, in the receipts file, in the log."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from blockstm import Block, Engine, program
from blockstm.errors import TRACEBACK_CHARACTERS_MAX


@program
def fails(ctx: Any, key: bytes) -> None:
    ctx.emit(b"before")
    ctx.write(key, b"1")
    raise ValueError("a\nb\0c\x1b[31m")  # here


@program
def fails_on_one(ctx: Any) -> None:
    value = int.from_bytes(ctx.read(b"count") or b"", "big")
    ctx.write(b"count", (value + 1).to_bytes(2, "big"))
    if value % 2:
        raise KeyError(value)


@program
def fails_within(ctx: Any) -> None:
    ctx.emit(b"outer")
    try:
        ctx.call(fails, b"inner")
    except Exception:
        ctx.emit(b"went on")


@program
def fails_deep(ctx: Any, depth: int) -> None:
    def below(level: int) -> None:
        if not level:
            raise RuntimeError("x" * 300)
        below(level - 1) if level % 2 else above(level - 1)

    def above(level: int) -> None:
        below(level)

    below(depth)


@program
def shows_its_context(ctx: Any) -> None:
    raise ValueError(ctx)


@program
def fails_for_a_reason(ctx: Any) -> None:
    def nested(inner: Any) -> None:
        inner.write(b"key", "text")  # the reason

    try:
        ctx.call(program(nested))
    except TypeError as error:
        raise ValueError("what came of it") from error  # the end


@program
def reverts(ctx: Any) -> None:
    ctx.revert("a\nb\0\x1b[31mc")


def line_of(comment: str) -> int:
    with open(__file__, encoding="utf-8") as source:
        return next(number for number, line in enumerate(source, 1) if line.rstrip().endswith(comment))


@pytest.mark.parametrize("model", ["block-stm", "sequential"])
def test_a_receipt_has_the_traceback(shared_engine: Engine, model: str) -> None:
    (receipt,) = shared_engine.execute(Block([fails.txn(b"a")]), model).receipts
    assert receipt.error == "ValueError: a\\nb\\x00c\\x1b[31m"
    assert receipt.events == []
    assert receipt.traceback is not None
    first, where, *rest = receipt.traceback.splitlines()
    assert first == "Traceback (most recent call last):"
    assert where == f'  File "{__file__}", line {line_of("# here")}, in fails'
    assert "ValueError: a" in "".join(rest)


def test_tracebacks_are_those_of_the_executions_that_count(shared_engine: Engine) -> None:
    block = Block([fails_on_one.txn() for _ in range(40)])
    parallel, sequential = shared_engine.execute(block), shared_engine.execute(block, "sequential")
    assert [receipt.traceback for receipt in parallel.receipts] == [
        receipt.traceback for receipt in sequential.receipts
    ]
    assert [receipt.traceback is None for receipt in parallel.receipts] == [
        receipt.status == "success" for receipt in parallel.receipts
    ]


def test_what_a_program_catches_leaves_no_traceback(shared_engine: Engine) -> None:
    (receipt,) = shared_engine.execute(Block([fails_within.txn()])).receipts
    assert (receipt.status, receipt.events, receipt.traceback) == ("success", [b"outer", b"went on"], None)


def test_a_long_traceback_is_its_end(shared_engine: Engine) -> None:
    (receipt,) = shared_engine.execute(Block([fails_deep.txn(200)])).receipts
    assert receipt.traceback is not None
    assert len(receipt.traceback) == TRACEBACK_CHARACTERS_MAX
    assert receipt.traceback.startswith("...") and receipt.traceback.endswith("x" * 300)


def test_a_context_is_shown_by_its_transaction(shared_engine: Engine) -> None:
    receipts = shared_engine.execute(Block([shows_its_context.txn()] * 2)).receipts
    assert [receipt.error for receipt in receipts] == [
        "ValueError: <context of transaction 0>",
        "ValueError: <context of transaction 1>",
    ]


def test_an_engine_logs_tracebacks_at_debug(shared_engine: Engine) -> None:
    records: list[logging.LogRecord] = []
    handler, logger = logging.Handler(), logging.getLogger("blockstm.engine.engine")
    handler.emit = records.append  # type: ignore[method-assign]
    logger.addHandler(handler)
    try:
        shared_engine.execute(Block([fails.txn(b"a")]))
        assert records == []
        logger.setLevel(logging.DEBUG)
        shared_engine.execute(Block([fails.txn(b"a"), fails_within.txn()]))
        list(shared_engine.stream(Block([fails.txn(b"a")])))
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
    assert [record.levelname for record in records] == ["DEBUG", "DEBUG"]
    assert f'File "{__file__}", line {line_of("# here")}, in fails' in records[0].getMessage()


def test_the_reason_of_a_failure_names_no_file_of_this_package(shared_engine: Engine) -> None:
    receipt = shared_engine.execute(Block([fails_for_a_reason.txn()])).receipts[0]
    assert receipt.traceback is not None
    named = re.findall(r'File "(.*)", line (\d+)', receipt.traceback)
    assert {file for file, _ in named} == {__file__}
    assert [int(line) for _, line in named][-2:] == [line_of("# the reason"), line_of("# the end")]


def test_what_a_program_reverts_for_is_one_line(shared_engine: Engine) -> None:
    receipt = shared_engine.execute(Block([reverts.txn()])).receipts[0]
    assert (receipt.status, receipt.error) == ("reverted", "a\\nb\\x00\\x1b[31mc")
    assert receipt.traceback is None
