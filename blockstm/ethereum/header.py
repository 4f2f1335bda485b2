"""The header of a block: its fields, as nodes name them and in the order of its RLP, and its hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eth_hash.auto import keccak

from blockstm.ethereum.keys import encode_number
from blockstm.ethereum.tries import encode_rlp

__all__ = ["HEADER_FIELDS", "LATER_FIELDS", "header_hash"]

HEADER_FIELDS: Final[tuple[tuple[str, int | None], ...]] = (
    ("parentHash", 32),
    ("sha3Uncles", 32),
    ("miner", 20),
    ("stateRoot", 32),
    ("transactionsRoot", 32),
    ("receiptsRoot", 32),
    ("logsBloom", 256),
    ("difficulty", None),
    ("number", None),
    ("gasLimit", None),
    ("gasUsed", None),
    ("timestamp", None),
    ("extraData", 0),
    ("mixHash", 32),
    ("nonce", 8),
)
"""The fields that every header has, in the order of its RLP, with their bytes; None is a number, 0 any length."""
LATER_FIELDS: Final[tuple[tuple[str, int | None], ...]] = (
    ("baseFeePerGas", None),  # London, EIP-1559
    ("withdrawalsRoot", 32),  # Shanghai, EIP-4895
    ("blobGasUsed", None),  # Cancun, EIP-4844
    ("excessBlobGas", None),
    ("parentBeaconBlockRoot", 32),  # Cancun, EIP-4788
    ("requestsHash", 32),  # Prague, EIP-7685
)
"""The fields that forks have added, in the same way: each comes only where all before it are."""


def header_hash(header: Mapping[str, str]) -> bytes:
    """Return the hash of a block: Keccak-256 of the RLP of its header (Yellow Paper, 4.4.1), 32 bytes.

    Arguments:
        header: the fields as 0x and hex digits; others than the header's are left out.
    """
    fields = [
        encode_number(int(header[name], 16)) if length is None else bytes.fromhex(header[name][2:])
        for name, length in (*HEADER_FIELDS, *LATER_FIELDS)
        if name in header
    ]
    return keccak(encode_rlp(fields))
