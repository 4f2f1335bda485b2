"""The real command in a process of its own, and blocks for it to run."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

import blockstm
from blockstm import Block
from blockstm.programs import transfer

ROOT = Path(blockstm.__file__).parent.parent


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of a command that finds this package whatever folder it starts in."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80"}


@pytest.fixture
def command(tmp_path: Path, environment: dict[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run blockstm with the given arguments in the test's folder."""

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
def refused(command: Callable[..., subprocess.CompletedProcess[str]]) -> Callable[..., str]:
    """Run blockstm, check that it refuses as it should, and return the one line that says why."""

    def run(*arguments: object) -> str:
        completed = command(*arguments)
        assert completed.returncode == 2, completed.stderr
        assert completed.stdout == ""
        assert completed.stderr.startswith("error: ")
        assert completed.stderr.endswith("\n")
        assert completed.stderr.count("\n") == 1
        return completed.stderr

    return run


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
