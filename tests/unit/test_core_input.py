"""What the core refuses: numbers that are none from programs, and packed rows that are not as they should be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import blockstm
from blockstm import limits
from blockstm.blocks.packed import PackedBlock
from blockstm.native import _core
from blockstm.programs.built_in import trace, transfer
from blockstm.results.verify import differences


class Amount(IntEnum):
    SEVEN = 7


NO_INTEGERS = [
    1.0,
    1.9,
    -0.5,
    float("nan"),
    float("inf"),
    Decimal("2.7"),
    Decimal("NaN"),
    Fraction(7, 2),
    Fraction(7),
    True,
    False,
    b"\x05",
    "5",
    None,
]


# --- numbers --------------------------------------------------------------------------------------


@blockstm.program
def number_of_any_kind(ctx: blockstm.Context, what: str, place: int) -> None:
    """Hand a value that is no int, the one at that place, to one of the parameters that take a number."""
    value: Any = NO_INTEGERS[place]
    if what == "delta":
        ctx.add(b"k", value)
    elif what == "minimum":
        ctx.add(b"k", 1, minimum=value)
    elif what == "maximum":
        ctx.add(b"k", 1, 0, value)
    else:
        ctx.charge(value)


@pytest.mark.parametrize("what", ["delta", "minimum", "maximum", "gas"])
def test_only_integers_are_numbers(shared_engine: blockstm.Engine, what: str) -> None:
    block = blockstm.Block([number_of_any_kind.txn(what, place) for place in range(len(NO_INTEGERS))])
    result = shared_engine.execute(block)
    assert differences(result, shared_engine.execute(block, "sequential")) == []
    assert result.state == {}
    for receipt, value in zip(result.receipts, NO_INTEGERS, strict=True):
        assert (receipt.status, receipt.gas_used) == ("failed", 0)
        assert receipt.error is not None
        assert receipt.error.startswith(f"TypeError: the {what} is ")
        assert receipt.error.endswith(f", a {type(value).__name__}; give an int")


@blockstm.program
def number_of_an_enum(ctx: blockstm.Context) -> None:
    ctx.add(b"k", Amount.SEVEN, Amount.SEVEN, Amount.SEVEN)
    ctx.charge(Amount.SEVEN)


def test_subclasses_of_int_are_numbers(shared_engine: blockstm.Engine) -> None:
    result = shared_engine.execute(blockstm.Block([number_of_an_enum.txn()]))
    assert result.state == {b"k": b"\7"}
    assert result.receipts[0].gas_used == 7


@pytest.mark.parametrize("value", NO_INTEGERS)
def test_arguments_keep_the_same_rule(value: Any) -> None:
    with pytest.raises(blockstm.ProgramError, match=f"a {type(value).__name__}; give an int"):
        transfer.txn(b"a", b"b", value)


def test_gas_for_more_rounds_than_can_be_counted_is_worked_off() -> None:
    """As far as that goes: the time limit ends it. It must not come to no rounds at all."""
    block = blockstm.Block([trace.txn([], [b"k"], {}, (1 << 64) - 1), transfer.txn(b"a", b"b", 0)])
    with blockstm.Engine(1, time_limit_seconds=0.2, rounds_per_gas=2.0) as engine:
        result = engine.execute(block)
    assert [receipt.status for receipt in result.receipts] == ["failed", "success"]
    assert "time limit" in (result.receipts[0].error or "")
    assert b"k" not in result.state


# --- limits ---------------------------------------------------------------------------------------


def test_limits_of_the_core_are_those_of_the_package() -> None:
    assert {name: getattr(limits, name) for name in _core.LIMITS} == _core.LIMITS
    assert {"KEY_BYTES_MAX", "VALUE_BYTES_MAX", "EVENT_BYTES_MAX", "REASON_BYTES_MAX"} <= _core.LIMITS.keys()


# --- rows -----------------------------------------------------------------------------------------

BLOCK = blockstm.Block(
    [transfer.txn(b"a", b"b", 1), trace.txn([b"a"], [b"c"], {b"d": 1 << 200}, 5)], {b"a": b"\x05"}
)


def with_argument(packed: PackedBlock, txn_idx: int, place: int, argument: object) -> PackedBlock:
    program, arguments, *rest = packed.rows[txn_idx]
    changed = (*arguments[:place], argument, *arguments[place + 1 :])
    return with_row(packed, txn_idx, (program, changed, *rest))


def with_row(packed: PackedBlock, txn_idx: int, row: Any) -> PackedBlock:
    return replace(packed, rows=(*packed.rows[:txn_idx], row, *packed.rows[txn_idx + 1 :]))


def set_key(packed: PackedBlock, index: object) -> PackedBlock:
    return with_argument(packed, 0, 0, index)


def set_list_of_keys(packed: PackedBlock, index: object) -> PackedBlock:
    return with_argument(packed, 1, 0, (index,))


def set_added(packed: PackedBlock, index: object) -> PackedBlock:
    return with_argument(packed, 1, 2, (index, 1))


def set_state(packed: PackedBlock, index: Any) -> PackedBlock:
    return replace(packed, state={index: b"\x01"})


def set_program(packed: PackedBlock, index: object) -> PackedBlock:
    return with_row(packed, 0, (index, *packed.rows[0][1:]))


def loaded(folder: Path, change: Callable[[PackedBlock], PackedBlock]) -> blockstm.Block:
    """The block from its file, with something changed in what the file's reader has made."""
    BLOCK.save(folder / "x.block")
    block = blockstm.Block.load(folder / "x.block")
    return blockstm.Block._of(block._header, change(block._packed))


@pytest.mark.parametrize("change", [set_key, set_list_of_keys, set_added, set_state, set_program])
@pytest.mark.parametrize("index", [4, 2_000_000_000, (1 << 32) + 1, 1 << 70, -1, "0", None])
def test_index_that_names_nothing_is_refused(
    shared_engine: blockstm.Engine,
    tmp_path: Path,
    change: Callable[[PackedBlock, object], PackedBlock],
    index: object,
) -> None:
    block = loaded(tmp_path, lambda packed: change(packed, index))
    with pytest.raises(blockstm.EngineError, match="load the block from its file again") as caught:
        shared_engine.execute(block)
    assert "\n" not in str(caught.value)
    assert shared_engine.execute(BLOCK).state[b"b"] == b"\x01"


@pytest.mark.parametrize("row", [(), (0,), (0, ()), (0, (0,), None, None), (0, None, None, None), None, 5])
def test_row_that_is_none_is_refused(shared_engine: blockstm.Engine, tmp_path: Path, row: Any) -> None:
    block = loaded(tmp_path, lambda packed: with_row(packed, 0, row))
    with pytest.raises(blockstm.EngineError, match="load the block from its file again"):
        shared_engine.execute(block)


@pytest.mark.parametrize("length", [limits.KEY_BYTES_MAX + 1, 1 << 28])
def test_key_longer_than_its_place_is_refused(
    shared_engine: blockstm.Engine, tmp_path: Path, length: int
) -> None:
    """No reader lets one through; but what is copied beyond its place would overwrite others, or crash."""
    block = loaded(tmp_path, lambda packed: replace(packed, keys=(*packed.keys[:-1], bytes(length))))
    with pytest.raises(blockstm.LimitError, match=f"a key is {length} bytes long; a key has at most 64"):
        shared_engine.execute(block)
    assert shared_engine.execute(BLOCK).state[b"b"] == b"\x01"
