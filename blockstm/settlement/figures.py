"""What settling blocks took: of each block, of each stage, of all together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blockstm.settlement.events import Confirmed, Durable

__all__ = ["BlockTimes", "Stages", "stages_of"]


class BlockTimes(NamedTuple):
    """What one block took, in seconds. Make it with `of`."""

    waited_seconds: float
    """Before it began, for blocks before it to become durable."""
    confirmed_seconds: float
    """From its beginning, loading included, until all of its transactions were final."""
    durable_seconds: float
    """From its beginning until it was durable."""
    root_seconds: float
    """The tree's updates while the block ran, and what was left when all changes were known."""
    store_seconds: float
    """To store it."""
    began_ns: int
    ended_ns: int

    @staticmethod
    def of(confirmed: Confirmed, durable: Durable) -> BlockTimes:
        """Return what a block took that is durable."""
        return BlockTimes(
            waited_seconds=confirmed.waited_ns / 1e9,
            confirmed_seconds=(confirmed.confirmed_ns - confirmed.began_ns) / 1e9,
            durable_seconds=(durable.durable_ns - confirmed.began_ns) / 1e9,
            root_seconds=(durable.updating_ns + durable.rooted_ns - durable.drained_ns) / 1e9,
            store_seconds=(durable.durable_ns - durable.rooted_ns) / 1e9,
            began_ns=confirmed.began_ns,
            ended_ns=durable.durable_ns,
        )


class Stages(NamedTuple):
    """What each stage took for all blocks together, and the whole run, in seconds."""

    execution_seconds: float
    root_seconds: float
    store_seconds: float
    wall_seconds: float


def stages_of(blocks: Sequence[BlockTimes]) -> Stages:
    """Sum up what blocks took; there is at least one."""
    return Stages(
        execution_seconds=sum(block.confirmed_seconds for block in blocks),
        root_seconds=sum(block.root_seconds for block in blocks),
        store_seconds=sum(block.store_seconds for block in blocks),
        wall_seconds=(max(block.ended_ns for block in blocks) - min(block.began_ns for block in blocks))
        / 1e9,
    )
