"""What the transactions of a block see of it: the fork's rules and the fields of its header."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import msgpack

from blockstm.ethereum.keys import encode_number

__all__ = ["Environment"]


@dataclass(frozen=True, slots=True)
class Environment:
    """The part of a block's header that transactions can see, and the fork.

    Arguments:
        fork: the name of the fork whose rules hold; see `FORKS`.
        chain_id: the chain's (EIP-155).
        number: the block's number.
        coinbase: the beneficiary's address, 20 bytes.
        timestamp: in seconds.
        difficulty: the block's; 0 from Paris on.
        mix_hash: 32 bytes; from Paris on the random value (EIP-4399).
        gas_limit: the block's.
        base_fee_per_gas: in wei, from London on.
        excess_blob_gas: from Cancun on.
    """

    fork: str
    chain_id: int
    number: int
    coinbase: bytes
    timestamp: int
    difficulty: int
    mix_hash: bytes
    gas_limit: int
    base_fee_per_gas: int | None
    excess_blob_gas: int | None

    def encoded(self) -> bytes:
        """Return the environment as the state holds it: a msgpack map, the difficulty as bytes."""
        fields = asdict(self)
        fields["difficulty"] = encode_number(self.difficulty)  # it may have more than 64 bits
        encoded: bytes = msgpack.packb(fields)
        return encoded

    @staticmethod
    def decoded(data: bytes) -> Environment:
        """Return the environment that `encoded` encoded."""
        fields = msgpack.unpackb(data)
        fields["difficulty"] = int.from_bytes(fields["difficulty"], "big")
        return Environment(**fields)
