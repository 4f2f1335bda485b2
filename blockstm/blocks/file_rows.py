"""Blocks as a file holds them, whose rows the core reads itself: none becomes an object until it is looked at."""

from __future__ import annotations

import secrets
from collections.abc import ItemsView, Iterator
from dataclasses import dataclass
from typing import Final

from blockstm.blocks.block_decode import decode, decode_header
from blockstm.blocks.block_header import BlockHeader
from blockstm.blocks.packed import PackedBlock
from blockstm.native._core import BlockContent
from blockstm.programs.program import NativeProgram, Program

__all__ = ["CONTENT_BYTES_MAX", "FileRows", "FileState", "file_rows"]

CONTENT_BYTES_MAX: Final = 1 << 24
"""So much of a file is held before anything in it is checked."""
PIECE_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class FileState:
    """The state that a block file holds."""

    rows: BlockContent

    def __len__(self) -> int:
        """Return the number of keys with values."""
        return self.rows.state_count

    def items(self) -> ItemsView[bytes, bytes]:
        """Return keys and values; they are made when first asked for."""
        return self.rows.items()


@dataclass(frozen=True, slots=True)
class FileRows:
    """The transactions that a block file holds.

    Arguments:
        programs: the programs that they run.
        rows: the rows, all of them checked.
        content: the content of the file.
    """

    programs: tuple[Program, ...]
    rows: BlockContent
    content: bytes

    def packed(self) -> PackedBlock:
        """Return the block as objects."""
        return decode(_pieces(self.content))[1]


def file_rows(content: bytes) -> tuple[BlockHeader, FileRows] | None:
    """Return what the content of a block file holds; None where it is more than the core reads, or is wrong.

    The core reads blocks of native programs without optional sections, where no value of the state is shared and
    nothing is recorded of a transaction. What it takes, `decode` takes, too.

    Raises:
        ContentError: the header is not that of a block file.
        UnknownProgramError: it names a program that no imported module defines.
    """
    header, programs, counts, offset = decode_header(_pieces(content))
    kinds = [program.code.kinds for program in programs if isinstance(program, NativeProgram)]
    if len(kinds) != len(programs) or len(counts) != 3:
        return None
    numbers = counts["keys"], counts["state"], counts["transactions"]
    rows = BlockContent.read(content, offset, numbers, kinds, secrets.randbits(64))
    return None if rows is None else (header, FileRows(tuple(programs), rows, content))


def _pieces(content: bytes) -> Iterator[bytes]:
    for place in range(0, len(content), PIECE_BYTES):
        yield content[place : place + PIECE_BYTES]
