"""Block-STM: executed first, validated after (Gelashvili et al., PPoPP 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockstm.models.model import Model

__all__ = ["BlockStm"]


@dataclass(frozen=True, slots=True)
class BlockStm(Model):
    """Executes transactions speculatively, validates their reads, and runs those again that read something stale.

    Arguments:
        intents: whether a transaction that reads a key which others of its program have read and then written
            announces that it will write it, so that those after it wait instead of computing in vain. Without, a
            chain of dependent transactions is executed more often than need be.
    """

    name: ClassVar[str] = "block-stm"
    entry: ClassVar[str] = "blockstm.native._core:block_stm"
    is_parallel: ClassVar[bool] = True

    intents: bool = True

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return (int(self.intents),)
