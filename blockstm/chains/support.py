"""What a chain can know of its blocks: what each of its parts is, and what holds where nothing is known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from blockstm.analysis.conventions import Conventions
from blockstm.blocks.block import Block
from blockstm.errors import UsageError, shown
from blockstm.results.result import Receipt, Result, Status

__all__ = [
    "ChainAccounts",
    "ChainBlock",
    "ChainSupport",
    "Executable",
    "RecordedBlock",
    "Recorder",
    "RecorderOption",
]


@dataclass(frozen=True, slots=True)
class ChainAccounts:
    """The accounts after a block, in the form in which the chain's tools write them.

    Arguments:
        content: what a file of them holds.
        lacking: what they lack, and the fix, as half a sentence; None where they are complete.
    """

    content: bytes
    lacking: str | None = None


@dataclass(frozen=True, slots=True)
class Executable:
    """What is executed of a block.

    Arguments:
        block: has as many transactions as the block, of the same state, chain and meta; maybe of another program.
        virtual_machine: what executes them, as a person reads it; None where there is only one.
    """

    block: Block
    virtual_machine: str | None = None


class ChainBlock:
    """A block whose chain knows more of it than its transactions and state say.

    This is the one place that decides whether a block can be executed here. Whatever shows or keeps anything that
    came of executing a block asks it first. Chains have a subclass, which overrides what they know.
    """

    has_accounts: ClassVar[bool] = False
    """Whether `accounts_after` knows the accounts after a block."""

    changes_state_itself: ClassVar[bool] = False
    """Whether the block changes its state beside its transactions, before or after them, as withdrawals do."""

    @property
    def stage_seconds(self) -> Mapping[str, float]:
        """How long each stage beside execution took, by name, when a header was last compared with; see there."""
        return {}

    def header_checks(
        self, result: Result, earlier: Mapping[str, bool | None] | None = None
    ) -> dict[str, bool | None] | None:
        """Compare what came of the block with its own header.

        Arguments:
            result: a run of the block.
            earlier: what this method returned for earlier runs.

        Returns:
            by name, whether this run and all earlier ones agree, None for what the header does not say; instead of
            all this None for a chain whose blocks have no header.

        Raises:
            BlockstmError: nothing that came of the run can be trusted: a transaction cannot be executed, or the
                block was not recorded whole. The message says which transaction, and the fix.
        """
        return None

    def executable(self, block: Block, virtual_machine: str | None = None) -> Executable:
        """Return what is executed of the block, so that each transaction comes to what the chain's rules say.

        Arguments:
            block: the block that this is of, as it was recorded.
            virtual_machine: what shall execute it, of several that the chain has; None for the one that it prefers.

        Raises:
            UsageError: there is none of that name, or it is not installed.
            BlockstmError: it cannot execute the block.
        """
        return executable_as_recorded(block, virtual_machine)

    def outcome(self, receipt: Receipt) -> tuple[Status, str | None]:
        """Return how a transaction ended on the chain, and why if it did not succeed.

        Arguments:
            receipt: of a run that `header_checks` has let pass.
        """
        return receipt.status, receipt.error

    def receipt_outcome(self, receipt: Receipt) -> Mapping[str, object] | None:
        """Return a receipt in the chain's own form, as JSON; None where its events are all that there is to say.

        Arguments:
            receipt: of any run.
        """
        return None

    def accounts_after(self, result: Result) -> ChainAccounts:
        """Return the accounts after the block. Only asked where `has_accounts` says so.

        Arguments:
            result: a run that `header_checks` has let pass.

        Raises:
            BlockstmError: the block was not recorded whole.
        """
        raise NotImplementedError


def executable_as_recorded(block: Block, virtual_machine: str | None) -> Executable:
    """Return a block as what is executed of it.

    Arguments:
        block: one with whose chain there is no virtual machine to choose.
        virtual_machine: what was asked for.

    Raises:
        UsageError: it is not None.
    """
    if virtual_machine is not None:
        raise UsageError(
            f"there is no virtual machine to choose for this block, but {shown(virtual_machine)} is asked for; "
            "leave it out"
        )
    return Executable(block)


@dataclass(frozen=True, slots=True)
class RecorderOption:
    """Something that a recorder has to be told; ``--whole-state`` on the command line for `whole_state`.

    Arguments:
        name: the keyword that the recorder is called with.
        kind: `pathlib.Path` for a file to read, `str`, or `bool` for a flag.
        metavar: what stands for its value in a help text; empty for a flag.
        help: what it is, a sentence.
        required: whether it must be given; else it is None (False for a flag) where it is not.
    """

    name: str
    kind: type[Path] | type[str] | type[bool]
    metavar: str
    help: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class RecordedBlock:
    """A block that a recorder has written to its file.

    Arguments:
        block: the block.
        notes: what its user should know: what was decided, what it lacks.
    """

    block: Block
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorder:
    """Makes block files of what a chain's nodes tell: ``blockstm record CHAIN``.

    Arguments:
        summary: what it does, a sentence.
        options: what it has to be told, in the order of the help text.
        record: does it. It takes the path of the block file, which it writes whole or not at all, and as keyword
            arguments all options; it raises a BlockstmError where it cannot.
        has_accounts: whether its blocks know the accounts after them (`ChainBlock.has_accounts`).
    """

    summary: str
    options: tuple[RecorderOption, ...]
    record: Callable[..., RecordedBlock]
    has_accounts: bool = False


def _no_chain_block(block: Block) -> ChainBlock | None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSupport:
    """What a chain knows. Each part has a default, that of a chain of which nothing is known.

    Arguments:
        conventions: what the keys of its blocks' state mean.
        chain_block: takes a block, and returns what the chain knows of it; None where the block says nothing of
            itself that the chain knows. It raises a BlockstmError, which says where, for a block that is not of
            the form that the chain's blocks have.
        recorder: makes block files; None where nothing does.
        networks: what people call each of its networks, by the name that blocks have in `Block.chain`.
    """

    conventions: Conventions = field(default_factory=Conventions)
    chain_block: Callable[[Block], ChainBlock | None] = _no_chain_block
    recorder: Recorder | None = None
    networks: Mapping[str, str] = field(default_factory=dict)
