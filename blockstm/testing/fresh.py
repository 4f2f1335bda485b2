"""Fresh processes: programs as a worker that has executed nothing yet would have them.

For each hash seed there is one process, started when first needed and kept. It imports the modules of programs, and
forks for every piece of work; so each piece finds these modules as they are after import, at the cost of a fork.
The process has no threads of its own, unlike one that runs tests, which therefore must not fork.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib import import_module
from typing import IO, Any, Final

import cloudpickle

from blockstm.block import Block
from blockstm.errors import BlockstmError, EngineError, ProgramError
from blockstm.program import PythonProgram

__all__ = ["FreshProcess", "FreshProcesses", "forked", "pickled"]

BOOTSTRAP: Final = (
    "import json, sys; "
    "sys.path[:] = json.loads(sys.argv.pop()); "
    "from blockstm.testing.fresh import main; "
    "main()"
)
LENGTH_BYTES: Final = 8


class FreshProcess:
    """A process with a hash seed of its own.

    Arguments:
        hash_seed: PYTHONHASHSEED.
    """

    def __init__(self, hash_seed: int) -> None:
        """Start it."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", BOOTSTRAP, json.dumps(sys.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        )

    def call(self, modules: list[str], function: Callable[..., Any], *arguments: object) -> Any:
        """Call a function in a fork of the process and return what it returns, or raise what it raises.

        Arguments:
            modules: what to import before forking, as far as that can be done.
            function: the function; it can be imported.
            arguments: its arguments, which can be pickled.

        Raises:
            BlockstmError: the function has raised it.
            EngineError: the fork ended without an answer.
        """
        work = cloudpickle.dumps((function, arguments))
        sent = cloudpickle.dumps((sys.path, modules, work))
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            send(self._process.stdin, sent)
            answer = receive(self._process.stdout)
        except OSError as error:
            raise EngineError(f"a process for checks cannot be reached: {error}") from error
        return outcome(answer)

    def close(self) -> None:
        """End it."""
        with self._process, suppress(BrokenPipeError):
            assert self._process.stdin is not None
            self._process.stdin.close()


class FreshProcesses:
    """The fresh processes of one checker, by hash seed and number."""

    def __init__(self) -> None:
        """Start none."""
        self._processes: dict[tuple[int, int], FreshProcess] = {}

    def get(self, hash_seed: int, number: int = 0) -> FreshProcess:
        """Return one; those of one seed and different numbers differ only in what no seed decides."""
        place = hash_seed, number
        if place not in self._processes:
            self._processes[place] = FreshProcess(hash_seed)
        return self._processes[place]

    def close(self) -> None:
        """End all."""
        for process in self._processes.values():
            process.close()
        self._processes.clear()


def outcome(answer: bytes) -> Any:
    """Return what the answer of a fork says, or raise it.

    Raises:
        EngineError: there is none.
    """
    if not answer:
        raise EngineError(
            "a program ended the process in which it was checked: os._exit, a signal or a crash"
        )
    value, error = cloudpickle.loads(answer)
    if error is not None:
        raise error
    return value


def main() -> None:
    """Be such a process: take work from standard input, answer on standard output, until the input ends."""
    import_module(
        "blockstm.testing.checker"
    )  # all that the work needs, before forking instead of in each fork
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while message := receive(sys.stdin.buffer):
        path, modules, work = cloudpickle.loads(message)
        sys.path[:] = path
        for module in modules:
            with suppress(Exception, SystemExit):  # if it matters, the work will fail, and say so
                import_module(module)
        send(answers, forked(execute, work))


def execute(work: bytes) -> object:
    """Do a piece of work."""
    function, arguments = cloudpickle.loads(work)
    return function(*arguments)


def forked(function: Callable[..., object], *arguments: object) -> bytes:
    """Call a function in a fork of this process, and return its answer as bytes; none if it gives none."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
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
                pipe.write(cloudpickle.dumps(answer))
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answered = pipe.read()
    os.waitpid(child, 0)
    return answered


def send(pipe: IO[bytes], message: bytes) -> None:
    """Send one message."""
    pipe.write(len(message).to_bytes(LENGTH_BYTES, "big"))
    pipe.write(message)
    pipe.flush()


def receive(pipe: IO[bytes]) -> bytes:
    """Return the next message; empty when there are no more."""
    length = int.from_bytes(pipe.read(LENGTH_BYTES), "big")
    return pipe.read(length) if length else b""


def modules_of(block: Block) -> list[str]:
    """Return the modules that define a block's programs."""
    programs = [transaction.program for transaction in block.transactions]
    names = {program.function.__module__ for program in programs if isinstance(program, PythonProgram)}
    return sorted(names - {"__main__"})


def pickled(block: Block, by_value: Iterable[str]) -> bytes:
    """Return a block with its programs as bytes.

    Arguments:
        block: the block.
        by_value: the modules whose functions are to be sent whole, as no other process can import them.

    Raises:
        ProgramError: a program cannot be pickled.
    """
    modules = [sys.modules[name] for name in by_value if name in sys.modules]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        dumped: bytes = cloudpickle.dumps(block)
    except Exception as error:  # what a foreign __reduce__ raises may be anything
        raise ProgramError(
            f"the block's programs cannot be sent to another process: {type(error).__name__}: {error}; "
            "what they refer to must be such as can be pickled"
        ) from error
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)
    return dumped
