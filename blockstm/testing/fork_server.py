"""Fork servers: fresh processes, with programs as a worker that has executed nothing yet would have them.

For each hash seed there is one process, started when first needed and kept. It imports the modules of programs, and
forks for every piece of work; so each piece finds these modules as they are after import, at the cost of a fork.
The process has no threads of its own, unlike one that runs tests, which therefore must not fork.
"""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from blockstm.errors import BlockstmError, EngineError, ProgramError
from blockstm.files.descriptors import pipe_above_standard
from blockstm.processes import child
from blockstm.processes.child import own_fork
from blockstm.processes.connected import ConnectedProcess, Settings
from blockstm.processes.interpreter import describe_end, search_path
from blockstm.processes.messages import receive, send
from blockstm.processes.pickling import dumps, loads

__all__ = ["FreshProcess", "FreshProcesses", "ProgramEndedError", "forked"]


class ProgramEndedError(ProgramError):
    """A program has ended the process in which it was checked."""


class FreshProcess:
    """A process with a hash seed of its own.

    Arguments:
        hash_seed: PYTHONHASHSEED.
        imports: the modules of this package that it imports before forking, instead of in each fork.
    """

    def __init__(self, hash_seed: int, imports: Sequence[str]) -> None:
        """Start it."""
        self._process = ConnectedProcess(
            __name__,
            imports=imports,
            environment={"PYTHONHASHSEED": str(hash_seed)},
        )

    def call(self, modules: list[str], function: Callable[..., Any], *arguments: object) -> Any:
        """Call a function in a fork of the process and return what it returns, or raise what it raises.

        Arguments:
            modules: what to import before forking, as far as that can be done.
            function: the function; it can be imported.
            arguments: its arguments, which can be pickled.

        Raises:
            BlockstmError: the function has raised it.
            ProgramEndedError: the fork ended without an answer.
            EngineError: the process cannot be reached.
        """
        work = dumps((function, arguments))
        try:
            send(self._process.connection, dumps((search_path(), modules, work)))
            answer, _ = receive(self._process.connection)
        except (OSError, EOFError) as error:
            raise EngineError(f"a process for checks cannot be reached: {error}") from error
        return outcome(answer)

    def close(self) -> None:
        """End it."""
        self._process.end()


class FreshProcesses:
    """The fresh processes of one checker, by hash seed and number.

    Arguments:
        imports: as for `FreshProcess`.
    """

    def __init__(self, imports: Sequence[str]) -> None:
        """Start none."""
        self._imports = imports
        self._processes: dict[tuple[int, int], FreshProcess] = {}

    def get(self, hash_seed: int, number: int = 0) -> FreshProcess:
        """Return one; those of one seed and different numbers differ only in what no seed decides."""
        place = hash_seed, number
        if place not in self._processes:
            self._processes[place] = FreshProcess(hash_seed, self._imports)
        return self._processes[place]

    def __len__(self) -> int:
        """Tell how many there are."""
        return len(self._processes)

    def close(self) -> None:
        """End all."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()


def outcome(answer: bytes) -> Any:
    """Return what the answer of a fork says, or raise it."""
    value, error = loads(answer)
    if error is not None:
        raise error
    return value


def main(settings: Settings) -> None:
    """Be such a process: take work, answer, until the parent ends."""
    child.begin(settings["lifeline"], settings["core"])
    connection = socket.socket(fileno=settings["channel"])
    with suppress(EOFError):
        while True:
            path, modules, work = loads(receive(connection)[0])
            sys.path[:] = path
            for module in modules:
                with suppress(Exception, SystemExit):  # if it matters, the work will fail, and say so
                    import_module(module)
            send(connection, forked(execute, work))


def execute(work: bytes) -> object:
    """Do a piece of work."""
    function, arguments = loads(work)
    return function(*arguments)


def forked(function: Callable[..., object], *arguments: object) -> bytes:
    """Call a function in a fork of this process, and return its answer, for `outcome`."""
    reading, writing = pipe_above_standard()
    with own_fork():
        child_pid = os.fork()
    if child_pid == 0:
        try:
            os.close(reading)
            answer: tuple[object, Exception | None]
            try:
                answer = function(*arguments), None
            except BlockstmError as error:
                answer = None, error
            except BaseException:
                answer = None, EngineError(f"a check failed: report this as a bug\n{traceback.format_exc()}")
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(dumps(answer))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answered = pipe.read()
    _, status = os.waitpid(child_pid, 0)
    if answered:
        return answered
    ending = describe_end(os.waitstatus_to_exitcode(status))
    ended = ProgramEndedError(
        f"a program ended the process in which it was checked, which {ending}; correct the program"
    )
    dumped: bytes = dumps((None, ended))
    return dumped
