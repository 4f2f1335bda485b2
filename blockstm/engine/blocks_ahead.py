"""The blocks of an iterable, each laid out while the workers execute the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

from blockstm.blocks.block import Block
from blockstm.engine.block_run import prepare
from blockstm.errors import UsageError, shown, type_shown
from blockstm.native._core import Arena

__all__ = ["BlocksAhead", "checked_block"]


def checked_block(block: Block) -> Block:
    """Return a block.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(block, Block):
        raise UsageError(f"{shown(block)} is {type_shown(block)}; give a blockstm.Block")
    return block


class BlocksAhead:
    """Asks for blocks one ahead, in a thread of its own, and lays each out there. Use it in a `with` statement.

    Arguments:
        arena: where blocks are prepared, if it has room for two.
        blocks: the blocks.
    """

    def __init__(self, arena: Arena, blocks: Iterator[Block]) -> None:
        """Ask for no block yet."""
        self._arena = arena
        self._blocks = blocks
        self._executor = ThreadPoolExecutor(1, "blockstm-blocks-ahead")
        self._next: Future[Block | None] | None = None

    def ask(self) -> None:
        """Ask for the next block; returns at once."""
        self._next = self._executor.submit(self._prepared)

    def next(self) -> Block | None:
        """Wait for the block that was asked for, and return it; None: there are no more.

        Raises:
            UsageError: what came is no block.
            as `Engine.execute` does where a block cannot be laid out, and as the iterator does.
        """
        if self._next is None:
            self.ask()
        assert self._next is not None
        asked, self._next = self._next, None
        return asked.result()

    def _prepared(self) -> Block | None:
        block = next(self._blocks, None)
        if block is not None and self._arena.can_prepare:
            prepare(self._arena, checked_block(block))
        return block

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Ask for no other block, and wait until none is being laid out."""
        self._executor.shutdown(cancel_futures=True)
