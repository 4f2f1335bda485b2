"""A process that keeps some parts of a tree: applies changes as they come, hashes ahead, commits when asked."""

from __future__ import annotations

import os
import select
import socket
import traceback
from contextlib import suppress
from enum import IntEnum
from typing import Any, Final

import msgpack

from blockstm.errors import BlockstmError, EngineError
from blockstm.processes import child
from blockstm.processes.connected import Settings
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps, loads
from blockstm.trees.state_tree import DividedTree

__all__ = ["Order", "answered", "main", "message_of"]


class Order(IntEnum):
    """What a worker is to do: the first byte of a message to it."""

    OPEN = 0
    """Open the tree: a pickled function does. It is answered, with nothing."""
    UPDATE = 1
    """Take changes: two lists, of keys and of values."""
    COMMIT = 2
    """Commit. There are two answers: what the tree's top has to know, and then the nodes that have changed."""
    FORGET = 3
    """All that was answered is stored."""


ANSWERS: Final = {Order.OPEN: 1, Order.UPDATE: 0, Order.COMMIT: 2, Order.FORGET: 0}
IDLE_SECONDS: Final = 0.003
"""Where nothing comes for so long, there is time to hash ahead; what is on its way comes sooner."""
AHEAD_KEYS_MAX: Final = 1 << 14
"""After so many changes there is nothing that is not likely to change again: a whole state is being loaded."""
DONE: Final = b"\x00"
FAILED: Final = b"\x01"
"""The first byte of an answer; an error follows, pickled."""


def message_of(order: Order, content: bytes = b"") -> bytes:
    """Return the message that gives a worker an order."""
    return bytes([order]) + content


def answered(answer: bytes) -> Any:
    """Return what a worker has answered.

    Raises:
        BlockstmError: it has met this error, now or since it was last asked.
    """
    content = memoryview(answer)[1:]
    if answer[:1] == FAILED:
        raise loads(bytes(content))
    return msgpack.unpackb(content)


def main(settings: Settings) -> None:
    """Keep parts of a tree until the parent closes the connection."""
    child.begin(settings["lifeline"], settings["core"])
    connection = socket.socket(fileno=settings["channel"])
    with suppress(EOFError, BrokenPipeError):
        _Worker(connection).run()
    os._exit(0)


class _Worker:
    """What one process does. An error is told when an answer is due; until then, and after, nothing is done."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._tree: DividedTree | None = None
        self._error: BlockstmError | None = None
        self._changes = 0  # since the last commit

    def run(self) -> None:
        while True:
            message, _ = receive(self._connection)
            order = Order(message[0])
            answers = self._tried(order, memoryview(message)[1:])
            if self._error is not None:
                answers = [FAILED + dumps(self._error)] * ANSWERS[order]
            for answer in answers:
                send(self._connection, answer)

    def _tried(self, order: Order, content: memoryview) -> list[bytes]:
        if self._error is not None:
            return []
        try:
            return [DONE + msgpack.packb(answer) for answer in self._carried_out(order, content)]
        except BlockstmError as error:
            self._error = error
        except Exception:
            self._error = EngineError(
                f"a process for the state tree failed: report this as a bug\n{traceback.format_exc()}"
            )
        return []

    def _carried_out(self, order: Order, content: memoryview) -> list[object]:
        if order is Order.OPEN:
            self._tree = loads(bytes(content))()
            return [None]
        assert self._tree is not None, "a tree is opened first"
        if order is Order.COMMIT:
            self._changes = 0
            committed = self._tree.commit_parts()
            return [[*committed.parts.items()], committed.nodes]
        if order is Order.FORGET:
            self._tree.forget()
        else:
            self._update(self._tree, dict(zip(*msgpack.unpackb(content), strict=True)))
        return []

    def _update(self, tree: DividedTree, changes: dict[bytes, bytes | None]) -> None:
        tree.update(changes)
        self._changes += len(changes)
        if self._changes <= AHEAD_KEYS_MAX and not select.select([self._connection], [], [], IDLE_SECONDS)[0]:
            tree.hash_ahead()
