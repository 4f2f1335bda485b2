"""Auto: Block-STM by as many workers as pay, one or all, changed while the block runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from blockstm.errors import UsageError, shown
from blockstm.models.model import Model

__all__ = ["Auto"]

BY_CLOCK = 1
SWITCHES_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class Auto(Model):
    """Block-STM that sees what speculation gains, and lets one worker execute in order where it gains nothing.

    A block begins with one worker, which executes in order and commits at once, about as fast as `Sequential`. When
    its transactions turn out to be long enough, all workers take part. From then on the time for each commit is
    measured; the other way is tried where it may be faster, and kept where it is, in the middle of the block.

    Arguments:
        intents: as for `BlockStm`.
        switches_every: change ways each time that so many transactions have become final, whatever the clock
            says: for exploration, which has no clock. None: as the clock says.
    """

    name: ClassVar[str] = "auto"
    entry: ClassVar[str] = "blockstm.native._core:block_stm"
    is_parallel: ClassVar[bool] = True
    text_options: ClassVar[str] = (
        "after how many commits it changes ways, whatever the clock says, as in auto:3"
    )

    intents: bool = True
    switches_every: int | None = None

    def __post_init__(self) -> None:
        """Check the number of commits."""
        if self.switches_every is not None and not 1 <= self.switches_every <= SWITCHES_MAX:
            raise UsageError(
                f"switches_every is {shown(self.switches_every)}; give a whole number from 1 to {SWITCHES_MAX}"
            )

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return int(self.intents), BY_CLOCK + (self.switches_every or 0)

    @classmethod
    def from_text_options(cls, options: Sequence[str]) -> Self:
        """Return the model that changes ways after so many commits; see `Model.from_text_options`."""
        digits = len(str(SWITCHES_MAX))
        if len(options) > 1 or not (
            options[0].isascii() and options[0].isdigit() and len(options[0]) <= digits
        ):
            return super(Auto, cls).from_text_options(options)
        return cls(switches_every=int(options[0]))

    def __str__(self) -> str:
        """Return what it is called on the command line."""
        return self.name if self.switches_every is None else f"{self.name}:{self.switches_every}"
