"""The block files that commands work on, and the one way to find out whether what came of one can be trusted."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path

from blockstm.blocks.block import Block
from blockstm.chains.registry import ChainBlock, chain_block_of
from blockstm.cli.options import named_in_errors
from blockstm.errors import shown_path
from blockstm.results.outcomes import Outcomes
from blockstm.results.result import Result

__all__ = ["DISAGREES", "LoadedBlock", "load_block"]

DISAGREES = 1
"""The exit status where a run disagrees with sequential execution, or with the block's own header."""


@dataclass
class LoadedBlock:
    """A block that a command works on. Make it with `load_block`.

    Arguments:
        file: where it comes from.
        block: the block.
        chain_block: what its chain knows of it, if anything.
    """

    file: Path
    block: Block
    chain_block: ChainBlock | None
    header_checks: dict[str, bool | None] | None = field(default=None, init=False)
    """Whether all runs that were checked agree with the block's own header, by name; None where it has none."""

    def check(self, result: Result) -> None:
        """Find out whether what came of a run can be trusted, before anything of it is shown or kept.

        Raises:
            BlockstmError: it cannot: the block, as it was recorded, cannot be executed.
        """
        if self.chain_block is not None:
            self.header_checks = self.chain_block.header_checks(result, self.header_checks)

    def outcomes(self, result: Result) -> Outcomes:
        """Count how the transactions ended, in a run that `check` has let pass."""
        return Outcomes.of(result, self.chain_block)

    @property
    def has_header_equal(self) -> bool | None:
        """Whether nothing differs from the header; None for a block without one."""
        return None if self.header_checks is None else False not in self.header_checks.values()

    def print_disagreements(self) -> None:
        """Say on standard error, a line each, in what the runs disagree with the header."""
        for name, is_equal in (self.header_checks or {}).items():
            if is_equal is False:
                check = name.replace("_", " ")
                print(f"disagrees with the header: {shown_path(self.file)}: {check}", file=sys.stderr)


def load_block(file: Path) -> LoadedBlock:
    """Read a block file, and what the block says of itself.

    Raises:
        BlockstmError: it cannot be read, or is not of the form that its chain's blocks have.
    """
    block = Block.load(file)
    with named_in_errors(file):
        return LoadedBlock(file, block, chain_block_of(block))
