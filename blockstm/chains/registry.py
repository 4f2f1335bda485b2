"""The chains that are known: what their keys mean, and whether what came of a block can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from blockstm.analysis.conventions import Conventions
from blockstm.blocks.block import Block
from blockstm.ethereum.block import is_ethereum
from blockstm.ethereum.chainblock import EthereumChainBlock
from blockstm.ethereum.conventions import EthereumConventions
from blockstm.results.result import Receipt, Result, Status
from blockstm.workloads.conventions import ScenarioConventions

__all__ = ["ChainBlock", "chain_block_of", "conventions_of", "register_conventions"]

_CONVENTIONS: Final[dict[str, Conventions]] = {
    "ethereum": EthereumConventions(),
    "scenario": ScenarioConventions(),
}
_LIKE_ETHEREUM: Final = "eip155:"
"""Begins the names that `blockstm record ethereum` gives to chains like Ethereum's mainnet."""


class ChainBlock(Protocol):
    """A block whose chain knows more of it than its transactions and state say.

    This is the one place that decides whether a block can be executed here. Whoever shows or keeps anything that
    came of executing a block asks it first.
    """

    def header_checks(
        self, result: Result, earlier: Mapping[str, bool | None] | None = None
    ) -> dict[str, bool | None]:
        """Compare what came of the block with its own header.

        Arguments:
            result: a run of the block.
            earlier: what this method returned for earlier runs.

        Returns:
            by name, whether this run and all earlier ones agree; None for what the header does not say.

        Raises:
            BlockstmError: nothing that came of the run can be trusted: a transaction cannot be executed, or the
                block was not recorded whole. The message says which transaction, and the fix.
        """

    def outcome(self, receipt: Receipt) -> tuple[Status, str | None]:
        """Return how a transaction ended on the chain, and why if it did not succeed.

        Arguments:
            receipt: of a run that `header_checks` has let pass.
        """


def chain_block_of(block: Block) -> ChainBlock | None:
    """Return what a block's chain knows of it; None where no chain does: then any outcome is as good as another.

    Raises:
        BlockstmError: the block is not of the form that its chain's blocks have; the message says where.
    """
    return EthereumChainBlock(block) if is_ethereum(block) else None


def conventions_of(chain: str | None) -> Conventions:
    """Return what the keys of a chain mean; of one that is not known, no more than that they are keys."""
    if chain is None:
        return Conventions()
    if chain not in _CONVENTIONS and chain.startswith(_LIKE_ETHEREUM):
        chain = "ethereum"
    return _CONVENTIONS.get(chain, Conventions())


def register_conventions(chain: str, conventions: Conventions) -> None:
    """Let the keys of a chain have a meaning, also in place of the one that they had.

    Arguments:
        chain: the name that its blocks have in `Block.chain`.
        conventions: what the keys mean.
    """
    _CONVENTIONS[chain] = conventions
