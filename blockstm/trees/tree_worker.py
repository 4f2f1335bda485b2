"""A process that keeps some parts of a tree: applies changes as they come, hashes ahead, commits when asked."""

from __future__ import annotations

import os
import select
import socket
import traceback
from contextlib import suppress
from enum import IntEnum
from typing import Final

import msgpack

from blockstm.errors import BlockstmError, EngineError
from blockstm.processes import child
from blockstm.processes.connected import Settings
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps, loads
from blockstm.trees.state_tree import DividedTree, PartChanges

__all__ = ["Order", "answered", "main", "message_of"]


class Order(IntEnum):
    """What a worker is to do: the first byte of a message to it."""

    OPEN = 0
    """Open the tree: a pickled function does. It is answered, with nothing."""
    UPDATE = 1
    """Take changes: two lists, of keys and of values."""
    COMMIT = 2
    """Commit; the answer is what has changed."""
    FORGET = 3
    """All that was answered is stored."""


ANSWERED: Final = frozenset({Order.OPEN, Order.COMMIT})
DONE: Final = b"\x00"
FAILED: Final = b"\x01"
"""The first byte of an answer; an error follows, pickled."""


def message_of(order: Order, content: bytes = b"") -> bytes:
    """Return the message that gives a worker an order."""
    return bytes([order]) + content


def answered(answer: bytes) -> PartChanges:
    """Return what a worker has answered.

    Raises:
        BlockstmError: it has met this error, now or since it was last asked.
    """
    content = memoryview(answer)[1:]
    if answer[:1] == FAILED:
        raise loads(bytes(content))
    parts, nodes = msgpack.unpackb(content)
    return PartChanges(dict(parts), nodes)


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

    def run(self) -> None:
        while True:
            message, _ = receive(self._connection)
            order = Order(message[0])
            answer = self._tried(order, memoryview(message)[1:])
            if order in ANSWERED:
                send(self._connection, answer if self._error is None else FAILED + dumps(self._error))

    def _tried(self, order: Order, content: memoryview) -> bytes:
        if self._error is not None:
            return b""
        try:
            return self._carried_out(order, content)
        except BlockstmError as error:
            self._error = error
        except Exception:
            self._error = EngineError(
                f"a process for the state tree failed: report this as a bug\n{traceback.format_exc()}"
            )
        return b""

    def _carried_out(self, order: Order, content: memoryview) -> bytes:
        parts = PartChanges({}, {})
        if order is Order.OPEN:
            self._tree = loads(bytes(content))()
        assert self._tree is not None, "a tree is opened first"
        if order is Order.UPDATE:
            self._tree.update(dict(zip(*msgpack.unpackb(content), strict=True)))
            if not select.select([self._connection], [], [], 0)[0]:
                self._tree.hash_ahead()
        elif order is Order.COMMIT:
            parts = self._tree.commit_parts()
        elif order is Order.FORGET:
            self._tree.forget()
        packed: bytes = msgpack.packb([[*parts.parts.items()], parts.nodes])
        return DONE + packed
