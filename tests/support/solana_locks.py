"""The account locks of a Solana block, decoded by hand from the answer of a node to `getBlock`.

The formats are those of Solana's documentation: a transaction is an array of signatures and a message, arrays begin
with a compact-u16, and the accounts of a message stand in the order: signers that write, signers that read, others
that write, others that read.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

SIGNATURE_BYTES = 64
ACCOUNT_BYTES = 32
VERSIONED = 0x80
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True)
class LockedTransaction:
    """The accounts that a transaction locks, its compute units, and whether it failed."""

    writable: frozenset[bytes]
    read_only: frozenset[bytes]
    compute_units: int
    failed: bool


def locked_transactions(path: Path) -> list[LockedTransaction]:
    """Read the transactions of a block, zstd-compressed JSON."""
    with zstandard.open(path, "rb") as file:
        return [_locked(each) for each in json.load(file)["transactions"]]


def _locked(transaction: dict[str, Any]) -> LockedTransaction:
    content, encoding = transaction["transaction"]
    assert encoding == "base64"
    meta = transaction["meta"]
    writable, read_only = _accounts(base64.b64decode(content))
    loaded = meta.get("loadedAddresses") or {}
    writable += map(_account, loaded.get("writable", ()))
    read_only += map(_account, loaded.get("readonly", ()))
    return LockedTransaction(
        frozenset(writable),
        frozenset(read_only) - frozenset(writable),
        meta.get("computeUnitsConsumed") or 0,
        meta["err"] is not None,
    )


def _accounts(content: bytes) -> tuple[list[bytes], list[bytes]]:
    """The accounts that stand in the message itself: those that it writes, and those that it reads."""
    signatures, place = _compact_u16(content, 0)
    place += signatures * SIGNATURE_BYTES
    if content[place] & VERSIONED:
        place += 1
    signers, signers_read, others_read = content[place : place + 3]
    count, place = _compact_u16(content, place + 3)
    end = place + count * ACCOUNT_BYTES
    accounts = [content[start : start + ACCOUNT_BYTES] for start in range(place, end, ACCOUNT_BYTES)]
    read_only = accounts[signers - signers_read : signers] + accounts[count - others_read :]
    writable = accounts[: signers - signers_read] + accounts[signers : count - others_read]
    return writable, read_only


def _compact_u16(content: bytes, place: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and the place after it."""
    number, shift = 0, 0
    while True:
        byte = content[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < 0x80:
            return number, place


def _account(text: str) -> bytes:
    number = 0
    for character in text:
        number = number * len(ALPHABET) + ALPHABET.index(character)
    return number.to_bytes(ACCOUNT_BYTES, "big")
