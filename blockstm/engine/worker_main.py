"""The main function of a worker process: hold the programs, take part in blocks, and end with the engine.

A worker is started afresh (exec, never fork), so the engine's process may have threads, and it need not have
a main module that can be imported.
"""

from __future__ import annotations

import fcntl
import logging
import multiprocessing
import os
import select
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypedDict

import cloudpickle

from blockstm import _core
from blockstm._core import Arena, Worker
from blockstm.engine.channel import WorkerChannel
from blockstm.engine.logs import LevelFollower, WorkerLogHandler

__all__ = ["Settings", "core_identity", "main"]


class Settings(TypedDict):
    """What a worker is told on its command line."""

    worker: int
    """Its slot in the arena."""
    arena: int
    """File descriptor of the arena's memory file."""
    events: int
    """File descriptor of the event counter that wakes the engine."""
    channel: int
    """File descriptor of this worker's end of the connection with the engine."""
    lifeline: int
    """File descriptor of a pipe whose other end closes when the engine's process ends, however it ends."""
    processor: int | None
    """The processor to stay on; None for the operating system to choose."""
    core: list[int]
    """What `core_identity` says in the engine's process."""


def core_identity() -> list[int]:
    """Return numbers that tell one build of the compiled core from another."""
    status = os.stat(_core.__file__)
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns]


def main(settings: Settings) -> None:
    """Be a worker until the engine says that it is over."""
    die_with(settings["lifeline"])
    if settings["core"] != core_identity():
        # Another build may have another idea of what lies where in the arena.
        sys.exit(
            "blockstm was rebuilt or upgraded after this program had imported it; start the program anew"
        )
    # Ctrl-C is for the engine's process. It held the signal back until now, for this one to ignore it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    with suppress(OSError):
        # What a program prints must not get into what the engine's process writes to its standard output.
        os.dup2(2, 1)
    if settings["processor"] is not None:
        os.sched_setaffinity(0, {settings["processor"]})
    multiprocessing.current_process().name = f"blockstm-worker-{settings['worker']}"
    channel = WorkerChannel(settings["channel"])
    logging.getLogger().addHandler(WorkerLogHandler(lambda packed: channel.send(("log", packed))))
    arena = Arena.attach(settings["arena"])
    worker = Worker(arena, settings["worker"], settings["events"])
    holdings = Holdings(channel, worker.set_program)
    with suppress(EOFError):
        holdings.update()
        while worker.wait():
            while holdings.version != arena.program_version:
                holdings.update()
            worker.run()


def die_with(lifeline: int) -> None:
    """Have the kernel kill this process as soon as nobody holds the other end of the pipe `lifeline`.

    Whatever the process is doing then: a thread that watches the pipe would be too late where native code
    holds the interpreter's lock for good.
    """
    # The signal is a property of the open pipe, which all workers inherit: each needs its own.
    own = os.open(f"/proc/self/fd/{lifeline}", os.O_RDONLY | os.O_NONBLOCK)
    os.close(lifeline)
    fcntl.fcntl(own, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(own, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(own, fcntl.F_SETFL, os.O_NONBLOCK | os.O_ASYNC)
    poll = select.poll()
    poll.register(own, 0)
    if poll.poll(0):  # it is gone already, and no signal will come
        os._exit(1)


class Holdings:
    """What a worker holds of the engine's catalogue.

    Arguments:
        channel: where the engine's messages come from.
        set_program: takes the id of a program, and the function or the native program to run for it.
    """

    def __init__(self, channel: WorkerChannel, set_program: Callable[[int, Any], None]) -> None:
        """Start with nothing, version 0."""
        self.version = 0
        self._failures: dict[str, str] = {}
        self._channel = channel
        self._set_program = set_program
        self._levels = LevelFollower()

    def update(self) -> None:
        """Wait for the engine's next message, take what it brings, and acknowledge it.

        Raises:
            EOFError: the engine is gone.
        """
        message = self._channel.receive()
        self._levels.follow(*message["levels"])
        for name, program_id, pickled in message["programs"]:
            self._failures.pop(name, None)
            try:
                self._set_program(program_id, cloudpickle.loads(pickled))
            except (Exception, SystemExit) as error:  # importing a module may raise anything
                self._failures[name] = f"{type(error).__name__}: {error}"
        self.version = message["version"]
        self._channel.send(("loaded", self.version, self._failures))
