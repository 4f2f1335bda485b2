"""What ``blockstm replay --store --json`` says of the store and of each block's way there."""

from __future__ import annotations

from dataclasses import dataclass

from blockstm.schema.common import NO_LATENCY, LatencyEntry
from blockstm.schema.entry import Entry

__all__ = ["SettledEntry", "StagesEntry", "StoreEntry"]


@dataclass(frozen=True, kw_only=True)
class SettledEntry(Entry):
    """How a block became durable.

    Arguments:
        number: its number on its chain.
        waited_seconds: how long it waited, before it began, for blocks before it to become durable.
        confirmed_seconds: from its beginning, loading included, until all of its transactions were final.
        durable_seconds: from its beginning until it was durable.
        root_seconds: how long its root took: the tree's updates, and what was left when all changes were known.
        store_seconds: how long it took to store it.
        keys, nodes: how many keys of the state and nodes of the tree it has changed.
    """

    number: int
    waited_seconds: float
    confirmed_seconds: float
    durable_seconds: float
    root_seconds: float
    store_seconds: float
    keys: int
    nodes: int


@dataclass(frozen=True, kw_only=True)
class StagesEntry(Entry):
    """What each stage took for all blocks together, and the whole run.

    Arguments:
        execution_seconds: from the beginning of each block until it was confirmed.
        root_seconds, store_seconds: as of a block.
        wall_seconds: from the first block's beginning until the last one was durable.
    """

    execution_seconds: float
    root_seconds: float
    store_seconds: float
    wall_seconds: float

    @property
    def over_longest(self) -> float | None:
        """The whole run over the longest stage: the root and storing are one, as one process does both."""
        longest = max(self.execution_seconds, self.root_seconds + self.store_seconds)
        return self.wall_seconds / longest if longest else None


@dataclass(frozen=True, kw_only=True)
class StoreEntry(Entry):
    """The store, and how blocks were settled there.

    Arguments:
        file: the store's file.
        tree: the kind of tree that commits to its state.
        settle: ``sync`` or ``async``.
        in_flight: how many blocks may be confirmed and not durable.
        tree_workers: how many processes shared the tree.
        resumed: how many of the files were durable already, and were left out.
        head: the last durable block.
        state_root: the root after it, 0x and hex digits.
        confirmed_latency_seconds, durable_latency_seconds: over the blocks.
        stages: what each stage took.
        state_bytes, nodes_bytes, blocks_bytes, file_bytes: what the content of each kind takes, and the file.
    """

    file: str
    tree: str
    settle: str
    in_flight: int
    tree_workers: int
    resumed: int = 0
    head: int | None = None
    state_root: str | None = None
    confirmed_latency_seconds: LatencyEntry = NO_LATENCY
    durable_latency_seconds: LatencyEntry = NO_LATENCY
    stages: StagesEntry | None = None
    state_bytes: int
    nodes_bytes: int
    blocks_bytes: int
    file_bytes: int
