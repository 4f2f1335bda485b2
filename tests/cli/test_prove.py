"""`prove` and `verify-proof`: what is written is believed with its own root only."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from blockstm import Block, Engine
from blockstm.trees.binary import state_root
from tests.support.binary_tree import root_of

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

pytestmark = pytest.mark.usefixtures("one_engine")


def test_before_and_after_a_block(
    told: Callable[..., Any], small_block: Path, tmp_path: Path, shared_engine: Engine
) -> None:
    block = Block.load(small_block)
    after = dict(shared_engine.execute(block).state)
    for state, options in ((block.state, []), (after, ["--after"])):
        made = told("prove", small_block, "account 1", "0x6e6f626f6479", "nobody", "-o", "x.proof", *options)
        assert made == {
            "schema": 1,
            "command": "prove",
            "file": "x.proof",
            "block": str(small_block),
            "after": bool(options),
            "state_root": f"0x{root_of(state).hex()}",
            "keys": 2,
            "absent": 1,
            "bytes": (tmp_path / "x.proof").stat().st_size,
        }
        assert told("verify-proof", "x.proof", "--root", made["state_root"]) == {
            "schema": 1,
            "command": "verify-proof",
            "file": "x.proof",
            "state_root": made["state_root"],
            "keys": [
                {"key": f"0x{b'account 1'.hex()}", "value": f"0x{state[b'account 1'].hex()}"},
                {"key": "0x6e6f626f6479"},
            ],
        }


def test_what_is_shown(command: Command, small_block: Path) -> None:
    root = state_root(Block.load(small_block).state).hex()
    shown = command("prove", small_block, "account 1", "0xff00", "-o", "x.proof").stdout
    assert f"state digest  0x{root}\n" in shown
    assert "state         before the block\n" in shown
    shown = command("verify-proof", "x.proof", "--root", root).stdout
    assert shown.endswith("key        value\naccount 1  0x03e8\n0xff00     - (absent)\n")
    assert "verified      yes\n" in shown


def test_wrong_proofs_are_refused(
    command: Command, refused: Refused, small_block: Path, tmp_path: Path
) -> None:
    state = Block.load(small_block).state
    root = state_root(state).hex()
    assert command("prove", small_block, "account 1", "-o", "x.proof").returncode == 0
    file = tmp_path / "x.proof"
    proof = file.read_bytes()
    other = state_root({**state, b"account 1": b"\x03\xe9"}).hex()
    assert "x.proof: the proof is of the root 0x" in refused("verify-proof", "x.proof", "--root", other)
    for bad, text in (
        (proof[:100], "is not a whole proof"),
        (proof[:-50] + bytes(1) + proof[-49:], "is damaged"),
        (b"", "is not a whole proof"),
        (small_block.read_bytes(), "is not a whole proof"),
    ):
        file.write_bytes(bad)
        assert f"x.proof: {text}" in refused("verify-proof", "x.proof", "--root", root)
    file.unlink()
    assert "x.proof: no such file" in refused("verify-proof", "x.proof", "--root", root)


def test_bad_usage_is_refused_and_writes_nothing(refused: Refused, small_block: Path, tmp_path: Path) -> None:
    for arguments, text in (
        ([small_block, "0x123", "-o", "x.proof"], "pairs of hex digits"),
        ([small_block, "k" * 65, "-o", "x.proof"], "has 65 bytes"),
        ([small_block, "0x" + "00" * 65, "-o", "x.proof"], "has 65 bytes"),
        ([small_block, "-o", "x.proof"], "KEY"),
        ([small_block, "key", "-o", small_block], "is an input of this command"),
        ([small_block, "key", "-o", "nowhere/x.proof"], "its folder does not exist"),
        (["nowhere.block", "key", "-o", "x.proof"], "nowhere.block: no such file"),
    ):
        assert text in refused("prove", *arguments)
    for root in ("0x12", "00" * 33, "zz" * 32):
        assert "is not a root; give 64 hex digits" in refused("verify-proof", small_block, "--root", root)
    assert [path.name for path in tmp_path.iterdir()] == [small_block.name]
