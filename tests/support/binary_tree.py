"""The binary tree as docs/reference/state-root.md defines it, in plain Python, with a Keccak of others."""

from __future__ import annotations

from collections.abc import Mapping

import sha3

Leaf = tuple[bytes, bytes]
"""A path, and the hash of a value."""


def H(data: bytes) -> bytes:  # noqa: N802 - as the specification writes it
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


def root_of(state: Mapping[bytes, bytes]) -> bytes:
    return subtree_of([(H(key), H(value)) for key, value in state.items()])


def subtree_of(leaves: list[Leaf], depth: int = 0) -> bytes:
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return H(b"\x00" + b"".join(leaves[0]))
    left = [leaf for leaf in leaves if not bit_of(leaf, depth)]
    right = [leaf for leaf in leaves if bit_of(leaf, depth)]
    return H(b"\x01" + subtree_of(left, depth + 1) + subtree_of(right, depth + 1))


def bit_of(leaf: Leaf, depth: int) -> int:
    return int.from_bytes(leaf[0], "big") >> (255 - depth) & 1
