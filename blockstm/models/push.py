"""Push: Block-STM in which readers are told that what they have read is stale (Block-STM v2, Aptos, 2026)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockstm.models.model import Model

__all__ = ["Push"]


@dataclass(frozen=True, slots=True)
class Push(Model):
    """Executes speculatively; a publication tells those who have read what it replaces. Nothing is validated.

    Aborted transactions keep what they have published as ESTIMATEs, and those that have read it are left alone
    until it is
    published anew: where that is the same value, they need not run again.

    Arguments:
        intents: as for `BlockStm`.
        compares_values: whether another version that holds the value that was read is as good as that version.
            It is safe here, as a reader is told of each later change, too; validation in waves has looked, and
            does not look again, so `BlockStm` compares versions.
    """

    name: ClassVar[str] = "push"
    entry: ClassVar[str] = "blockstm.native._core:push"
    is_parallel: ClassVar[bool] = True

    intents: bool = True
    compares_values: bool = True

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return int(self.intents), int(self.compares_values)
