"""The blocks of an iterable, each laid out while the workers execute the one before it."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Self

from blockstm.blocks.block import Block
from blockstm.engine.block_run import prepare
from blockstm.errors import UsageError, shown, type_shown
from blockstm.native._core import Arena

__all__ = ["BlocksAhead", "checked_block"]

SOON_TRANSACTIONS_MAX: Final = 20_000
"""Laying out so many takes about as long as workers are left alone anyway, a tenth of a tick."""


def checked_block(block: Block) -> Block:
    """Return a block.

    Raises:
        UsageError: it is none.
    """
    if not isinstance(block, Block):
        raise UsageError(f"{shown(block)} is {type_shown(block)}; give a blockstm.Block")
    return block


class BlocksAhead:
    """Asks for blocks one ahead, and lays each out. Use it in a `with` statement.

    It does so in a thread of its own, as an iterator may take its time, and workers must be looked after meanwhile.
    Blocks of a list are at hand, and unless they are long, waking a thread takes longer than laying them out.

    Arguments:
        arena: where blocks are prepared, if it has room for two.
        blocks: the blocks.
    """

    def __init__(self, arena: Arena, blocks: Iterable[Block]) -> None:
        """Ask for no block yet."""
        self._arena = arena
        self._blocks = iter(blocks)
        self._are_at_hand = isinstance(blocks, list | tuple)
        self._executor = ThreadPoolExecutor(1, "blockstm-blocks-ahead")
        self._next: Future[Block | None] | None = None

    def ask(self) -> None:
        """Ask for the next block; returns soon."""
        if not self._are_at_hand:
            self._next = self._executor.submit(self._prepared)
            return
        block = next(self._blocks, None)
        if isinstance(block, Block) and len(block) > SOON_TRANSACTIONS_MAX:
            self._next = self._executor.submit(self._prepare, block)
            return
        self._next = Future()
        try:
            self._next.set_result(self._prepare(block))
        except Exception as error:  # it is raised where the block is wanted
            self._next.set_exception(error)

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
        return self._prepare(next(self._blocks, None))

    def _prepare(self, block: Block | None) -> Block | None:
        if block is not None and self._arena.can_prepare:
            prepare(self._arena, checked_block(block))
        return block

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Ask for no other block, and wait until none is being laid out."""
        self._executor.shutdown(cancel_futures=True)
