"""A block, and the hashes of blocks before it, as an Ethereum node tells them: read strictly, and checked.

Every transaction's fields must give its hash, and its signature the sender. Whether the header's fields give the
block's hash, and the transactions the root that the header states, is compared when the block is replayed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from blockstm.errors import shown
from blockstm.ethereum.header import Withdrawal, read_header, read_uncles, read_withdrawals
from blockstm.ethereum.nodejson import HASH_BYTES, Fields, named, quantity, read_json
from blockstm.ethereum.transactions import SignedTransaction, read_transactions
from blockstm.files.content import ContentError
from blockstm.limits import U64_MAX

_BLOCK_FIX: Final = "save again what eth_getBlockByNumber(number, true) answers"
_HASHES_FIX: Final = 'write {"block number": "0x and its hash", ...}'
_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")
_DECIMAL: Final = re.compile(r"[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class NodeBlock:
    """A block as a node tells it.

    Arguments:
        fields: every field of the block that is hex text, as the node gave it.
        values: the header's fields, decoded, in the order of the header's RLP; numbers are minimal
            big-endian bytes.
        uncles: the hashes of the uncles, as the node gave them.
        withdrawals: None before Shanghai.
        transactions: in the block's order.
    """

    fields: Mapping[str, str]
    values: Mapping[str, bytes]
    uncles: tuple[str, ...]
    withdrawals: tuple[Withdrawal, ...] | None
    transactions: tuple[SignedTransaction, ...]

    def number_of(self, name: str) -> int:
        """Return a field of the header that is a number."""
        return int.from_bytes(self.values[name], "big")

    @property
    def number(self) -> int:
        """The block's number."""
        return self.number_of("number")

    @property
    def chain_id(self) -> int:
        """The chain that the first transaction to state one is signed for; 1, the mainnet, if none does."""
        return next((txn.chain_id for txn in self.transactions if txn.chain_id is not None), 1)


def read_block(path: str | os.PathLike[str]) -> NodeBlock:
    """Return the block that a node answered `eth_getBlockByNumber(number, true)` with.

    Hash and sender of every transaction and the transactions' chain id are checked here.

    Arguments:
        path: the answer, plain or zstd-compressed, with or without the JSON-RPC envelope.

    Raises:
        EthereumInputError: the file cannot be read, a field is missing or malformed, or fields contradict
            each other; names the file, the place in it and the fix.
    """
    answer = read_json(path)
    with named(path):
        if answer is None:
            raise ContentError(f"the node answered null: it does not know the block; {_BLOCK_FIX}")
        block = Fields(answer, "the block", _BLOCK_FIX)
        if block.values.get("hash", "") is None:
            block.refuse("field hash is null: the block is still pending")
        block.data("hash", HASH_BYTES)
        values = read_header(block)
        transactions = _transactions(block)
        return NodeBlock(
            {name: value for name, value in block.values.items() if _is_hex(value)},
            values,
            tuple(read_uncles(block)),
            read_withdrawals(block) if "withdrawalsRoot" in values else None,
            transactions,
        )


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _transactions(block: Fields) -> tuple[SignedTransaction, ...]:
    listed = block.array("transactions")
    if listed and isinstance(listed[0], str):
        block.refuse("field transactions holds hashes only")
    transactions = read_transactions(listed, _BLOCK_FIX)
    stating = [txn for txn in transactions if txn.chain_id is not None]
    for txn in stating:
        if txn.chain_id != stating[0].chain_id:
            raise ContentError(
                f"{txn.place}: it is signed for chain {txn.chain_id}, and {stating[0].place} for chain "
                f"{stating[0].chain_id}; {_BLOCK_FIX}"
            )
    if stating and stating[0].chain_id is not None and stating[0].chain_id > U64_MAX:
        raise ContentError(
            f"{stating[0].place}: the chain that it is signed for has a number of more than 64 bits; "
            "blocks of that chain cannot be recorded"
        )
    return transactions


def read_block_hashes(path: str | os.PathLike[str], block: NodeBlock) -> dict[int, bytes]:
    """Return the hashes of earlier blocks, by number, that a file names for the opcode BLOCKHASH.

    Arguments:
        path: `{"number": "0xhash", ...}`, numbers decimal or as 0x and hex digits; plain or
            zstd-compressed.
        block: the block that they are for.

    Raises:
        EthereumInputError: the file cannot be read, a number or hash is malformed, a number is not below the
            block's, comes twice, or is the parent's with another hash than the block says.
    """
    answer = read_json(path)
    with named(path):
        hashes: dict[int, bytes] = {}
        fields = Fields(answer, "the block hashes", _HASHES_FIX)
        for text in fields.values:
            number = _block_number(fields, text)
            if number in hashes:
                fields.refuse(f"block {number} comes twice")
            if number >= block.number:
                fields.refuse(f"block {number} does not come before block {block.number}")
            hashes[number] = fields.data(text, HASH_BYTES)
            if number == block.number - 1 and hashes[number] != block.values["parentHash"]:
                fields.refuse(f"block {number} has another hash than block {block.number} says")
        return hashes


def _block_number(fields: Fields, text: str) -> int:
    if _DECIMAL.fullmatch(text) and not int(text) >> 64:
        return int(text)
    try:
        return quantity(text, 64)
    except ValueError:
        fields.refuse(f"{shown(text)} is not the number of a block")
