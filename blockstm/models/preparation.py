"""What a model may know of a block before it starts: accesses, an order, who executes what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from blockstm.blocks.block import Block
from blockstm.errors import UsageError
from blockstm.programs.declared import Declared, Hints
from blockstm.results.predicates import Predicate, Scanned
from blockstm.results.result import Result, snapshot_of

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
        accesses: the keys that it accesses, those of refused adds and those that it only asks about among them.
        seconds: how long its program runs.
    """

    accesses: Sequence[Accesses]
    seconds: Sequence[float]

    @staticmethod
    def of(result: Result) -> Foreseen:
        """Return what a timed run of the block tells."""
        accesses = [
            (
                [key for key, _ in result.reads(txn_idx)] + asked_keys(result.predicates(txn_idx)),
                [key for key, _ in result.writes(txn_idx)],
                snapshot_of(result).bounded_adds(txn_idx),
            )
            for txn_idx in range(len(result))
        ]
        return Foreseen(accesses, [entry.execution_seconds or 0.0 for entry in result])


def asked_keys(predicates: Iterable[Predicate]) -> list[bytes]:
    """Return the keys that predicates are about: of a scan those that it has found."""
    return [
        key
        for predicate in predicates
        for key in (predicate.keys if isinstance(predicate, Scanned) else (predicate.key,))
    ]


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


def told_accesses(block: Block, kind: Literal["declared", "hints"], model: str) -> list[Accesses]:
    """Return what the transactions of a block carry about their accesses; none stands for no accesses.

    Arguments:
        block: the block.
        kind: which attribute of transactions.
        model: the name of the model that needs it.

    Raises:
        UsageError: no transaction carries any.
    """
    told: list[Declared | Hints | None] = [getattr(transaction, kind) for transaction in block.transactions]
    if told and all(entry is None for entry in told):
        raise UsageError(
            f"model {model} needs what transactions carry as {kind}=, and none of the block does; give it, or use "
            f"{model}:observed, for what a sequential run before has accessed"
        )
    return [NO_ACCESSES if entry is None else (entry.reads, entry.writes, entry.adds) for entry in told]
