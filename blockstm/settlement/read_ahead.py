"""Reading from a store what a block will touch, while the blocks before it run."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from blockstm.blocks.block import Block
from blockstm.store.store import Store

__all__ = ["ReadAhead", "Values"]

Values = dict[bytes, bytes | None]


class _Reading(NamedTuple):
    block: Block
    values: Future[Values]
    settled_since: list[Values]
    """What blocks have changed that became durable after it had begun: it may have seen that, or not."""


class ReadAhead:
    """Reads the keys that a block names, in a thread of its own. Close it.

    Arguments:
        store: where.
    """

    def __init__(self, store: Store) -> None:
        """Read nothing yet."""
        self._store = store
        self._executor = ThreadPoolExecutor(1, "blockstm-read-ahead")
        self._reading: _Reading | None = None

    def begin(self, block: Block) -> None:
        """Begin to read what a block names; what was being read for another one is not wanted any more."""
        future = self._executor.submit(lambda: self._store.told_many(block.named_keys()))
        self._reading = _Reading(block, future, [])

    def note_durable(self, changes: Values) -> None:
        """Hear of what a block has changed that is durable now, and so not among what is in flight."""
        if self._reading is not None:
            self._reading.settled_since.append(changes)

    def take(self, block: Block) -> Values:
        """Return what was read for a block, brought up to date; reads it now if nothing was begun.

        What blocks in flight have changed is not in it.

        Raises:
            StoreError: the store cannot be read.
        """
        reading, self._reading = self._reading, None
        if reading is None or reading.block is not block:
            return self._store.told_many(block.named_keys())
        values = reading.values.result()
        for changes in reading.settled_since:
            values.update(changes)
        return values

    def close(self) -> None:
        """Read no more."""
        self._executor.shutdown(cancel_futures=True)
