"""The main function of a worker process: hold the programs, take part in blocks, and end with the engine.

A worker is started afresh (exec, never fork), so the engine's process may have threads, and it need not have
a main module that can be imported.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from contextlib import suppress
from typing import TypedDict

from blockstm.engine.catalogue import load_programs
from blockstm.engine.channel import WorkerChannel
from blockstm.native._core import Arena, Worker
from blockstm.processes import child
from blockstm.processes.logs import LevelFollower, WorkerLogHandler

__all__ = ["Settings", "main"]


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
    processor: int | None
    """The processor to stay on; None for the operating system to choose."""
    core: list[int]
    """This and the lifeline as for `child.begin`."""


def main(settings: Settings) -> None:
    """Be a worker until the engine says that it is over."""
    child.begin(settings["lifeline"], settings["core"])
    if settings["processor"] is not None:
        os.sched_setaffinity(0, {settings["processor"]})
    multiprocessing.current_process().name = f"blockstm-worker-{settings['worker']}"
    channel = WorkerChannel(settings["channel"])
    logging.getLogger().addHandler(WorkerLogHandler(lambda packed: channel.send(("log", packed))))
    arena = Arena.attach(settings["arena"])
    worker = Worker(arena, settings["worker"], settings["events"])
    holdings = Holdings(channel, worker)
    with suppress(EOFError):
        holdings.update()
        while worker.wait():
            while holdings.version != arena.program_version:
                holdings.update()
            worker.run()


class Holdings:
    """What a worker holds of the engine's catalogue.

    Arguments:
        channel: where the engine's messages come from.
        worker: the worker of this process.
    """

    def __init__(self, channel: WorkerChannel, worker: Worker) -> None:
        """Start with nothing, version 0."""
        self.version = 0
        self._failures: dict[str, str] = {}
        self._channel = channel
        self._worker = worker
        self._levels = LevelFollower()

    def update(self) -> None:
        """Wait for the engine's next message, take what it brings, and acknowledge it.

        Raises:
            EOFError: the engine is gone.
        """
        message = self._channel.receive()
        self._levels.follow(*message["levels"])
        for name, *_ in message["programs"]:
            self._failures.pop(name, None)
        self._failures |= load_programs(message, [self._worker])
        self.version = message["version"]
        self._channel.send(("loaded", self.version, self._failures))
