"""How the state of the workloads is laid out: amounts, records of 64-bit fields, and keys of a tag and numbers."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

__all__ = ["amount_of", "encode_amount", "encode_record", "key_of", "numbers_of", "record_of", "tagged"]

State = Mapping[bytes, bytes]


def encode_amount(amount: int) -> bytes:
    """Return an amount as a state holds it: big-endian, without leading zeros."""
    return amount.to_bytes((amount.bit_length() + 7) // 8, "big")


def amount_of(state: State, key: bytes) -> int:
    """Return the amount of a key; an absent one is zero."""
    return int.from_bytes(state.get(key, b""), "big")


def encode_record(*fields: int) -> bytes:
    """Return fields of 64 bits with sign, big-endian, one after the other."""
    return struct.pack(f">{len(fields)}q", *fields)


def record_of(value: bytes) -> tuple[int, ...]:
    """Return the fields of a record."""
    return struct.unpack(f">{len(value) // 8}q", value)


def key_of(tag: bytes, *numbers: int) -> bytes:
    """Return a key: a tag of four bytes, and numbers of 64 bits, big-endian."""
    return tag + struct.pack(f">{len(numbers)}Q", *numbers)


def numbers_of(key: bytes) -> tuple[int, ...]:
    """Return the numbers of a key."""
    return struct.unpack(f">{(len(key) - 4) // 8}Q", key[4:])


def tagged(state: State, tag: bytes) -> Iterator[tuple[tuple[int, ...], bytes]]:
    """Yield the numbers and the value of each key with a tag."""
    for key, value in state.items():
        if key.startswith(tag):
            yield numbers_of(key), value
