"""Sequential execution: one transaction after the other, in the preset order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from blockstm.models.model import Model

__all__ = ["Sequential"]


@dataclass(frozen=True, slots=True)
class Sequential(Model):
    """Executes transactions one by one in one worker, on plain state: what other models are measured against."""

    name: ClassVar[str] = "sequential"
    entry: ClassVar[str] = "blockstm.native._core:sequential"
    is_parallel: ClassVar[bool] = False

    def options(self) -> tuple[int, ...]:
        """Return none; see `Model.options`."""
        return ()
