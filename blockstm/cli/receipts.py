"""The receipts file of ``blockstm replay --receipts``: JSON Lines, one receipt a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from blockstm.ethereum.outcome import Log, Outcome
from blockstm.results.result import Receipt, Result

__all__ = ["receipt_lines"]


def receipt_lines(file: Path, result: Result, *, with_outcome: bool) -> bytes:
    """Return a line for each receipt of a block, in the preset order.

    Arguments:
        file: where the block comes from.
        result: its run.
        with_outcome: whether it is an Ethereum block, whose events hold what came of a transaction.
    """
    entries = (receipt_entry(file, receipt, with_outcome) for receipt in result.receipts)
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def receipt_entry(file: Path, receipt: Receipt, with_outcome: bool) -> dict[str, Any]:
    """Return what a line says, without the error where there is none; an Ethereum outcome instead of events."""
    entry: dict[str, Any] = {
        "file": str(file),
        "txn_idx": receipt.txn_idx,
        "status": receipt.status,
        "gas_used": receipt.gas_used,
        "events": [f"0x{event.hex()}" for event in receipt.events],
        "commit_seconds": receipt.commit_seconds,
    }
    if with_outcome and receipt.events:
        del entry["events"]
        entry["outcome"] = outcome_entry(receipt.events)
    if receipt.error is not None:
        entry["error"] = receipt.error
    if receipt.traceback is not None:
        entry["traceback"] = receipt.traceback
    return entry


def outcome_entry(events: list[bytes]) -> dict[str, Any]:
    """Return what a line says of an Ethereum transaction, in the way of a node's receipt."""
    outcome = Outcome.of_events(events)
    return {
        "status": int(outcome.succeeded),
        "error": outcome.error,
        "contractAddress": None
        if outcome.contract_address is None
        else f"0x{outcome.contract_address.hex()}",
        "logs": [log_entry(log) for log in outcome.logs],
    }


def log_entry(log: Log) -> dict[str, Any]:
    """Return what a line says of a log."""
    address, topics, data = log
    return {
        "address": f"0x{address.hex()}",
        "topics": [f"0x{topic.hex()}" for topic in topics],
        "data": f"0x{data.hex()}",
    }
