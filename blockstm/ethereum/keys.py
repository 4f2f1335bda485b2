"""The keys of an Ethereum state. They are fine-grained, so that only true conflicts count as conflicts.

A value that is a number is written big-endian without leading zeros; zero is an absent key.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ENVIRONMENT_KEY",
    "balance_key",
    "block_hash_key",
    "code_key",
    "decode_number",
    "encode_number",
    "existence_key",
    "incarnation_key",
    "nonce_key",
    "storage_key",
]

ENVIRONMENT_KEY: Final = b"H"
"""The block's environment; see `Environment`."""


def nonce_key(address: bytes) -> bytes:
    """Return the key of an account's nonce, a number."""
    return b"n" + address


def balance_key(address: bytes) -> bytes:
    """Return the key of an account's balance, a number of wei."""
    return b"b" + address


def code_key(address: bytes) -> bytes:
    """Return the key of an account's code: its Keccak-256 hash (32 bytes), then the code; absent for none."""
    return b"c" + address


def existence_key(address: bytes) -> bytes:
    """Return the key that tells whether an account exists: one byte, 1, or absent."""
    return b"e" + address


def incarnation_key(address: bytes) -> bytes:
    """Return the key of an account's storage incarnation: how often its storage was wiped, a number."""
    return b"w" + address


def storage_key(address: bytes, slot: int, incarnation: int = 0) -> bytes:
    """Return the key of a storage slot, whose value is a number.

    Arguments:
        address: the account's, 20 bytes.
        slot: 0 to 2**256 - 1.
        incarnation: that of the account's storage, 0 to 65,535; a wiped storage goes on under other keys.
    """
    suffix = incarnation.to_bytes(2, "big") if incarnation else b""
    return b"s" + address + slot.to_bytes(32, "big") + suffix


def block_hash_key(number: int) -> bytes:
    """Return the key of an earlier block's hash, 32 bytes."""
    return b"h" + number.to_bytes(8, "big")


def encode_number(number: int) -> bytes:
    """Return an unsigned number as values hold it."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode_number(value: bytes | None) -> int:
    """Return the number that a value holds; 0 for an absent one."""
    return int.from_bytes(value, "big") if value else 0
