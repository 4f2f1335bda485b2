"""A process that calls functions for this one: what may crash runs there, and takes only that process with it.

Native programs can crash, and any program can end its process; modelled time and controlled schedules run
programs in one process with virtual workers. So that process is a host. It is kept from call to call.
"""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from blockstm.errors import EngineError
from blockstm.processes.connected import ConnectedProcess
from blockstm.processes.interpreter import HASH_SEED
from blockstm.processes.logs import handle_record, logger_levels
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps, loads

__all__ = ["Host", "HostEndedError", "close_idle", "give_back", "take"]

END_SECONDS: Final = 2.0
"""How long a process whose connection is closed may take to end."""
IDLE_MAX: Final = 2
"""How many unused processes are kept."""

# What forked children of this process must let go of.
_hosts: weakref.WeakSet[Host] = weakref.WeakSet()
_idle: Final[list[Host]] = []


class HostEndedError(Exception):
    """The process ended in the middle of a call. The caller knows what it was doing, and tells the user.

    Arguments:
        ending: how it ended, such as "was killed by SIGSEGV".
    """

    def __init__(self, ending: str) -> None:
        """Keep it."""
        super().__init__(ending)
        self.ending = ending


class Host:
    """A process that calls functions; it ends with this process.

    What the functions log reaches the handlers of this process; what they print, its standard error.

    Arguments:
        module: the module of this package whose functions it will be asked to call.

    Raises:
        EngineError: the operating system does not let it start.
    """

    def __init__(self, module: str) -> None:
        """Start the process; the first call waits until it is up."""
        self.module = module
        self._process: ConnectedProcess | None = ConnectedProcess(
            "blockstm.processes.host_main", imports=[module], environment=HASH_SEED | os.environ
        )
        _hosts.add(self)

    @property
    def pid(self) -> int | None:
        """The process's id; None once it has been ended."""
        return None if self._process is None else self._process.pid

    @property
    def is_open(self) -> bool:
        """Whether it can be called."""
        return self._process is not None

    def call(
        self,
        function: Callable[..., Any],
        *arguments: Any,
        descriptors: Sequence[int] = (),
        progress: Callable[..., object] | None = None,
    ) -> Any:
        """Call a function in the process and return what it returns, or raise what it raises.

        Arguments:
            function: one of this package.
            arguments: its arguments, which can be pickled.
            descriptors: of open files, that the function gets as further arguments, as descriptors of its process.
            progress: the function gets a function as its argument `progress`, whose calls come to this one.

        Raises:
            BlockstmError: the function has raised it.
            HostEndedError: the process has ended instead of answering.
            EngineError: the function has failed otherwise, which is a bug.
        """
        if self._process is None:
            raise EngineError("a process for programs was called after its end: report this as a bug")
        connection = self._process.connection
        call = dumps((function, arguments, progress is not None, logger_levels()))
        try:
            with suppress(OSError):  # it is dead, and will give no answer
                send(connection, call, descriptors)
            while True:
                kind, *content = loads(receive(connection)[0])
                if kind == "log":
                    handle_record(*content)
                elif kind == "progress" and progress is not None:
                    progress(*content)
                else:
                    break
        except EOFError:
            raise HostEndedError(self._end(END_SECONDS)) from None
        except BaseException:  # an interrupt: nobody will hear the answer
            self.close()
            raise
        answer, error = content
        if error is not None:
            raise error
        return answer

    def close(self) -> None:
        """End the process, whatever it is doing. May be called again."""
        self._end(wait_seconds=0)

    def _end(self, wait_seconds: float) -> str:
        process, self._process = self._process, None
        _hosts.discard(self)
        return "was ended" if process is None else process.end(wait_seconds)

    def is_alive(self) -> bool:
        """Tell whether the process is still there; end what is left of it where it is not."""
        if self._process is not None and self._process.has_ended():
            self.close()
        return self.is_open

    def disown(self) -> None:
        """Let go of everything in a forked child, where the process is none of its business."""
        if self._process is not None:
            self._process.disown()
            self._process = None


def take(module: str) -> Host:
    """Return a host that is not in use: one that was given back, or a new one.

    Arguments:
        module: as for `Host`.

    Raises:
        EngineError: the operating system does not let it start.
    """
    for host in list(_idle):
        if host.module == module:
            with suppress(ValueError):  # another thread has just taken it
                _idle.remove(host)
                if host.is_alive():
                    return host
    return Host(module)


def give_back(host: Host) -> None:
    """Keep a host for others, in which nothing but programs of this package has run; end it if there are enough."""
    if host.is_open and len(_idle) < IDLE_MAX:
        _idle.append(host)
    else:
        host.close()


def close_idle() -> None:
    """End the unused processes; this process does so at its end."""
    while _idle:
        _idle.pop().close()


def _disown_all() -> None:
    _idle.clear()
    for host in list(_hosts):
        host.disown()


atexit.register(close_idle)
os.register_at_fork(after_in_child=_disown_all)
