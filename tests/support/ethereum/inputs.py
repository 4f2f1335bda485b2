"""A node's answers about a made-up block whose transactions do different things."""

from __future__ import annotations

from typing import Any

from tests.ethereum_synthetic.assembly import asm, call, push
from tests.ethereum_synthetic.builder import BlockBuilder, Contract
from tests.ethereum_synthetic.chain import SENDERS, address_of, hex_of, named

BEHIND, LOGGER, HASHES = named("behind"), named("logger"), named("hashes")
SENDER = hex_of(address_of(SENDERS[0]))
OTHER = hex_of(address_of(SENDERS[1]))
FAR_HASH = 5
"""How many blocks back the hash is that the block asks for."""


class Inputs:
    """A node's answers about a made-up block, for a test to spoil: transactions 0 to 4 do different things."""

    def __init__(self, fork: str = "cancun") -> None:
        contracts = [
            Contract(LOGGER, asm(7, 0, 0, "LOG1") + call(push(BEHIND), asm(50_000)) + asm(0, "SSTORE")),
            Contract(BEHIND, asm(0, "SLOAD", 1, "ADD", 0, "SSTORE"), storage={0: 3}),
            Contract(HASHES, asm(FAR_HASH, "NUMBER SUB BLOCKHASH", 0, "SSTORE")),
        ]
        builder = BlockBuilder(fork, contracts)
        first, second = SENDERS[:2]
        assert builder.send(first, named("friend"), value=5, gas=21_000)
        assert builder.send(second, LOGGER, b"log")
        assert builder.send(first, BEHIND, b"count")
        assert builder.send(second, HASHES, b"keep")
        assert builder.send(first, named("friend"), value=5, gas=21_000)
        made = builder.finish()
        self.block: dict[str, Any] = made.block
        self.prestate: dict[str, Any] = made.prestate
        self.hashes = made.hashes

    def transaction(self, txn_idx: int) -> str:
        """How messages name a transaction."""
        told = self.block["transactions"][txn_idx]
        return f"transaction {txn_idx} ({told['hash']}) of sender {told['from']}"
