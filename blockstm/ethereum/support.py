"""What is known of Ethereum, and of chains like it, whose blocks are of ``eip155:`` and a number (CAIP-2)."""

from __future__ import annotations

from typing import Final

from blockstm.blocks.block import Block
from blockstm.chains.support import ChainBlock, ChainSupport
from blockstm.ethereum.block import is_ethereum
from blockstm.ethereum.chain_block import EthereumChainBlock
from blockstm.ethereum.conventions import EthereumConventions
from blockstm.ethereum.recording.recorder import RECORDER
from blockstm.ethereum.rules.networks import NETWORKS, chain_name

__all__ = ["SUPPORT"]


def _chain_block(block: Block) -> ChainBlock | None:
    return EthereumChainBlock(block) if is_ethereum(block) else None


SUPPORT: Final = ChainSupport(
    conventions=EthereumConventions(),
    chain_block=_chain_block,
    recorder=RECORDER,
    networks={chain_name(chain_id): network.name for chain_id, network in NETWORKS.items()},
)
