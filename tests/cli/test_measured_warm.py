"""No command books what a process does only once, such as imports, on a transaction or on one side."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

FIRST_SECONDS = 0.5
MODULE = f"""
import time
import blockstm

is_warm = False


@blockstm.program
def slow_at_first(ctx, key: bytes):
    global is_warm
    if not is_warm:
        is_warm = True
        time.sleep({FIRST_SECONDS})
    ctx.write(key, b"1")
    ctx.charge(1)
"""


@pytest.fixture
def cold(tmp_path: Path, environment: dict[str, str]) -> str:
    """A block whose program takes long when a process runs it for the first time."""
    (tmp_path / "slow_programs.py").write_text(MODULE)
    code = (
        "import blockstm, slow_programs; "
        "blockstm.Block([slow_programs.slow_at_first.txn(b'%d' % key) for key in range(20)]).save('cold.block')"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=60)
    return "cold.block"


def json_of(completed: subprocess.CompletedProcess[str]) -> dict[str, object]:
    assert completed.returncode == 0, completed.stderr
    parsed = json.loads(completed.stdout)
    assert isinstance(parsed, dict)
    return parsed


def test_replay(command: Command, cold: str) -> None:
    for workers in (1, 2):
        found = json_of(
            command("replay", cold, "--programs", "slow_programs", "--workers", workers, "--json")
        )
        (entry,) = found["blocks"]  # type: ignore[misc]
        assert entry["sequential_seconds"] < FIRST_SECONDS
        assert entry["wall_seconds"] < FIRST_SECONDS


def test_inspect(command: Command, cold: str) -> None:
    found = json_of(command("inspect", cold, "--programs", "slow_programs", "--json"))
    (by_seconds,) = [entry for entry in found["bounds"] if entry["weight"] == "seconds"]  # type: ignore[attr-defined]
    assert by_seconds["critical_path"] < FIRST_SECONDS


@pytest.mark.parametrize("model", ["sequential", "block-stm"])
def test_record_trace(command: Command, cold: str, tmp_path: Path, model: str) -> None:
    options = ("--programs", "slow_programs", "--model", model, "-o", "t.jsonl")
    assert command("record", "trace", "--from", cold, *options).returncode == 0
    _, *lines = map(json.loads, (tmp_path / "t.jsonl").read_text().splitlines())
    assert len(lines) == 20
    assert max(line["seconds"] for line in lines) < FIRST_SECONDS
