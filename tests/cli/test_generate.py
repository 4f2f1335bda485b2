"""blockstm generate, and what the other commands make of its files."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm import Block

Command = Callable[..., subprocess.CompletedProcess[str]]
SCENARIOS = Path(__file__).parents[2] / "scenarios"


@pytest.fixture
def day(tmp_path: Path) -> Path:
    path = tmp_path / "day.toml"
    path.write_text('workload = "mixed"\ntransactions = 60\nseed = 3\n[mixed]\nwork = 10\n')
    return path


def test_a_generated_file_is_replayed_in_a_process_that_knows_no_programs(
    command: Command, process: Command, day: Path
) -> None:
    made = command("generate", day, "-o", "x.block")
    assert made.returncode == 0, made.stderr
    assert "transactions  60" in made.stdout
    replayed = process("replay", "x.block", "--verify", "--workers", "2", "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["totals"]["verified"] is True


def test_a_generated_file_is_simulated_and_explored(command: Command, day: Path) -> None:
    command("generate", day, "-o", "x.block", "--set", "transactions=8")
    simulated = command("simulate", "x.block", "--cores", "2", "--json")
    assert simulated.returncode == 0, simulated.stderr
    assert json.loads(simulated.stdout)["results"][0]["cores"] == 2
    explored = command("explore", "x.block", "--schedules", "5", "--json")
    assert explored.returncode == 0, explored.stderr
    assert json.loads(explored.stdout)["failures"] == []


def test_json_and_settings(command: Command, day: Path) -> None:
    settings = ("--set", "transactions=7", "--set", "transfers.shape=diem", "--set", "seed=9")
    made = command("generate", day, "-o", "x.block", "--json", *settings)
    told = json.loads(made.stdout)
    assert told["schema"] == 1 and told["command"] == "generate"
    assert (told["scenario"], told["workload"], told["transactions"]) == ("day", "mixed", 7)
    again = json.loads(command("generate", day, "-o", "y.block", "--json", *settings).stdout)
    assert again["blake3"] == told["blake3"]
    parameters = {"transactions": 7, "transfers.shape": "diem", "seed": 9}
    assert Block.load("x.block").meta["scenario"]["parameters"] == parameters  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.toml", "-o", "x.block"), "none.toml: no such file"),
        (("day.toml", "-o", "nowhere/x.block"), "its folder does not exist"),
        (("day.toml", "-o", "day.toml"), "name another file"),
        (("day.toml", "-o", "x.block", "--set", "seed"), "--set 'seed': give a field and a value"),
        (("day.toml", "-o", "x.block", "--set", "seed=x"), "seed is 'x'; allowed are whole numbers"),
        (("day.toml", "-o", "x.block", "--set", "a.b=1"), "the table 'a' does not go with"),
        (("day.toml", "-o", "x.block", "--set", "seed=1\nx=2"), "seed is '1\\nx=2'"),
        (("day.toml",), "--output"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(
    refused: Callable[..., str], day: Path, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    assert told in refused("generate", *arguments)
    assert not (tmp_path / "x.block").exists()
