"""Reading from a store what a block will touch, while the blocks before it run."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, NamedTuple

from blockstm.blocks.block import Block
from blockstm.store.store import Store

__all__ = ["ReadAhead", "Values"]

READINGS_MAX: Final = 2
"""The block that is executed next, and the one after it."""

Values = dict[bytes, bytes | None]


class _Reading(NamedTuple):
    block: Block
    values: Future[Values]
    settled_since: list[Values]
    """What blocks have changed that became durable after it had begun: it may have seen that, or not."""


class ReadAhead:
    """Reads the keys that blocks name, in a thread of its own. Close it.

    Arguments:
        store: where.
    """

    def __init__(self, store: Store) -> None:
        """Read nothing yet."""
        self._store = store
        self._executor = ThreadPoolExecutor(1, "blockstm-read-ahead")
        self._wanted: deque[Block] = deque(maxlen=READINGS_MAX)
        self._readings: deque[_Reading] = deque(maxlen=READINGS_MAX)

    def want(self, block: Block) -> None:
        """Have read what a block names, once another one has started."""
        self._wanted.append(block)

    def begin(self) -> None:
        """Begin to read: a block has started, and this process has nothing to do until it ends."""
        while self._wanted:
            block = self._wanted.popleft()
            self._readings.append(_Reading(block, self._executor.submit(self._read, block), []))

    def note_durable(self, changes: Values) -> None:
        """Hear of what a block has changed that is durable now, and so not among what is in flight."""
        for reading in self._readings:
            reading.settled_since.append(changes)

    def take(self, block: Block) -> Values:
        """Return what was read for a block, brought up to date; reads it now if nothing was begun.

        What blocks in flight have changed is not in it.

        Raises:
            StoreError: the store cannot be read.
        """
        for place, wanted in enumerate(self._wanted):
            if wanted is block:
                del self._wanted[place]
                return self._read(block)
        for place, reading in enumerate(self._readings):
            if reading.block is block:
                del self._readings[place]
                values = reading.values.result()
                for changes in reading.settled_since:
                    values.update(changes)
                return values
        return self._read(block)

    def _read(self, block: Block) -> Values:
        return self._store.told_many(block.named_keys())

    def close(self) -> None:
        """Read no more."""
        self._executor.shutdown(cancel_futures=True)
