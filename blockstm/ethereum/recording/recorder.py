"""The recorder of Ethereum: what ``blockstm record ethereum`` has to be told. What does it needs an extra."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Final

from blockstm.chains.support import RecordedBlock, Recorder, RecorderOption
from blockstm.errors import UsageError, install_extra, shown
from blockstm.ethereum.node.nodejson import AUTHORIZATION_VARIABLE

__all__ = ["RECORDER"]

_OWN_PACKAGE: Final = "blockstm"

_OPTIONS: Final = (
    RecorderOption(
        "block",
        Path,
        "BLOCK",
        "What eth_getBlockByNumber(number, true) answers, or blocks in RLP (geth export).",
    ),
    RecorderOption(
        "prestate",
        Path,
        "PRESTATE.json",
        "What geth's prestateTracer answers, for the whole block or for each transaction.",
    ),
    RecorderOption(
        "witness",
        Path,
        "WITNESS.json",
        "What debug_executionWitness or eth_getProof answers: compare the state root, too.",
    ),
    RecorderOption("rpc", str, "URL", "In place of both: a node, which is asked for all that is needed."),
    RecorderOption("number", str, "N", "Which block, of a node or of a file that holds several."),
    RecorderOption(
        "blockhashes", Path, "HASHES.json", 'For the opcode BLOCKHASH: {"number": "0xhash", ...}.'
    ),
    RecorderOption(
        "uncles",
        Path,
        "UNCLES.json",
        "What eth_getUncleByBlockHashAndIndex answers, as a list, for all uncles.",
    ),
    RecorderOption(
        "parent",
        Path,
        "PARENT.json",
        "What eth_getBlockByNumber answers for the number before the block's.",
    ),
    RecorderOption(
        "whole_state",
        bool,
        "",
        "The pre-state is that of the whole chain, as in a test: compare the state root, too.",
    ),
    RecorderOption(
        "accounts",
        Path,
        "ACCOUNTS.json",
        "Accounts that replace those of the pre-state, empty ones too; null: there is none.",
    ),
    RecorderOption(
        "fork", str, "NAME", "The fork whose rules apply; known for mainnet, Sepolia, Holesky and Hoodi."
    ),
)
_OF_FILES: Final = ("block", "prestate", "witness", "blockhashes", "uncles", "parent", "whole_state")
"""The options that do not go with a node, which is asked itself."""
_HELP: Final = "blockstm record ethereum --help tells more"
_NUMBER: Final = re.compile(r"[0-9]{1,20}|0x[0-9a-fA-F]{1,16}")


def _record(output: Path, *, rpc: str | None, number: str | None, **options: Any) -> RecordedBlock:
    wanted = None if number is None else _number(number)
    try:
        if rpc is None:
            return _from_files(output, wanted, **options)
        for name in _OF_FILES:
            if options.pop(name):
                raise UsageError(
                    f"--{name.replace('_', '-')} does not go with --rpc, as the node itself is asked; "
                    f"leave one of them out; {_HELP}"
                )
        if wanted is None:
            raise UsageError(f"--rpc needs --number, that of the block; {_HELP}")
        return _from_node(output, rpc, wanted, **options)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == _OWN_PACKAGE:
            raise
        raise UsageError(
            f"record ethereum needs {missing}, which is not installed; {install_extra('ethereum')}"
        ) from error


def _from_files(
    output: Path,
    number: int | None,
    *,
    block: Path | None,
    prestate: Path | None,
    witness: Path | None,
    blockhashes: Path | None,
    uncles: Path | None,
    parent: Path | None,
    whole_state: bool,
    accounts: Path | None,
    fork: str | None,
) -> RecordedBlock:
    if witness is None and (block is None or prestate is None):
        raise UsageError(f"give two files, --block and --prestate, or a node, --rpc and --number; {_HELP}")
    from blockstm.ethereum.recording.notes import notes_of
    from blockstm.ethereum.recording.record import record_ethereum

    made = record_ethereum(
        block,
        prestate,
        output,
        witness_path=witness,
        block_hashes_path=blockhashes,
        accounts_path=accounts,
        uncles_path=uncles,
        parent_path=parent,
        fork=fork,
        whole_state=whole_state,
        number=number,
    )
    return RecordedBlock(made, tuple(notes_of(made)))


def _from_node(
    output: Path, url: str, number: int, *, accounts: Path | None, fork: str | None
) -> RecordedBlock:
    from blockstm.ethereum.node.jsonrpc import Node
    from blockstm.ethereum.recording.node import record_from_node
    from blockstm.ethereum.recording.notes import notes_of

    node = Node(url, authorization=os.environ.get(AUTHORIZATION_VARIABLE))
    made, notes = record_from_node(node, number, output, accounts_path=accounts, fork=fork)
    return RecordedBlock(made, (*notes, *notes_of(made, hashes_known=True)))


def _number(text: str) -> int:
    number = int(text, 16 if text.startswith("0x") else 10) if _NUMBER.fullmatch(text) else 1 << 64
    if number >> 64:
        raise UsageError(f"--number {shown(text)} is not that of a block; write it as 19932148 or 0x1302534")
    return number


RECORDER: Final = Recorder(
    "Make a block file of a real Ethereum block, whose transactions are executed in an EVM.",
    _OPTIONS,
    _record,
    has_accounts=True,
)
