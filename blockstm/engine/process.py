"""One worker process, as the engine holds it: its process, the connection to it, and how to end it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import Final

from blockstm.engine.channel import EngineChannel
from blockstm.engine.worker_main import Settings
from blockstm.files.descriptors import above_standard, socket_pair_above_standard
from blockstm.processes.child import core_identity
from blockstm.processes.interpreter import HASH_SEED, start_interpreter

__all__ = ["WorkerProcess"]

# Of the core that this process runs, whatever becomes of its file later.
CORE_IDENTITY: Final = core_identity()


class WorkerProcess:
    """A worker process. Start it with interrupts held, or an interrupt may lose it.

    Arguments:
        worker: its slot in the arena.
        arena: file descriptor of the arena's memory file.
        events: file descriptor of the event counter that wakes the engine.
        lifeline: file descriptor of the pipe on which its life hangs.
        processor: the processor that it stays on; None for the operating system to choose.

    Raises:
        OSError: the operating system does not let it start.
    """

    def __init__(self, worker: int, *, arena: int, events: int, lifeline: int, processor: int | None) -> None:
        """Start the process. It reports when it holds the catalogue, which it must be sent first."""
        self.worker = worker
        self.version = 0
        """The version of the catalogue that it holds; 0: none yet, it is still starting."""
        self.version_sent = 0
        """The version of the catalogue that it has been sent."""
        self.version_called = 0
        """The version of the catalogue that it was called to take, from its waiting for blocks."""
        self.failures: dict[str, str] = {}
        """What went wrong where it could not load a program of the catalogue, by the program's name."""
        self._returncode: int | None = None
        ours, theirs = socket_pair_above_standard()
        self.channel = EngineChannel(ours)
        settings = Settings(
            worker=worker,
            arena=arena,
            events=events,
            channel=theirs.fileno(),
            lifeline=lifeline,
            processor=processor,
            core=CORE_IDENTITY,
        )
        try:
            with theirs:
                self._process = start_interpreter(
                    "blockstm.engine.worker_main",
                    settings,
                    pass_fds=(arena, events, theirs.fileno(), lifeline),
                    environment=HASH_SEED | os.environ,
                )
        except BaseException:
            self.channel.close()
            raise
        try:
            self.pidfd = above_standard(os.pidfd_open(self._process.pid))
        except BaseException:
            self.channel.close()
            self._process.kill()
            self._process.wait()
            raise

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def kill(self) -> None:
        """Kill the process, if it is still there."""
        if self._returncode is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def reap(self) -> int:
        """Wait for the process to end; return its exit status, or the negative number of what killed it."""
        if self._returncode is None:
            self._returncode = self._process.wait()
        return self._returncode

    def close(self) -> None:
        """Let go of what is left of a process that has been reaped."""
        self.channel.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1

    def disown(self) -> None:
        """Let go of a process that belongs to the process that this one was forked from."""
        self._process.returncode = self._returncode = 0  # or its end would be waited for, or warned of
        self.close()
