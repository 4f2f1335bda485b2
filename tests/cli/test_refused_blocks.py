"""An Ethereum block that replay refuses is refused by every command that executes blocks, in the same words."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ethereum_synthetic.chain import hex_of
from tests.support.ethereum.inputs import BEHIND, FAR_HASH, Inputs
from tests.support.ethereum.node import ETHEREUM

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

COMMANDS = {
    "replay": ("replay", "x.block", "--timeline", "out"),
    "inspect": ("inspect", "x.block", "--dot", "out"),
    "simulate": ("simulate", "x.block", "--cores", "1,2", "--timeline", "out"),
    "compare": ("compare", "x.block", "--cores", "1,2"),
    "record trace": ("record", "trace", "--from", "x.block", "-o", "out"),
    "explore": ("explore", "x.block", "--schedules", "1"),
    "prove": ("prove", "x.block", "key", "--after", "-o", "out"),
}


pytestmark = pytest.mark.usefixtures("one_engine")


@pytest.fixture
def record(command: Command, tmp_path: Path) -> Callable[..., None]:
    """Record a made-up block as x.block."""

    def run(inputs: Inputs, *options: str) -> None:
        for name, content in (("block", inputs.block), ("prestate", inputs.prestate)):
            (tmp_path / f"{name}.json").write_text(json.dumps(content))
        (tmp_path / "hashes.json").write_text(json.dumps(inputs.hashes))
        arguments = ("--block", "block.json", "--prestate", "prestate.json", "-o", "x.block", *options)
        assert command("record", "ethereum", *arguments).returncode == 0

    return run


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_block_hash_that_is_missing(
    refused: Refused, record: Callable[..., None], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    inputs = Inputs()
    record(inputs)
    message = refused(*arguments)
    assert message.startswith(f"error: x.block: {inputs.transaction(3)} cannot be executed: ")
    number = int(inputs.block["number"], 16) - FAR_HASH
    assert f"the hash of block {number}, which was not recorded" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_code_that_is_missing(
    refused: Refused, record: Callable[..., None], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    # Every transaction can be executed, but not to what the chain came to.
    inputs = Inputs()
    del inputs.prestate[hex_of(BEHIND)]["code"]
    record(inputs, "--blockhashes", "hashes.json")
    message = refused(*arguments)
    assert message.startswith("error: x.block: what came of the block is not what its header says")
    assert hex_of(BEHIND) in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_header_that_differs(
    command: Command, record: Callable[..., None], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    inputs = Inputs()
    inputs.block["gasUsed"] = "0x5"
    record(inputs, "--blockhashes", "hashes.json")
    completed = command(*arguments)
    assert completed.returncode == 1
    assert completed.stderr.splitlines() == [
        "disagrees with the header: x.block: block hash",
        "disagrees with the header: x.block: gas used",
    ]
    assert not (tmp_path / "out").exists()


def test_a_sweep_does_not_keep_figures_of_a_block_whose_header_differs(
    refused: Refused, record: Callable[..., None], tmp_path: Path
) -> None:
    inputs = Inputs()
    inputs.block["gasUsed"] = "0x5"
    record(inputs, "--blockhashes", "hashes.json")
    (tmp_path / "x.toml").write_text('scenario = "x.block"\ncores = [1]')
    message = refused("sweep", "x.toml", "-o", "out", "--workers", 1)
    assert message.startswith(
        "error: point 0 (x, block-stm, 1 cores): what came of it disagrees with the block's own"
    )
    assert "header: block hash, gas used; " in message


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_a_sound_block(
    command: Command, record: Callable[..., None], tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    record(Inputs(), "--blockhashes", "hashes.json")
    completed = command(*arguments)
    assert (completed.returncode, completed.stderr) == (0, "")


@pytest.mark.skipif(not ETHEREUM.is_dir(), reason="the recorded blocks of ../shared are not here")
@pytest.mark.parametrize("name", ["inspect", "record trace"])
def test_a_real_block_without_its_hashes(
    command: Command, refused: Refused, tmp_path: Path, name: str
) -> None:
    folder = ETHEREUM / "19923400"
    options = ("--block", folder / "block.json.zst", "--prestate", folder / "prestate.json.zst")
    assert command("record", "ethereum", *options, "-o", "x.block").returncode == 0
    assert "x.block: transaction 20 (0x" in refused(*COMMANDS[name])
