"""Draining: committed changes of the state leave an engine in order, while its blocks run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Self, TypeVar

from blockstm.errors import UsageError, shown
from blockstm.native._core import Drainage

__all__ = ["Drain", "DrainedBlock"]

Taken = TypeVar("Taken")

TRANSACTIONS_AT_ONCE: Final = 256
"""How many are decoded before the first of them is handed out."""


class Drain:
    """What an engine's transactions change in the state, in the order in which they become final.

    Iterate over it for the blocks that the engine executes from then on, and over each of them for the changes of
    its transactions. The engine does not wait while a block runs: the drain may lag behind. But the memory of a
    block is used for the next one only when every drain that is attached has come to the end of the block, or has
    let go of it or of the engine. So a drain lags by one block at the most, and a slow one slows the engine down. A
    drain whose process dies is waited for no longer.

    It can be used in a thread of the engine's process, or in another process that has inherited the descriptor
    (``pass_fds``); there the engine's programs need not be known. Use it in one thread at a time, and close it, or
    use it in a `with` statement. A block that is in the engine's memory when it is attached is its first one.

    Every start of a block counts as a block: `Engine.warm_up` starts several.

    Arguments:
        descriptor: `Engine.drain_descriptor`.
        outcomes: whether to read how each transaction ended, too (`DrainedBlock.outcomes`).

    Raises:
        UsageError: `descriptor` is not a number.
        EngineError: it is not that of an engine, or too many drains are attached to the engine.
    """

    def __init__(self, descriptor: int, *, outcomes: bool = False) -> None:
        """Attach to the engine."""
        if isinstance(descriptor, bool) or not isinstance(descriptor, int) or descriptor < 0:
            raise UsageError(f"descriptor is {shown(descriptor)}; give the drain_descriptor of an engine")
        self._drainage = Drainage(descriptor)
        self._wants_outcomes = outcomes
        self._block: DrainedBlock | None = None

    def __iter__(self) -> Iterator[DrainedBlock]:
        """Yield blocks as the engine starts them, until it is closed or its process has ended.

        When the next block is asked for, the last one is let go of.
        """
        while (block := self._next()) is not None:
            self._block = block
            yield block

    def _next(self) -> DrainedBlock | None:
        if self._block is not None:
            self._block.let_go()
        while True:
            epoch = self._drainage.epoch
            is_over = self._drainage.is_over
            block = self.look()
            if block is not None or is_over:
                return block
            self._drainage.wait(epoch)

    def look(self) -> DrainedBlock | None:
        """Return the block that the engine has started, if it has not been let go of; None where there is none."""
        number = self._drainage.block
        return DrainedBlock(self._drainage, number, outcomes=self._wants_outcomes) if number else None

    def wait(self) -> None:
        """Sleep until something may have happened, 20 ms at most."""
        epoch = self._drainage.epoch
        if not self._drainage.block:
            self._drainage.wait(epoch)

    def close(self) -> None:
        """Let go of the engine. May be called again."""
        if self._block is not None:
            self._block.let_go()
        self._drainage.close()

    def __enter__(self) -> Self:
        """Return the drain; it is closed at the end of the `with` statement."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()


class DrainedBlock:
    """A block that an engine executes. Iterate over it, once, for the changes of each transaction.

    Arguments:
        drainage: the core's view of the engine's memory.
        number: which of the engine's blocks it is, from 1.
        outcomes: whether to read how each transaction ended.
    """

    def __init__(self, drainage: Drainage, number: int, *, outcomes: bool) -> None:
        """Stand for the block; reads nothing yet."""
        self._drainage = drainage
        self._wants_outcomes = outcomes
        self._has_let_go = False
        self.number = number
        """Which of the engine's blocks it is, from 1."""
        self.drained = 0
        """How many transactions have been handed out."""
        self.is_complete = False
        """Whether all of them have been; not where the engine has given the block up."""
        self.outcomes: list[tuple[int, int, str | None, list[bytes]]] = []
        """How each transaction ended, once the block is complete and where they are wanted: status (0 success, 1
        reverted, 2 failed), gas used, error or None, events."""

    def __iter__(self) -> Iterator[tuple[int, Mapping[bytes, bytes | None]]]:
        """Yield, of each transaction once it is final, its place in the preset order and what it has changed.

        A change is a key that it has written or added to, and the value that it has left there; None: it has
        deleted the key. A transaction that was reverted or failed has changed nothing. Ends after the last one, or
        where the engine has given the block up: it has failed, was stopped, or the engine is gone.
        """

        def take(end: int) -> list[dict[bytes, bytes | None]] | None:
            return self._drainage.changes(self.drained, end) or None

        for changes in self._taken(take):
            for change in changes:
                self.drained += 1
                yield self.drained - 1, change
                if not self._is_held():
                    return

    def merged(self, pause_seconds: float = 0.0) -> Iterator[Mapping[bytes, bytes | None]]:
        """Yield what transactions have changed, as many of them together as are final by then.

        Each is a mapping of keys and values, None for a deleted key. It ends where iterating does.

        Arguments:
            pause_seconds: how long to sleep where few are final. A worker that makes a transaction final wakes
                whoever waits for that, which takes it some microseconds; a pause spares it most of them.
        """

        def take(end: int) -> dict[bytes, bytes | None] | None:
            count, changes = self._drainage.merged(self.drained, end)
            self.drained += count
            if count < TRANSACTIONS_AT_ONCE and self.drained < self._drainage.txn_count:
                time.sleep(pause_seconds)
            return changes if count else None

        yield from self._taken(take)

    def _taken(self, take: Callable[[int], Taken | None]) -> Iterator[Taken]:
        """Yield what `take` gives, called with the place up to which it may go, until the block is over.

        It gives None where no transaction has become final since.
        """
        while self._is_held():
            epoch = self._drainage.epoch
            is_given_up = self._drainage.is_given_up or self._drainage.is_over
            taken = take(self.drained + TRANSACTIONS_AT_ONCE)
            if taken is not None:
                yield taken
                if not self._is_held():
                    return
            if self.drained == self._drainage.txn_count and self._has_outcomes():
                self.is_complete = True
                self.let_go()
            elif taken is None and is_given_up:
                self.let_go()
            elif taken is None:
                self._drainage.wait(epoch)

    def _has_outcomes(self) -> bool:
        """Take the outcomes, if they are wanted; tell whether they are there."""
        outcomes = self._drainage.outcomes() if self._wants_outcomes else []
        self.outcomes = outcomes or []
        return outcomes is not None

    def _is_held(self) -> bool:
        return not self._has_let_go

    def let_go(self) -> None:
        """Want no more of the block: the engine may use its memory."""
        if not self._has_let_go:
            self._has_let_go = True
            self._drainage.finish()

    def __repr__(self) -> str:
        """Say which block it is and how far it is drained."""
        return f"<DrainedBlock {self.number}, {self.drained} transactions drained>"
