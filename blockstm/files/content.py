"""Reading and writing files so that nothing in them can do harm: bounded memory, whole files or none."""

from __future__ import annotations

import gzip
import os
import secrets
import stat
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, Final

import zstandard

from blockstm.errors import BlockstmError, UsageError, shown, shown_path, type_shown

ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
GZIP_MAGIC: Final = b"\x1f\x8b"

# One compressed slice holds at most 512 blocks of four bytes, and a block expands to 128 KiB at most: so
# however hostile the file is, a step makes at most 64 MiB, and what comes out is handed on in small pieces.
_SLICE_BYTES: Final = 2048
_PIECE_BYTES: Final = 1 << 16
_WINDOW_BYTES_MAX: Final = 1 << 27
_FRAME_HEADER_BYTES_MAX: Final = 18
_FRAME_START_BYTES: Final = 8
"""Magic number, and the length of a skippable frame."""
_FRAMES_MAX: Final = 1 << 16
"""Empty frames take time and yield nothing."""


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
    raise UsageError(f"{shown(path)} is {type_shown(path)}; give the path of a file, as text or as a Path")


def open_input(path: str | os.PathLike[str], error_type: type[BlockstmError]) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        error_type: it is missing, not a regular file, or cannot be opened.
        UsageError: `path` is not a path.
    """
    check_path(path)

    def opened_at_once(name: str, flags: int) -> int:
        # Something else may be there by now: a pipe would have this process wait for a writer.
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
    except BlockstmError:
        raise
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
        text = read_bytes(path, bytes_max, error_type, fix)
        return text.decode("utf-8-sig")  # without the byte order mark that some editors put first
    except UnicodeDecodeError:
        raise error_type(f"{shown_path(path)}: is not UTF-8 text; {fix}") from None


def content_pieces(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """Yield a file's content piece by piece, decompressed where it is zstd or gzip: its first bytes tell.

    Compressed data may be several frames, as `pzstd` and `cat a.zst b.zst` make them, and skippable frames;
    or several members of gzip. A byte order mark at the start of UTF-8 text is left out.

    Arguments:
        file: positioned at its start.
        limit: the most that the content may be, in bytes.

    Raises:
        DamagedError: the compressed data is damaged or cut short.
        TooLargeError: the content is over the limit.
        ContentError: something that is not a frame follows the compressed data.
    """
    magic = file.read(len(ZSTD_MAGIC))
    file.seek(0)
    if magic == ZSTD_MAGIC or _is_skippable(magic):
        return _without_mark(_all_frames(file, limit))
    return _without_mark(_gunzipped(file, limit) if magic.startswith(GZIP_MAGIC) else _plain(file, limit))


def _gunzipped(file: BinaryIO, limit: int) -> Iterator[bytes]:
    """Yield the content of gzip data (RFC 1952); the library checks lengths and checksums."""
    with gzip.GzipFile(fileobj=file) as members:
        taken = 0
        while True:
            try:
                piece = members.read(_PIECE_BYTES)
            except EOFError:
                raise DamagedError(
                    "the compressed data ends too early; copy or make the file again"
                ) from None
            except (gzip.BadGzipFile, zlib.error) as error:
                raise DamagedError(
                    f"the compressed data is damaged ({error}); copy or make the file again"
                ) from error
            if not piece:
                return
            taken += len(piece)
            if taken > limit:
                raise _too_large(limit)
            yield piece


def _plain(file: BinaryIO, limit: int) -> Iterator[bytes]:
    taken = 0
    while piece := file.read(_PIECE_BYTES):
        taken += len(piece)
        if taken > limit:
            raise _too_large(limit)
        yield piece


def _without_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= len(BOM_UTF8):
            break
    if start := start.removeprefix(BOM_UTF8):
        yield start
    yield from pieces


def decompressed(
    file: BinaryIO, limit: int, *, checksum_required: bool, dictionary: bytes = b""
) -> Iterator[bytes]:
    """Yield the content of a zstd file piece by piece; it must be one frame, and nothing after it.

    Arguments:
        file: positioned at its start.
        limit: the most that the content may be, in bytes.
        checksum_required: whether a frame without a content checksum is an error.
        dictionary: what it was compressed with; empty for nothing.

    Raises:
        DamagedError: the data is damaged or cut short.
        TooLargeError: the content is over the limit.
        ContentError: the content lacks its checksum, or something follows it.
    """
    source = _Source(file)
    yield from _frame(source, limit, 0, checksum_required, dictionary)
    if source.ahead(1):
        raise _something_follows(source)


def _all_frames(file: BinaryIO, limit: int) -> Iterator[bytes]:
    source = _Source(file)
    given = frames = 0
    while start := source.ahead(_FRAME_START_BYTES):
        frames += 1
        if frames > _FRAMES_MAX:
            raise ContentError(f"the compressed data has more than {_FRAMES_MAX} frames; compress it again")
        if _is_skippable(start):
            source.skip(_FRAME_START_BYTES + int.from_bytes(start[4:], "little"))
            continue
        if frames > 1 and not start.startswith(ZSTD_MAGIC):
            raise _something_follows(source)
        for piece in _frame(source, limit, given, checksum_required=False):
            given += len(piece)
            yield piece


def _frame(
    source: _Source, limit: int, given: int, checksum_required: bool, dictionary: bytes = b""
) -> Iterator[bytes]:
    """Yield the content of one frame, where `given` bytes came before it, and leave the source after it."""
    _check_frame_header(source, limit, given, checksum_required)
    decompressor = zstandard.ZstdDecompressor(
        dict_data=zstandard.ZstdCompressionDict(dictionary) if dictionary else None,
        max_window_size=_WINDOW_BYTES_MAX,
    ).decompressobj()
    while not decompressor.eof:
        start = source.position
        data = source.take()
        if not data:
            raise DamagedError(f"byte {start}: the file ends too early; copy or make the file again")
        try:
            content = decompressor.decompress(data)
        except zstandard.ZstdError as error:
            raise DamagedError(
                f"compressed bytes {start} to {source.position}: damaged ({_reason(error)}); "
                "copy or make the file again"
            ) from error
        source.put_back(decompressor.unused_data)
        given += len(content)
        if given > limit:
            raise _too_large(limit)
        for place in range(0, len(content), _PIECE_BYTES):
            yield content[place : place + _PIECE_BYTES]


class _Source:
    """A file that is read in small slices, and of which a little can be looked at ahead.

    Arguments:
        file: positioned at its start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._held = b""
        self.position = 0
        """How many bytes were taken."""

    def ahead(self, length: int) -> bytes:
        """Return the next bytes without taking them: fewer than `length` only where the file ends."""
        if not self._held:
            self._held = self._file.read(_SLICE_BYTES)
        while len(self._held) < length and (more := self._file.read(length - len(self._held))):
            self._held += more
        return self._held[:length]

    def take(self) -> bytes:
        """Take a slice; nothing at the end."""
        taken, self._held = self._held or self._file.read(_SLICE_BYTES), b""
        self.position += len(taken)
        return taken

    def put_back(self, rest: bytes) -> None:
        """Put back the end of the slice that was taken last."""
        self._held = rest
        self.position -= len(rest)

    def skip(self, length: int) -> None:
        """Pass over bytes.

        Raises:
            DamagedError: the file ends before.
        """
        while length:
            taken = self.take()
            if not taken:
                raise DamagedError(
                    f"byte {self.position}: the file ends too early; copy or make the file again"
                )
            self.put_back(taken[length:])
            length -= min(length, len(taken))


def _is_skippable(start: bytes) -> bool:
    """Tell whether a frame that starts so holds nothing to decompress (RFC 8878, 3.1.2)."""
    return len(start) >= len(ZSTD_MAGIC) and start[1:4] == b"\x2a\x4d\x18" and start[0] >> 4 == 5


def _something_follows(source: _Source) -> ContentError:
    return ContentError(
        f"byte {source.position}: something follows the compressed data; cut it off or make the file again"
    )


def _check_frame_header(source: _Source, limit: int, given: int, checksum_required: bool) -> None:
    start = source.position
    try:
        parameters = zstandard.get_frame_parameters(source.ahead(_FRAME_HEADER_BYTES_MAX))
    except zstandard.ZstdError as error:
        raise DamagedError(
            f"byte {start}: the beginning of the compressed data is damaged ({_reason(error)}); "
            "copy or make the file again"
        ) from error
    known = parameters.content_size != zstandard.CONTENTSIZE_UNKNOWN
    if known and given + parameters.content_size > limit:
        raise _too_large(limit)
    if checksum_required and not parameters.has_checksum:
        raise ContentError(
            f"byte {start + len(ZSTD_MAGIC)}: the compressed data has no checksum; "
            "make the file again (zstd --check)"
        )


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
        UsageError: `path` is not a path.
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
    except BlockstmError:
        raise
    except (OSError, ValueError) as error:
        raise error_type(
            f"{shown_path(path)}: cannot be written: {reason_of(error)}; check the path and the space left"
        ) from error
