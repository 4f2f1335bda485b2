"""Blocks out of Arrow tables are those of the same transactions as objects, whatever types the columns have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Block, Engine
from blockstm.blocks.block_file import content_digest
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.transaction import Transaction
from tests.support.blocks import SETTINGS, examples, native_transactions, states

STRINGS = [pyarrow.binary(), pyarrow.large_binary(), pyarrow.dictionary(pyarrow.int8(), pyarrow.binary())]
NUMBERS = [
    pyarrow.binary(32),
    pyarrow.uint64(),
    pyarrow.int32(),
    pyarrow.decimal128(38),
    pyarrow.decimal256(76),
]
PARAMETERS = [parameter for program in (transfer, trace) for parameter in program.parameters]


@st.composite
def number_columns(draw: st.DrawFn, numbers: list[int | None]) -> pyarrow.Array:
    """Numbers, in one of the types that can hold them all."""
    greatest = max((number for number in numbers if number is not None), default=0)
    most = {pyarrow.uint64(): 2**64, pyarrow.int32(): 2**31, pyarrow.decimal128(38): 10**38}
    most[pyarrow.decimal256(76)] = 10**76
    kind = draw(st.sampled_from([kind for kind in NUMBERS if greatest < most.get(kind, 2**256)]))
    if kind == pyarrow.binary(32):
        return pyarrow.array([n if n is None else n.to_bytes(32, "big") for n in numbers], kind)
    return pyarrow.array(numbers, kind)


def nested(rows: list[Any], items: pyarrow.Array, is_large: bool) -> pyarrow.Array:
    """Lists of items, of which each row has as many as it has elements; None is null."""
    ends = [0]
    for row in rows:
        ends.append(ends[-1] + len(row or ()))
    mask = pyarrow.array([row is None for row in rows], pyarrow.bool_())
    kind, offsets = (
        (pyarrow.LargeListArray, pyarrow.int64()) if is_large else (pyarrow.ListArray, pyarrow.int32())
    )
    return kind.from_arrays(pyarrow.array(ends, offsets), items, mask=mask)


@st.composite
def columns(draw: st.DrawFn, kind: str, values: list[Any]) -> pyarrow.Array:
    """The values of a parameter, null where a program does not have it, in any type that a table may have."""
    strings = draw(st.sampled_from(STRINGS))
    if kind == "key":
        return pyarrow.array(values, pyarrow.binary()).cast(strings)
    if kind in ("u64", "u256"):
        return draw(number_columns(values)) if kind == "u256" else pyarrow.array(values, pyarrow.uint64())
    flat = [key for row in values for key in row or ()]
    keys = pyarrow.array(flat, draw(st.sampled_from(STRINGS[:2])))
    if kind == "keys":
        return nested(values, keys, draw(st.booleans()))
    amounts = draw(number_columns([amount for row in values for amount in (row or {}).values()]))
    pairs = pyarrow.StructArray.from_arrays([keys, amounts], ["key", "amount"])
    lists = nested(values, pairs, is_large=False)
    if draw(st.booleans()):
        return lists
    begins = [
        None if row is None else begin for row, begin in zip(values, lists.offsets.to_pylist(), strict=False)
    ]
    offsets = pyarrow.array([*begins, len(flat)], pyarrow.int32())
    return pyarrow.MapArray.from_arrays(offsets, keys, amounts)


@st.composite
def tables(draw: st.DrawFn, transactions: Sequence[Transaction]) -> pyarrow.Table:
    """A table of transactions that run `transfer` or `trace`, in chunks that begin anywhere in their buffers."""
    values: dict[str, list[Any]] = {parameter.name: [] for parameter in PARAMETERS}
    for transaction in transactions:
        of_program = dict(zip(transaction.program.defaults(), transaction.arguments, strict=True))
        for name, column in values.items():
            column.append(of_program.get(name))
    made = {parameter.name: draw(columns(parameter.kind, values[parameter.name])) for parameter in PARAMETERS}
    made["program"] = pyarrow.array([txn.program.name for txn in transactions], pyarrow.string())
    made["gas_limit"] = pyarrow.array([txn.gas_limit for txn in transactions], pyarrow.int64())
    table = pyarrow.table(made)
    cuts = sorted(draw(st.lists(st.integers(0, len(transactions)), max_size=3)))
    pieces = [
        table.slice(begin, end - begin)
        for begin, end in zip([0, *cuts], [*cuts, len(transactions)], strict=True)
    ]
    return pyarrow.concat_tables(pieces)


@st.composite
def blocks_and_tables(draw: st.DrawFn) -> tuple[Block, pyarrow.Table, pyarrow.Table]:
    transactions = draw(st.lists(native_transactions, max_size=30))
    state = draw(states)
    strings = draw(st.sampled_from(STRINGS[:2]))
    state_table = pyarrow.table(
        {"key": pyarrow.array(state.keys(), strings), "value": pyarrow.array(state.values(), strings)}
    )
    return Block(transactions, state), draw(tables(transactions)), state_table


@given(blocks_and_tables())
@settings(SETTINGS, max_examples=examples(60))
def test_a_block_of_a_table_is_that_of_the_objects(
    tmp_path_factory: pytest.TempPathFactory, given: tuple[Block, pyarrow.Table, pyarrow.Table]
) -> None:
    block, table, state = given
    made = Block.from_arrow(table, state)
    assert (len(made), repr(made), made.programs) == (len(block), repr(block), block.programs)
    assert made.transactions == block.transactions
    assert made == block
    folder = tmp_path_factory.mktemp("blocks")
    for name, each in (("made", made), ("given", block)):
        each.save(folder / name)
    assert content_digest(folder / "made") == content_digest(folder / "given")


@given(blocks_and_tables(), st.sampled_from(["block-stm", "sequential"]))
@settings(SETTINGS, max_examples=examples(40))
def test_it_comes_to_the_same(
    shared_engine: Engine, given: tuple[Block, pyarrow.Table, pyarrow.Table], model: str
) -> None:
    block, table, state = given
    result = shared_engine.execute(Block.from_arrow(table, state), model)
    wanted = shared_engine.execute(block, "sequential")
    assert result.diff(wanted) == []
    assert dict(result.state) == dict(wanted.state)
    assert [each.gas_used for each in result.receipts] == [each.gas_used for each in wanted.receipts]
