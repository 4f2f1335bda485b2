"""What commands print for a person fits 80 columns: no line is wrapped by the terminal, or ends in blanks."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm import Block, Recorded
from blockstm.cli.calibrate import print_fits
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.transaction import Transaction
from blockstm.simulate import default_model
from blockstm.simulate.calibration import Calibration, Fit, _transfers_name
from tests.support import mutants

Command = Callable[..., subprocess.CompletedProcess[str]]

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SWEEP = """
cores = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]

[scenario]
workload = "transfers"
transactions = 20

[grid]
transfers.accounts = [2, 5000]
transfers.shape = ["diem", "aptos"]
"""


@pytest.fixture
def blocks(tmp_path: Path) -> list[Path]:
    """Blocks with what is wide: names, numbers, reasons, keys."""
    long_name = tmp_path / ("a-very-long-name-of-a-block-" * 6 + ".block")
    broke = [transfer.txn(b"nobody %d" % number, b"k" * 64, 1) for number in range(3)]
    Block(broke, chain="a chain whose name is long " * 6, number=10**15).save(long_name)
    wide = tmp_path / "wide.block"
    hot = b"\xff" * 64
    transactions = [
        Transaction(trace, ([hot, b"two words"], [hot], {b"\x00" * 20: 1}, 10**9), None, Recorded(10**9, 9e4))
        for _ in range(9)
    ]
    Block(transactions).save(wide)
    return [long_name, wide, SCENARIOS / "ethereum-19932148.block"]


def check_lines(text: str, columns: int = 80) -> None:
    assert text
    for line in text.splitlines():
        assert len(line) <= columns, line
        assert line == line.rstrip(), repr(line)


def check(completed: subprocess.CompletedProcess[str], columns: int = 80) -> str:
    assert completed.returncode == 0, completed.stderr
    check_lines(completed.stdout, columns)
    return completed.stdout


def test_replay(command: Command, blocks: list[Path]) -> None:
    options = ("--verify", "--rounds-per-gas", 0)
    for block in blocks:
        check(command("replay", block, *options))
    check(command("replay", *blocks, *options))
    check(command("replay", *blocks, blocks[1], *options))  # whole paths, to tell them apart


def test_replay_of_a_block_with_a_header(command: Command, one_engine: None) -> None:
    real = SCENARIOS / "mainnet-116525.block"
    text = check(command("replay", real, SCENARIOS / "ethereum-12520364.block", "--rounds-per-gas", 0))
    # The names are those of the files, whole.
    assert "mainnet-116525.block" in text and "ethereum-12520364.block" in text
    check(command("replay", real))


def test_inspect_and_simulate(command: Command, blocks: list[Path]) -> None:
    for block in blocks:
        check(command("inspect", block))
        check(command("simulate", block, "--cores", "1,64,256"))


def test_compare(command: Command, blocks: list[Path]) -> None:
    options = ("--models", "block-stm,sequential", "--cores", "1,2,4,8,16,32,64,256")
    for block in blocks[:2]:
        check(command("compare", block, *options))
    assert "greedy " in check(command("compare", *blocks[:2], *options))


def test_other_commands(
    command: Command, blocks: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = blocks[0].parent
    check(command("generate", SCENARIOS / "amm-swaps.toml", "-o", blocks[0], "--set", "transactions=5"))
    (folder / "wide.toml").write_text(SWEEP)
    text = check(command("sweep", "wide.toml", "-o", "out", "--workers", 1))
    assert text.count("diem") == 4  # two lines of the grid, and the table is in two parts
    check(command("record", "trace", "--from", blocks[0], "-o", folder / ("trace" * 30 + ".jsonl")))
    mutants.ring().save(folder / "ring.block")
    check(command("explore", "ring.block", "--schedules", 5))
    monkeypatch.setenv("COLUMNS", "80")
    names = [_transfers_name(10_000, 20_000), "traces, 24 reads, 4 writes", "traces, 8 reads of fresh keys"]
    fits = [Fit(f"{name}, sequential", 9999.999, 9999.9) for name in names]
    print_fits(Calibration(default_model(), fits))
    check_lines(capsys.readouterr().out)


@pytest.mark.parametrize("columns", [40, 60])
def test_a_narrow_terminal(
    command: Command, blocks: list[Path], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    check(command("replay", *blocks, "--rounds-per-gas", 0), columns)
    check(command("inspect", blocks[2]), columns)
    check(command("simulate", blocks[2], "--cores", "1,256"), columns)
    check(command("compare", *blocks[:2], "--cores", "1,256"), columns)


def test_where_there_is_no_terminal(process: Command, environment: dict[str, str], small_block: Path) -> None:
    del environment["COLUMNS"]
    check(process("replay", small_block, small_block))
