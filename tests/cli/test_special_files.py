"""Pipes and devices given as inputs: refused at once, where reading them might block for ever."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.sweeps import SMALL, written

Refused = Callable[..., str]

COMMANDS = [
    ("replay", "INPUT"),
    ("inspect", "INPUT"),
    ("simulate", "INPUT"),
    ("simulate", "small.block", "--costs", "INPUT"),
    ("compare", "INPUT"),
    ("explore", "INPUT"),
    ("generate", "INPUT", "-o", "x.block"),
    ("sweep", "INPUT", "-o", "out"),
    ("report", "INPUT", "-o", "x.html"),
    ("prove", "INPUT", "key", "-o", "x.proof"),
    ("state", "info", "INPUT"),
    ("state", "restore", "INPUT", "-o", "x.lmdb"),
    ("verify-proof", "INPUT", "--root", "00" * 32),
    ("record", "trace", "INPUT", "-o", "x.block"),
    ("record", "trace", "--from", "INPUT", "-o", "x.jsonl"),
    ("record", "ethereum", "--block", "INPUT", "--prestate", "INPUT", "-o", "x.block"),
]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_an_input_that_is_no_file(
    refused: Refused, small_block: Path, tmp_path: Path, arguments: tuple[str, ...], kind: str
) -> None:
    place = tmp_path / "special"
    if kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("/dev/zero")
    message = refused(*(place if argument == "INPUT" else argument for argument in arguments))
    assert f"{place}: is not a regular file; copy it into one" in message


@pytest.mark.timeout(20)
def test_a_pipe_that_another_file_names(refused: Refused, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "special")
    for text in (
        'cores = [1]\nscenario = "special"',
        SMALL.replace("[1, 3]", '[1, 3]\ncost_model = "special"'),
    ):
        assert "is not a regular file" in refused("sweep", written(tmp_path, text), "-o", "out")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["results.parquet", "sweep.toml"])
def test_a_pipe_in_the_folder_of_a_sweep(refused: Refused, tmp_path: Path, name: str) -> None:
    pytest.importorskip("pyarrow", reason="reports need pyarrow")
    from tests.support import reports

    folder = reports.write_sweep(tmp_path / "sweep", reports.sweep_rows())
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert f"{folder / name}: is not a regular file" in refused("report", folder, "-o", "x.html")
