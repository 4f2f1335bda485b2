"""Reading and writing files so that nothing in them can do harm: bounded memory, whole files or none."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

import zstandard

from blockstm.errors import BlockstmError, UsageError, shown, shown_path

ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"

# One compressed slice holds at most 512 blocks of four bytes, and a block expands to 128 KiB at most: so
# however hostile the file is, a step makes at most 64 MiB, and what comes out is handed on in small pieces.
_SLICE_BYTES: Final = 2048
_PIECE_BYTES: Final = 1 << 16
_WINDOW_BYTES_MAX: Final = 1 << 27


class ContentError(ValueError):
    """What is in a file is not as it must be; the text says where, what and the fix, without the file."""


class TooLargeError(ContentError):
    """There is more in a file than is read of one of its kind."""


class DamagedError(ContentError):
    """The compressed data itself is damaged or cut short, whatever it was meant to hold."""


def check_path(path: object) -> None:
    """Check that something is the path of a file. (A number would be taken for an open file by the system's calls.)

    Raises:
        UsageError: it is not.
    """
    try:
        if not isinstance(path, int):
            os.fspath(path)  # type: ignore[call-overload]
            return
    except TypeError:
        pass
    raise UsageError(
        f"{shown(path)} is a {type(path).__name__}; give the path of a file, as text or as a Path"
    )


def open_input(path: str | os.PathLike[str], error_type: type[BlockstmError]) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        error_type: it is missing, not a regular file, or cannot be opened.
        UsageError: `path` is no path.
    """
    check_path(path)

    def opened_at_once(name: str, flags: int) -> int:
        # Something else may be there by now: a pipe would have this process wait for somebody who writes.
        descriptor = os.open(name, flags | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            _check_regular(os.fstat(descriptor).st_mode, path, error_type)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    try:
        _check_regular(os.stat(path).st_mode, path, error_type)  # merely to open a device may do something
        return open(path, "rb", opener=opened_at_once)
    except FileNotFoundError:
        raise error_type(f"{shown_path(path)}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        raise error_type(f"{shown_path(path)}: cannot be read: {reason_of(error)}; check the path") from error


def _check_regular(mode: int, path: str | os.PathLike[str], error_type: type[BlockstmError]) -> None:
    """Refuse whatever may block, or never end."""
    if stat.S_ISDIR(mode):
        raise error_type(f"{shown_path(path)}: is a directory; name a file")
    if not stat.S_ISREG(mode):
        raise error_type(f"{shown_path(path)}: is not a regular file; copy it into one")


def reason_of(error: Exception) -> str:
    """Return what an OSError, or the ValueError of an impossible path, says, without number and path."""
    return getattr(error, "strerror", None) or str(error)


def read_bytes(
    path: str | os.PathLike[str], bytes_max: int, error_type: type[BlockstmError], fix: str
) -> bytes:
    """Return what a file holds.

    Arguments:
        path: a regular file.
        bytes_max: the most that it may hold.
        error_type: what is raised.
        fix: what to do about a file that is none of its kind, for the message.

    Raises:
        error_type: it is missing, not a regular file, cannot be read, or too large.
    """
    check_path(path)
    name = shown_path(path)
    try:
        with open_input(path, error_type) as file:
            content = file.read(bytes_max + 1)
    except OSError as error:
        raise error_type(f"{name}: cannot be read: {reason_of(error)}; try again") from error
    if len(content) > bytes_max:
        raise error_type(f"{name}: is larger than {bytes_max} bytes; {fix}")
    return content


def read_text(path: str | os.PathLike[str], bytes_max: int, error_type: type[BlockstmError], fix: str) -> str:
    """Return the text of a small file; arguments as of `read_bytes`.

    Raises:
        error_type: it is missing, not a regular file, cannot be read, too large, or not UTF-8.
    """
    try:
        return read_bytes(path, bytes_max, error_type, fix).decode("utf-8")
    except UnicodeDecodeError:
        raise error_type(f"{shown_path(path)}: is not UTF-8 text; {fix}") from None


def content_pieces(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """Yield a file's content piece by piece, decompressed where it is zstd-compressed: its first bytes tell.

    Arguments:
        file: positioned at its start.
        limit: the most that the content may be, in bytes.

    Raises:
        DamagedError: the compressed data is damaged or cut short.
        TooLargeError: the content is over the limit.
        ContentError: something follows the compressed data.
    """
    magic = file.read(len(ZSTD_MAGIC))
    file.seek(0)
    if magic == ZSTD_MAGIC:
        yield from decompressed(file, limit, checksum_required=False)
        return
    taken = 0
    while piece := file.read(_PIECE_BYTES):
        taken += len(piece)
        if taken > limit:
            raise _too_large(limit)
        yield piece


def decompressed(file: BinaryIO, limit: int, *, checksum_required: bool) -> Iterator[bytes]:
    """Yield the content of a zstd file piece by piece; it must be one frame, and nothing after it.

    Arguments:
        file: positioned at its start.
        limit: the most that the content may be, in bytes.
        checksum_required: whether a frame without a content checksum is an error.

    Raises:
        DamagedError: the data is damaged or cut short.
        TooLargeError: the content is over the limit.
        ContentError: the content lacks its checksum, or something follows it.
    """
    data = file.read(_SLICE_BYTES)
    _check_frame_header(data, limit, checksum_required)
    decompressor = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES_MAX).decompressobj()
    taken = given = 0
    while data and not decompressor.eof:
        try:
            content = decompressor.decompress(data)
        except zstandard.ZstdError as error:
            raise DamagedError(
                f"compressed bytes {taken} to {taken + len(data)}: damaged ({_reason(error)}); "
                "copy or make the file again"
            ) from error
        taken += len(data)
        given += len(content)
        if given > limit:
            raise _too_large(limit)
        for start in range(0, len(content), _PIECE_BYTES):
            yield content[start : start + _PIECE_BYTES]
        data = decompressor.unused_data or file.read(_SLICE_BYTES)
    if not decompressor.eof:
        raise DamagedError(f"byte {taken}: the file ends too early; copy or make the file again")
    if data:
        end = taken - len(decompressor.unused_data)
        raise ContentError(
            f"byte {end}: something follows the compressed data; cut it off or make the file again"
        )


def _check_frame_header(data: bytes, limit: int, checksum_required: bool) -> None:
    try:
        parameters = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise DamagedError(
            f"byte 0: the compressed data does not begin well ({_reason(error)}); copy or make the file again"
        ) from error
    known = parameters.content_size != zstandard.CONTENTSIZE_UNKNOWN
    if known and parameters.content_size > limit:
        raise _too_large(limit)
    if checksum_required and not parameters.has_checksum:
        raise ContentError("byte 4: the compressed data has no checksum; make the file again (zstd --check)")


def _too_large(limit: int) -> TooLargeError:
    return TooLargeError(f"the content takes more than {limit} bytes, which is the limit; split it")


def _reason(error: zstandard.ZstdError) -> str:
    # The library prefixes each reason with the function that found it.
    return str(error).rpartition(": ")[2]


def replace_file(path: str | os.PathLike[str], data: bytes, error_type: type[BlockstmError]) -> None:
    """Write a file whole or not at all.

    Raises:
        error_type: the path names something other than a regular file, or it cannot be written.
    """
    with replacing_file(path, error_type) as write:
        write(data)


@contextmanager
def replacing_file(
    path: str | os.PathLike[str], error_type: type[BlockstmError]
) -> Iterator[Callable[[bytes], None]]:
    """Write a file piece by piece, whole or not at all: to another name in the same directory, then renamed.

    Yields a function that takes the next piece. The file is there when the body has ended, and not if it raises.

    Raises:
        error_type: the path names something other than a regular file, or it cannot be written.
        UsageError: `path` is no path.
    """
    check_path(path)
    with _told_as(path, error_type):
        target = os.path.realpath(path)  # a link stays a link
        directory, name = os.path.split(target)
        temporary = os.path.join(directory, f".{name[:50]}.{secrets.token_hex(8)}")
        if os.path.lexists(target) and not os.path.isfile(target):
            raise error_type(f"{shown_path(path)}: is not a regular file; name another")
        file = open(temporary, "xb")  # noqa: SIM115 - what the body raises is not to be told as of the file

    def write(data: bytes) -> None:
        with _told_as(path, error_type):
            file.write(data)

    try:
        yield write
        with _told_as(path, error_type):
            file.flush()
            os.fsync(file.fileno())
            file.close()
            os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            os.unlink(temporary)
        raise


@contextmanager
def _told_as(path: str | os.PathLike[str], error_type: type[BlockstmError]) -> Iterator[None]:
    """Tell of what the system, or an impossible path, does not let be written."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise error_type(
            f"{shown_path(path)}: cannot be written: {reason_of(error)}; check the path and the space left"
        ) from error
