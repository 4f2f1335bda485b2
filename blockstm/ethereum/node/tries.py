"""RLP, and the root of the trie of a list: transactions, receipts, withdrawals.

Yellow Paper, appendices B and D; the keys are the RLP of the indexes (section 4.4.2 and following).
"""

from __future__ import annotations

from collections.abc import Sequence

import rlp

from blockstm.ethereum.rules.keys import encode_number
from blockstm.trees.nodes import MemoryNodes
from blockstm.trees.patricia import PatriciaTrie

__all__ = ["encode_rlp", "ordered_trie_root"]


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
    trie = PatriciaTrie(MemoryNodes())
    trie.update({encode_rlp(encode_number(index)): value for index, value in enumerate(values)})
    return trie.commit().root
