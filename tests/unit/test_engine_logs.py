"""What programs log in workers reaches the handlers of the process that has the engine."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.programs.program import program

pytestmark = pytest.mark.usefixtures("leaves_nothing")


class Odd:
    def __repr__(self) -> str:
        return "<odd>"


@program
def logs(ctx, text: str, count: int = 1):
    for number in range(count):
        logging.getLogger("tests.logs").info("%s %d", text, number)


@program
def logs_all_sorts(ctx):
    logger = logging.getLogger("tests.logs")
    try:
        raise LookupError("in the worker")
    except LookupError:
        logger.exception("caught %s", Odd())
    logger.warning(Odd())
    logger.warning("extra", extra={"thing": Odd(), "number": 1 << 100, "list": [1, {"a": (2, "b")}]})
    logger.warning("surrogate \udcff")
    logger.debug("not wanted")


class Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    """A handler that keeps what comes to the tests' own logger, at level INFO."""
    logger = logging.getLogger("tests.logs")
    handler = Keeper()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    yield handler
    logger.propagate = True
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def test_records_are_there_when_the_block_is_done(keeper: Keeper) -> None:
    with Engine(2) as engine:
        engine.execute(Block([logs.txn("hello")] * 10))
        assert [record.getMessage() for record in keeper.records] == ["hello 0"] * 10
    record = keeper.records[0]
    assert record.processName.startswith("blockstm-worker-")
    assert (record.levelno, record.name, record.funcName) == (logging.INFO, "tests.logs", "logs")
    assert record.process != logging.makeLogRecord({}).process


def test_records_of_all_sorts(keeper: Keeper) -> None:
    with Engine(1) as engine:
        assert engine.execute(Block([logs_all_sorts.txn()])).receipts[0].error is None
    caught, odd, extra, surrogate = keeper.records
    assert caught.getMessage() == "caught <odd>"
    assert "LookupError: in the worker" in caught.exc_text
    assert caught.exc_info is None
    assert odd.getMessage() == "<odd>"
    assert (extra.thing, extra.number) == ("<odd>", repr(1 << 100))
    assert surrogate.getMessage() == "surrogate \udcff"


def test_levels_are_followed(keeper: Keeper) -> None:
    logger = logging.getLogger("tests.logs")
    block = Block([logs.txn("x")])
    with Engine(2) as engine:
        for level, count in ((logging.WARNING, 0), (logging.INFO, 1), (logging.ERROR, 1), (logging.INFO, 2)):
            logger.setLevel(level)
            engine.execute(block)
            assert len(keeper.records) == count
        logging.disable(logging.CRITICAL)
        try:
            engine.execute(block)
        finally:
            logging.disable(logging.NOTSET)
        assert len(keeper.records) == 2
        engine.execute(block)
        assert len(keeper.records) == 3


def test_more_than_a_connection_holds(keeper: Keeper) -> None:
    text = "x" * 10_000
    with Engine(2) as engine:
        engine.execute(Block([logs.txn(text, 500)] * 4))
    assert len(keeper.records) == 2000


def test_stream_not_read_holds_nobody_up_for_good(keeper: Keeper) -> None:
    text = "x" * 10_000
    with Engine(2) as engine:
        receipts = engine.stream(Block([logs.txn(text, 1), *[logs.txn(text, 500)] * 4]))
        next(receipts)
        receipts.close()
        engine.execute(Block([logs.txn("after")]))
    assert keeper.records[-1].getMessage() == "after 0"


def test_handler_that_raises_is_not_the_blocks_fault(
    keeper: Keeper, capsys: pytest.CaptureFixture[str]
) -> None:
    keeper.addFilter(lambda record: 1 // (len(record.getMessage()) - 3) == 0)
    with Engine(2) as engine:
        block = Block([logs.txn("a"), logs.txn("long enough"), logs.txn("b")])
        assert len(engine.execute(block).receipts) == 3
    assert [record.getMessage() for record in keeper.records] == ["long enough 0"]
    assert capsys.readouterr().err.count("ZeroDivisionError") == 2
