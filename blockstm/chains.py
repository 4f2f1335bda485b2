"""The chains whose keys are known, by name."""

from __future__ import annotations

from typing import Final

from blockstm.analysis.conventions import Conventions
from blockstm.ethereum.conventions import EthereumConventions
from blockstm.workloads.conventions import ScenarioConventions

__all__ = ["conventions_of", "register_conventions"]

_CONVENTIONS: Final[dict[str, Conventions]] = {
    "ethereum": EthereumConventions(),
    "scenario": ScenarioConventions(),
}
_LIKE_ETHEREUM: Final = "eip155:"
"""Begins the names that `blockstm record ethereum` gives to chains like Ethereum's mainnet."""


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
