"""How Ethereum's state is laid out in the keys of a block.

Values that are numbers are minimal big-endian bytes; zero is an absent key. A key is one letter and what it
belongs to:

    b"n" + address                nonce
    b"b" + address                balance, in wei
    b"c" + address                code: its Keccak-256 hash (32 bytes), then the code; absent where there is none,
                                  but `STORAGE_WITHOUT_CODE` where there is a storage all the same
    b"e" + address                b"\\x01" where the account exists, b"\\x02" where it does although it is empty and
                                  the fork has EIP-161, which removes it once it is touched
    b"w" + address                storage incarnation: how often the account's storage was wiped
    b"s" + address + slot         a storage slot's value; the slot's number has 32 bytes. From the first wipe on
                                  the incarnation follows as 2 more bytes
    b"h" + number                 the hash of the block of that number (8 bytes), for BLOCKHASH
    b"H"                          the block's environment
    b"t" + hash                   the node of that hash of the tries of the state before the block, in RLP: for its
                                  witness; no transaction reads it

Numbers inside keys are big-endian. Addresses have 20 bytes.
"""

from __future__ import annotations

from typing import Final

from blockstm.errors import EthereumInputError, shown
from blockstm.limits import ETHEREUM_NODE_BYTES_MAX, VALUE_BYTES_MAX

ENVIRONMENT_KEY: Final = b"H"
EXISTS: Final = b"\x01"
"""The value of the existence key of an account that exists."""
EXISTS_EMPTY: Final = b"\x02"
"""The same of one that exists although it has neither nonce, balance nor code, where EIP-161 holds."""
STORAGE_WITHOUT_CODE: Final = bytes.fromhex(
    "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
)
"""The value of the code key of an account that has a storage but no code: the hash of no code, and no code.

No contract can be created there (EIP-7610). Only a storage with which the block begins is marked so. One that comes
without code in the block itself (before EIP-161) is where no creation comes again: nonces count creations.
"""

_FORMS: Final = {
    # Kind of entry: what it holds, the bytes that its key may have, the fewest and the most bytes of its value.
    b"n": ("a nonce", (21,), 1, 8),
    b"b": ("a balance", (21,), 1, 32),
    b"c": ("a code with its hash", (21,), 32, VALUE_BYTES_MAX),
    b"e": ("that an account exists", (21,), 1, 1),
    b"w": ("a storage incarnation", (21,), 1, 2),
    b"s": ("a storage slot", (53, 55), 1, 32),
    b"h": ("a block hash", (9,), 32, 32),
    b"t": ("a node of a trie", (33,), 1, ETHEREUM_NODE_BYTES_MAX),
}


def check_entry(key: bytes, value: bytes) -> None:
    """Check the form of an entry of a block's state; keys of other kinds than those above mean nothing.

    Raises:
        EthereumInputError: the key or the value has another length than it can have.
    """
    form = _FORMS.get(key[:1])
    if form is None:
        return
    what, key_lengths, length_min, length_max = form
    problem = None
    if len(key) not in key_lengths:
        problem = f"its key has {len(key)} bytes"
    elif not length_min <= len(value) <= length_max:
        problem = f"it has {len(value)} bytes"
    elif key[:1] == b"e" and value not in (EXISTS, EXISTS_EMPTY):
        problem = f"it is {shown(value)}"
    if problem is not None:
        raise EthereumInputError(
            f"state key {shown(key)} cannot hold {what}, as {problem}; record the block again"
        )


def nonce_key(address: bytes) -> bytes:
    """Return the key of an account's nonce."""
    return b"n" + address


def balance_key(address: bytes) -> bytes:
    """Return the key of an account's balance in wei."""
    return b"b" + address


def code_key(address: bytes) -> bytes:
    """Return the key of an account's code, which follows its 32 bytes of Keccak-256 hash."""
    return b"c" + address


def existence_key(address: bytes) -> bytes:
    """Return the key that says whether an account exists."""
    return b"e" + address


def incarnation_key(address: bytes) -> bytes:
    """Return the key that counts how often an account's storage was wiped."""
    return b"w" + address


def storage_key(address: bytes, slot: int, incarnation: int = 0) -> bytes:
    """Return the key of one storage slot.

    Arguments:
        address: 20 bytes.
        slot: its number, below 2**256.
        incarnation: how often the account's storage was wiped before, below 2**16.
    """
    key = b"s" + address + slot.to_bytes(32, "big")
    return key + incarnation.to_bytes(2, "big") if incarnation else key


def block_hash_key(number: int) -> bytes:
    """Return the key of the hash of the block of that number, below 2**64."""
    return b"h" + number.to_bytes(8, "big")


def trie_node_key(digest: bytes) -> bytes:
    """Return the key of the node of that hash (32 bytes) in the witness of the state before the block."""
    return b"t" + digest


def encode_number(number: int) -> bytes:
    """Return a number that is not negative as minimal big-endian bytes: nothing for zero."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode_number(value: bytes | None) -> int:
    """Return the number that `encode_number` wrote; an absent key is zero."""
    return int.from_bytes(value or b"", "big")
