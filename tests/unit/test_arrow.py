"""Receipts, timelines and sweeps as Arrow tables, as pyarrow itself takes them."""

from __future__ import annotations

import sys
from typing import Any

import pyarrow
import pytest

from blockstm import Block, Context, Engine, Result, Revert, UsageError, program
from blockstm.sweep import SweepTable
from blockstm.sweep.rows import COLUMNS
from blockstm.tables.arrow import BATCH_ROWS, ArrowTable


@program
def act(ctx: Context, number: int) -> None:
    if number % 3 == 1:
        raise Revert("no ⛽")
    if number % 3 == 2:
        raise LookupError(number)
    ctx.emit(b"one")
    ctx.emit(bytes(number))
    ctx.charge(number)
    ctx.write(b"k", b"v")


def sweep_table() -> SweepTable:
    row = dict.fromkeys(COLUMNS) | {"point": 1, "seconds": 0.25, "run_id": "x", "parameter.skew": 1}
    return SweepTable([row, {**row, "speedup": 2, "parameter.skew": "many"}])


@pytest.fixture(scope="module")
def result(shared_engine: Engine) -> Result:
    return shared_engine.execute(Block([act.txn(number) for number in range(40)]), timeline=True)


@pytest.fixture(params=["receipts", "timeline", "sweep"])
def given(request: pytest.FixtureRequest, result: Result) -> ArrowTable:
    if request.param == "sweep":
        return sweep_table()
    table = getattr(result, request.param)
    assert isinstance(table, ArrowTable)
    return table


def test_pyarrow_takes_it_by_the_capsule_interface(given: ArrowTable) -> None:
    made = given.to_arrow()
    made.validate(full=True)
    assert made.num_rows == len(given) > 0  # type: ignore[arg-type]
    assert pyarrow.table(given).equals(made)
    assert pyarrow.RecordBatchReader.from_stream(given).read_all().equals(made)


def test_the_caller_may_ask_for_other_types(result: Result) -> None:
    wanted = result.receipts.to_arrow().schema.set(0, pyarrow.field("txn_idx", pyarrow.int64()))
    taken = pyarrow.RecordBatchReader.from_stream(result.receipts, wanted).read_all()
    assert taken.schema.field("txn_idx").type == pyarrow.int64()
    assert taken.column("txn_idx").to_pylist() == list(range(40))


def test_receipts_are_a_table(result: Result) -> None:
    table = result.receipts.to_arrow()
    assert str(table.schema).splitlines() == [
        "txn_idx: uint32 not null",
        "status: string not null",
        "gas_used: uint64 not null",
        "error: string",
        "events: list<item: large_binary> not null",
        "  child 0, item: large_binary",
        "commit_seconds: double not null",
        "traceback: string",
    ]
    for row, receipt in zip(table.to_pylist(), result.receipts, strict=True):
        assert row == {name: getattr(receipt, name) for name in row}
    assert set(table.column("status").to_pylist()) == {"success", "reverted", "failed"}


def test_a_timeline_is_a_table(result: Result) -> None:
    timeline = result.timeline
    assert timeline is not None
    rows = timeline.to_arrow().to_pylist()
    assert len(rows) == len(timeline)
    for row, span in zip(rows, timeline, strict=True):
        assert row == {name: getattr(span, name) for name in row}
    assert repr(timeline) == f"<Timeline of 40 transactions, {len(rows)} spans>"


def test_more_rows_than_a_batch_holds_come_in_order(shared_engine: Engine) -> None:
    count = 2 * BATCH_ROWS + 5
    receipts = shared_engine.execute(Block([act.txn(1)] * count)).receipts
    reader = pyarrow.RecordBatchReader.from_stream(receipts)
    assert [batch.num_rows for batch in reader] == [BATCH_ROWS, BATCH_ROWS, 5]
    assert receipts.to_arrow().column("txn_idx").to_pylist() == list(range(count))


def test_nothing_is_an_empty_table(shared_engine: Engine) -> None:
    result = shared_engine.execute(Block([]), timeline=True)
    assert result.timeline
    for given in (result.receipts, result.timeline, SweepTable([])):
        assert pyarrow.table(given).num_rows == 0
    assert pyarrow.table(result.receipts).schema.names[0] == "txn_idx"


def test_a_sweep_is_a_table() -> None:
    table = sweep_table()
    made = table.to_arrow()
    assert made.schema.names == [*COLUMNS, "parameter.skew"]
    kinds = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
    for name, kind in COLUMNS.items():
        assert made.schema.field(name).type == kinds[kind]
    assert made.column("parameter.skew").to_pylist() == ["1", "many"]
    assert made.column("speedup").to_pylist() == [None, 2.0]
    assert table[:1] == SweepTable([table[0]])
    assert repr(table) == "<SweepTable of 2 rows>"


def test_without_pyarrow_the_error_names_the_extra(
    given: ArrowTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for take in (given.to_arrow, given.__arrow_c_stream__):
        with pytest.raises(
            UsageError, match=r"needs pyarrow, which is not installed; .*'\.\[report\]'"
        ) as caught:
            take()  # type: ignore[operator]
        assert isinstance(caught.value, ValueError)


def test_an_error_while_rows_are_decoded_reaches_the_caller() -> None:
    class Broken(SweepTable):
        def _arrow_rows(self) -> Any:
            yield next(super()._arrow_rows())
            raise RuntimeError("lost")

    with pytest.raises(RuntimeError, match="lost"):
        Broken(sweep_table()).to_arrow()
