"""Closed standard descriptors: nothing of ours is kept open under their numbers, so nothing is written into it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm import Block
from blockstm.files.descriptors import above_standard, fill_standard
from blockstm.programs.built_in import transfer

ROOT = Path(__file__).parents[2]
CLOSED = ["2>&-", "<&- >&- 2>&-"]

COMMANDS = """
import sys
from blockstm.cli import main

for command, status in (
    ("replay x.block --verify", 0),
    ("simulate x.block --cores 2", 0),
    ("explore x.block --schedules 2 --kill 1", 0),
    ("replay none.block", 2),
):
    assert main(command.split()) == status, command
open("came-to-its-end", "w").close()
"""

PRINTING = """
import os, sys
import blockstm
from blockstm.explore.batches import explore
from blockstm.explore.explorer import Plan
from blockstm.processes import host
from blockstm.simulate import Simulation, default_model
from blockstm.testing import check

@blockstm.program
def say(ctx):
    print("HELLO " * 5000)
    os.write(1, b"HELLO " * 5000)
    os.write(2, b"HELLO " * 5000)
    ctx.write(b"k", b"1")

def held():
    # Of the files that are open under the standard numbers, those that are ours: sockets, pipes, memory files.
    names = {descriptor: os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in os.listdir("/proc/self/fd")
             if os.path.lexists(f"/proc/self/fd/{descriptor}")}
    return [name for descriptor, name in names.items() if int(descriptor) in missing]

missing = [descriptor for descriptor in range(3) if not os.path.lexists(f"/proc/self/fd/{descriptor}")]
block = blockstm.Block([say.txn()] * 20)
with blockstm.Engine(workers=2) as engine:
    assert held() == [], held()
    for _ in range(2):
        assert {receipt.status for receipt in engine.execute(block).receipts} == {"success"}
    assert dict(engine.execute(block).state) == {b"k": b"1"}
with Simulation(block, default_model(), 2) as simulation:
    assert dict(simulation.run(2).state) == {b"k": b"1"}
    assert held() == [], held()
assert explore(block, Plan(schedules=2)).failures == []
assert check(block, schedules=2).schedules == 2
open("came-to-its-end", "w").close()
"""


def run_closed(closed: str, folder: Path, *command: object) -> subprocess.CompletedProcess[bytes]:
    """Run a command whose standard descriptors are closed as a shell closes them."""
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", *map(str, command)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("closed", CLOSED)
def test_programs_that_print_where_descriptors_are_closed(closed: str, tmp_path: Path) -> None:
    (tmp_path / "say.py").write_text(PRINTING)
    done = run_closed(closed, tmp_path, sys.executable, "say.py")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "came-to-its-end").exists()


@pytest.mark.parametrize("closed", CLOSED)
def test_commands_whose_descriptors_are_closed(closed: str, tmp_path: Path) -> None:
    Block([transfer.txn(b"a", b"b", 1)] * 3, {b"a": b"\5"}).save(tmp_path / "x.block")
    done = run_closed(closed, tmp_path, sys.executable, "-c", COMMANDS)
    assert done.returncode == 0
    assert (tmp_path / "came-to-its-end").exists()
    assert done.stderr == b""
    assert b"error" not in done.stdout


def test_a_daemon_that_has_closed_its_descriptors(
    run_script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    done = run_script(
        """
import os, blockstm
from blockstm.programs.built_in import transfer
for descriptor in range(3):
    os.close(descriptor)
with blockstm.Engine(workers=1) as engine:
    assert not any(os.path.lexists(f"/proc/self/fd/{descriptor}") for descriptor in range(3))
    engine.execute(blockstm.Block([transfer.txn(b"a", b"b", 1)]))
os._exit(7)
"""
    )
    assert done.returncode == 7


def test_above_standard_moves_only_what_lies_below() -> None:
    reading, writing = os.pipe()
    assert above_standard(reading) == reading
    before = os.dup(0)
    try:
        os.dup2(reading, 0)
        moved = above_standard(0)
        assert moved > 2
        assert not os.get_inheritable(moved)
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(0)
        fill_standard()
        assert os.readlink("/proc/self/fd/0") == "/dev/null"
        assert os.get_inheritable(0)
        os.write(writing, b"x")
        assert os.read(moved, 1) == b"x"
        os.close(moved)
    finally:
        os.dup2(before, 0)
        for descriptor in (before, reading, writing):
            os.close(descriptor)
