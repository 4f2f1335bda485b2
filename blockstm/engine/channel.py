"""The connection between the engine and one worker: msgpack objects, one after the other, over a socket.

Over it go programs and log levels to the worker, and acknowledgements and log records back. A block's
execution itself needs none of it: that goes through the arena.
"""

from __future__ import annotations

import socket
import threading
from typing import Any

import msgpack

__all__ = ["EngineChannel", "WorkerChannel"]

CHUNK_BYTES = 65_536
# A worker that logs without end must not keep the engine reading for good.
CHUNKS_AT_ONCE = 64


def _unpacker() -> msgpack.Unpacker:
    # Both ends trust each other: a pickled program may be of any size.
    return msgpack.Unpacker(max_buffer_size=0, strict_map_key=False)


class EngineChannel:
    """The engine's end. Never waits.

    Arguments:
        connection: one end of a socket pair; the channel owns it from now on.
    """

    def __init__(self, connection: socket.socket) -> None:
        """Make the connection non-blocking."""
        connection.setblocking(False)
        self._connection = connection
        self._unpacker = _unpacker()
        self._unsent = bytearray()
        self.is_open = True
        """Whether the other end may still have something to say."""

    def fileno(self) -> int:
        """Return the connection's file descriptor, for a selector."""
        return self._connection.fileno()

    @property
    def has_unsent(self) -> bool:
        """Whether `flush` has something left to send when the connection takes more."""
        return bool(self._unsent)

    def send(self, message: object) -> None:
        """Send a message: as much of it as the connection takes now, the rest by `flush`."""
        self._unsent += msgpack.packb(message)
        self.flush()

    def flush(self) -> None:
        """Send what the connection takes now. What a dead worker will never read is dropped."""
        try:
            while self._unsent:
                del self._unsent[: self._connection.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()

    def receive(self) -> list[Any]:
        """Return the messages that are there; none is lost of a worker that died after it had sent them."""
        messages: list[Any] = []
        for _ in range(CHUNKS_AT_ONCE):
            try:
                chunk = self._connection.recv(CHUNK_BYTES)
            except BlockingIOError:
                break
            except OSError:
                chunk = b""
            if not chunk:
                self.is_open = False
                break
            self._unpacker.feed(chunk)
            messages.extend(self._unpacker)
        return messages

    def close(self) -> None:
        """Close the connection."""
        self.is_open = False
        self._connection.close()


class WorkerChannel:
    """A worker's end. Waits until what it sends is taken, and for what it is to receive.

    Arguments:
        descriptor: the file descriptor of the socket; the channel owns it from now on.
    """

    def __init__(self, descriptor: int) -> None:
        """Make a socket of the descriptor."""
        self._connection = socket.socket(fileno=descriptor)
        self._connection.setblocking(True)
        self._unpacker = _unpacker()
        # Threads that a program has started may log at any time.
        self._lock = threading.Lock()

    def send(self, message: object) -> None:
        """Send a message, whole; from any thread."""
        packed = msgpack.packb(message)
        with self._lock:
            self._connection.sendall(packed)

    def receive(self) -> Any:
        """Wait for a message and return it.

        Raises:
            EOFError: the engine is gone.
        """
        while True:
            for message in self._unpacker:
                return message
            chunk = self._connection.recv(CHUNK_BYTES)
            if not chunk:
                raise EOFError("the engine has closed its end")
            self._unpacker.feed(chunk)
