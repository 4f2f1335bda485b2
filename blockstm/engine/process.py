"""One worker process, as the engine holds it: its process, the connection to it, and how to end it."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from blockstm.engine.channel import EngineChannel
from blockstm.engine.worker_main import Settings, core_identity

__all__ = ["WorkerProcess", "describe_end", "interrupts_held"]

# Of the core that this process runs, whatever becomes of its file later.
CORE_IDENTITY: Final = core_identity()
# Run by the new process, which has nothing of the old one but what it is told here: neither the old one's
# main module (there may be none: a notebook, python -c) nor its changes to the module search path.
BOOTSTRAP: Final = (
    "import json, sys; "
    "path, settings = json.loads(sys.argv.pop()); "
    "sys.path[:] = path; "
    "from blockstm.engine.worker_main import main; "
    "main(settings)"
)


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C in this thread, and in processes that it starts, until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


HASH_SEED: Final = {"PYTHONHASHSEED": "0"}
"""One seed for all workers, unless the user has set one: a program that goes through a set of strings or bytes does
so in the same order wherever it runs. Were there a seed for each, its reads would depend on who executes it."""


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
        ours, theirs = socket.socketpair()
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
        path = [entry for entry in sys.path if isinstance(entry, str)]
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, *_interpreter_flags(), "-c", BOOTSTRAP, json.dumps([path, settings])],
                    stdin=subprocess.DEVNULL,
                    pass_fds=(arena, events, theirs.fileno(), lifeline),
                    env=HASH_SEED | os.environ,
                )
        except BaseException:
            self.channel.close()
            raise
        try:
            self.pidfd = os.pidfd_open(self._process.pid)
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


def _interpreter_flags() -> list[str]:
    """Return the flags with which this interpreter was started, such as -O or -X dev, for another like it."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return flags


def describe_end(returncode: int) -> str:
    """Say how a process ended: "was killed by SIGKILL", "exited with status 1"."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"
