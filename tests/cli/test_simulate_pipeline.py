"""blockstm simulate --pipeline as a user meets it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm.schema.fields import Fields
from blockstm.schema.pipeline import PipelineOutput

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]
ROOT = Path(__file__).parents[2]

FIGURES = """
blocks = 2
[block]
transactions = 4
gas = 1_000_000
reads = 8
accounts = 4
[read]
latency = 1e-3
[execute]
seconds = 20e-3
[persist]
sync_seconds = 2e-3
"""
ENGINE = """
modes = ["prefetched", "serial"]
blocks = 3
in_flight = 2
[read]
latency = { median = 80e-6, p99 = 400e-6 }
queue_depth = 4
[senders]
seconds_per_transaction = 50e-6
[execute]
cores = 4
[root]
seconds_per_account = 10e-6
[persist]
bytes_per_second = 1e9
sync_seconds = 1e-3
"""


@pytest.fixture
def figures(tmp_path: Path) -> Path:
    """A pipeline that describes its block."""
    path = tmp_path / "figures.toml"
    path.write_text(FIGURES)
    return path


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    """A pipeline for block files."""
    path = tmp_path / "pipeline.toml"
    path.write_text(ENGINE)
    return path


def test_the_tables(command: Command, figures: Path) -> None:
    completed = command("simulate", "--pipeline", figures)
    assert (completed.returncode, completed.stderr) == (0, "")
    # Serial 8 + 20 + 2 ms, and so overlapped, as nothing is there to overlap; with a list only the reads of the
    # first transaction, 2 ms, are waited for.
    lines = completed.stdout.splitlines()
    assert [line.split() for line in lines[2:5]] == [
        ["serial", "30.00", "33.33", "133", "33.3", "execute"],
        ["overlapped", "30.00", "33.33", "133", "33.3", "execute"],
        ["prefetched", "24.00", "41.67", "167", "41.7", "execute"],
    ]
    assert "chain     2 blocks, 8 transactions" in completed.stdout
    assert max(map(len, lines)) <= 80


def test_blocks_are_executed_by_the_engine(command: Command, small_block: Path, pipeline: Path) -> None:
    other = small_block.with_name("other.block")
    shutil.copy(small_block, other)
    arguments = ("simulate", small_block, other, "--pipeline", pipeline, "--json")
    first, again = (command(*arguments).stdout for _ in range(2))
    assert first == again
    found = json.loads(first)
    assert (found["command"], found["files"]) == ("simulate-pipeline", [str(small_block), str(other)])
    prefetched, serial = found["results"]
    assert [block["block"] for block in serial["blocks"]] == [str(small_block), str(other), str(small_block)]
    assert (serial["transactions"], serial["gas"]) == (60, 60 * 21_000)
    # The transactions depend on each other, so each read is waited for; ahead, four are under way at once.
    assert serial["stages"]["read"]["seconds"] > prefetched["stages"]["read"]["seconds"] > 0
    alone = sum(stage["seconds"] for stage in serial["stages"].values())
    assert serial["seconds"] == pytest.approx(3 * alone)
    assert PipelineOutput.read(Fields(found)).as_json() == found


def test_a_recorded_block_reads_what_it_touches(command: Command, pipeline: Path) -> None:
    block = ROOT / "scenarios" / "ethereum-116525.block"
    found = json.loads(command("simulate", block, "--pipeline", pipeline, "--json").stdout)
    prefetched, serial = found["results"]
    assert prefetched["seconds"] < serial["seconds"]
    assert serial["gas"] == 3 * 2_625_335


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--cores", "1,2"], "--cores does not go with --pipeline, whose file says how many; leave it out"),
        (["--timeline", "t.json"], "--timeline does not go with --pipeline"),
        (["--model", "snapshot"], "--model snapshot: changes the order of a block"),
        (["--model", "fast"], "fast"),
    ],
)
def test_options_that_do_not_go_with_it(
    refused: Refused, small_block: Path, pipeline: Path, arguments: list[str], told: str
) -> None:
    assert told in refused("simulate", small_block, "--pipeline", pipeline, *arguments)


def test_a_chain_has_blocks_from_one_place(
    refused: Refused, small_block: Path, pipeline: Path, figures: Path
) -> None:
    assert "pipeline.toml: describes no block; give BLOCK" in refused("simulate", "--pipeline", pipeline)
    message = refused("simulate", small_block, "--pipeline", figures)
    assert "figures.toml: describes its block; give no BLOCK" in message


def test_without_a_pipeline_there_is_one_block(refused: Refused, small_block: Path) -> None:
    for arguments in ([], [small_block, small_block]):
        assert "give one BLOCK; several, or none, go with --pipeline only" in refused("simulate", *arguments)


def test_a_bad_file_is_named(refused: Refused, small_block: Path, tmp_path: Path) -> None:
    assert "nowhere.toml: no such file" in refused("simulate", small_block, "--pipeline", "nowhere.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("in_flight = -1")
    assert "bad.toml: in_flight is -1; give a whole number" in refused(
        "simulate", small_block, "--pipeline", bad
    )


def test_simpy_may_be_missing(refused: Refused, figures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name == "blockstm.cli.pipeline" or name.startswith("blockstm.pipeline"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "simpy", None)
    message = refused("simulate", "--pipeline", figures)
    assert "--pipeline needs simpy, which is not installed; install it in the checkout" in message


def test_the_report_says_that_it_has_no_page_for_it(
    command: Command, refused: Refused, figures: Path
) -> None:
    shown = figures.with_suffix(".json")
    shown.write_text(command("simulate", "--pipeline", figures, "--json").stdout)
    message = refused("report", shown, "-o", "report.html")
    assert "is the output of 'simulate-pipeline', which has no report" in message
