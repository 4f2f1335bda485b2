"""Blocks in RLP as `geth export` writes them, made of a node's JSON; shares no code with `blockstm.ethereum`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import rlp

from tests.blockchain_tests.nodeanswers import AUTHORIZATION, BYTES, LEGACY, TYPED, WITHDRAWAL, minimal
from tests.ethereum_synthetic.builder import HEADER, HEADER_NUMBERS

Json = dict[str, Any]


def exported(block: Json, uncles: Iterable[Json] = ()) -> bytes:
    """The RLP of a block that a node tells."""
    items = [header_of(block), [transaction_of(told) for told in block["transactions"]]]
    items.append([header_of(uncle) for uncle in uncles])
    if "withdrawals" in block:
        items.append([[item_of(name, told[name]) for name in WITHDRAWAL] for told in block["withdrawals"]])
    encoded: bytes = rlp.encode(items)
    return encoded


def header_of(told: Json) -> list[bytes]:
    return [
        minimal(int(told[name], 16)) if name in HEADER_NUMBERS else bytes_of(told[name])
        for name in HEADER
        if name in told
    ]


def transaction_of(told: Json) -> list[Any] | bytes:
    """As it stands in a block: a list, or the type and the RLP (EIP-2718)."""
    kind = int(told.get("type", "0x0"), 16)
    names: Sequence[str] = (*TYPED[kind], "v", "r", "s") if kind else (*LEGACY, "v", "r", "s")
    items = [item_of(name, told[name]) for name in names]
    return bytes([kind]) + rlp.encode(items) if kind else items


def item_of(name: str, value: Any) -> Any:
    if name == "accessList":
        return [[bytes_of(entry["address"]), [*map(bytes_of, entry["storageKeys"])]] for entry in value]
    if name == "blobVersionedHashes":
        return [*map(bytes_of, value)]
    if name == "authorizationList":
        return [[item_of(field, entry[field]) for field in AUTHORIZATION] for entry in value]
    return bytes_of(value or "0x") if name in BYTES else minimal(int(value, 16))


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(text[2:])
