"""A block, and the hashes of blocks before it, as an Ethereum node tells them: read strictly, and checked.

Every transaction's fields must give its hash, and its signature the sender. Whether the header's fields give the
block's hash, and the transactions the root that the header states, is compared when the block is replayed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Final

from blockstm.errors import EthereumInputError, shown
from blockstm.ethereum.node.batches import batch_of, only_block
from blockstm.ethereum.node.exports import EXPORT_FIX, exported_block, is_rlp, told_transaction
from blockstm.ethereum.node.header import Withdrawal, read_header, read_uncles, read_withdrawals
from blockstm.ethereum.node.nodejson import HASH_BYTES, Fields, decode_answer, named, quantity, read_json
from blockstm.ethereum.node.transactions import SignedTransaction, read_transactions
from blockstm.ethereum.node.tries import encode_rlp
from blockstm.files.content import ContentError, open_input
from blockstm.limits import U64_MAX
from blockstm.native._trees import keccak_256

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
        uncle_headers: the fields of the uncles' headers, where the block was told with them.
        stated_chain_id: the chain that it is of, where that was told.
    """

    fields: Mapping[str, str]
    values: Mapping[str, bytes]
    uncles: tuple[str, ...]
    withdrawals: tuple[Withdrawal, ...] | None
    transactions: tuple[SignedTransaction, ...]
    uncle_headers: tuple[Mapping[str, str], ...] | None = None
    stated_chain_id: int | None = None

    def number_of(self, name: str) -> int:
        """Return a field of the header that is a number."""
        return int.from_bytes(self.values[name], "big")

    @property
    def number(self) -> int:
        """The block's number."""
        return self.number_of("number")

    @property
    def chain_id(self) -> int:
        """The chain that it is said to be of, or that its transactions are signed for; else 1, the mainnet."""
        if self.stated_chain_id is not None:
            return self.stated_chain_id
        return next((txn.chain_id for txn in self.transactions if txn.chain_id is not None), 1)


def read_block(
    path: str | os.PathLike[str], number: int | None = None, raw_transactions: Sequence[bytes] | None = None
) -> NodeBlock:
    """Return a block that a node answered `eth_getBlockByNumber(number, true)` with, or that it exported in RLP.

    Hash and sender of every transaction and the transactions' chain id are checked here.

    Arguments:
        path: the answer, with or without the JSON-RPC envelope, or a batch of answers among which it is; or
            blocks in RLP, one after the other. Plain, or compressed with zstd or gzip.
        number: that of the block; None where the file holds only one.
        raw_transactions: the block's, as EIP-2718 encodes them; a node's answer then needs only tell their hashes.

    Raises:
        EthereumInputError: the file cannot be read, a field is missing or malformed, fields contradict each other,
            or it holds no such block; names the file, the place in it and the fix.
    """
    with named(path), open_input(path, EthereumInputError) as file:
        if is_rlp(file):
            return _exported_block(file, number)
        answer = decode_answer(file)
        if (batch := batch_of(answer)) is not None:
            answer = only_block(batch, number)
        if raw_transactions is not None:
            return _with_transactions(answer, number, raw_transactions)
        return block_of(answer, number)


def block_of(answer: object, number: int | None = None, chain_id: int | None = None) -> NodeBlock:
    """Return the block that a node answered with; see `read_block`.

    Arguments:
        answer: without an envelope.
        number: that of the block, where it is known.
        chain_id: the chain that the node says it is of.

    Raises:
        ContentError: a field is missing or malformed, fields contradict each other, or it is another block.
    """
    if answer is None:
        raise ContentError(f"the node answered null: it does not know the block; {_BLOCK_FIX}")
    block = Fields(answer, "the block", _BLOCK_FIX)
    if block.values.get("hash", "") is None:
        block.refuse("field hash is null: the block is still pending")
    made = _block(block, chain_id=chain_id)
    if number is not None and made.number != number:
        block.refuse(f"it is block {made.number}, not {number}")
    return made


def told_block(answer: Mapping[str, object], fix: str) -> NodeBlock:
    """Return a block that is told as by a node, but without senders, which its signatures tell.

    Raises:
        ContentError: a field is missing or malformed, or fields contradict each other.
    """
    return _block(Fields(answer, "the block", fix), states_senders=False)


def _with_transactions(answer: object, number: int | None, raws: Sequence[bytes]) -> NodeBlock:
    if isinstance(answer, list) and len(answer) == 1:
        (answer,) = answer
    block = Fields(answer, "the block", _BLOCK_FIX)
    hashes = [
        told if isinstance(told, str) else Fields(told, "a transaction", _BLOCK_FIX)["hash"]
        for told in block.array("transactions")
    ]
    told = [told_transaction(raw, index) for index, raw in enumerate(raws)]
    if hashes != [transaction["hash"] for transaction in told]:
        block.refuse(f"its {len(hashes)} transactions are not the {len(told)} of the witness")
    made = told_block({**block.values, "transactions": told}, _BLOCK_FIX)
    if number is not None and made.number != number:
        block.refuse(f"it is block {made.number}, not {number}")
    return made


def _exported_block(file: BinaryIO, number: int | None) -> NodeBlock:
    told, uncles = exported_block(file, number)
    block = Fields(told, "the block", EXPORT_FIX)
    made = _block(block, states_senders=False)
    headers = [
        Fields(uncle, f"{block.place}: uncle {index}", EXPORT_FIX) for index, uncle in enumerate(uncles)
    ]
    for header in headers:
        read_header(header)
    return replace(made, uncle_headers=tuple(header.values for header in headers))


def _block(block: Fields, *, chain_id: int | None = None, states_senders: bool = True) -> NodeBlock:
    block.data("hash", HASH_BYTES)
    values = read_header(block)
    transactions = _transactions(block, chain_id, states_senders)
    return NodeBlock(
        {name: value for name, value in block.values.items() if _is_hex(value)},
        values,
        tuple(read_uncles(block)),
        read_withdrawals(block) if "withdrawalsRoot" in values else None,
        transactions,
        stated_chain_id=chain_id,
    )


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _transactions(block: Fields, chain_id: int | None, states_senders: bool) -> tuple[SignedTransaction, ...]:
    listed = block.array("transactions")
    if listed and isinstance(listed[0], str):
        block.refuse("field transactions holds hashes only")
    transactions = read_transactions(listed, block.fix, states_senders=states_senders)
    stating = [txn for txn in transactions if txn.chain_id is not None]
    for txn in stating:
        if chain_id is not None and txn.chain_id != chain_id:
            raise ContentError(
                f"{txn.place}: it is signed for chain {txn.chain_id}, and the node is of chain {chain_id}; "
                f"{block.fix}"
            )
        if txn.chain_id != stating[0].chain_id:
            raise ContentError(
                f"{txn.place}: it is signed for chain {txn.chain_id}, and {stating[0].place} for chain "
                f"{stating[0].chain_id}; {block.fix}"
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
        path: `{"number": "0xhash", ...}`, numbers decimal or as 0x and hex digits; or a batch of answers to
            `eth_getBlockByNumber`. Plain, or compressed with zstd or gzip.
        block: the block that they are for.

    Raises:
        EthereumInputError: the file cannot be read, a number or hash is malformed, a number is not below the
            block's, comes twice, or is the parent's with another hash than the block says.
    """
    answer = read_json(path)
    with named(path):
        if (batch := batch_of(answer)) is not None:
            answer = _hashes_of(batch)
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


def _hashes_of(batch: list[object]) -> dict[str, str]:
    hashes: dict[str, str] = {}
    for number, found in map(earlier_block, batch):
        if hashes.setdefault(str(number), f"0x{found.hex()}") != f"0x{found.hex()}":
            raise ContentError(f"the batch holds two blocks {number}; leave the one of this chain")
    return hashes


def earlier_block(answer: object) -> tuple[int, bytes]:
    """Return the number and the hash of a block of which a node has told at least the header, which is checked.

    Arguments:
        answer: without an envelope.

    Raises:
        ContentError: a field is missing or malformed, or the fields do not give the hash.
    """
    fields = Fields(answer, "an earlier block", _BLOCK_FIX)
    header = read_header(fields)
    number, stated = fields.quantity("number"), fields.data("hash", HASH_BYTES)
    if (found := keccak_256(encode_rlp([*header.values()]))) != stated:
        fields.place = f"block {number}"
        fields.refuse(f"its fields give the hash 0x{found.hex()}, but it says 0x{stated.hex()}")
    return number, found


def _block_number(fields: Fields, text: str) -> int:
    if _DECIMAL.fullmatch(text) and not int(text) >> 64:
        return int(text)
    try:
        return quantity(text, 64)
    except ValueError:
        fields.refuse(f"{shown(text)} is not the number of a block")
