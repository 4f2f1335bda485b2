"""How the command behaves as a process: help, version, Ctrl-C, a reader that goes away, full disks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import blockstm
from blockstm.cli import main

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def slow(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A block whose one transaction says that it runs, and then sleeps for a minute."""
    (tmp_path / "slow.py").write_text(
        "import pathlib, time, blockstm\n"
        "@blockstm.program\n"
        "def nap(ctx):\n"
        "    pathlib.Path('running').touch()\n"
        "    time.sleep(60)\n"
        "def save():\n"
        "    blockstm.Block([nap.txn()]).save('slow.block')\n"
    )
    subprocess.run(
        [sys.executable, "-c", "import slow; slow.save()"],
        cwd=tmp_path,
        env=environment,
        check=True,
        timeout=60,
    )
    return tmp_path


def test_version_and_help(process: Command, command: Command) -> None:
    assert process("--version").stdout == f"blockstm {blockstm.__version__}\n"
    assert "Usage: blockstm" in process("--help").stdout
    for arguments in (["--help"], ["replay", "--help"], ["record", "--help"], ["record", "trace", "--help"]):
        completed = command(*arguments)
        assert completed.returncode == 0
        assert "Usage: blockstm" in completed.stdout


def test_a_command_imports_no_other(environment: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import sys; from blockstm.cli import main; main(['generate', '--help']); "
        "sys.exit(any(f'blockstm.cli.{name}' in sys.modules for name in ('replay', 'report', 'sweep')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0


def test_main_in_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay"]) == 2
    assert capsys.readouterr().err.startswith("error: Missing argument 'BLOCK'")


def test_interrupt_is_quiet_quick_and_leaves_nothing(slow: Path, environment: dict[str, str]) -> None:
    arguments = ["replay", "slow.block", "--programs", "slow", "--receipts", "out.jsonl"]
    with subprocess.Popen(
        [sys.executable, "-m", "blockstm", *arguments],
        cwd=slow,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            deadline = time.monotonic() + 30
            while not (slow / "running").exists():
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            output, errors = process.communicate(timeout=15)
        finally:
            process.kill()
    assert (process.returncode, output, errors) == (130, b"", b"")
    assert not (slow / "out.jsonl").exists()


def test_a_time_limit_fails_the_transaction_not_the_run(slow: Path, process: Command) -> None:
    completed = process(
        "replay",
        "slow.block",
        "--programs",
        "slow",
        "--time-limit",
        0.3,
        "--verify",
        "--receipts",
        "out.jsonl",
    )
    assert completed.returncode == 0, completed.stderr
    receipt = (slow / "out.jsonl").read_text()
    assert '"failed"' in receipt
    assert "time limit" in receipt


def test_a_reader_that_goes_away_is_no_error(small_block: Path, environment: dict[str, str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    completed = subprocess.run(
        [sys.executable, "-m", "blockstm", "replay", small_block],
        env=environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writer)
    assert (completed.returncode, completed.stderr) == (141, b"")


def test_a_full_disk_is_one_line(small_block: Path, environment: dict[str, str]) -> None:
    with open("/dev/full", "wb") as full:
        completed = subprocess.run(
            [sys.executable, "-m", "blockstm", "replay", small_block],
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    assert completed.returncode == 2
    assert completed.stderr.startswith(b"error: ")
    assert completed.stderr.count(b"\n") == 1


def test_output_in_an_encoding_that_cannot_show_a_name(
    tmp_path: Path, small_block: Path, process: Command
) -> None:
    odd = tmp_path / os.fsdecode(b"odd \xff\xe2\x82\xac.block")
    small_block.rename(odd)
    completed = process("replay", odd, small_block)
    assert completed.returncode == 2
    for options in ((), ("--json",)):
        completed = process("replay", odd, odd, *options)
        assert completed.returncode == 0, completed.stderr
