"""Starting another interpreter like this one, and saying how it ended.

It is started by exec, never by fork: a fork of a program with threads may deadlock. It has nothing of this
process but what it is told: neither its main module (there may be none: a notebook, python -c) nor its changes to
the search path.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import blockstm
from blockstm.files.descriptors import is_open

__all__ = ["HASH_SEED", "describe_end", "interrupts_held", "search_path", "start_interpreter"]

HASH_SEED: Final = {"PYTHONHASHSEED": "0"}
"""One seed for all processes in which programs run, unless the user has set one: a program that goes through a
set of strings or bytes does so in the same order wherever it runs. Were there a seed for each, its reads would
depend on which worker executes it."""

# Run by the new process. What this needs comes from where the interpreter itself looks (with -P: not the current
# folder), blockstm from where this process has it, and only when all is imported are modules looked for where
# this process looks: there, a folder of the user's may come first, with a json.py of its own.
BOOTSTRAP: Final = """\
import importlib, importlib.util, json, sys
path, package, modules, settings = json.loads(sys.argv.pop())
sys.path += [entry for entry in path if entry not in sys.path]
spec = importlib.util.spec_from_file_location("blockstm", package)
sys.modules["blockstm"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules["blockstm"])
main = [importlib.import_module(module) for module in modules][0].main
sys.path[:] = path
main(settings)
"""


def start_interpreter(
    module: str,
    settings: Mapping[str, object],
    *,
    imports: Sequence[str] = (),
    pass_fds: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start an interpreter that imports a module of this package and calls its `main` with settings.

    Its standard input is empty, its standard output and error are the error of this process.

    Arguments:
        module: the module's dotted name.
        settings: what its main function is told; goes through JSON.
        imports: further modules of this package that it will need.
        pass_fds: file descriptors that it inherits under their numbers; none of the standard ones.
        environment: variables that it has instead of those of this process.

    Raises:
        OSError: the operating system does not let it start.
    """
    told = json.dumps([search_path(), blockstm.__file__, [module, *imports], settings])
    error = 2 if is_open(2) else subprocess.DEVNULL
    return subprocess.Popen(
        [sys.executable, *_interpreter_flags(), "-P", "-c", BOOTSTRAP, told],
        stdin=subprocess.DEVNULL,
        stdout=error,
        stderr=error,
        pass_fds=pass_fds,
        env={**os.environ, **(environment or {})},
    )


def search_path() -> list[str]:
    """Return where this process looks for modules, in a form that means the same in another."""
    path: list[str] = []
    for entry in filter(_is_text, sys.path):
        try:
            path.append(os.path.abspath(entry))  # an empty entry stands for the current folder
        except FileNotFoundError:  # which somebody has deleted
            continue
    return path


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Hold back Ctrl-C in this thread, and in processes that it starts, until the end of the block."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def describe_end(returncode: int) -> str:
    """Say how a process ended: "was killed by SIGKILL", "exited with status 1"."""
    if returncode >= 0:
        return f"exited with status {returncode}"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"


def _is_text(entry: object) -> bool:
    """Tell whether an entry is one that the import system itself looks at."""
    return isinstance(entry, str)


def _interpreter_flags() -> list[str]:
    """Return the flags with which this interpreter was started, such as -O or -X dev, for another like it."""
    flags: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]
    return flags
