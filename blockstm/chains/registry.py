"""The chains that are known, by name: registered by hand, shipped with this package, or installed beside it.

A chain's name is what its blocks have in `Block.chain`; of one like ``eip155:10`` (CAIP-2: a namespace and a
reference) that is known neither by hand nor otherwise, the namespace is looked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from blockstm.analysis.conventions import Conventions
from blockstm.blocks.block import Block
from blockstm.chains.support import ChainBlock, ChainSupport, Recorder
from blockstm.errors import UsageError, one_line

__all__ = [
    "ENTRY_POINTS",
    "chain_block_of",
    "conventions_of",
    "network_of",
    "recorder_of",
    "recorders",
    "register_chain",
    "register_conventions",
    "support_of",
]

ENTRY_POINTS: Final = "blockstm.chains"
"""The group of entry points by which an installed package brings chains: the name of one is that of the chain, and
what it names is a `ChainSupport`."""

_SHIPPED: Final[dict[str, str]] = {
    "ethereum": "blockstm.ethereum.support:SUPPORT",
    "eip155": "blockstm.ethereum.support:SUPPORT",
    "solana": "blockstm.solana.support:SUPPORT",
    "scenario": "blockstm.workloads.support:SUPPORT",
}
"""Those of this package, in the form of entry points: imported when a block of theirs turns up."""

_UNKNOWN: Final = ChainSupport()
_registered: Final[dict[str, ChainSupport]] = {}


def support_of(chain: str | None) -> ChainSupport:
    """Return what a chain knows; of an unknown one, only that its keys are keys.

    Arguments:
        chain: what its blocks have in `Block.chain`.

    Raises:
        UsageError: a package that brings the chain cannot be imported.
    """
    if chain is None:
        return _UNKNOWN
    return _support(chain) or _support(chain.partition(":")[0]) or _UNKNOWN


def conventions_of(chain: str | None) -> Conventions:
    """Return what the keys of a chain mean; for the rest see `support_of`."""
    return support_of(chain).conventions


def chain_block_of(block: Block) -> ChainBlock | None:
    """Return what a block's chain knows of it; None where no chain does: then any outcome is as good as another.

    The chain is the one that the block names, or else one whose name is a key of the block's meta: there recorders
    put what a block says of itself.

    Raises:
        BlockstmError: the block is not of the form that its chain's blocks have; the message says where.
    """
    for support in (support_of(block.chain), *map(_support, block.meta)):
        if support is not None and (found := support.chain_block(block)) is not None:
            return found
    return None


def network_of(chain: str | None) -> str | None:
    """Return what people call the network that a block is of; None where that is not known."""
    return None if chain is None else support_of(chain).networks.get(chain)


def recorder_of(chain: str) -> Recorder | None:
    """Return what makes block files of a chain; None where nothing does. For errors see `support_of`."""
    support = _support(chain)
    return None if support is None else support.recorder


def recorders() -> dict[str, Recorder]:
    """Return all recorders, by the chain's name; all chains are imported. For errors see `support_of`."""
    return {name: found for name in _names() if (found := recorder_of(name)) is not None}


def register_chain(chain: str, support: ChainSupport) -> None:
    """Let a chain be known in this process, also in place of what was known of it.

    Arguments:
        chain: the name that its blocks have in `Block.chain`.
        support: what it knows.
    """
    _registered[chain] = support


def register_conventions(chain: str, conventions: Conventions) -> None:
    """Let the keys of a chain have a meaning, also in place of the one that they had.

    Arguments:
        chain: the name that its blocks have in `Block.chain`.
        conventions: what the keys mean.
    """
    register_chain(chain, replace(support_of(chain), conventions=conventions))


def _support(name: str) -> ChainSupport | None:
    if name in _registered:
        return _registered[name]
    if name in _SHIPPED:
        found: ChainSupport = EntryPoint(name, _SHIPPED[name], ENTRY_POINTS).load()
        return found
    point = _installed().get(name)
    return None if point is None else _loaded(point)


@cache
def _installed() -> Mapping[str, EntryPoint]:
    # Of two of one name the first counts, as of two modules of one name.
    return {point.name: point for point in reversed(tuple(entry_points(group=ENTRY_POINTS)))}


def _loaded(point: EntryPoint) -> ChainSupport:
    of = "" if point.dist is None else f" of the package {point.dist.name}"
    place = f"chain {point.name}: the entry point {point.value}{of}"
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise UsageError(
            f"{place} cannot be imported: {type(error).__name__}: {one_line(str(error))}; "
            "update or uninstall the package"
        ) from error
    if not isinstance(found, ChainSupport):
        raise UsageError(
            f"{place} is of type {type(found).__name__}, not a blockstm.chains.ChainSupport; "
            "update or uninstall the package"
        )
    return found


def _names() -> list[str]:
    """Return the names of all chains, those that share what they know with one before them left out."""
    shipped = {value: name for name, value in reversed(_SHIPPED.items())}
    return list(dict.fromkeys([*shipped.values(), *_registered, *_installed()]))
