"""The binary tree's stored nodes, read one by one: pages of four levels, unfolded into their subtrees."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from blockstm.errors import TreeError
from blockstm.native._trees import keccak_256
from blockstm.trees.nodes import Nodes

__all__ = ["EMPTY", "LEAF_BYTES", "PATH_BITS", "Kind", "Subtree", "hash_of_leaf", "joined", "read_page"]

PATH_BITS: Final = 256
PATH_BYTES: Final = 32
DIGEST_BYTES: Final = 32
LEAF_BYTES: Final = 64
"""A path, and the hash of a value."""
SLOTS: Final = 16
BITMAP_BYTES: Final = 2


class Kind(Enum):
    """What a subtree is."""

    EMPTY = auto()
    LEAF = auto()
    """One key lies in it."""
    INNER = auto()


@dataclass(frozen=True, slots=True)
class Subtree:
    """A subtree of the binary tree.

    Arguments:
        kind: what it is.
        digest: its hash.
        leaf: of a leaf, its path and the hash of its value.
    """

    kind: Kind
    digest: bytes
    leaf: bytes = b""


EMPTY: Final = Subtree(Kind.EMPTY, bytes(DIGEST_BYTES))


def hash_of_leaf(leaf: bytes) -> Subtree:
    """Return the subtree that is one leaf, of its path and the hash of its value."""
    return Subtree(Kind.LEAF, keccak_256(b"\x00" + leaf), leaf)


def joined(left: Subtree, right: Subtree) -> Subtree:
    """Return the subtree that two make: a leaf beside nothing is all there is, and stands there itself."""
    if left.kind is Kind.EMPTY and right.kind is not Kind.INNER:
        return right
    if right.kind is Kind.EMPTY and left.kind is not Kind.INNER:
        return left
    return Subtree(Kind.INNER, keccak_256(b"\x01" + left.digest + right.digest))


def read_page(nodes: Nodes, path: bytes, nibbles: int, digest: bytes) -> list[Subtree]:
    """Return the subtrees of the page at the first nibbles of a path.

    The subtree at place 1 is the page's own. Those below the one at place n stand at 2n and 2n + 1, down to the
    slots at 16 to 31.

    Raises:
        TreeError: the page is missing, or is not what its parent says.
    """
    name = f"the page at path 0x{path.hex()[:nibbles]} of the state tree"
    page = nodes.get(_place(path, nibbles), digest)
    if page is None:
        raise TreeError(f"{name} is not among the nodes; give nodes that are whole")
    subtrees = [EMPTY] * SLOTS + _slots(page)
    for place in range(SLOTS - 1, 0, -1):
        subtrees[place] = joined(subtrees[2 * place], subtrees[2 * place + 1])
    if subtrees[1].digest != digest:
        raise TreeError(
            f"{name} is not what its parent says: its hash is 0x{subtrees[1].digest.hex()}, not 0x{digest.hex()}; "
            "restore the nodes, or make them again"
        )
    return subtrees


def _place(path: bytes, nibbles: int) -> bytes:
    packed = bytearray(path[: (nibbles + 1) // 2])
    if nibbles % 2:
        packed[-1] &= 0xF0
    return bytes(packed) + bytes([nibbles])


def _slots(page: bytes) -> list[Subtree]:
    """Return the subtrees that a page's slots are; of a page of another length, some that nobody vouches for."""
    leaves = int.from_bytes(page[:BITMAP_BYTES], "big")
    children = int.from_bytes(page[BITMAP_BYTES : 2 * BITMAP_BYTES], "big")
    at = 2 * BITMAP_BYTES
    slots = []
    for nibble in range(SLOTS):
        size = LEAF_BYTES if leaves >> nibble & 1 else DIGEST_BYTES if children >> nibble & 1 else 0
        held, at = page[at : at + size], at + size
        if size == LEAF_BYTES:
            slots.append(hash_of_leaf(held))
        else:
            slots.append(Subtree(Kind.INNER, held) if size else EMPTY)
    return slots
