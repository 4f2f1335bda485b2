"""What Solana knows of a block that was executed: how its transactions ended on the chain."""

from __future__ import annotations

from collections.abc import Mapping

from blockstm.blocks.block import Block
from blockstm.chains.support import ChainBlock
from blockstm.results.result import Receipt, Status
from blockstm.solana.about import SolanaAbout

__all__ = ["SolanaChainBlock"]


class SolanaChainBlock(ChainBlock):
    """What Solana knows of one of its blocks.

    Arguments:
        block: one for which `is_solana` holds.

    Raises:
        SolanaInputError: it is not as `record solana` writes it.
    """

    def __init__(self, block: Block) -> None:
        """Check what the block says of itself."""
        self._about = SolanaAbout.of(block)

    def outcome(self, receipt: Receipt) -> tuple[Status, str | None]:
        """Return how a transaction ended on the chain: one that failed there has held its locks all the same."""
        failure = self._about.failures.get(receipt.txn_idx)
        if receipt.status != "success" or failure is None:
            return receipt.status, receipt.error
        return "failed", failure

    def receipt_outcome(self, receipt: Receipt) -> Mapping[str, object] | None:
        """Return whether a transaction is a vote, and why it failed on the chain, or None."""
        return {
            "vote": receipt.txn_idx in self._about.votes,
            "err": self._about.failures.get(receipt.txn_idx),
        }
