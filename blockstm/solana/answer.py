"""What `getBlock` answers, read strictly; see https://solana.com/docs/rpc/http/getblock for its fields."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blockstm.errors import SolanaInputError, shown, shown_path
from blockstm.files.content import ContentError, open_input
from blockstm.files.json_answers import JsonFields, json_answer
from blockstm.limits import SOLANA_JSON_BYTES_MAX, TRANSACTIONS_MAX, U64_MAX
from blockstm.solana.messages import Message, account, message_of

__all__ = ["NodeBlock", "NodeTransaction", "read_block"]

_FIX: Final = (
    "ask the node again for getBlock with transactionDetails full, encoding base64 and "
    "maxSupportedTransactionVersion 0"
)


@dataclass(frozen=True, slots=True)
class NodeTransaction:
    """A transaction, and what came of it.

    Arguments:
        message: what its message says of accounts.
        compute_units: what it used.
        failure: why it failed, in words; None where it succeeded.
    """

    message: Message
    compute_units: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class NodeBlock:
    """A block.

    Arguments:
        block_hash: its hash, in base58.
        parent_slot: the slot of the block before it.
        block_height: how many blocks came before it; None where the node does not tell.
        transactions: in their order.
    """

    block_hash: str
    parent_slot: int
    block_height: int | None
    transactions: tuple[NodeTransaction, ...]


def read_block(path: str | os.PathLike[str]) -> NodeBlock:
    """Return what a node answered to `getBlock`, with or without the JSON-RPC envelope around it.

    Arguments:
        path: JSON text, plain or compressed with zstd or gzip, at most `SOLANA_JSON_BYTES_MAX` bytes.

    Raises:
        SolanaInputError: the file is missing, too large, damaged or not JSON; a field is missing or malformed; or a
            transaction is in an encoding that is not known. The message names the file, the transaction and the
            field.
    """
    with open_input(path, SolanaInputError) as file:
        try:
            answer = json_answer(file, SOLANA_JSON_BYTES_MAX, "no block of Solana's takes as much")
            return _block(answer)
        except ContentError as error:
            raise SolanaInputError(f"{shown_path(path)}: {error}") from error


def _block(answer: object) -> NodeBlock:
    if answer is None:
        raise ContentError("the node has no such block: its slot was skipped, or the node has forgotten it")
    told = JsonFields(answer, "the block", _FIX)
    account(told["blockhash"], told, "field blockhash")
    count = len(told.array("transactions"))
    if count > TRANSACTIONS_MAX:
        told.refuse(f"it has {count} transactions, and the limit is {TRANSACTIONS_MAX}")
    return NodeBlock(
        told["blockhash"],
        told.integer("parentSlot", U64_MAX),
        told.integer("blockHeight", U64_MAX) if told.has("blockHeight") else None,
        tuple(_transactions(told)),
    )


def _transactions(told: JsonFields) -> Iterator[NodeTransaction]:
    for txn_idx, value in enumerate(told.array("transactions")):
        entry = JsonFields(value, f"transaction {txn_idx}", _FIX)
        meta = entry.inner("meta")
        if not meta.has("computeUnitsConsumed"):
            meta.refuse(
                "field computeUnitsConsumed is missing: the node does not know the work of this block"
            )
        yield NodeTransaction(
            message_of(entry["transaction"], meta),
            meta.integer("computeUnitsConsumed", U64_MAX),
            None if meta["err"] is None else _in_words(meta["err"]),
        )


def _in_words(error: object) -> str:
    """Return a transaction's error in words: `{"InstructionError": [2, {"Custom": 30}]}` without the brackets."""
    if isinstance(error, dict):
        return " ".join(f"{name} {_in_words(inner)}" for name, inner in error.items())
    if isinstance(error, list):
        return " ".join(map(_in_words, error))
    return error if isinstance(error, str) else shown(error)
