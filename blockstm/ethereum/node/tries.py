"""The roots of Merkle Patricia tries: of a list (transactions, receipts, withdrawals), and of a whole state.

Yellow Paper, appendix D; a list's keys are the RLP of the indexes (section 4.4.2 and following), a state's are the
hashes of addresses and slots (section 4.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

import rlp
from eth_hash.auto import keccak

from blockstm.ethereum.rules.keys import encode_number

if TYPE_CHECKING:
    from blockstm.ethereum.node.prestate import Account

_Pairs: TypeAlias = "list[tuple[tuple[int, ...], bytes]]"
_Node: TypeAlias = "bytes | list[_Node]"

_SLOT_BYTES: Final = 32
_LEAF_FLAG: Final = 2
_REFERENCE_BYTES: Final = 32
"""A node of fewer bytes stands in its parent itself, any other by its hash."""


def encode_rlp(item: object) -> bytes:
    """Return the RLP of bytes, or of lists nested in any way that hold bytes in the end."""
    encoded: bytes = rlp.encode(item, infer_serializer=False)
    return encoded


def ordered_trie_root(values: Sequence[bytes]) -> bytes:
    """Return the root hash (32 bytes) of the trie that holds each value under the RLP of its index.

    Arguments:
        values: not empty each, as they stand in the trie: a transaction or a receipt as EIP-2718 encodes it,
            the RLP of a withdrawal.
    """
    return _root((encode_rlp(encode_number(index)), value) for index, value in enumerate(values))


def state_root(accounts: Mapping[bytes, Account]) -> bytes:
    """Return the root hash (32 bytes) of the state that holds these accounts and no others.

    Arguments:
        accounts: all that exist, by address.
    """
    return _root((keccak(address), _encoded_account(account)) for address, account in accounts.items())


def _encoded_account(account: Account) -> bytes:
    storage_root = _root(
        (keccak(slot.to_bytes(_SLOT_BYTES, "big")), encode_rlp(encode_number(value)))
        for slot, value in account.storage.items()
        if value
    )
    fields = [
        encode_number(account.nonce),
        encode_number(account.balance),
        storage_root,
        keccak(account.code),
    ]
    return encode_rlp(fields)


def _root(entries: Iterable[tuple[bytes, bytes]]) -> bytes:
    pairs = sorted((_nibbles(key), value) for key, value in entries)
    return keccak(encode_rlp(_node(pairs, 0)))


def _nibbles(key: bytes) -> tuple[int, ...]:
    return tuple(nibble for byte in key for nibble in (byte >> 4, byte & 15))


def _node(pairs: _Pairs, depth: int) -> _Node:
    # `pairs` are sorted and agree in their first `depth` nibbles. No key is the beginning of another: RLP says how
    # long it is, and hashes have one length. So no branch has a value of its own.
    if not pairs:
        return b""
    first, last = pairs[0][0], pairs[-1][0]
    if len(pairs) == 1:
        return [_packed(first[depth:], _LEAF_FLAG), pairs[0][1]]
    parted = depth
    while first[parted] == last[parted]:
        parted += 1
    if parted > depth:
        return [_packed(first[depth:parted], 0), _reference(_node(pairs, parted))]
    children: list[_Pairs] = [[] for _ in range(16)]
    for pair in pairs:
        children[pair[0][depth]].append(pair)
    return [*(_reference(_node(child, depth + 1)) for child in children), b""]


def _reference(node: _Node) -> _Node:
    if not node:
        return b""
    encoded = encode_rlp(node)
    return node if len(encoded) < _REFERENCE_BYTES else keccak(encoded)


def _packed(nibbles: tuple[int, ...], flag: int) -> bytes:
    # Hex-prefix encoding, appendix C.
    odd = len(nibbles) % 2
    whole = (flag + odd, *nibbles) if odd else (flag, 0, *nibbles)
    return bytes(high << 4 | low for high, low in zip(whole[::2], whole[1::2], strict=True))
