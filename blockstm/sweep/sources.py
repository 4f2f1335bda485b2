"""Where the blocks of a sweep come from: they are made of a scenario, or were recorded in block files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from blockstm.blocks.block import Block
from blockstm.blocks.block_file import content_digest
from blockstm.errors import SweepError, printable, shown_path
from blockstm.workloads import scenario_from_text

__all__ = ["MadeBlock", "RecordedBlock", "Source", "is_recorded", "recorded_blocks"]

ENDING: Final = ".block"
"""Of the names of block files."""


@dataclass(frozen=True)
class MadeBlock:
    """A block that is made of a scenario.

    Arguments:
        name: of the scenario's file, without its ending.
        text: the scenario as it is run: TOML with all fields, the seed too.
        parameters: the same by dotted field.
        seed: the seed of the scenario's random draws.
    """

    name: str
    text: str
    parameters: Mapping[str, int | str] = field(compare=False)
    seed: int

    @property
    def identity(self) -> str:
        """What determines the block."""
        return self.text

    @property
    def transactions(self) -> int:
        """How many the block has."""
        return int(self.parameters["transactions"])

    def block(self) -> Block:
        """Make the block."""
        return scenario_from_text(self.text, f"{self.name}.toml").block()


@dataclass(frozen=True)
class RecordedBlock:
    """A block in a file. Make it with `recorded_blocks`.

    Arguments:
        name: of the file, without its ending.
        path: of the file, from the root.
        digest: of what the file holds, as `blockstm.blocks.block_file.content_digest` returns it.
        transactions: how many the block has.
    """

    name: str
    path: str
    digest: str
    transactions: int

    @property
    def identity(self) -> str:
        """What determines the block, wherever its file lies."""
        return self.digest

    def block(self) -> Block:
        """Read the block.

        Raises:
            BlockFileError: the file cannot be read.
            SweepError: it holds another block by now.
        """
        block = Block.load(self.path)
        if content_digest(self.path) != self.digest:
            raise SweepError(f"{shown_path(self.path)}: was changed since the sweep began; begin it anew")
        return block


Source = MadeBlock | RecordedBlock
"""Where a block comes from."""


def is_recorded(path: Path) -> bool:
    """Tell whether a path names recorded blocks: a block file, or a folder."""
    return path.is_dir() or path.suffix == ENDING


def recorded_blocks(path: Path, place: str) -> list[RecordedBlock]:
    """Return the block of a file, or the blocks of all block files in a folder, by name.

    Arguments:
        path: the file or the folder.
        place: where it is named, for messages.

    Raises:
        SweepError: there is no block file in the folder.
        BlockFileError: a file is missing, or not a block file.
    """
    files = sorted(path.glob(f"*{ENDING}")) if path.is_dir() else [path]
    if not files:
        raise SweepError(
            f"{place}: scenario is the folder {shown_path(path)}, which has no files *{ENDING}; add some"
        )
    return [_recorded(file) for file in files]


def _recorded(path: Path) -> RecordedBlock:
    transactions = len(Block.load(path))
    # A file may be called anything, and this is text.
    return RecordedBlock(printable(path.stem), str(path.resolve()), content_digest(path), transactions)
