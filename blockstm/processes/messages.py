"""Messages between two processes: bytes and open files, over a connected Unix socket. Both ends wait."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from blockstm.files.descriptors import above_standard

__all__ = ["DESCRIPTORS_MAX", "receive", "send"]

LENGTH_BYTES = 8
DESCRIPTORS_MAX = 4
"""Open files that can go with one message."""


def send(connection: socket.socket, message: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send a message, whole.

    Arguments:
        connection: the socket.
        message: the bytes.
        descriptors: file descriptors whose files the other end gets.

    Raises:
        OSError: the other end is gone.
    """
    length = len(message).to_bytes(LENGTH_BYTES, "big")
    sent = socket.send_fds(connection, [length], descriptors) if descriptors else 0
    connection.sendall(length[sent:])
    connection.sendall(message)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Wait for a message; return it, and the descriptors of the files that came with it.

    Raises:
        EOFError: the other end has gone, or closed its end.
    """
    try:
        begun, descriptors, _, _ = socket.recv_fds(
            connection, LENGTH_BYTES, DESCRIPTORS_MAX, socket.MSG_CMSG_CLOEXEC
        )
        owned = [above_standard(descriptor) for descriptor in descriptors]
        length = begun + _exactly(connection, LENGTH_BYTES - len(begun)) if begun else b""
        if not length:
            raise EOFError("the other end is closed")
        return _exactly(connection, int.from_bytes(length, "big")), owned
    except ConnectionResetError as error:  # it was closed with something in it that was never read
        raise EOFError("the other end is closed") from error


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = bytearray(size)
    view = memoryview(received)
    while view:
        count = connection.recv_into(view)
        if count == 0:
            raise EOFError("the other end has closed in the middle of a message")
        view = view[count:]
    return bytes(received)
