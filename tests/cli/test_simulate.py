"""blockstm simulate as a user meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm import Block
from blockstm.programs.built_in import transfer
from blockstm.simulate import default_model, model_text
from tests.support.timelines import check_trace

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
    first, again = (command("simulate", small_block, "--cores", "1,3", "--json").stdout for _ in range(2))
    assert first == again
    found = json.loads(first)
    told = json.loads(command("simulate", small_block, "--cores", "1,3", "--json", "--costs", costs).stdout)
    assert told == found | {"options": {"cost_model": str(costs)}}
    assert (found["schema"], found["command"], found["file"]) == (1, "simulate", str(small_block))
    assert [entry["cores"] for entry in found["results"]] == [1, 3]
    names = {"seconds", "speedup", "efficiency", "executions", "validations", "aborts", "bound_critical_path"}
    assert names | {"bound_greedy", "commit_latency_seconds"} <= set(found["results"][0])


def test_timelines_are_the_same_every_time(command: Command, small_block: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    plain = command("simulate", small_block, "--cores", "1,3", "--json")
    texts = set()
    for _ in range(2):
        completed = command("simulate", small_block, "--cores", "1,3", "--json", "--timeline", path)
        assert (completed.returncode, completed.stdout, completed.stderr) == (0, plain.stdout, "")
        texts.add(path.read_text())
    assert len(texts) == 1
    document = check_trace(texts.pop())
    assert document["otherData"]["file"] == str(small_block)
    assert [(run["name"], run["cores"]) for run in document["otherData"]["runs"]] == [
        ("1 core", 1),
        ("3 cores", 3),
    ]


def test_spans_that_are_missing_are_told_of(command: Command, tmp_path: Path) -> None:
    block = Block([transfer.txn(b"from", b"to", 0)] * 2200)
    block.save(tmp_path / "many.block")
    arguments = ("simulate", "many.block", "--cores", 1, "--memory-limit", "1MiB", "--timeline", "out.json")
    completed = command(*arguments)
    assert completed.returncode == 0, completed.stderr
    document = check_trace((tmp_path / "out.json").read_text())
    (run,) = document["otherData"]["runs"]
    assert run["spans_dropped"] > 0
    assert completed.stderr.startswith(f"out.json: {run['spans_dropped']:,} spans of 1 core are missing: ")
    assert completed.stderr.count("\n") == 1


@pytest.mark.parametrize("cores", ["0", "257", "", "1,", "1;2", "x", "-1"])
def test_numbers_of_cores_that_are_none(refused: Refused, small_block: Path, cores: str) -> None:
    assert "from 1 to 256" in refused("simulate", small_block, f"--cores={cores}")


def test_bad_files(refused: Refused, small_block: Path, tmp_path: Path) -> None:
    assert "nowhere.block: " in refused("simulate", "nowhere.block")
    assert "nowhere.toml: " in refused("simulate", small_block, "--costs", "nowhere.toml")
    costs = tmp_path / "costs.toml"
    costs.write_text("[ns]\ntask = -1\n")
    assert f"{costs}: ns.task is -1" in refused("simulate", small_block, "--costs", costs)


def test_a_timeline_that_cannot_be_written(refused: Refused, small_block: Path, tmp_path: Path) -> None:
    costs = tmp_path / "costs.toml"
    costs.write_text(model_text(default_model()))
    for path in ("nowhere/out.json", ".", small_block, costs):
        message = refused("simulate", small_block, "--costs", costs, "--timeline", path)
        assert message.startswith(f"error: --timeline {path}: ")


def test_calibrate_refuses_before_it_measures(refused: Refused, tmp_path: Path) -> None:
    assert "its folder does not exist" in refused("calibrate", "-o", tmp_path / "none" / "costs.toml")
    assert "--repeat" in refused("calibrate", "--repeat", "0")
