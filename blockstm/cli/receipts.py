"""The receipts file of ``blockstm replay --receipts``: JSON Lines, one receipt a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from blockstm.chains import ChainBlock
from blockstm.results.result import Receipt, Result

__all__ = ["receipt_lines"]


def receipt_lines(file: Path, result: Result, chain_block: ChainBlock | None) -> bytes:
    """Return a line for each receipt of a block, in the preset order.

    Arguments:
        file: where the block comes from.
        result: its run.
        chain_block: what its chain knows of it, if anything.
    """
    entries = (receipt_entry(file, receipt, chain_block) for receipt in result.receipts)
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def receipt_entry(file: Path, receipt: Receipt, chain_block: ChainBlock | None) -> dict[str, Any]:
    """Return what a line says, without the error where there is none; the chain's own form instead of events."""
    entry: dict[str, Any] = {
        "file": str(file),
        "txn_idx": receipt.txn_idx,
        "status": receipt.status,
        "gas_used": receipt.gas_used,
        "events": [f"0x{event.hex()}" for event in receipt.events],
        "commit_seconds": receipt.commit_seconds,
    }
    outcome = None if chain_block is None else chain_block.receipt_outcome(receipt)
    if outcome is not None:
        del entry["events"]
        entry["outcome"] = outcome
    if receipt.error is not None:
        entry["error"] = receipt.error
    if receipt.traceback is not None:
        entry["traceback"] = receipt.traceback
    return entry
