"""blockstm compare as a user meets it."""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest

from blockstm import Block, models
from blockstm.errors import UsageError
from blockstm.models import BlockStm
from blockstm.programs.built_in import transfer
from blockstm.report.inputs import read_inputs
from blockstm.report.parts import Commands, Table
from blockstm.schema.compare import CompareOutput
from blockstm.schema.fields import Fields

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

TWO = ("--models", "block-stm,sequential", "--cores", "1,4")


@pytest.fixture
def apart(tmp_path: Path) -> Path:
    """A block of payments that have nothing to do with each other, with work."""
    keys = [(b"from %d" % number, b"to %d" % number) for number in range(24)]
    path = tmp_path / "apart.block"
    payments = [transfer.txn(*pair, 1, 20_000) for pair in keys]
    Block(payments, {key: b"\x05" for pair in keys for key in pair}).save(path)
    return path


def output_of(completed: subprocess.CompletedProcess[str]) -> CompareOutput:
    assert (completed.returncode, completed.stderr) == (0, "")
    return CompareOutput.read(Fields(json.loads(completed.stdout)))


def test_one_block_in_full(command: Command, apart: Path) -> None:
    completed = command("compare", apart, *TWO, "--verify")
    assert (completed.returncode, completed.stderr) == (0, "")
    lines = [line.split() for line in completed.stdout.splitlines()]
    assert [line[:2] for line in lines[2:5]] == [["1", "block-stm"], ["1", "sequential"], ["4", "block-stm"]]
    assert [line[:2] for line in lines[8:11]] == [line[:2] for line in lines[2:5]]
    text = " ".join(completed.stdout.split())
    assert "independent 100 % longest chain 1 " in text
    assert "verified yes verdict block-stm comes to " in text
    assert "x on 4 cores" in text and "its dependencies leave room for 4 cores" in text


def test_several_blocks_have_lines_for_each_model_and_a_sentence(
    command: Command, apart: Path, small_block: Path
) -> None:
    completed = command("compare", apart, small_block, "--models", "sequential,block-stm", "--cores", "1,4")
    assert completed.returncode == 0, completed.stderr
    lines = [line.split() for line in completed.stdout.splitlines()]
    assert [line[:2] for line in lines[2:8]] == [
        [name, model]
        for name in ("apart.block", "small.block")
        for model in ("sequential", "block-stm", "greedy")
    ]
    text = " ".join(completed.stdout.split())
    assert "apart.block: block-stm comes to " in text and "small.block: " in text
    assert "block-stm against sequential on 4 cores: faster on 1 of 2 blocks, slower on " in text


def test_json_is_the_same_every_time_and_is_what_simulate_says(command: Command, apart: Path) -> None:
    first, again = (command("compare", apart, *TWO, "--json") for _ in range(2))
    assert first.stdout == again.stdout
    told = output_of(first)
    assert (told.clock, told.models, told.runs, told.verified) == (
        "virtual",
        ("block-stm", "sequential"),
        None,
        None,
    )
    (block,) = told.blocks
    assert (block.file, block.transactions, block.suits, block.refused) == (
        str(apart),
        24,
        ("block-stm",),
        (),
    )
    simulated = json.loads(command("simulate", apart, "--cores", "1,4", "--json").stdout)["results"]
    compared = json.loads(first.stdout)["blocks"][0]["results"]
    for one, other in zip(compared[:2], simulated, strict=True):
        assert one == other | {"model": "block-stm", "order": "preset"}
    sequential = block.results[2]
    assert (sequential.model, sequential.cores, sequential.speedup) == ("sequential", 1, 1.0)
    assert sequential.times_first == block.results[0].seconds / sequential.seconds


def test_options_reach_the_simulation_and_are_told(command: Command, apart: Path) -> None:
    options = ("--rounds-per-gas", "2", "--memory-limit", "64MiB", "--as-replay")
    told = output_of(command("compare", apart, *TWO, "--json", *options)).options
    assert (told.rounds_per_gas, told.memory_limit, told.as_replay) == (2.0, 64 << 20, True)
    assert "--memory-limit" in command("compare", apart, "--memory-limit", "256KiB").stderr


def test_real_time(command: Command, apart: Path) -> None:
    arguments = (
        "compare",
        apart,
        "--models",
        "block-stm,sequential",
        "--workers",
        "1",
        "--repeat",
        "2",
        "--verify",
    )
    told = output_of(command(*arguments, "--json"))
    assert (told.clock, told.runs, told.verified) == ("real", 2, True)
    runs = told.blocks[0].results
    assert [(run.model, run.cores, run.executions, run.verified) for run in runs] == [
        ("block-stm", 1, 24, True), ("sequential", 1, 24, True),
    ]  # fmt: skip
    for run in runs:
        assert run.seconds_min is not None and run.seconds_max is not None
        assert run.seconds == (run.seconds_min + run.seconds_max) / 2
    completed = command(*arguments)
    assert completed.returncode == 0, completed.stderr
    assert "times are medians of 2 runs" in " ".join(completed.stdout.split())


def test_a_model_that_cannot_run_a_block_does_not_end_the_command(
    command: Command, apart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Declared(BlockStm):
        name = "declared"

        def options(self) -> tuple[int, ...]:
            raise UsageError("transaction 0 declares nothing")

    known = MappingProxyType({**models.MODELS, Declared.name: Declared})
    monkeypatch.setattr(models, "MODELS", known)
    for clock in (("--cores", "1,4"), ("--workers", "1", "--repeat", "1")):
        told = output_of(command("compare", apart, "--models", "block-stm,declared", *clock, "--json"))
        (refused,) = told.blocks[0].refused
        assert (refused.model, refused.reason) == ("declared", "transaction 0 declares nothing")
        assert {run.model for run in told.blocks[0].results} == {"block-stm"}
        completed = command("compare", apart, "--models", "block-stm,declared", *clock)
        assert "declared was not run: transaction 0 declares nothing" in " ".join(completed.stdout.split())
        assert completed.returncode == 0
    completed = command("compare", apart, "--models", "declared")
    assert (completed.returncode, completed.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--models", "blok"), "--models: model 'blok' is unknown; choose one of block-stm"),
        (("--models", ""), "--models: model '' is unknown; choose"),
        (("--models", "block-stm:9"), "--models: model 'block-stm:9': block-stm takes"),
        (("--cores", "0"), "--cores: '0' is not a number of cores; give whole numbers from 1 to 256"),
        (("--workers", "x"), "--workers: 'x' is not a number of workers; give whole numbers from 1 to 256"),
        (("--workers", "256"), "256 workers are more than the "),
        (
            ("--workers", "1", "--cores", "2"),
            "--cores goes with modelled time: leave out --workers, or leave --cores",
        ),
        (("--workers", "1", "--as-replay"), "--as-replay goes with modelled time"),
        (("--repeat", "2"), "--repeat goes with measured time: give --workers, or leave --repeat out"),
        (("--time-limit", "2"), "--time-limit goes with measured time"),
        (("nowhere.block",), "nowhere.block: "),
    ],
)
def test_what_is_refused(refused: Refused, apart: Path, arguments: tuple[str, ...], message: str) -> None:
    assert message in refused("compare", apart, *arguments)


def test_a_report_shows_it_and_says_how_to_repeat_it(
    command: Command, apart: Path, small_block: Path
) -> None:
    pytest.importorskip("jinja2", reason="reports need an extra")
    from blockstm.report.page import sections_of

    printed = command("compare", apart, small_block, *TWO, "--json").stdout
    Path("compare.json").write_text(printed)
    found = {each.identifier: each for each in sections_of(read_inputs([Path("compare.json")]), "x.html")}
    *_, runs = (part for part in found["models"].parts if isinstance(part, Table))
    assert [row[4].value for row in runs.rows] == [
        repr(run["seconds"]) for block in json.loads(printed)["blocks"] for run in block["results"]
    ]
    (commands,) = found["commands"].parts
    assert isinstance(commands, Commands)
    words, target = commands.text.splitlines()[0].split(" > ")
    assert target == "compare.json"
    assert command(*shlex.split(words)[1:]).stdout == printed
