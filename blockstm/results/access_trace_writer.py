"""Writing access traces: what each transaction of a block that was run read, changed and added.

docs/reference/access-trace.md specifies the format. Only the measured times in it depend on how the block was run.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import zstandard

from blockstm.blocks.access_trace import FORMAT, VERSION_PLAIN, VERSION_TOLD
from blockstm.blocks.block import Block
from blockstm.errors import AccessTraceError, LimitError, shown_path
from blockstm.files.content import check_path, replace_file
from blockstm.limits import ACCESS_TRACE_BYTES_MAX, ACCESS_TRACE_LINE_BYTES_MAX
from blockstm.programs.declared import ACCESS_KINDS, Declared, Hints
from blockstm.programs.transaction import Transaction
from blockstm.results.accesses import net_accesses
from blockstm.results.result import Result, snapshot_of

__all__ = ["write_access_trace"]

_ZSTD_ENDING: Final = ".zst"


def write_access_trace(block: Block, result: Result, path: str | os.PathLike[str]) -> None:
    """Write the access trace of a block that was run, whole or not at all.

    Arguments:
        block: the block.
        result: what came of it, in either model; `seconds` are in the trace if it was executed with `timed`.
        path: the file, zstd-compressed where its name ends in .zst; an existing one is replaced.

    Raises:
        AccessTraceError: the file cannot be written.
        LimitError: the trace is larger than a trace may be.
        UsageError: the result is not that of the block, or `path` is not a path.
    """
    check_path(path)
    lines: list[bytes] = []
    taken = 0
    for entry in _entries(block, result):
        line = json.dumps(entry, separators=(",", ":")).encode() + b"\n"
        if len(line) > ACCESS_TRACE_LINE_BYTES_MAX:
            raise LimitError(
                f"{shown_path(path)}: transaction {len(lines) - 1} takes {len(line)} bytes of the trace; "
                f"the limit is {ACCESS_TRACE_LINE_BYTES_MAX}: split it"
            )
        taken += len(line)
        if taken > ACCESS_TRACE_BYTES_MAX:
            raise LimitError(
                f"{shown_path(path)}: transactions 0 to {len(lines) - 1} take {taken} bytes; "
                f"the limit is {ACCESS_TRACE_BYTES_MAX}: split the block"
            )
        lines.append(line)
    content = b"".join(lines)
    if os.fsdecode(path).endswith(_ZSTD_ENDING):
        content = zstandard.ZstdCompressor(write_checksum=True).compress(content)
    replace_file(path, content, AccessTraceError)


def _entries(block: Block, result: Result) -> Iterator[dict[str, Any]]:
    """Yield what each line of the trace says, the header first."""
    yield _header(block)
    snapshot = snapshot_of(result)
    for txn_idx, accesses in enumerate(net_accesses(block, result)):
        entry: dict[str, Any] = {
            "gas_used": snapshot.gas_used(txn_idx),
            "reads": _hex(accesses.reads),
            "writes": _hex(accesses.writes),
            "adds": {f"0x{key.hex()}": hex(amount) for key, amount in accesses.adds.items()},
        }
        seconds = result.execution_seconds(txn_idx)
        if seconds is not None:
            entry["seconds"] = seconds
        yield entry | _told(block.transactions[txn_idx])


def _told(transaction: Transaction) -> dict[str, Any]:
    """Return what was said of a transaction beside what is measured."""
    told: dict[str, Any] = {
        "declared": transaction.declared and _hex_by_access(transaction.declared),
        "hints": transaction.hints and _hex_by_access(transaction.hints),
        "arrival_nanoseconds": transaction.arrival_nanoseconds,
    }
    return {name: value for name, value in told.items() if value is not None}


def _hex_by_access(said: Declared | Hints) -> dict[str, list[str]]:
    return {kind: _hex(getattr(said, kind)) for kind in ACCESS_KINDS}


def _hex(keys: Iterable[bytes]) -> list[str]:
    return [f"0x{key.hex()}" for key in keys]


def _header(block: Block) -> dict[str, Any]:
    is_told = any(
        (one.declared, one.hints, one.arrival_nanoseconds) != (None, None, None) for one in block.transactions
    )
    version = VERSION_TOLD if is_told else VERSION_PLAIN
    origin = {"chain": block.chain, "number": block.number, "fork": _fork(block.meta)}
    known = {name: value for name, value in origin.items() if value is not None}
    return {"format": FORMAT, "version": version, **known, "transactions": len(block)}


def _fork(meta: Mapping[str, object]) -> str | None:
    """Return the rules in force, where the block's meta says them in one of the known ways."""
    ethereum = meta.get("ethereum")
    found = [meta.get("fork"), ethereum.get("fork") if isinstance(ethereum, Mapping) else None]
    return next((fork for fork in found if isinstance(fork, str)), None)
