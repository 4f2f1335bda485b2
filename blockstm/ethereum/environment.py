"""Placeholder of the block environment."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import msgpack


@dataclass(frozen=True)
class Environment:
    """What a block tells its transactions."""

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
        """Return it as msgpack."""
        packed: bytes = msgpack.packb(
            {key: hex(value) if isinstance(value, int) else value for key, value in asdict(self).items()}
        )
        return packed
