"""The recorder of Ethereum: what ``blockstm record ethereum`` has to be told. What does it needs an extra."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from blockstm.chains.support import RecordedBlock, Recorder, RecorderOption
from blockstm.errors import UsageError, install_extra

__all__ = ["RECORDER"]

_OWN_PACKAGE: Final = "blockstm"

_OPTIONS: Final = (
    RecorderOption(
        "block",
        Path,
        "BLOCK.json",
        "What eth_getBlockByNumber(number, true) answers; plain or zstd.",
        required=True,
    ),
    RecorderOption(
        "prestate",
        Path,
        "PRESTATE.json",
        "What geth's prestateTracer answers, for the whole block or for each transaction.",
        required=True,
    ),
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


def _record(
    output: Path,
    *,
    block: Path,
    prestate: Path,
    blockhashes: Path | None,
    uncles: Path | None,
    parent: Path | None,
    whole_state: bool,
    accounts: Path | None,
    fork: str | None,
) -> RecordedBlock:
    try:
        from blockstm.ethereum.notes import notes_of
        from blockstm.ethereum.record import record_ethereum

        made = record_ethereum(
            block,
            prestate,
            output,
            block_hashes_path=blockhashes,
            accounts_path=accounts,
            uncles_path=uncles,
            parent_path=parent,
            fork=fork,
            whole_state=whole_state,
        )
        return RecordedBlock(made, tuple(notes_of(made)))
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == _OWN_PACKAGE:
            raise
        raise UsageError(
            f"record ethereum needs {missing}, which is not installed; {install_extra('ethereum')}"
        ) from error


RECORDER: Final = Recorder(
    "Make a block file of a real Ethereum block, whose transactions are executed in an EVM.",
    _OPTIONS,
    _record,
    has_accounts=True,
)
