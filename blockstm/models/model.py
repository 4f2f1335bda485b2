"""What a model of execution is to the rest: a small frozen object with a name and options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

__all__ = ["Model"]


class Model(ABC):
    """How the core executes a block. Every model gives the result of sequential execution.

    A subclass is a frozen dataclass whose fields are its options; two of one kind with the same options are equal.
    What it does is compiled code (native/verbs/model.pxd says what that must say), found by `entry`.
    """

    __slots__ = ()

    name: ClassVar[str]
    """What it is called on the command line, in sweeps and in what commands print."""
    entry: ClassVar[str]
    """`package.module:attribute` of the capsule that holds its functions. Every process imports it from there."""
    is_parallel: ClassVar[bool]
    """Whether more than one worker may take part in a block."""

    @abstractmethod
    def options(self) -> tuple[int, ...]:
        """Return its options as the core gets them: at most four unsigned 64-bit integers."""

    def __str__(self) -> str:
        """Return the name."""
        return self.name
