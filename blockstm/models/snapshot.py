"""Snapshot: batches on one snapshot; what conflicts with an earlier transaction goes to the next batch (Aria)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from blockstm.errors import UsageError, shown
from blockstm.limits import TRANSACTIONS_MAX
from blockstm.models.model import Model

__all__ = ["SnapshotBatches"]

BATCH_SIZE_DEFAULT: Final = 256


@dataclass(frozen=True, slots=True)
class SnapshotBatches(Model):
    """Executes a batch of transactions on one snapshot of the state, then commits those without conflicts.

    A transaction commits if no earlier one of its batch has written what it writes, or what it has read. With
    reordering it may also commit if earlier ones have written what it has read, as long as none has read what
    it writes: then it goes before them. The others are the first of the next batch. No order between
    transactions is needed while they run. The one that comes out is told (`Result.order`), and depends on the
    block and the batch size alone. After Aria (Lu et al., VLDB 2020). Adds to one key do not conflict with each
    other; whether one stays within its bounds is looked at when the batch is committed.

    Arguments:
        reorders: whether reads of what earlier transactions have written may go before them.
        batch_size: how many transactions a batch takes, 1 to 1,000,000.
    """

    name: ClassVar[str] = "snapshot"
    entry: ClassVar[str] = "blockstm.native._core:snapshot"
    is_parallel: ClassVar[bool] = True
    keeps_order: ClassVar[bool] = False
    text_options: ClassVar[str] = "in-order, and the size of a batch, as in snapshot:in-order:64"

    reorders: bool = True
    batch_size: int = BATCH_SIZE_DEFAULT

    def __post_init__(self) -> None:
        """Check the batch size."""
        if not 1 <= self.batch_size <= TRANSACTIONS_MAX:
            raise UsageError(
                f"batch_size is {shown(self.batch_size)}; give a whole number from 1 to {TRANSACTIONS_MAX}"
            )

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return int(self.reorders), self.batch_size

    @classmethod
    def from_text_options(cls, options: Sequence[str]) -> Self:
        """Return the model with these options; see `Model.from_text_options`."""
        reorders = options[0] != "in-order"
        left = list(options[0 if reorders else 1 :])
        if not left:
            return cls(reorders)
        if len(left) > 1 or not (left[0].isascii() and left[0].isdigit()):
            return super(SnapshotBatches, cls).from_text_options(options)
        return cls(reorders, int(left[0]))

    def __str__(self) -> str:
        """Return its name with the options that differ from the default ones."""
        told = [
            *([] if self.reorders else ["in-order"]),
            *([str(self.batch_size)] if self.batch_size != BATCH_SIZE_DEFAULT else []),
        ]
        return ":".join([self.name, *told])
