"""The header of a block, its uncles and its withdrawals, read strictly from the fields as nodes name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from blockstm.errors import shown
from blockstm.ethereum.node.nodejson import ADDRESS_BYTES, HASH_BYTES, Fields, data
from blockstm.ethereum.rules.forks import CANCUN, LONDON, PRAGUE, SHANGHAI, is_at_least
from blockstm.ethereum.rules.keys import encode_number

__all__ = [
    "HEADER_FIELDS",
    "LATER_FIELDS",
    "Withdrawal",
    "contradiction",
    "read_header",
    "read_uncles",
    "read_withdrawals",
]

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
LATER_FIELDS: Final[tuple[tuple[str, int | None, str], ...]] = (
    ("baseFeePerGas", None, LONDON),  # EIP-1559
    ("withdrawalsRoot", 32, SHANGHAI),  # EIP-4895
    ("blobGasUsed", None, CANCUN),  # EIP-4844
    ("excessBlobGas", None, CANCUN),
    ("parentBeaconBlockRoot", 32, CANCUN),  # EIP-4788
    ("requestsHash", 32, PRAGUE),  # EIP-7685
)
"""The fields that forks have added, in the same way, with the fork: each comes only where all before it are."""

_BITS: Final = {"difficulty": 256}
_EXTRA_BYTES_MAX: Final = 4096


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One withdrawal of a block (EIP-4895).

    Arguments:
        index: counts withdrawals on the whole chain.
        validator_index: of the validator whose ether it is.
        address: the account that gets it, 20 bytes.
        amount_gwei: how much.
    """

    index: int
    validator_index: int
    address: bytes
    amount_gwei: int

    def as_node_gives(self) -> dict[str, str]:
        """Return the withdrawal as nodes give it in JSON."""
        return {
            "index": hex(self.index),
            "validatorIndex": hex(self.validator_index),
            "address": f"0x{self.address.hex()}",
            "amount": hex(self.amount_gwei),
        }


def read_header(block: Fields) -> dict[str, bytes]:
    """Return the fields of a header in the order of its RLP; numbers are minimal big-endian bytes.

    Raises:
        ContentError: one is missing or malformed.
    """
    count = sum(block.has(name) for name, _, _ in LATER_FIELDS)
    fields = (*HEADER_FIELDS, *((name, length) for name, length, _ in LATER_FIELDS[:count]))
    values = {name: _header_field(block, name, length) for name, length in fields}
    if len(values["extraData"]) > _EXTRA_BYTES_MAX:
        block.refuse(f"field extraData is longer than {_EXTRA_BYTES_MAX} bytes")
    return values


def _header_field(block: Fields, name: str, length: int | None) -> bytes:
    if length is None:
        return encode_number(block.quantity(name, _BITS.get(name, 64)))
    return block.data(name, length or None)


def contradiction(header: Mapping[str, bytes], fork: str) -> str | None:
    """Return words for the first field in which a header is not one of a fork, None if it may be one.

    A fork's headers have all fields that it and the forks before it have added, and no others.
    """
    for name, _, since in LATER_FIELDS:
        if name in header and not is_at_least(fork, since):
            return f"it has the field {name}, which came with fork {since}, after {fork}"
        if name not in header and is_at_least(fork, since):
            return f"field {name} is missing, which fork {fork} needs"
    return None


def read_uncles(block: Fields) -> list[str]:
    """Return the hashes of a block's uncles, as the node gave them.

    Raises:
        ContentError: they are missing or malformed.
    """
    uncles = block.array("uncles")
    for value in uncles:
        try:
            data(value, HASH_BYTES)
        except ValueError as error:
            block.refuse(f"field uncles holds {shown(value)}, which is not {error}")
    return uncles


def read_withdrawals(block: Fields) -> tuple[Withdrawal, ...]:
    """Return a block's withdrawals.

    Raises:
        ContentError: they are missing or malformed.
    """
    return tuple(
        Withdrawal(
            entry.quantity("index"),
            entry.quantity("validatorIndex"),
            entry.data("address", ADDRESS_BYTES),
            entry.quantity("amount"),
        )
        for entry in block.items("withdrawals", "withdrawal")
    )
