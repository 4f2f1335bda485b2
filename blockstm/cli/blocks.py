"""The block files that commands work on."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from blockstm.blocks.block import Block
from blockstm.chains import chain_block_of
from blockstm.chains.checked import CheckedBlock
from blockstm.cli.options import named_in_errors
from blockstm.errors import BlockFileError, shown_path

__all__ = ["DISAGREES", "LoadedBlock", "block_files", "load_block", "load_executable"]

DISAGREES = 1
"""The exit status where a run disagrees with sequential execution, or with the block's own header."""


@dataclass
class LoadedBlock(CheckedBlock):
    """A block that a command works on. Make it with `load_block`.

    Arguments:
        block, chain_block, virtual_machine: as of any `CheckedBlock`.
        file: where it comes from.
    """

    file: Path

    def print_disagreements(self) -> None:
        """Say on standard error, a line each, in what the runs disagree with the header."""
        for name, is_equal in (self.header_checks or {}).items():
            if is_equal is False:
                check = name.replace("_", " ")
                print(f"disagrees with the header: {shown_path(self.file)}: {check}", file=sys.stderr)


def block_files(paths: Sequence[Path]) -> list[Path]:
    """Return the block files that paths stand for: a folder for the files in it that end in .block, by name.

    Numbers in names count as such, so that 10.block follows 9.block.

    Raises:
        BlockFileError: a folder has none.
    """
    files = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        inside = sorted(path.glob("*.block"), key=lambda file: _by_number(file.name))
        if not inside:
            raise BlockFileError(f"{shown_path(path)}: has no file that ends in .block; name another folder")
        files += inside
    return files


def _by_number(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]


def load_block(file: Path) -> LoadedBlock:
    """Read a block file, and what the block says of itself.

    Raises:
        BlockstmError: it cannot be read, or is not of the form that its chain's blocks have.
    """
    block = Block.load(file)
    with named_in_errors(file):
        return LoadedBlock(block, chain_block_of(block), file)


def load_executable(file: Path, virtual_machine: str | None) -> LoadedBlock:
    """Read a block file that is to be executed.

    Arguments:
        file: the file.
        virtual_machine: what shall execute it, where its chain has several; None for the one that it prefers.

    Raises:
        BlockstmError: it cannot be read, or not be executed by that.
    """
    loaded = load_block(file)
    loaded.virtual_machine = virtual_machine
    with named_in_errors(file):
        _ = loaded.executable
    return loaded
