"""Proofs of what a state holds at some keys: whoever knows the state's root needs nothing else to check them.

docs/reference/state-root.md defines them. A proof goes through the tree from its root, left before right, and looks
into a subtree only where one of its keys lies. So what several keys share stands in it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from blockstm.errors import LimitError, ProofError, UsageError, shown
from blockstm.limits import PROOF_KEYS_MAX
from blockstm.native._trees import keccak_256, keccak_256_many
from blockstm.programs.parameters import check_key
from blockstm.trees.binary import EMPTY_ROOT, ROOT_BYTES, BinaryTree
from blockstm.trees.nodes import MemoryNodes, Nodes
from blockstm.trees.pages import (
    EMPTY,
    LEAF_BYTES,
    PATH_BITS,
    Kind,
    Subtree,
    hash_of_leaf,
    joined,
    read_page,
)

__all__ = ["MappingState", "Proof", "ProvableState", "prove"]

TOKENS_PER_BYTE: Final = 4
NIBBLE_BITS: Final = 4
SLOTS_AT: Final = 16
"""In a page, the places of subtrees from here on are its slots."""


class ProvableState(Protocol):
    """A state of which something can be proved: its tree, and its values."""

    @property
    def root(self) -> bytes:
        """The root of the binary tree over it."""
        ...

    @property
    def nodes(self) -> Nodes:
        """The pages of that tree."""
        ...

    def value(self, key: bytes, /) -> bytes | None:
        """Return the value of a key; None for a key without one."""
        ...


class MappingState:
    """A `ProvableState` that is a mapping; its tree is made when it is first needed.

    Arguments:
        state: values by key.

    Raises:
        ProgramError, LimitError, UsageError: as `BinaryTree.update`, once the tree is made.
    """

    def __init__(self, state: Mapping[bytes, bytes]) -> None:
        """Keep the mapping."""
        self._state = state

    @cached_property
    def _tree(self) -> tuple[bytes, MemoryNodes]:
        nodes = MemoryNodes()
        tree = BinaryTree(nodes)
        tree.update(self._state)
        root, changes = tree.commit()
        nodes.put(changes)
        return root, nodes

    @property
    def root(self) -> bytes:
        """The root of the binary tree over it."""
        return self._tree[0]

    @property
    def nodes(self) -> Nodes:
        """The pages of that tree."""
        return self._tree[1]

    def value(self, key: bytes, /) -> bytes | None:
        """Return the value of a key; None for a key without one."""
        return self._state.get(key)


class Token(IntEnum):
    """What a proof finds where it goes, two bits each."""

    EMPTY = 0
    HASH = 1
    """A subtree in which no key of the proof lies, by its hash."""
    LEAF = 2
    INNER = 3


class Claim(NamedTuple):
    """What a proof says of a key: where it lies, and the hash of its value; no bytes for a key without one."""

    path: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What a state holds at some keys, with what shows it. Make one with `prove`, or of bytes with `decode_proof`.

    Arguments:
        values: by key; None for a key without a value.
        shape: the tokens of what the proof goes through, packed.
        hashes: of subtrees into which it does not look, and the leaves of other keys, in that order.
    """

    values: Mapping[bytes, bytes | None]
    shape: bytes
    hashes: bytes

    def root(self) -> bytes:
        """Return the root of a state of which all this is true.

        Raises:
            ProofError: there is none: something is missing, left over, or not as a tree can be.
        """
        reading = _Reading(self)
        root = reading.subtree(_claims(self.values), 0).digest
        reading.end()
        return root

    def verify(self, root: bytes) -> None:
        """Check that the proof is one of a state with this root; it says what its keys hold there.

        Raises:
            ProofError: it is not.
            UsageError: the root has not 32 bytes.
        """
        if type(root) is not bytes or len(root) != ROOT_BYTES:
            raise UsageError(f"root {shown(root)}: is not a root; give {ROOT_BYTES} bytes")
        if (own := self.root()) != root:
            raise ProofError(
                f"the proof is of the root 0x{own.hex()}, not of 0x{root.hex()}: it is wrong, or of another state"
            )


def prove(state: ProvableState, keys: Iterable[bytes]) -> Proof:
    """Prove what a state holds at some keys, be it a value or nothing.

    Arguments:
        state: the state.
        keys: at least one; what is named twice is proved once.

    Raises:
        ProgramError, LimitError: something is not a key, or there are more than PROOF_KEYS_MAX.
        UsageError: there is no key.
        TreeError: a page of the tree is missing, or is not what its parent says.
        ProofError: the state's values are not those that its tree was made of.
    """
    wanted = sorted({check_key(key, "key") for key in keys})
    if not wanted:
        raise UsageError("a proof is of at least one key; name one")
    if len(wanted) > PROOF_KEYS_MAX:
        raise LimitError(f"there are {len(wanted)} keys; a proof has at most {PROOF_KEYS_MAX}: make several")
    values = {key: state.value(key) for key in wanted}
    writing = _Writing(state.nodes)
    writing.tree(state.root, _claims(values))
    proof = Proof(values, _packed(writing.tokens), b"".join(writing.hashes))
    try:
        is_right = proof.root() == state.root
    except ProofError:
        is_right = False
    if not is_right:
        raise ProofError(
            "the values of this state are not those that its tree was made of; make the tree again"
        )
    return proof


def _claims(values: Mapping[bytes, bytes | None]) -> list[Claim]:
    """Return what is said of keys, in the order of their paths."""
    held = [b"" if value is None else keccak_256(value) for value in values.values()]
    return sorted(map(Claim, keccak_256_many(values), held))


def _divided(claims: list[Claim], bit: int) -> tuple[list[Claim], list[Claim]]:
    """Divide claims into those that lie left and those that lie right at a bit of their paths."""
    right = [claim for claim in claims if claim.path[bit >> 3] >> (7 - (bit & 7)) & 1]
    return claims[: len(claims) - len(right)], right


def _packed(tokens: list[Token]) -> bytes:
    number = 0
    padding = -len(tokens) % TOKENS_PER_BYTE
    for token in tokens:
        number = number << 2 | token
    return (number << 2 * padding).to_bytes((len(tokens) + padding) // TOKENS_PER_BYTE, "big")


class _Writing:
    """A proof as it is made."""

    def __init__(self, nodes: Nodes) -> None:
        self.nodes = nodes
        self.tokens: list[Token] = []
        self.hashes: list[bytes] = []

    def tree(self, root: bytes, claims: list[Claim]) -> None:
        if root == EMPTY_ROOT:
            self.tokens.append(Token.EMPTY)
        else:
            self._subtree(read_page(self.nodes, claims[0].path, 0, root), 1, claims, 0)

    def _subtree(self, page: list[Subtree], place: int, claims: list[Claim], bit: int) -> None:
        subtree = page[place]
        if subtree.kind is Kind.EMPTY:
            self.tokens.append(Token.EMPTY)
        elif not claims:
            self.tokens.append(Token.HASH)
            self.hashes.append(subtree.digest)
        elif subtree.kind is Kind.LEAF:
            self.tokens.append(Token.LEAF)
            if not any(claim.value and subtree.leaf.startswith(claim.path) for claim in claims):
                self.hashes.append(subtree.leaf)
        else:
            self.tokens.append(Token.INNER)
            if place >= SLOTS_AT:
                page, place = read_page(self.nodes, claims[0].path, bit // NIBBLE_BITS, subtree.digest), 1
            left, right = _divided(claims, bit)
            self._subtree(page, 2 * place, left, bit + 1)
            self._subtree(page, 2 * place + 1, right, bit + 1)


class _Reading:
    """A proof as it is read; nothing of it is believed."""

    def __init__(self, proof: Proof) -> None:
        self._tokens = self._each_token(proof.shape)
        self._hashes = proof.hashes
        self._taken = 0

    @staticmethod
    def _each_token(shape: bytes) -> Iterator[Token]:
        for byte in shape:
            for shift in (6, 4, 2, 0):
                yield Token(byte >> shift & 3)

    def _take(self, size: int) -> bytes:
        taken = self._hashes[self._taken : self._taken + size]
        if len(taken) < size:
            raise ProofError("the proof lacks hashes that its shape tells of; make it again")
        self._taken += size
        return taken

    def subtree(self, claims: list[Claim], bit: int) -> Subtree:
        """Return the next subtree; bit: how many bits of paths lead to it."""
        match next(self._tokens, None):
            case Token.EMPTY if not any(claim.value for claim in claims):
                return EMPTY
            case Token.HASH if not claims:
                return Subtree(Kind.INNER, self._take(ROOT_BYTES))  # or a leaf; what it is does not matter
            case Token.LEAF if claims:
                return self._leaf(claims, bit)
            case Token.INNER if claims and bit < PATH_BITS:
                return self._inner(claims, bit)
            case None:
                raise ProofError("the proof's shape ends too early; make it again")
        raise ProofError("the proof's shape does not fit its keys and values; make it again")

    def _leaf(self, claims: list[Claim], bit: int) -> Subtree:
        held = [claim for claim in claims if claim.value]
        if len(held) > 1:
            raise ProofError("the proof has several values in a subtree of one key; make it again")
        if held:
            return hash_of_leaf(held[0].path + held[0].value)
        leaf = self._take(LEAF_BYTES)
        above = PATH_BITS - bit
        path = int.from_bytes(leaf[: PATH_BITS // 8], "big")
        if path >> above != int.from_bytes(claims[0].path, "big") >> above:
            raise ProofError("the proof has a leaf where its path does not lead; make it again")
        if any(leaf.startswith(claim.path) for claim in claims):
            raise ProofError("the proof has a leaf of a key that it says has no value; make it again")
        return hash_of_leaf(leaf)

    def _inner(self, claims: list[Claim], bit: int) -> Subtree:
        left, right = _divided(claims, bit)
        made = joined(self.subtree(left, bit + 1), self.subtree(right, bit + 1))
        if made.kind is not Kind.INNER:
            raise ProofError("the proof has a node above a single leaf or none; make it again")
        return made

    def end(self) -> None:
        """Check that nothing is left over: of the shape, only what fills its last byte."""
        rest = [*self._tokens]
        if len(rest) >= TOKENS_PER_BYTE or any(rest) or self._taken != len(self._hashes):
            raise ProofError("the proof has more than its keys need; make it again")
