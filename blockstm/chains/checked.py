"""A block and what its runs came to: the one way to find out whether what came of it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from blockstm.blocks.block import Block
from blockstm.chains.registry import chain_block_of
from blockstm.chains.support import ChainBlock, Executable, executable_as_recorded
from blockstm.results.outcomes import Outcomes
from blockstm.results.result import Result

__all__ = ["CheckedBlock"]


@dataclass
class CheckedBlock:
    """A block whose runs are compared with its own header, where it has one. Make it with `of`.

    Arguments:
        block: the block, as it was recorded.
        chain_block: what its chain knows of it, if anything.
        virtual_machine: what shall execute it, where its chain has several; None for the one that it prefers.
    """

    block: Block
    chain_block: ChainBlock | None
    virtual_machine: str | None = field(default=None, kw_only=True)
    header_checks: dict[str, bool | None] | None = field(default=None, init=False)
    """Whether all runs that were checked agree with the block's own header, by name; None where it has none."""

    @staticmethod
    def of(block: Block, virtual_machine: str | None = None) -> CheckedBlock:
        """Find out what a block's chain knows of it.

        Raises:
            BlockstmError: the block is not of the form that its chain's blocks have; the message says where.
        """
        return CheckedBlock(block, chain_block_of(block), virtual_machine=virtual_machine)

    @cached_property
    def executable(self) -> Executable:
        """What is executed of the block: every run is one of this.

        It raises a BlockstmError where the virtual machine that was asked for cannot execute it.
        """
        if self.chain_block is None:
            return executable_as_recorded(self.block, self.virtual_machine)
        return self.chain_block.executable(self.block, self.virtual_machine)

    def check(self, result: Result) -> None:
        """Find out whether what came of a run can be trusted, before anything of it is shown or kept.

        A header is that of the preset order: nothing is found out of a run in a model that has chosen another one.

        Raises:
            BlockstmError: it cannot: the block, as it was recorded, cannot be executed.
        """
        if self.chain_block is not None and result.order is None:
            self.header_checks = self.chain_block.header_checks(result, self.header_checks)

    def outcomes(self, result: Result) -> Outcomes:
        """Count how the transactions ended, in a run that `check` has let pass."""
        return Outcomes.of(result, self.chain_block)

    @property
    def stage_seconds(self) -> Mapping[str, float]:
        """How long each stage of the block beside execution took, by name; empty where its chain tells of none."""
        return {} if self.chain_block is None else self.chain_block.stage_seconds

    @property
    def has_header_equal(self) -> bool | None:
        """Whether nothing differs from the header; None for a block without one."""
        return None if self.header_checks is None else False not in self.header_checks.values()
