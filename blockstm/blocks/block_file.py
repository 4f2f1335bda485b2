"""Block files: zstd-compressed msgpack, written whole or not at all. See docs/reference/block-file.md."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO, Final

import msgpack
import zstandard
from blake3 import blake3

from blockstm.blocks.block_decode import FORMAT, VERSION_PLAIN, VERSION_WITH_SECTIONS, decode
from blockstm.blocks.block_header import BlockHeader
from blockstm.blocks.file_rows import CONTENT_BYTES_MAX, FileRows, file_rows
from blockstm.blocks.packed import PackedBlock
from blockstm.blocks.row_check import check_rows
from blockstm.errors import BlockFileError, LimitError, UnknownProgramError, shown, shown_path
from blockstm.files.content import (
    ZSTD_MAGIC,
    ContentError,
    DamagedError,
    content_pieces,
    decompressed,
    open_input,
    reason_of,
    replace_file,
)
from blockstm.limits import BLOCK_FILE_BYTES_MAX, BLOCK_ROW_BYTES_MAX

__all__ = ["BlockHeader", "check_rows", "content_digest", "encode", "load", "read", "write"]

_COMPRESSION_LEVEL: Final = 9
_SHARED_BYTES_MIN: Final = 64
"""Equal values from this size on are written once, such as the code that many contracts share."""


def write(path: str | os.PathLike[str], header: BlockHeader, packed: PackedBlock) -> None:
    """Write a block file, whole or not at all.

    Arguments:
        path: where to; an existing regular file is replaced.
        header: what the block says about itself.
        packed: the block.

    Raises:
        BlockFileError: the file cannot be written.
        LimitError: the block is larger than a file may be.
    """
    replace_file(path, encode(header, packed), BlockFileError)


def encode(header: BlockHeader, packed: PackedBlock) -> bytes:
    """Return the bytes of a block file.

    Raises:
        LimitError: the block is larger than a file may be.
    """
    packer = msgpack.Packer(default=dict)  # what is recorded is a read-only mapping
    sections = packed.sections.entries()
    counts = {"keys": len(packed.keys), "state": len(packed.state), "transactions": len(packed.rows)}
    parts = [
        packer.pack(
            {
                "format": FORMAT,
                "version": VERSION_WITH_SECTIONS if sections else VERSION_PLAIN,
                "chain": header.chain,
                "number": header.number,
                "meta": dict(header.meta),
                "programs": [program.name for program in packed.programs],
                "counts": counts | {name: len(entries) for name, entries in sections.items()},
            }
        ),
        packer.pack(packed.keys),
        packer.pack(_sharing(packed.state)),
        *_packed_entries(packer, packed.rows, "transaction", "it"),
    ]
    for name, entries in sections.items():
        parts += _packed_entries(packer, entries, f"{name}: entry", "the block")
    content = b"".join(parts)
    if len(content) > BLOCK_FILE_BYTES_MAX:
        raise LimitError(
            f"the block takes {len(content)} bytes; the limit is {BLOCK_FILE_BYTES_MAX}: split it"
        )
    return zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL, write_checksum=True).compress(content)


def _packed_entries(
    packer: msgpack.Packer, entries: Sequence[object], what: str, to_split: str
) -> Iterator[bytes]:
    """Yield the pieces of an array whose elements have a limit in bytes."""
    yield packer.pack_array_header(len(entries))
    for place, entry in enumerate(entries):
        piece = packer.pack(entry)
        if len(piece) > BLOCK_ROW_BYTES_MAX:
            raise LimitError(
                f"{what} {place} takes {len(piece)} bytes; the limit is {BLOCK_ROW_BYTES_MAX}: "
                f"split {to_split}"
            )
        yield piece


def _sharing(state: Mapping[int, bytes]) -> dict[int, int | bytes]:
    """Return the state with each large value once: where it comes again, the index of its first key instead."""
    first: dict[bytes, int] = {}
    shared: dict[int, int | bytes] = {}
    for index, value in state.items():
        holder = first.setdefault(value, index) if len(value) >= _SHARED_BYTES_MIN else index
        shared[index] = value if holder == index else holder
    return shared


def read(path: str | os.PathLike[str]) -> tuple[BlockHeader, PackedBlock]:
    """Return what a block file holds as objects, all of it checked; raises as `load` does."""
    header, rows = load(path)
    return header, rows.packed() if isinstance(rows, FileRows) else rows


def load(path: str | os.PathLike[str]) -> tuple[BlockHeader, PackedBlock | FileRows]:
    """Return what a block file holds, all of it checked.

    Raises:
        BlockFileError: the file is missing, damaged, foreign, of another version, or breaks a limit.
        UnknownProgramError: it names a program that no imported module defines.
    """
    with open_input(path, BlockFileError) as file, _collector_paused():
        try:
            return _read(file)
        except ContentError as error:
            raise BlockFileError(f"{shown_path(path)}: {error}") from error
        except UnknownProgramError as error:
            raise UnknownProgramError(f"{shown_path(path)}: {error}") from None
        except MemoryError:
            raise BlockFileError(
                f"{shown_path(path)}: takes more memory than there is; split the block"
            ) from None
        except OSError as error:
            raise BlockFileError(
                f"{shown_path(path)}: cannot be read: {reason_of(error)}; try again"
            ) from error


@contextmanager
def _collector_paused() -> Iterator[None]:
    # What is read is tens of thousands of new containers without cycles, and it stays. The garbage collector
    # would look through them again and again as they grow in number, and twice more as they grow old: they
    # take a third of the time of reading. So it pauses, and they go straight to the oldest generation.
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # what others have frozen must stay so
            gc.freeze()
            gc.unfreeze()
        gc.enable()


def _read(file: BinaryIO) -> tuple[BlockHeader, PackedBlock | FileRows]:
    magic = file.read(len(ZSTD_MAGIC))
    if not magic:
        raise ContentError("byte 0: the file is empty; make the file again")
    if not ZSTD_MAGIC.startswith(magic):
        raise ContentError(f"byte 0: begins with {shown(magic)}, so it is not a block file; name one")
    file.seek(0)
    pieces = decompressed(file, BLOCK_FILE_BYTES_MAX, checksum_required=True)
    try:
        held: list[bytes] = []
        for piece in pieces:
            held.append(piece)
            if len(held) * len(held[0]) > CONTENT_BYTES_MAX:
                break
        else:
            if (found := file_rows(b"".join(held))) is not None:
                return found
        return decode(chain(held, pieces))
    except DamagedError:
        raise
    except ContentError:
        # Damage to the compressed data may show first as nonsense in the content; then damage is the news.
        for _ in pieces:
            pass
        raise


def content_digest(path: str | os.PathLike[str]) -> str:
    """Return the BLAKE3 digest of what a block file holds, whatever version of zstd compressed it.

    Raises:
        BlockFileError: the file cannot be opened.
    """
    digest = blake3()
    with open_input(path, BlockFileError) as file:
        for piece in content_pieces(file, BLOCK_FILE_BYTES_MAX):
            digest.update(piece)
    return digest.hexdigest()
