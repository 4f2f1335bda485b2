"""What a model of execution is to the rest: a small frozen object with a name and options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal, Self

from blockstm.blocks.block import Block
from blockstm.errors import UsageError, shown
from blockstm.models.preparation import KnownBefore, Preparation, Undeclared

__all__ = ["Model"]


class Model(ABC):
    """How the core executes a block. Every model gives the result of sequential execution.

    A subclass is a frozen dataclass whose fields are its options; two of one kind with the same options are equal.
    What it does is compiled code (native/verbs/model.pxd says what that must say), found by `entry`. On the command
    line it is its name, followed by options that differ from the default ones: ``hinted:60:20``.
    """

    __slots__ = ()

    name: ClassVar[str]
    """What it is called on the command line, in sweeps and in what commands print."""
    entry: ClassVar[str]
    """`package.module:attribute` of the capsule that holds its functions. Every process imports it from there."""
    is_parallel: ClassVar[bool]
    """Whether more than one worker may take part in a block."""
    keeps_order: ClassVar[bool] = True
    """Whether its result is that of the preset order; else the model chooses the order (`Result.order`)."""
    scans: ClassVar[bool] = True
    """Whether programs can scan ranges of keys; else a transaction that does fails."""
    text_options: ClassVar[str] = ""
    """How its options are written on the command line, in words; empty where it takes none there."""

    @abstractmethod
    def options(self) -> tuple[int, ...]:
        """Return its options as the core gets them: at most four unsigned 64-bit integers."""

    def prepare(self, block: Block, workers: int, known: KnownBefore) -> Preparation | None:
        """Return what the model may know of a block before it starts; None, as here, for nothing.

        Arguments:
            block: the block.
            workers: how many workers take part.
            known: finds out what the transactions do, for a model that is to know it.

        Raises:
            UsageError: the block does not say what the model needs.
        """
        return None

    @property
    def promises(self) -> Undeclared:
        """What follows a touch that was not declared, where sequential execution has to do the same."""
        return "ignore"

    @property
    def promised_accesses(self) -> Literal["declared", "observed"]:
        """Where the promises come from: from the transactions, or from a sequential run before."""
        return "declared"

    @classmethod
    def from_text_options(cls, options: Sequence[str]) -> Self:
        """Return the model with these options, as they are written on the command line.

        Arguments:
            options: what stands after the name, split at the colons; not empty.

        Raises:
            UsageError: it has no such options.
        """
        takes = f"takes {cls.text_options}" if cls.text_options else "takes no options here"
        raise UsageError(f"model {shown(':'.join((cls.name, *options)))}: {cls.name} {takes}")

    def __str__(self) -> str:
        """Return what it is called on the command line, for `model_of`."""
        return self.name
