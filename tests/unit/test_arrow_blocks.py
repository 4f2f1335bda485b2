"""Tables that are no blocks are refused with the column and the row; others may come from anywhere."""

from __future__ import annotations

import copy
import pickle
import sys
from array import array
from decimal import Decimal
from typing import Any

import pyarrow
import pytest

from blockstm import Block, Context, Engine, LimitError, UnknownProgramError, UsageError, program
from blockstm.errors import BlockstmError, EngineError
from blockstm.native._core import Column, ColumnRows, StateColumns
from blockstm.programs.built_in import trace, transfer

KEYS = pyarrow.array([b"a", b"b"], pyarrow.binary())
PAYMENTS = pyarrow.table({"sender": KEYS, "receiver": KEYS, "amount": [1, 2]})
STATE = pyarrow.table({"key": KEYS, "value": pyarrow.array([b"\x05", b"\x06"], pyarrow.large_binary())})
OBJECTS = Block([transfer.txn(b"a", b"a", 1), transfer.txn(b"b", b"b", 2)], {b"a": b"\x05", b"b": b"\x06"})
TRACES = pyarrow.table(
    {
        "reads": pyarrow.array([[b"a"], []], pyarrow.list_(pyarrow.binary())),
        "writes": pyarrow.array([[], [b"b"]], pyarrow.list_(pyarrow.binary())),
        "adds": pyarrow.array([[(b"k", 1)], []], pyarrow.map_(pyarrow.binary(), pyarrow.uint64())),
        "gas": [1, 2],
    }
)


@program
def note(ctx: Context, key: bytes, texts: list[str], times: int = 2) -> None:
    ctx.write(key, repr(texts * times).encode())


class Foreign:
    """A table of another library: it has Arrow's interface, and nothing else."""

    def __init__(self, table: pyarrow.Table) -> None:
        self._table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def with_column(table: pyarrow.Table, name: str, values: Any, kind: Any = None) -> pyarrow.Table:
    column = pyarrow.array(values, kind)
    if name not in table.column_names:
        return table.append_column(name, column)
    return table.set_column(table.column_names.index(name), name, column)


@pytest.mark.parametrize(
    "given",
    [PAYMENTS, Foreign(PAYMENTS), PAYMENTS.combine_chunks().to_batches()[0]],
    ids=["table", "foreign", "batch"],
)
def test_any_table_of_arrow_will_do(given: object) -> None:
    assert Block.from_arrow(given, Foreign(STATE), program=transfer) == OBJECTS


def test_a_block_lives_longer_than_its_table(shared_engine: Engine) -> None:
    table = pyarrow.table(
        {name: PAYMENTS[name].combine_chunks().take([0, 1]) for name in PAYMENTS.column_names}
    )
    block = Block.from_arrow(table, STATE, program=transfer)
    del table
    assert shared_engine.execute(block) == shared_engine.execute(OBJECTS)
    for copied in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert copied == OBJECTS


def test_python_programs_get_what_the_columns_hold(shared_engine: Engine) -> None:
    table = pyarrow.table({"key": KEYS, "texts": [["x", "ä"], []], "gas_limit": [None, 10**6]})
    block = Block.from_arrow(table, program=note)
    assert list(block) == [
        note.txn(b"a", ["x", "ä"]),
        note.txn(b"b", []).replace(gas_limit=10**6),
    ]
    assert shared_engine.execute(block).state[b"a"] == b"['x', '\xc3\xa4', 'x', '\xc3\xa4']"


def test_programs_of_both_kinds_in_one_table() -> None:
    names = pyarrow.array([note.name, "transfer"]).dictionary_encode()
    table = pyarrow.table(
        {
            "program": names,
            "key": pyarrow.array([b"k", None], pyarrow.binary()),
            "texts": [["x"], None],
            "times": [3, None],
            "sender": pyarrow.array([None, b"a"], pyarrow.binary()),
            "receiver": pyarrow.array([None, b"b"], pyarrow.binary()),
            "amount": [None, 4],
        }
    )
    assert list(Block.from_arrow(table)) == [note.txn(b"k", ["x"], 3), transfer.txn(b"a", b"b", 4)]


@pytest.mark.parametrize(
    ("numbers", "kind"),
    [
        ([Decimal(2**120), Decimal(0)], pyarrow.decimal128(38)),
        ([Decimal(2**250), Decimal(7)], pyarrow.decimal256(76)),
        ([(2**256 - 1).to_bytes(32, "big"), bytes(32)], pyarrow.binary(32)),
        ([2**64 - 1, 0], pyarrow.uint64()),
    ],
)
def test_large_numbers(numbers: list[Any], kind: Any) -> None:
    block = Block.from_arrow(with_column(PAYMENTS, "amount", numbers, kind), program=transfer)
    wanted = [int.from_bytes(each, "big") if isinstance(each, bytes) else int(each) for each in numbers]
    assert [txn.arguments[2] for txn in block] == wanted


def payments(name: str, values: Any, kind: Any = None) -> pyarrow.Table:
    return with_column(PAYMENTS, name, values, kind)


def traces(name: str, values: Any, kind: Any = None) -> pyarrow.Table:
    return with_column(TRACES, name, values, kind)


BINARY = pyarrow.binary()
LISTS = pyarrow.list_(BINARY)
AMOUNTS = pyarrow.map_(BINARY, pyarrow.int8())
REFUSED: list[tuple[Any, dict[str, Any], type[BlockstmError], str]] = [
    (7, {}, UsageError, r"transactions is .*int; give a table for Arrow"),
    (PAYMENTS, {"state": 7}, UsageError, r"state is .*int; give a table"),
    (PAYMENTS, {"program": "transfer"}, UsageError, r"program is 'transfer', .*str; give a program"),
    (PAYMENTS, {"program": None}, UsageError, r"no column program; .* or say program="),
    (PAYMENTS.drop_columns(["amount"]), {}, UsageError, r"no column 'amount', a parameter of 'transfer'; add it"),
    (payments("fee", [1, 2]), {}, UsageError, r"column 'fee' is no parameter of 'transfer'"),
    (PAYMENTS.append_column("work", PAYMENTS["amount"]).rename_columns(["sender", "receiver", "amount", "amount"]),
     {}, UsageError, r"two columns named 'amount'"),
    (payments("sender", ["a", "b"]), {}, UsageError, r"column sender is of type string, .*: cast it"),
    (payments("sender", [b"a", None], BINARY), {}, UsageError, r"column sender, row 1: there is no value"),
    (payments("sender", [b"a", bytes(65)], BINARY), {}, LimitError, r"column sender, row 1: .* 64 bytes"),
    (payments("amount", [3, -1]), {}, LimitError, r"column amount, row 1: it is negative"),
    (payments("amount", [Decimal("1.5"), Decimal("2.5")]), {}, UsageError, r"column amount is of type dec"),
    (payments("amount", [1.5, 2.0]), {}, UsageError, r"column amount is of type double; give whole"),
    (payments("amount", [True, False]), {}, UsageError, r"column amount is of type bool; give whole"),
    (payments("work", [Decimal(1), Decimal(2)]), {}, UsageError, r"column work .* of kind u64"),
    (payments("gas_limit", [None, -5]), {}, LimitError, r"column gas_limit, row 1: it is negative"),
    (payments("program", ["transfer", "no.such"]), {"program": None}, UnknownProgramError,
     r"column program, row 1: .*'no.such'"),
    (payments("program", ["transfer", None]), {"program": None}, UsageError, r"column program, row 1"),
    (payments("program", [1, 2]), {"program": None}, UsageError, r"column program is of type int64"),
    (traces("reads", [[b"a", None], []], LISTS), {"program": trace}, UsageError,
     r"column reads: a key in a list is null"),
    (traces("reads", [[bytes(65)], []], LISTS), {"program": trace}, LimitError,
     r"column reads: a key is longer than 64 bytes"),
    (traces("reads", [["a"], []]), {"program": trace}, UsageError, r"column reads is of type lists of str"),
    (traces("reads", KEYS), {"program": trace}, UsageError, r"column reads is of type binary; give lists"),
    (traces("adds", [[(b"k", 1), (b"l", 2)], [(b"l", 1), (b"l", 2)]], AMOUNTS),
     {"program": trace}, UsageError, r"column adds, row 1: key 0x6c comes twice"),
    (traces("adds", [[(b"k", None)], []], AMOUNTS), {"program": trace},
     UsageError, r"column adds: an amount is null"),
    (traces("adds", [[(b"k", -1)], []], AMOUNTS), {"program": trace},
     LimitError, r"column adds: an amount: it is negative"),
    (traces("adds", [1, 2]), {"program": trace}, UsageError, r"column adds is of type int64; give maps"),
    (PAYMENTS, {"state": STATE.drop_columns(["value"])}, UsageError, r"has the columns 'key'; give it two"),
    (PAYMENTS, {"state": pyarrow.concat_tables([STATE, STATE])}, UsageError, r"column key, row 2: the key stands"),
    (PAYMENTS, {"state": with_column(STATE, "value", [b"", bytes(65_537)], BINARY)}, LimitError,
     r"column value, row 1: .* 65536 bytes"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "options", "error", "message"), REFUSED)
def test_what_is_no_block_is_refused(
    table: Any, options: dict[str, Any], error: type[BlockstmError], message: str
) -> None:
    with pytest.raises(error, match=message):
        Block.from_arrow(table, **{"program": transfer, **options})


def test_without_pyarrow_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="pyarrow"):
        Block.from_arrow(PAYMENTS, program=transfer)


@pytest.mark.parametrize(
    ("begins", "data"),
    [([0, 2, 1], b"ab"), ([0, 1, 3], b"ab"), ([-1, 0, 1], b"ab"), ([0, 1], b"ab")],
    ids=["not ascending", "past the data", "before it", "too few"],
)
def test_the_core_takes_no_column_that_lies_outside_of_its_data(begins: list[int], data: bytes) -> None:
    with pytest.raises(EngineError, match="build it again"):
        Column("key", 2, begins=array("q", begins), data=data)


def test_columns_that_do_not_belong_together_are_refused() -> None:
    two = Column("u64", 2, words=memoryview(bytes(16)).cast("Q"))
    with pytest.raises(EngineError, match="2 rows, not 3"):
        ColumnRows(3, [[two]])
    with pytest.raises(EngineError, match="do not belong together"):
        StateColumns(two, two)
