"""A block, and the hashes of blocks before it, as an Ethereum node tells them: read strictly, and checked.

The header's fields must give the block's hash, the transactions the root that the header states, their
signatures the senders; so what has been read is what the chain has agreed on.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from blockstm.errors import shown
from blockstm.ethereum.keys import encode_number
from blockstm.ethereum.nodejson import ADDRESS_BYTES, HASH_BYTES, Fields, data, named, quantity, read_json
from blockstm.ethereum.transactions import SignedTransaction, read_transaction
from blockstm.ethereum.tries import encode_rlp, ordered_trie_root
from blockstm.files import ContentError

_BLOCK_MEND: Final = "save again what eth_getBlockByNumber(number, true) answers"
_HASHES_MEND: Final = 'write {"block number": "0x and its hash", ...}'
_BLOOM_BYTES: Final = 256
_EXTRA_BYTES_MAX: Final = 4096
_HEX: Final = re.compile(r"0x[0-9a-fA-F]*")
_DECIMAL: Final = re.compile(r"[0-9]{1,20}")

_HEADER: Final[tuple[tuple[str, int | None], ...]] = (
    ("parentHash", HASH_BYTES),
    ("sha3Uncles", HASH_BYTES),
    ("miner", ADDRESS_BYTES),
    ("stateRoot", HASH_BYTES),
    ("transactionsRoot", HASH_BYTES),
    ("receiptsRoot", HASH_BYTES),
    ("logsBloom", _BLOOM_BYTES),
    ("difficulty", None),
    ("number", None),
    ("gasLimit", None),
    ("gasUsed", None),
    ("timestamp", None),
    ("extraData", 0),
    ("mixHash", HASH_BYTES),
    ("nonce", 8),
)
"""The fields that every header has, in the order of its RLP, with their bytes; None is a number, 0 any length."""
_LATER: Final[tuple[tuple[str, int | None], ...]] = (
    ("baseFeePerGas", None),  # London, EIP-1559
    ("withdrawalsRoot", HASH_BYTES),  # Shanghai, EIP-4895
    ("blobGasUsed", None),  # Cancun, EIP-4844
    ("excessBlobGas", None),
    ("parentBeaconBlockRoot", HASH_BYTES),  # Cancun, EIP-4788
    ("requestsHash", HASH_BYTES),  # Prague, EIP-7685
)
"""The fields that forks have added, in the same way: each comes only where all before it are."""
_BITS: Final = {"difficulty": 256, "baseFeePerGas": 256}
_WITHDRAWAL: Final = ("index", "validatorIndex", "address", "amount")


@dataclass(frozen=True, slots=True)
class NodeBlock:
    """A block as a node tells it.

    Arguments:
        fields: every field of the block that is hex text, as the node gave it.
        values: the header's fields, decoded, in the order of the header's RLP; numbers are minimal
            big-endian bytes.
        uncles: the hashes of the uncles, as the node gave them.
        withdrawals: index, validatorIndex, address and amount of each, as the node gave them; None before
            Shanghai.
        transactions: in the block's order.
    """

    fields: Mapping[str, str]
    values: Mapping[str, bytes]
    uncles: tuple[str, ...]
    withdrawals: tuple[Mapping[str, str], ...] | None
    transactions: tuple[SignedTransaction, ...]

    def number_of(self, name: str) -> int:
        """Return a field of the header that is a number."""
        return int.from_bytes(self.values[name], "big")

    def optional(self, name: str) -> int | None:
        """Return a number that only the headers of later forks have, or None."""
        return self.number_of(name) if name in self.values else None

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

    Hash and sender of every transaction, the transactions' chain id, and the roots of transactions and
    withdrawals are checked here; `check_hash` checks the header's own hash.

    Arguments:
        path: the answer, plain or zstd-compressed, with or without the JSON-RPC envelope.

    Raises:
        EthereumInputError: the file cannot be read, a field is missing or malformed, or fields contradict
            each other; names the file, the place in it and the mend.
    """
    answer = read_json(path)
    with named(path):
        if answer is None:
            raise ContentError(f"the node answered null: it does not know the block; {_BLOCK_MEND}")
        block = Fields(answer, "the block", _BLOCK_MEND)
        values = _header(block)
        transactions = _transactions(block, values)
        return NodeBlock(
            {name: value for name, value in block.values.items() if _is_hex(value)},
            values,
            tuple(_uncles(block)),
            _withdrawals(block, values),
            transactions,
        )


def check_hash(block: NodeBlock) -> None:
    """Check that the header's fields give the block's hash.

    Raises:
        ContentError: they do not.
    """
    found = "0x" + keccak(encode_rlp(list(block.values.values()))).hex()
    stated = block.fields.get("hash", "")
    if found != stated.lower():
        raise ContentError(
            f"the block: the header's fields give the hash {found}, and field hash is {shown(stated)}: "
            f"a field is wrong, missing, or of a later fork; {_BLOCK_MEND}"
        )


def _is_hex(value: object) -> bool:
    return isinstance(value, str) and _HEX.fullmatch(value) is not None


def _header(block: Fields) -> dict[str, bytes]:
    if block.values.get("hash", "") is None:
        block.refuse("field hash is null: the block is still pending")
    block.data("hash", HASH_BYTES)
    count = sum(block.has(name) for name, _ in _LATER)
    values = {name: _header_field(block, name, length) for name, length in (*_HEADER, *_LATER[:count])}
    if len(values["extraData"]) > _EXTRA_BYTES_MAX:
        block.refuse(f"field extraData is longer than {_EXTRA_BYTES_MAX} bytes")
    return values


def _header_field(block: Fields, name: str, length: int | None) -> bytes:
    if length is None:
        return encode_number(block.quantity(name, _BITS.get(name, 64)))
    return block.data(name, length or None)


def _transactions(block: Fields, values: Mapping[str, bytes]) -> tuple[SignedTransaction, ...]:
    listed = block.array("transactions")
    if listed and isinstance(listed[0], str):
        block.refuse("field transactions holds hashes only")
    transactions = tuple(read_transaction(value, index, _BLOCK_MEND) for index, value in enumerate(listed))
    stating = [txn for txn in transactions if txn.chain_id is not None]
    for txn in stating:
        if txn.chain_id != stating[0].chain_id:
            raise ContentError(
                f"{txn.place}: it is signed for chain {txn.chain_id}, and {stating[0].place} for chain "
                f"{stating[0].chain_id}; {_BLOCK_MEND}"
            )
    _check_root(block, values, "transactionsRoot", [txn.raw for txn in transactions])
    return transactions


def _check_root(block: Fields, values: Mapping[str, bytes], name: str, items: list[bytes]) -> None:
    root = ordered_trie_root(items)
    if root != values[name]:
        kind = name.removesuffix("Root")
        block.refuse(
            f"the {len(items)} {kind} give the root 0x{root.hex()}, but field {name} is "
            f"0x{values[name].hex()}: some are missing, too many or in another order"
        )


def _uncles(block: Fields) -> list[str]:
    uncles = block.array("uncles")
    for value in uncles:
        try:
            data(value, HASH_BYTES)
        except ValueError as error:
            block.refuse(f"field uncles holds {shown(value)}, which is not {error}")
    return uncles


def _withdrawals(block: Fields, values: Mapping[str, bytes]) -> tuple[Mapping[str, str], ...] | None:
    if "withdrawalsRoot" not in values:
        return None
    withdrawals = list(block.items("withdrawals", "withdrawal"))
    items = [
        encode_rlp(
            [
                entry.data(name, ADDRESS_BYTES) if name == "address" else encode_number(entry.quantity(name))
                for name in _WITHDRAWAL
            ]
        )
        for entry in withdrawals
    ]
    _check_root(block, values, "withdrawalsRoot", items)
    return tuple({name: entry[name] for name in _WITHDRAWAL} for entry in withdrawals)


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
        fields = Fields(answer, "the block hashes", _HASHES_MEND)
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
