"""Columns of a Parquet file of unknown origin, decoded by a process of its own.

pyarrow ends its process at some damaged files, and the size of what it decodes is the file's own word: so there is
a process that may die of it, with limits that the operating system holds it to.
"""

from __future__ import annotations

import os
import resource
import socket
from contextlib import suppress
from typing import BinaryIO, Final

import msgpack

from blockstm.errors import EngineError
from blockstm.files.content import ContentError
from blockstm.processes import child
from blockstm.processes.connected import ConnectedProcess, Settings
from blockstm.processes.messages import receive, send
from blockstm.report.columns import Values, Wanted, decoded_columns

__all__ = ["read_columns"]

MEMORY_BYTES_MAX: Final = 4 << 30
PROCESSOR_SECONDS_MAX: Final = 120
END_SECONDS: Final = 10


def read_columns(file: BinaryIO, wanted: Wanted) -> dict[str, Values]:
    """Return some columns of a Parquet file, as `decoded_columns` does.

    Raises:
        ContentError: it cannot be decoded, or not within the limits.
    """
    try:
        process = ConnectedProcess("blockstm.report.columns_process", imports=[], environment={})
    except EngineError as error:
        raise ContentError(f"cannot be read: {error}") from error
    try:
        request = msgpack.packb([list(wanted.names), wanted.prefix])
        send(process.connection, request, [file.fileno()])
        answer, _ = receive(process.connection)
    except (OSError, EOFError):
        answer = b""
    finally:
        ending = process.end(END_SECONDS)
    if not answer:
        raise ContentError(
            f"is not a readable Parquet file: the process that decoded it {ending}; run the sweep again"
        )
    columns, problem = msgpack.unpackb(answer, strict_map_key=False)
    if problem is not None:
        raise ContentError(problem)
    decoded: dict[str, Values] = columns
    return decoded


def main(settings: Settings) -> None:
    """Decode one file for the parent, and end."""
    child.begin(settings["lifeline"], settings["core"])
    connection = socket.socket(fileno=settings["channel"])
    _hold_to_limits()
    with suppress(EOFError, OSError):  # the parent has gone
        request, (descriptor,) = receive(connection)
        with open(descriptor, "rb") as file:
            answer = _answer(file, Wanted(*msgpack.unpackb(request)))
        send(connection, answer)


def _answer(file: BinaryIO, wanted: Wanted) -> bytes:
    columns: dict[str, Values] | None = None
    problem: str | None = None
    try:
        columns = decoded_columns(file, wanted)
    except ContentError as error:
        problem = str(error)
    except ImportError as error:
        problem = f"cannot be read: pyarrow cannot be loaded ({error.name or error}); install it again"
    try:
        packed: bytes = msgpack.packb([columns, problem])
    except MemoryError:
        packed = msgpack.packb([None, "no memory is left to read it; split the sweep"])
    return packed


def _hold_to_limits() -> None:
    """Limit memory and time, and let nothing be printed: the libraries say why they abort."""
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES_MAX),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, hard))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for standard in (1, 2):
        os.dup2(nowhere, standard)
    os.close(nowhere)
