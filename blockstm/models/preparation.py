"""What a model may know of a block before it starts: accesses, an order, who executes what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from blockstm.blocks.block import Block

if TYPE_CHECKING:
    from blockstm.results.result import Result

__all__ = [
    "NO_ACCESSES",
    "UNDECLARED_CODES",
    "Accesses",
    "Foreseen",
    "KnownBefore",
    "Preparation",
    "Undeclared",
]

Accesses: TypeAlias = tuple[Iterable[bytes], Iterable[bytes], Iterable[bytes]]
"""The keys that a transaction reads, writes, and adds to."""

NO_ACCESSES: Final[Accesses] = ((), (), ())

Undeclared = Literal["ignore", "fail", "wait", "abort-block"]
"""What follows where a transaction touches what it has not declared; see `DeclaredAccesses`."""

UNDECLARED_CODES: Final[dict[str, int]] = {"ignore": 0, "fail": 1, "wait": 2, "abort-block": 3}
"""As the core has them (native/models/promises.pxd)."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What each transaction of a block does when the block is executed in the preset order.

    Arguments:
        accesses: the keys that it accesses.
        seconds: how long its program runs.
    """

    accesses: Sequence[Accesses]
    seconds: Sequence[float]

    @staticmethod
    def of(result: Result) -> Foreseen:
        """Return what a timed run of the block tells."""
        accesses = [
            (
                [key for key, _ in result.reads(txn_idx)],
                [key for key, _ in result.writes(txn_idx)],
                [key for key, _ in result.adds(txn_idx)],
            )
            for txn_idx in range(len(result))
        ]
        return Foreseen(accesses, [entry.execution_seconds or 0.0 for entry in result])


KnownBefore: TypeAlias = Callable[[], Foreseen]
"""Finds out what each transaction of a block does; executes the block for that where it is not known."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is known of the transactions of a block before any of them runs; each part may be None.

    Arguments:
        accesses: for each transaction the keys that it is expected to access.
        order: the transactions in the order of which the result is to be that of sequential execution; None: as
            preset.
        ranks: the transactions, the most urgent first; None: as preset.
        lanes: where among the ranks those of each worker begin, and behind it their number; None: a transaction is
            executed by whichever worker comes first.
    """

    accesses: Sequence[Accesses] | None = None
    order: Sequence[int] | None = None
    ranks: Sequence[int] | None = None
    lanes: Sequence[int] | None = None

    @staticmethod
    def declared_accesses(block: Block) -> list[Accesses]:
        """Return what the transactions of a block declare; none stands for no accesses."""
        declared = [transaction.declared for transaction in block.transactions]
        return [
            NO_ACCESSES if entry is None else (entry.reads, entry.writes, entry.adds) for entry in declared
        ]
