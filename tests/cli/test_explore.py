"""``blockstm explore``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.support import mutants

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_a_block_is_explored(command: Command, tmp_path: Path) -> None:
    mutants.ring().save(tmp_path / "ring.block")
    done = command("explore", "ring.block", "--schedules", 50, "--kill", 1)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("50 schedules, ")
    assert done.stdout.endswith("steps: no failure\n")


def test_the_figures_come_as_json(command: Command, tmp_path: Path) -> None:
    mutants.ring().save(tmp_path / "ring.block")
    done = command("explore", "ring.block", "--strategy", "exhaustive", "--preemptions", 1, "--json")
    figures = json.loads(done.stdout)
    assert figures["schema"] == 1
    assert figures["command"] == "explore"
    assert figures["strategy"] == "exhaustive"
    assert figures["schedules"] > 1
    assert figures["steps"] > figures["schedules"] > figures["pruned"] > 0
    assert figures["failures"] == []


def test_bad_input_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    mutants.ring().save(tmp_path / "ring.block")
    assert "--kill goes with" in refused("explore", "ring.block", "--kill", 1, "--strategy", "exhaustive")
    assert "version is 7" in refused("explore", "ring.block", "--replay", "7.2.a")
    assert "is over after 3 steps" in refused("explore", "ring.block", "--replay", "1.2.a3")
    assert "no such file" in refused("explore", "other.block")
