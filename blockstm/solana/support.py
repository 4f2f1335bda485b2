"""What is known of Solana."""

from __future__ import annotations

from typing import Final

from blockstm.blocks.block import Block
from blockstm.chains.support import ChainBlock, ChainSupport
from blockstm.solana.about import is_solana
from blockstm.solana.chain_block import SolanaChainBlock
from blockstm.solana.conventions import SolanaConventions
from blockstm.solana.recorder import RECORDER

__all__ = ["SUPPORT"]


def _chain_block(block: Block) -> ChainBlock | None:
    return SolanaChainBlock(block) if is_solana(block) else None


SUPPORT: Final = ChainSupport(
    conventions=SolanaConventions(),
    chain_block=_chain_block,
    recorder=RECORDER,
)
