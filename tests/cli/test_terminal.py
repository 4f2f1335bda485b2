"""What a file says gives the terminal no orders: whatever does not print is escaped wherever text is shown."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm import Block
from blockstm.errors import printable
from blockstm.programs.built_in import transfer
from blockstm.programs.program import program
from tests.support.sweeps import SMALL

Command = Callable[..., subprocess.CompletedProcess[str]]

HOSTILE = "\x1b[31mRED\x07\u202e\x9b2J"
SHOWN = r"\x1b[31mRED\x07\u202e\x9b2J"


@program
def hostile(ctx) -> None:  # type: ignore[no-untyped-def]
    ctx.add(b"one key", 1)
    ctx.revert(HOSTILE)


@pytest.fixture
def block(tmp_path: Path) -> Path:
    """A block whose name, chain, keys and reasons are hostile."""
    key = HOSTILE.encode()
    transactions = [*(transfer.txn(key, b"b", 1) for _ in range(4)), *(hostile.txn() for _ in range(4))]
    path = tmp_path / f"{HOSTILE}.block"
    Block(transactions, {key: (1000).to_bytes(2, "big")}, chain=HOSTILE, number=7).save(path)
    return path


def is_harmless(text: str) -> bool:
    return all(character.isprintable() or character == "\n" for character in text)


@pytest.mark.parametrize(
    "arguments",
    [
        ("replay", "BLOCK"),
        ("replay", "BLOCK", "BLOCK", "--workers", "1"),
        ("replay", "BLOCK", "--programs", HOSTILE),
        ("replay", HOSTILE),
        ("inspect", "BLOCK"),
        ("simulate", "BLOCK", "--cores", "1,2"),
        ("simulate", "BLOCK", "--cores", HOSTILE),
        ("compare", "BLOCK", "BLOCK", "--cores", "1"),
        ("compare", "BLOCK", "--models", HOSTILE),
        ("explore", "BLOCK", "--schedules", "1"),
        ("generate", "BLOCK", "-o", f"{HOSTILE}/x"),
        ("record", "trace", "--from", "BLOCK", "-o", f"{HOSTILE}.jsonl"),
        ("record", HOSTILE),
        ("report", "BLOCK", "-o", "x.html"),
        (HOSTILE,),
        ("replay", f"--{HOSTILE}"),
    ],
    ids=lambda arguments: printable(" ".join(arguments)),
)
def test_all_that_a_command_says(command: Command, block: Path, arguments: tuple[str, ...]) -> None:
    completed = command(*(block if argument == "BLOCK" else argument for argument in arguments))
    said = completed.stdout + completed.stderr
    assert said and is_harmless(said)


def test_a_sweep_and_a_scenario(command: Command, tmp_path: Path) -> None:
    path = tmp_path / f"{HOSTILE}.toml"
    path.write_text(SMALL)
    completed = command("sweep", path, "-o", HOSTILE, "--workers", 1)
    assert completed.returncode == 0 and is_harmless(completed.stdout + completed.stderr)
    path.write_text('workload = "transfers"\ntransactions = 10')
    completed = command("generate", path, "-o", f"{HOSTILE}.block")
    assert completed.returncode == 0 and is_harmless(completed.stdout + completed.stderr)
    assert SHOWN in completed.stdout
