"""The receipts file of ``blockstm replay --receipts``: JSON Lines, one receipt a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from blockstm.result import Receipt, Result

__all__ = ["receipt_lines"]


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
