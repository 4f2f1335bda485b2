"""What the keys of a Solana block mean to the analysis: accounts, in base58; and where fees go."""

from __future__ import annotations

from collections.abc import Sequence

from blockstm.analysis.accesses import AccessSet
from blockstm.analysis.conventions import Conventions, Fees, Unknown
from blockstm.blocks.block import Block
from blockstm.solana.base58 import encoded_base58
from blockstm.solana.messages import ACCOUNT_BYTES

__all__ = ["SolanaConventions"]


class SolanaConventions(Conventions):
    """A key is an account, 32 bytes."""

    def key_name(self, key: bytes) -> str:
        """Return an account as people write it."""
        return encoded_base58(key) if len(key) == ACCOUNT_BYTES else super().key_name(key)

    def fees(self, block: Block, accesses: Sequence[AccessSet]) -> Fees | Unknown:
        """Return that no transaction pays a fee to anyone: the leader gets them when the block is complete."""
        return Fees(frozenset(), "fees are paid out when the block is complete", True)
