"""What every process of ours does first, before it runs anything of a user's."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from blockstm.files.descriptors import above_standard, fill_standard
from blockstm.native import _core

__all__ = ["begin", "core_identity", "own_fork", "refuse_forks"]

FORKS: Final = ("os.fork", "os.forkpty")
"""The auditing events of forks. A process started by exec is none: it does not go on with what this one does."""

_is_forking = False


def core_identity() -> list[int]:
    """Return numbers that tell one build of the compiled core from another."""
    status = os.stat(_core.__file__)
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]


def begin(lifeline: int, core: list[int]) -> None:
    """Make this process one that lives no longer than its parent, and leaves its parent's terminal and forks alone.

    Arguments:
        lifeline: file descriptor of a pipe whose other end closes when the parent ends, however it ends.
        core: what `core_identity` says in the parent.
    """
    fill_standard()
    die_with(lifeline)
    if core != core_identity():
        # Another build may have another idea of what lies where in the arena.
        sys.exit(
            "blockstm was rebuilt or upgraded after this program had imported it; start the program anew"
        )
    # Ctrl-C is for the parent. It held the signal back until now, for this process to ignore it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    refuse_forks()


def die_with(lifeline: int) -> None:
    """Have the kernel kill this process as soon as nobody holds the other end of the pipe `lifeline`.

    Whatever the process is doing then: a thread that watches the pipe would be too late where native code
    holds the interpreter's lock for good.
    """
    # The signal is a property of the open pipe, which all workers inherit: each needs its own.
    own = above_standard(os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK))
    os.close(lifeline)
    fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    poll = select.poll()
    poll.register(own, 0)
    if poll.poll(0):  # it is gone already, and no signal will come
        os._exit(1)


def refuse_forks() -> None:
    """Have every fork in this process fail, but those made inside `own_fork`.

    A fork of a process that runs programs would return from the program a second time, and go on with the block,
    and fork again in the next transaction. Forks that native code makes without Python are not seen here; see
    `Arena.attach`.
    """
    sys.addaudithook(_refuse)


def _refuse(event: str, arguments: object) -> None:
    if event in FORKS and not _is_forking:
        raise RuntimeError(
            f"{event}: a program cannot fork the process that it runs in; have it do its work itself"
        )


@contextmanager
def own_fork() -> Iterator[None]:
    """Let this process fork."""
    global _is_forking
    _is_forking = True
    try:
        yield
    finally:
        _is_forking = False
