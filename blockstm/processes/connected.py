"""A process of ours with a connection to it and a lifeline: what hosts and processes for checks have in common."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Final, TypedDict

from blockstm.errors import EngineError
from blockstm.files.descriptors import pipe_above_standard, socket_pair_above_standard
from blockstm.processes.child import core_identity
from blockstm.processes.interpreter import describe_end, interrupts_held, start_interpreter

__all__ = ["ConnectedProcess", "Settings"]

CORE_IDENTITY: Final = core_identity()
"""Of the core that this process runs, whatever becomes of its file later."""


class Settings(TypedDict):
    """What such a process is told when it starts."""

    channel: int
    """File descriptor of its end of the connection with the parent."""
    lifeline: int
    core: list[int]
    """These two as for `child.begin`."""


class ConnectedProcess:
    """A process that runs the main function of a module, which takes `Settings`. It ends with this process.

    Arguments:
        module: the module's dotted name.
        imports, environment: as for `start_interpreter`.

    Raises:
        EngineError: the operating system does not let it start.
    """

    def __init__(self, module: str, *, imports: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it."""
        if not sys.executable:
            raise EngineError("this interpreter does not know its own path; set sys.executable")
        try:
            with ExitStack() as at_failure:
                self.connection, theirs = socket_pair_above_standard()
                """This end of the connection."""
                at_failure.enter_context(self.connection)
                with theirs:
                    self._start(module, theirs, at_failure, imports, environment)
                at_failure.pop_all()
        except OSError as error:
            raise EngineError(
                f"a process for programs cannot be started: {error.strerror or error}; "
                "allow more processes, memory or open files"
            ) from error

    def _start(
        self,
        module: str,
        theirs: socket.socket,
        at_failure: ExitStack,
        imports: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        lifeline, self._lifeline_held = pipe_above_standard()
        at_failure.callback(os.close, self._lifeline_held)
        settings = Settings(channel=theirs.fileno(), lifeline=lifeline, core=CORE_IDENTITY)
        try:
            with interrupts_held():
                self._process = start_interpreter(
                    module,
                    settings,
                    imports=imports,
                    pass_fds=(theirs.fileno(), lifeline),
                    environment=environment,
                )
        finally:
            os.close(lifeline)

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Tell whether the process is no longer there."""
        return self._process.poll() is not None

    def end(self, wait_seconds: float = 0) -> str:
        """End the process, and say how it ended: by itself within that time, or else by force. Call it once."""
        ending = "closed its connection"
        try:
            ending = describe_end(self._process.wait(wait_seconds))
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._let_go()
        return ending

    def disown(self) -> None:
        """Let go of everything in a forked child, where the process is none of its business."""
        self._process.returncode = 0  # or its end would be waited for, or warned of
        self._let_go()

    def _let_go(self) -> None:
        self.connection.close()
        os.close(self._lifeline_held)
