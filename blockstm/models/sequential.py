"""Sequential execution: one transaction after the other, in the preset order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockstm.blocks.block import Block
from blockstm.models.model import Model
from blockstm.models.preparation import UNDECLARED_CODES, KnownBefore, Preparation, Undeclared

__all__ = ["Sequential"]


@dataclass(frozen=True, slots=True)
class Sequential(Model):
    """Executes transactions one by one in one worker, on plain state: what other models are measured against.

    Arguments:
        order: the transactions in the order in which they are executed; None: the preset one. With an order that
            another model has chosen (`Result.order`), the result must be that of the other.
        undeclared: what follows a touch that a transaction has not declared, as for `DeclaredAccesses`.
    """

    name: ClassVar[str] = "sequential"
    entry: ClassVar[str] = "blockstm.native._core:sequential"
    is_parallel: ClassVar[bool] = False

    order: tuple[int, ...] | None = None
    undeclared: Undeclared = "ignore"

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return (UNDECLARED_CODES[self.undeclared],)

    def prepare(self, block: Block, workers: int, known: KnownBefore) -> Preparation | None:
        """Return the order, and the declared accesses where they matter; see `Model.prepare`."""
        accesses = None if self.undeclared in {"ignore", "wait"} else Preparation.declared_accesses(block)
        if self.order is None and accesses is None:
            return None
        return Preparation(order=self.order, accesses=accesses)
