"""Blocks as BlockchainTests have them, in RLP, rewritten in the JSON in which nodes answer.

All is taken from the RLP, which is what a client gets. This module knows the forms of headers and transactions by
itself: it shares no code with `blockstm.ethereum`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import coincurve
import rlp
from eth_hash.auto import keccak

from tests.ethereum_synthetic.builder import HEADER, HEADER_NUMBERS

Json = dict[str, Any]
Item = Any  # bytes, or a list of items: what RLP decodes to

CALL = ("gas", "to", "value", "input")
FEES = ("maxPriorityFeePerGas", "maxFeePerGas")
TYPED: Mapping[int, Sequence[str]] = {
    1: ("chainId", "nonce", "gasPrice", *CALL, "accessList"),
    2: ("chainId", "nonce", *FEES, *CALL, "accessList"),
    3: ("chainId", "nonce", *FEES, *CALL, "accessList", "maxFeePerBlobGas", "blobVersionedHashes"),
    4: ("chainId", "nonce", *FEES, *CALL, "accessList", "authorizationList"),
}
"""The fields of typed transactions before their signature, by type (EIP-2930, EIP-1559, EIP-4844, EIP-7702)."""
LEGACY = ("nonce", "gasPrice", *CALL)
WITHDRAWAL = ("index", "validatorIndex", "address", "amount")
AUTHORIZATION = ("chainId", "address", "nonce", "yParity", "r", "s")
BYTES = {"to", "input", "address"}
"""The fields that are bytes and not numbers."""


class NotABlockError(Exception):
    """The RLP is not that of a block of known form, so no node would answer with it."""


def block_of(encoded: bytes) -> tuple[Json, list[Json]]:
    """What a node answers for a block: to `eth_getBlockByHash(hash, true)`, and for each uncle.

    Raises:
        NotABlockError: the RLP is damaged, or not that of a block.
    """
    try:
        header, transactions, uncles, *withdrawals = rlp.decode(encoded)
        block = header_of(header)
        block["transactions"] = [transaction_of(item) for item in transactions]
        uncle_headers = [header_of(item) for item in uncles]
        block["uncles"] = [uncle["hash"] for uncle in uncle_headers]
        if withdrawals:
            block["withdrawals"] = [named(WITHDRAWAL, item) for item in withdrawals[0]]
    except (rlp.DecodingError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise NotABlockError(f"{type(error).__name__}: {error}") from error
    return block, uncle_headers


def header_of(fields: Sequence[bytes]) -> Json:
    """A header with its hash, as nodes give it."""
    names = HEADER[: len(fields)]
    header: Json = {
        name: number(value) if name in HEADER_NUMBERS else hex_of(value)
        for name, value in zip(names, fields, strict=True)
    }
    return {**header, "hash": hex_of(keccak(rlp.encode(list(fields))))}


def transaction_of(item: Item) -> Json:
    """A transaction with its hash and its sender, as nodes give it.

    Raises:
        ValueError: it is of no known form, or its signature gives no sender.
    """
    if isinstance(item, bytes):
        kind, fields, raw = item[0], rlp.decode(item[1:]), item
        names = (*TYPED[kind], "yParity", "r", "s") if kind in TYPED else ()
    else:
        kind, fields, raw = 0, item, rlp.encode(item)
        names = (*LEGACY, "v", "r", "s")
    if not names:
        raise ValueError(f"type {kind}")
    transaction = named(names, fields)
    if kind:
        transaction["v"] = transaction["yParity"]
    transaction["to"] = None if transaction["to"] == "0x" else transaction["to"]
    unsigned = list(fields[:-3])
    v, r, s = (int.from_bytes(value, "big") for value in fields[-3:])
    if kind == 0 and v >= 35:
        transaction["chainId"] = hex((v - 35) // 2)
        unsigned += [minimal((v - 35) // 2), b"", b""]
    digest = keccak((bytes([kind]) if kind else b"") + rlp.encode(unsigned))
    parity = v if kind else v - 27 if v < 35 else (v - 35) % 2
    return {
        **transaction,
        "type": hex(kind),
        "hash": hex_of(keccak(raw)),
        "from": hex_of(signer(digest, r, s, parity)),
    }


def signer(digest: bytes, r: int, s: int, parity: int) -> bytes:
    """The address that a signature gives.

    Raises:
        ValueError: it gives none.
    """
    if parity not in (0, 1) or max(r, s) >> 256:
        raise ValueError("no signature")
    signature = r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([parity])
    key = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    return keccak(key.format(compressed=False)[1:])[-20:]


def named(names: Sequence[str], fields: Sequence[Item]) -> Json:
    """Fields by their names, as nodes give them."""
    return {name: field_of(name, value) for name, value in zip(names, fields, strict=True)}


def field_of(name: str, value: Item) -> Any:
    if name == "accessList":
        return [
            {"address": hex_of(address), "storageKeys": [hex_of(key) for key in keys]}
            for address, keys in value
        ]
    if name == "blobVersionedHashes":
        return [hex_of(entry) for entry in value]
    if name == "authorizationList":
        return [named(AUTHORIZATION, entry) for entry in value]
    return hex_of(value) if name in BYTES else number(value)


def number(value: bytes) -> str:
    """A number as nodes give it.

    Raises:
        ValueError: it is not encoded as numbers are.
    """
    if value[:1] == b"\0":
        raise ValueError("a number with a leading zero")
    return hex(int.from_bytes(value, "big"))


def minimal(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def hex_of(value: bytes) -> str:
    return f"0x{value.hex()}"
