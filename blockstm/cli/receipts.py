"""The receipts file of ``blockstm replay --receipts``: JSON Lines, one receipt a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from blockstm.errors import UsageError, shown_path
from blockstm.result import Receipt, Result

__all__ = ["check_receipts_path", "receipt_lines"]


def check_receipts_path(path: Path, inputs: Iterable[Path]) -> None:
    """Find out before the work begins whether receipts can be written.

    Arguments:
        path: where the receipts shall be.
        inputs: files that must not be overwritten.

    Raises:
        UsageError: they cannot, or something is there that must not be replaced.
    """
    name = f"--receipts {shown_path(path)}"
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise UsageError(f"{name}: its folder does not exist; make it, or choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{name}: its folder cannot be written to; choose another")
    if path.exists():
        if not path.is_file():
            raise UsageError(f"{name}: is not a regular file; name another")
        if any(path.samefile(file) for file in inputs):
            raise UsageError(f"{name}: is a block that is to be read; name another file")


def receipt_lines(file: Path, result: Result) -> bytes:
    """Return a line for each receipt of a block, in the preset order.

    Arguments:
        file: where the block comes from.
        result: its run.
    """
    return b"".join(json.dumps(receipt_entry(file, receipt)).encode() + b"\n" for receipt in result.receipts)


def receipt_entry(file: Path, receipt: Receipt) -> dict[str, Any]:
    """Return what a line says, without the error where there is none."""
    entry = {
        "file": str(file),
        "txn_idx": receipt.txn_idx,
        "status": receipt.status,
        "gas_used": receipt.gas_used,
        "events": [f"0x{event.hex()}" for event in receipt.events],
        "commit_seconds": receipt.commit_seconds,
    }
    return entry if receipt.error is None else {**entry, "error": receipt.error}
