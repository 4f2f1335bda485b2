"""File descriptors that are none of the standard ones, even where those are closed.

A process may have been started without standard input, output or error (``<&-``, ``>&-``, ``2>&-``), and a daemon
may have closed them. The system then hands their numbers out again: what is kept open under one of them is
written into by whatever prints.
"""

from __future__ import annotations

import fcntl
import os
import socket
from typing import Final

__all__ = ["above_standard", "fill_standard", "is_open", "pipe_above_standard", "socket_pair_above_standard"]

STANDARD: Final = (0, 1, 2)


def above_standard(descriptor: int) -> int:
    """Return a descriptor of the same file that is none of the standard ones and is closed on exec.

    Arguments:
        descriptor: belongs to this function from now on.
    """
    if descriptor not in STANDARD:
        return descriptor
    try:
        return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, len(STANDARD))
    finally:
        os.close(descriptor)


def pipe_above_standard() -> tuple[int, int]:
    """Return the reading and the writing end of a new pipe, none of them a standard descriptor."""
    reading, writing = os.pipe()
    return above_standard(reading), above_standard(writing)


def socket_pair_above_standard() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets, none of them a standard descriptor."""
    one, other = (socket.socket(fileno=above_standard(end.detach())) for end in socket.socketpair())
    return one, other


def is_open(descriptor: int) -> bool:
    """Tell whether a descriptor is open."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_GETFD)
    except OSError:
        return False
    return True


def fill_standard() -> None:
    """Open the standard descriptors that are closed on /dev/null, for a process that is ours alone."""
    for descriptor in STANDARD:
        if not is_open(descriptor):
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            else:
                os.set_inheritable(descriptor, True)
