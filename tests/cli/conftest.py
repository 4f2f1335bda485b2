"""The command, in this process or in one of its own, and blocks for it to run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

import blockstm
from blockstm import Block, Engine
from blockstm.cli import main
from blockstm.programs.built_in import transfer
from tests.support.engines import SharedEngine

ROOT = Path(blockstm.__file__).parent.parent

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def one_engine(monkeypatch: pytest.MonkeyPatch, shared_engine: Engine) -> None:
    """Have commands use the engine of all tests, whose workers have py-evm already, in place of their own."""
    lent = SharedEngine(shared_engine)
    for name in ("replay", "inspect", "record_trace", "explore", "prove"):
        monkeypatch.setattr(f"blockstm.cli.{name}.Engine", lambda *_, **__: lent)


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a command that finds this package whatever folder it starts in."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


@pytest.fixture
def process(tmp_path: Path, environment: dict[str, str]) -> Command:
    """Run blockstm with the given arguments in the test's folder, in a process of its own.

    Needed where the process is what is tested, and for modules of programs, which a process imports once.
    """

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "blockstm", *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run blockstm with the given arguments in the test's folder, in this process, which is much quicker."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "path", [*sys.path])  # --programs adds the folder

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        shown, told = (TextIOWrapper(BytesIO(), encoding="utf-8") for _ in range(2))
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", shown)
            patched.setattr(sys, "stderr", told)
            status = main([str(argument) for argument in arguments])
        return subprocess.CompletedProcess(arguments, status, text_of(shown), text_of(told))

    return run


def text_of(stream: TextIOWrapper) -> str:
    """What was written to a stream of bytes in memory."""
    stream.seek(0)
    return stream.read()


@pytest.fixture
def told(command: Command) -> Callable[..., Any]:
    """Run a command with --json, and return what it prints."""

    def run(*arguments: object) -> Any:
        done = command(*arguments, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        return json.loads(done.stdout)

    return run


@pytest.fixture
def refused(command: Command) -> Callable[..., str]:
    """Run blockstm, check that it refuses as it should, and return the one line that says why."""
    return lambda *arguments: refusal(command(*arguments))


@pytest.fixture
def process_refused(process: Command) -> Callable[..., str]:
    """The same in a process of its own."""
    return lambda *arguments: refusal(process(*arguments))


def refusal(completed: subprocess.CompletedProcess[str]) -> str:
    """Check that a command was refused as it should be; return the line."""
    assert completed.returncode == 2, completed.stderr
    assert completed.stdout == ""
    assert completed.stderr.startswith("error: ")
    assert completed.stderr.endswith("\n")
    assert completed.stderr.count("\n") == 1
    return completed.stderr


@pytest.fixture
def small_block(tmp_path: Path) -> Path:
    """A block file with twenty transfers, the last of which is reverted."""
    accounts = [b"account %d" % number for number in range(4)]
    transfers = [transfer.txn(accounts[i % 4], accounts[(i + 1) % 4], i) for i in range(19)]
    transfers.append(transfer.txn(b"nobody", accounts[0], 1))
    state = {account: (1000).to_bytes(2) for account in accounts}
    path = tmp_path / "small.block"
    Block(transfers, state, chain="test", number=7).save(path)
    return path


@pytest.fixture
def raw_block(tmp_path: Path) -> Callable[..., Path]:
    """Write a block file by hand, so that it can hold what Block.save would refuse."""

    def write(
        *,
        keys: list[bytes] | None = None,
        state: dict[int, bytes] | None = None,
        rows: list[Any] | None = None,
        programs: tuple[str, ...] = ("transfer",),
        version: int = 1,
        trailing: bytes = b"",
    ) -> Path:
        keys = [b"a", b"b"] if keys is None else keys
        state = {0: b"\x09"} if state is None else state
        rows = [[0, [0, 1, 1, 0], None, None]] if rows is None else rows
        counts = {"keys": len(keys), "state": len(state), "transactions": len(rows)}
        header = {
            "format": "blockstm-block",
            "version": version,
            "chain": None,
            "number": None,
            "meta": {},
            "programs": list(programs),
            "counts": counts,
        }
        content = b"".join(map(msgpack.packb, (header, keys, state, rows)))
        path = tmp_path / "raw.block"
        path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(content) + trailing)
        return path

    return write
