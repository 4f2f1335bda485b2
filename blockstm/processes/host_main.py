"""The main function of a host: call one function after the other, as the parent asks, and answer."""

from __future__ import annotations

import logging
import os
import socket
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from typing import Any, Final

from blockstm.errors import BlockstmError, EngineError
from blockstm.processes import child
from blockstm.processes.connected import Settings
from blockstm.processes.logs import LevelFollower, WorkerLogHandler
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps, loads

__all__ = ["main"]

PROGRESS_SECONDS: Final = 0.02


def main(settings: Settings) -> None:
    """Be a host until the parent closes the connection."""
    child.begin(settings["lifeline"], settings["core"])
    connection = Connection(socket.socket(fileno=settings["channel"]))
    logging.getLogger().addHandler(WorkerLogHandler(lambda packed: connection.send("log", packed)))
    levels = LevelFollower()
    with suppress(EOFError):
        while True:
            message, descriptors = connection.receive()
            function, arguments, wants_progress, levels_there = loads(message)
            levels.follow(*levels_there)
            named = {"progress": connection.progress()} if wants_progress else {}
            connection.send("answer", *outcome(function, *arguments, *descriptors, **named))
    # Nothing is collected: dead virtual workers must not be (see explore.trial).
    os._exit(0)


def outcome(function: Callable[..., object], *arguments: object, **named: object) -> tuple[object, object]:
    """Call a function; return what it returns and None, or None and the error that it raises."""
    try:
        return function(*arguments, **named), None
    except BlockstmError as error:
        return None, error
    except Exception:
        return None, EngineError(
            f"a process for programs failed: report this as a bug\n{traceback.format_exc()}"
        )


class Connection:
    """This end of the connection; threads that a program has started may log at any time."""

    def __init__(self, connection: socket.socket) -> None:
        """Keep the socket."""
        self._connection = connection
        self._owner = os.getpid()
        self._lock = Lock()

    def receive(self) -> tuple[bytes, list[int]]:
        """Wait for the next call."""
        return receive(self._connection)

    def send(self, *content: Any) -> None:
        """Send a message to the parent."""
        if os.getpid() != self._owner:  # native code has forked, and this is none that the parent knows of
            os._exit(1)
        message = dumps(content)
        with self._lock:
            send(self._connection, message)

    def progress(self) -> Callable[..., None]:
        """Return a function whose calls go to the parent, as many of them as anybody can follow."""
        sent = 0.0

        def report(*arguments: object) -> None:
            nonlocal sent
            now = time.monotonic()
            if now - sent >= PROGRESS_SECONDS:
                sent = now
                self.send("progress", *arguments)

        return report
