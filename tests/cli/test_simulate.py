"""blockstm simulate as a user meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm.simulate import default_model, model_text

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]


def test_the_table(command: Command, small_block: Path) -> None:
    completed = command("simulate", small_block, "--cores", "1,2,4")
    assert completed.returncode == 0, completed.stderr
    assert completed.stderr == ""
    assert [line.split()[0] for line in completed.stdout.splitlines()[2:5]] == ["1", "2", "4"]
    assert "modelled time" in completed.stdout


def test_json_is_the_same_every_time(command: Command, small_block: Path, tmp_path: Path) -> None:
    costs = tmp_path / "costs.toml"
    costs.write_text(model_text(default_model()))
    runs = [command("simulate", small_block, "--cores", "1,3", "--json") for _ in range(2)]
    runs.append(command("simulate", small_block, "--cores", "1,3", "--json", "--model", costs))
    assert len({run.stdout for run in runs}) == 1
    found = json.loads(runs[0].stdout)
    assert (found["schema"], found["command"], found["file"]) == (1, "simulate", str(small_block))
    assert [entry["cores"] for entry in found["results"]] == [1, 3]
    names = {"seconds", "speedup", "efficiency", "executions", "validations", "aborts", "bound_critical_path"}
    assert names | {"bound_greedy", "commit_latency_seconds"} <= set(found["results"][0])


@pytest.mark.parametrize("cores", ["0", "257", "", "1,", "1;2", "x", "-1"])
def test_numbers_of_cores_that_are_none(refused: Refused, small_block: Path, cores: str) -> None:
    assert "from 1 to 256" in refused("simulate", small_block, f"--cores={cores}")


def test_bad_files(refused: Refused, small_block: Path, tmp_path: Path) -> None:
    assert "nowhere.block: " in refused("simulate", "nowhere.block")
    assert "nowhere.toml: " in refused("simulate", small_block, "--model", "nowhere.toml")
    costs = tmp_path / "costs.toml"
    costs.write_text("[ns]\ntask = -1\n")
    assert f"{costs}: ns.task is -1" in refused("simulate", small_block, "--model", costs)


def test_calibrate_refuses_before_it_measures(refused: Refused, tmp_path: Path) -> None:
    assert "its folder does not exist" in refused("calibrate", "-o", tmp_path / "none" / "costs.toml")
    assert "--repeat" in refused("calibrate", "--repeat", "0")
