"""Declared accesses: promised before, so that each transaction waits for exactly what it reads (BOHM, Calvin)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from blockstm.blocks.block import Block
from blockstm.models.model import Model
from blockstm.models.preparation import UNDECLARED_CODES, KnownBefore, Preparation, Undeclared, told_accesses

__all__ = ["DeclaredAccesses"]


@dataclass(frozen=True, slots=True)
class DeclaredAccesses(Model):
    """Executes each transaction once, when what it has declared to read is there. Nothing is validated or aborted.

    Each declared write claims its version before the block starts; a transaction runs when the newest version
    below it of each key that it declares to read has been written (BOHM: Faleiro and Abadi, VLDB 2015). To
    declare more than is accessed costs time only. The exception are adds with bounds: that they stay within
    them is a guess until all below is final, and a transaction for which it was wrong runs again.

    Arguments:
        accesses: what is promised: what the block's transactions declare (`Transaction.declared`), or what they are
            observed to access in a sequential run before, to see what declarations would bring.
        undeclared: what follows where a transaction touches what it has not declared. It fails, with the key in its
            receipt (as an instruction of Solana does); or it waits until all before it is final and runs without
            promises, so that the result is that of sequential execution; or the block fails (as one with a wrong
            block-level access list does, EIP-7928). It is the same under every schedule.
    """

    name: ClassVar[str] = "declared"
    entry: ClassVar[str] = "blockstm.native._core:promises"
    is_parallel: ClassVar[bool] = True
    text_options: ClassVar[str] = "observed, fail, wait or abort-block, as in declared:wait"

    accesses: Literal["declared", "observed"] = "declared"
    undeclared: Undeclared = "fail"

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return (UNDECLARED_CODES[self.promises],)

    def prepare(self, block: Block, workers: int, known: KnownBefore) -> Preparation:
        """Return what is promised; see `Model.prepare`."""
        if self.accesses == "observed":
            return Preparation(accesses=known().accesses)
        return Preparation(accesses=told_accesses(block, "declared", self.name))

    @property
    def promises(self) -> Undeclared:
        """What follows a touch that was not declared; see `Model.promises`."""
        return self.undeclared if self.accesses == "declared" else "ignore"

    @classmethod
    def from_text_options(cls, options: Sequence[str]) -> Self:
        """Return the model with these options; see `Model.from_text_options`."""
        match options:
            case ["observed"]:
                return cls(accesses="observed")
            case ["fail" | "wait" | "abort-block" as undeclared]:
                return cls(undeclared=undeclared)
        return super(DeclaredAccesses, cls).from_text_options(options)

    def __str__(self) -> str:
        """Return its name with the options that differ from the default ones."""
        if self.accesses == "observed":
            return f"{self.name}:observed"
        return self.name if self.undeclared == "fail" else f"{self.name}:{self.undeclared}"
