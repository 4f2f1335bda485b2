"""Sequential execution: one transaction after the other, in the preset order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from blockstm.blocks.block import Block
from blockstm.models.model import Model
from blockstm.models.preparation import UNDECLARED_CODES, KnownBefore, Preparation, Undeclared, told_accesses

__all__ = ["Sequential"]


@dataclass(frozen=True, slots=True)
class Sequential(Model):
    """Executes transactions one by one in one worker, on plain state: what other models are measured against.

    Arguments:
        order: the transactions in the order in which they are executed; None: the preset one. With an order that
            another model has chosen (`Result.order`), the result must be that of the other.
        undeclared: what follows a touch that a transaction has not declared, as for `DeclaredAccesses`.
        accesses: what counts as declared, where that matters: as for `Locks`.
        refuses_scans: whether a scan of a range is a touch that was not declared.
    """

    name: ClassVar[str] = "sequential"
    entry: ClassVar[str] = "blockstm.native._core:sequential"
    is_parallel: ClassVar[bool] = False

    order: tuple[int, ...] | None = None
    undeclared: Undeclared = "ignore"
    accesses: Literal["declared", "observed"] = "declared"
    refuses_scans: bool = False

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return UNDECLARED_CODES[self.undeclared], int(self.refuses_scans)

    def prepare(self, block: Block, workers: int, known: KnownBefore) -> Preparation | None:
        """Return the order, and the declared accesses where they matter; see `Model.prepare`."""
        if self.undeclared in {"ignore", "wait"}:
            return None if self.order is None else Preparation(order=self.order)
        accesses = (
            known().accesses if self.accesses == "observed" else told_accesses(block, "declared", self.name)
        )
        return Preparation(order=self.order, accesses=accesses)
