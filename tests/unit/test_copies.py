"""Programs, blocks and what came of them, copied and pickled by Python's own means."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm import (
    Block,
    Engine,
    NativeProgram,
    Parameter,
    ProgramError,
    Recorded,
    Transaction,
    UnknownProgramError,
    UsageError,
    program,
)
from blockstm.programs.built_in import trace, transfer

HERE = __name__
ROOT = Path(__file__).parents[2]


@program
def give(ctx: Any, to: bytes, amount: int = 1) -> None:
    ctx.add(to, amount)


def some_block() -> Block:
    return Block(
        [give.txn(b"a", 3), transfer.txn(b"a", b"b", 2), give.txn(b"b")],
        {b"a": b"\x05"},
        chain="here",
        number=7,
        meta={"why": ["a test"]},
    )


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copy_of_a_program_is_itself(again: Callable[[object], object]) -> None:
    assert again(give) is give
    assert again(transfer) is transfer


def test_a_program_that_a_module_gives_back_is_pickled_as_its_name(
    run_script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Any
) -> None:
    (tmp_path / "shop.py").write_text(
        "import blockstm\n@blockstm.program\ndef buy(ctx, buyer: bytes):\n    ctx.write(buyer, b'1')\n"
    )
    script = """
import pickle, subprocess, sys
import shop
import blockstm
assert pickle.loads(pickle.dumps(shop.buy)) is shop.buy
made = pickle.dumps(blockstm.Block([shop.buy.txn(b"a")], {b"a": b"0"}))
there = "import pickle, sys; print(pickle.load(sys.stdin.buffer).transactions[0].program.name)"
print(subprocess.run([sys.executable, "-c", there], input=made, capture_output=True).stdout.decode(), end="")
"""
    done = run_script(script)
    assert (done.stdout, done.stderr) == ("shop.buy\n", "")


@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, lambda block: pickle.loads(pickle.dumps(block))],
    ids=["copy", "deepcopy", "pickle"],
)
@pytest.mark.parametrize("from_file", [False, True], ids=["objects", "file"])
def test_a_block_is_copied_whole(
    again: Callable[[Block], Block], from_file: bool, shared_engine: Engine, tmp_path: Any
) -> None:
    block = Block([transfer.txn(b"a", b"b", 2)] * 3, {b"a": b"\x05"}, chain="here", number=7, meta={"x": 1})
    if from_file:
        block.save(tmp_path / "x.block")
        block = Block.load(tmp_path / "x.block")
    made = again(block)
    assert (made, made.chain, made.number, made.meta) == (block, "here", 7, {"x": 1})
    assert shared_engine.execute(made).state == shared_engine.execute(block).state


def test_a_script_sends_blocks_of_its_own_programs_to_another_process_and_back(tmp_path: Path) -> None:
    """There the main module has another name, and its programs the same."""
    path = tmp_path / "shop.py"
    path.write_text(
        "import multiprocessing, blockstm\n"
        "@blockstm.program\n"
        "def buy(ctx): ctx.write(b'k', b'v')\n"
        "def same(block): return block\n"
        "if __name__ == '__main__':\n"
        "    block = blockstm.Block([buy.txn()])\n"
        "    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
        "        again, = pool.map(same, [block])\n"
        "    print(again == block, again.transactions[0].program is buy)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, path], capture_output=True, text=True, check=False, env=environment
    )
    assert (done.stdout, done.stderr) == ("True True\n", "")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_transaction_is_pickled_with_all_that_it_has(protocol: int) -> None:
    recorded = Recorded(gas_used=7, seconds=0.5, reads=(b"a",), writes=(), adds={b"b": 1})
    for txn in (
        Transaction(give, (b"a", 1 << 80), 9, recorded),
        trace.txn([b"a"], (), {b"c": 5}, 3),
        give.txn(b"a"),
    ):
        again = pickle.loads(pickle.dumps(txn, protocol))
        assert (again, again.encoded, again.recorded) == (txn, txn.encoded, txn.recorded)
        assert again.program == txn.program
        assert copy.deepcopy(txn) == txn


def test_a_program_that_is_gone_from_its_module_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pickled = pickle.dumps(give)
    monkeypatch.setattr(sys.modules[HERE], "give", None)
    with pytest.raises(UnknownProgramError, match=r"defines no program 'give', which a pickle names; use"):
        pickle.loads(pickled)


def test_receipts_are_pickled(shared_engine: Engine) -> None:
    receipts = shared_engine.execute(Block([transfer.txn(b"a", b"b", 2)] * 2)).receipts
    for given in (receipts, list(receipts), receipts[1]):
        assert pickle.loads(pickle.dumps(given)) == given
        assert copy.deepcopy(given) == given


def test_a_result_says_what_to_take_of_it_instead_of_a_copy(shared_engine: Engine) -> None:
    result = shared_engine.execute(Block([transfer.txn(b"a", b"b", 0)]), timeline=True)
    for part in (result, result.stats, result.timeline):
        for again in (pickle.dumps, copy.deepcopy):
            with pytest.raises(
                UsageError, match=r"view of the memory of the engine.*list\(result\.receipts\)"
            ):
                again(part)


def test_a_native_program_with_lists_for_defaults_is_hashable(shared_engine: Engine) -> None:
    given = [b"a"]
    voted = NativeProgram(f"{HERE}.voted", (Parameter("reads", "keys", given),), "nowhere:entry")
    given.append(b"b")
    assert len({voted, transfer}) == 2
    assert voted.txn().arguments == ((b"a",),) or voted.txn().arguments == ([b"a"],)
    with pytest.raises(ProgramError, match="nowhere"):
        shared_engine.execute(Block([voted.txn()]))


def test_a_native_program_says_where_its_code_is() -> None:
    with pytest.raises(ProgramError, match=r"has no entry; say where its code is: package\.module:attribute"):
        NativeProgram(f"{HERE}.without", (Parameter("x", "u64"),))


def test_the_packed_form_of_a_block_cannot_be_changed(tmp_path: Any) -> None:
    block = some_block()
    Block([transfer.txn(b"a", b"b", 1)], {b"a": b"\x05"}).save(tmp_path / "x.block")
    for packed in (block._packed, Block.load(tmp_path / "x.block")._packed):
        with pytest.raises(TypeError):
            packed.rows[0][1][0] = 2_000_000_000
        with pytest.raises(TypeError):
            packed.state[2_000_000_000] = b""  # type: ignore[index]
        with pytest.raises(TypeError):
            packed.keys[0] = b""  # type: ignore[index]
