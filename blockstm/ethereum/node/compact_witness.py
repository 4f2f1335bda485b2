"""The compact form of a state witness: the instructions of a stack machine that builds the trie of accounts.

It is the form of Erigon's witnesses that the Zero prover's nodes write ("type 1"). After a byte for the version
come instructions: a byte that says which, then what it takes, in CBOR (RFC 8949: unsigned numbers, byte strings).

- 0 LEAF path, value: of a storage; the value is not in RLP, as it is in the trie.
- 1 EXTENSION path: takes a node.
- 2 BRANCH mask: takes a node for each bit, the one of the highest last.
- 3 HASH: 32 bytes, which stand for a node or for a code.
- 4 CODE code.
- 5 ACCOUNT_LEAF path, flags, and as the flags say: nonce, balance, length of the code. Takes a storage and a code.
- 6 EMPTY_ROOT.

A path is a byte of flags, of which bit 0 says that the count of nibbles is odd, and nibbles, two in a byte; where
the count is odd, the last byte has one, in its upper half. A path of one byte is a single nibble.
"""

from __future__ import annotations

from typing import Final, NamedTuple, NoReturn, TypeAlias

from blockstm.ethereum.node.tries import encode_rlp
from blockstm.files.content import ContentError
from blockstm.native._trees import EMPTY_TRIE_ROOT, encode_strings, keccak_256

__all__ = ["CompactWitness", "decode_compact"]

_VERSIONS: Final = (0, 1)
_LEAF, _EXTENSION, _BRANCH, _HASH, _CODE, _ACCOUNT_LEAF, _EMPTY_ROOT = range(7)
_HASH_BYTES: Final = 32
_NIBBLES_MAX: Final = 64
_HAS_CODE, _HAS_STORAGE, _HAS_NONCE, _HAS_BALANCE = 1, 2, 4, 8
_NUMBERS, _STRINGS = 0, 2
"""The kinds of CBOR items that occur."""

_Node: TypeAlias = "bytes | list[_Node]"
"""What a parent holds of a node: nothing, its hash, or itself."""


class CompactWitness(NamedTuple):
    """What a witness holds.

    Arguments:
        root: the hash of the trie of accounts.
        nodes: the nodes of all tries, by hash.
        codes: by hash.
    """

    root: bytes
    nodes: dict[bytes, bytes]
    codes: dict[bytes, bytes]


def decode_compact(data: bytes) -> CompactWitness:
    """Return what a compact witness holds.

    Raises:
        ContentError: it is damaged; says at which byte.
    """
    return _Machine(data).run()


class _Code(NamedTuple):
    digest: bytes


class _Machine:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._stack: list[_Node | _Code] = []
        self._nodes: dict[bytes, bytes] = {}
        self._codes: dict[bytes, bytes] = {}

    def run(self) -> CompactWitness:
        if self._byte() not in _VERSIONS:
            self._refuse("its version is not known")
        while self._at < len(self._data):
            self._instruction()
        if len(self._stack) != 1:
            self._refuse(f"it leaves {len(self._stack)} nodes, not one")
        return CompactWitness(self._root_of(self._stack.pop()), self._nodes, self._codes)

    def _refuse(self, problem: str) -> NoReturn:
        raise ContentError(f"the compact witness is damaged at byte {self._at}: {problem}")

    def _instruction(self) -> None:
        match self._byte():
            case 0:  # LEAF
                path, value = self._path(), self._string()
                self._push([_packed(path, is_leaf=True), encode_rlp(value)])
            case 1:  # EXTENSION
                path = self._path()
                self._push([_packed(path, is_leaf=False), self._child()])
            case 2:  # BRANCH
                mask = self._item(_NUMBERS)
                if mask >> 16 or mask & (mask - 1) == 0:
                    self._refuse(f"a branch has the mask {mask:#x}")
                children: list[_Node] = [b""] * 16
                for nibble in reversed(range(16)):
                    if mask >> nibble & 1:
                        children[nibble] = self._child()
                self._push([*children, b""])
            case 3:  # HASH
                self._stack.append(self._take(_HASH_BYTES))
            case 4:  # CODE
                code = self._string()
                digest = keccak_256(code)
                self._codes[digest] = code
                self._stack.append(_Code(digest))
            case 5:
                self._account()
            case 6:
                self._stack.append(b"")
            case other:
                self._refuse(f"instruction {other:#x} is not known")

    def _account(self) -> None:
        path, flags = self._path(), self._byte()
        if flags >> 4:
            self._refuse(f"an account has the flags {flags:#x}")
        nonce = self._item(_NUMBERS) if flags & _HAS_NONCE else 0
        balance = self._string().lstrip(b"\0") if flags & _HAS_BALANCE else b""
        if flags & _HAS_CODE:
            self._item(_NUMBERS)
        storage_root = self._root_of(self._pop()) if flags & _HAS_STORAGE else EMPTY_TRIE_ROOT
        code_hash = self._code_hash() if flags & _HAS_CODE else keccak_256(b"")
        encoded_nonce = nonce.to_bytes((nonce.bit_length() + 7) // 8, "big")
        fields = encode_strings([encoded_nonce, balance, storage_root, code_hash])
        self._push([_packed(path, is_leaf=True), fields])

    def _code_hash(self) -> bytes:
        match self._pop():
            case _Code(digest):
                return digest
            case bytes(digest) if digest:
                return digest
        self._refuse("an account has a node for its code")

    def _push(self, node: list[_Node]) -> None:
        encoded = encode_rlp(node)
        if len(encoded) < _HASH_BYTES:
            self._stack.append(node)
            return
        digest = keccak_256(encoded)
        self._nodes[digest] = encoded
        self._stack.append(digest)

    def _pop(self) -> _Node | _Code:
        if not self._stack:
            self._refuse("a node is missing before it")
        return self._stack.pop()

    def _child(self) -> _Node:
        node = self._pop()
        if isinstance(node, _Code) or not node:
            self._refuse("a code, or no node, stands where a node must")
        return node

    def _root_of(self, node: _Node | _Code) -> bytes:
        """Return the hash of a trie that begins with a node, which is then stored by its hash, however short."""
        if isinstance(node, _Code):
            self._refuse("a code stands where a trie must")
        elif isinstance(node, list):
            encoded = encode_rlp(node)
            digest = keccak_256(encoded)
            self._nodes[digest] = encoded
            return digest
        elif node:
            return node
        return EMPTY_TRIE_ROOT

    def _take(self, length: int) -> bytes:
        if length > len(self._data) - self._at:
            self._refuse("it ends within an instruction")
        taken = self._data[self._at : self._at + length]
        self._at += length
        return taken

    def _byte(self) -> int:
        return self._take(1)[0]

    def _item(self, kind: int) -> int:
        """Return the number of a CBOR item of a kind; of a string that is its length."""
        head = self._byte()
        if head >> 5 != kind or head & 31 > 27:
            self._refuse(f"{head:#x} begins no {'number' if kind == _NUMBERS else 'string of bytes'}")
        count = head & 31
        return count if count < 24 else int.from_bytes(self._take(1 << (count - 24)), "big")

    def _string(self) -> bytes:
        string = self._take(self._item(_STRINGS))
        if not string:
            self._refuse("a string of bytes is empty")
        return string

    def _path(self) -> list[int]:
        string = self._string()
        if len(string) == 1:
            nibbles = [string[0]]
        else:
            nibbles = [nibble for byte in string[1:] for nibble in (byte >> 4, byte & 15)]
            if string[0] & 1 and nibbles.pop():
                self._refuse("the last nibble of a path of odd length is not 0")
        if len(nibbles) > _NIBBLES_MAX or max(nibbles) > 15:
            self._refuse("a path is too long, or no path")
        return nibbles


def _packed(nibbles: list[int], *, is_leaf: bool) -> bytes:
    """Return the hex-prefix encoding of a path (Yellow Paper, appendix C)."""
    odd, flag = len(nibbles) % 2, 2 if is_leaf else 0
    whole = [flag + 1, *nibbles] if odd else [flag, 0, *nibbles]
    return bytes(high << 4 | low for high, low in zip(whole[::2], whole[1::2], strict=True))
