"""Locks: a scheduler takes the locks of keys for transactions, and decides which worker runs each (Solana)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal, Self

from blockstm.blocks.block import Block
from blockstm.models.lock_scheduling import (
    GraphScheduler,
    GreedyScheduler,
    LockSchedule,
    LockSet,
    schedule_locks,
)
from blockstm.models.model import Model
from blockstm.models.preparation import (
    UNDECLARED_CODES,
    Accesses,
    KnownBefore,
    Preparation,
    Undeclared,
    told_accesses,
)

__all__ = ["Locks"]

GREEDY: Final = GreedyScheduler()
COMPUTE_UNITS_DEFAULT: Final = 200_000
"""What a transaction counts of which nothing is known: as an instruction of Solana that asks for no limit."""


@dataclass(frozen=True, slots=True)
class Locks(Model):
    """Locks the keys that transactions name, and executes those side by side that do not conflict, each once.

    A scheduler goes through the block before it starts, with compute units as its clock, and decides in which
    order locks are taken and which worker runs what, as the scheduler of a validator's banking stage does
    (Agave). So the order changes: it is told (`Result.order`), and it is that of which the result is right. It
    depends on the block and on the number of workers, not on times. Transactions that conflict keep to it; a
    worker whose next transaction still has to wait goes on with the one after.

    Arguments:
        scheduler: which one, with its options: `GreedyScheduler()` or `GraphScheduler()`.
        accesses: what is locked: what the transactions declare, or what they are observed to access in a sequential
            run before. In another order they may touch something else; see `undeclared`.
        undeclared: what follows a touch without a lock: the transaction fails, or the block does. A scan is one, as
            it is keys that are locked, and not ranges.
    """

    name: ClassVar[str] = "locks"
    entry: ClassVar[str] = "blockstm.native._core:locks"
    is_parallel: ClassVar[bool] = True
    keeps_order: ClassVar[bool] = False
    scans: ClassVar[bool] = False
    text_options: ClassVar[str] = "graph, observed and abort-block, as in locks:graph:observed"

    scheduler: GreedyScheduler | GraphScheduler = GREEDY
    accesses: Literal["declared", "observed"] = "declared"
    undeclared: Literal["fail", "abort-block"] = "fail"

    def options(self) -> tuple[int, ...]:
        """Return the options as the core gets them; see `Model.options`."""
        return (UNDECLARED_CODES[self.undeclared],)

    @property
    def promises(self) -> Undeclared:
        """What follows a touch that was not declared; see `Model.promises`."""
        return self.undeclared

    @property
    def promised_accesses(self) -> Literal["declared", "observed"]:
        """Where the promises come from; see `Model.promised_accesses`."""
        return self.accesses

    def prepare(self, block: Block, workers: int, known: KnownBefore) -> Preparation:
        """Return locks, order and lanes; see `Model.prepare`."""
        accesses = (
            known().accesses if self.accesses == "observed" else told_accesses(block, "declared", self.name)
        )
        schedule = self.schedule(block, workers, accesses)
        lanes: list[list[int]] = [[] for _ in range(workers)]
        for txn_idx in schedule.order:
            lanes[schedule.workers[txn_idx]].append(txn_idx)
        begins = [0]
        for lane in lanes:
            begins.append(begins[-1] + len(lane))
        ranks = [txn_idx for lane in lanes for txn_idx in lane]
        return Preparation(accesses=accesses, order=schedule.order, ranks=ranks, lanes=begins)

    def schedule(self, block: Block, workers: int, accesses: Sequence[Accesses]) -> LockSchedule:
        """Return what the scheduler decides; a transaction costs its gas: recorded, or else its limit."""
        locks = [LockSet(frozenset(reads), frozenset((*writes, *adds))) for reads, writes, adds in accesses]
        costs = [
            (transaction.recorded.gas_used if transaction.recorded is not None else None)
            or transaction.gas_limit
            or COMPUTE_UNITS_DEFAULT
            for transaction in block.transactions
        ]
        return schedule_locks(locks, costs, workers, self.scheduler)

    @classmethod
    def from_text_options(cls, options: Sequence[str]) -> Self:
        """Return the model with these options; see `Model.from_text_options`."""
        left = list(options)
        chosen: dict[str, object] = {}
        for option, name, value in (
            ("graph", "scheduler", GraphScheduler()),
            ("observed", "accesses", "observed"),
            ("abort-block", "undeclared", "abort-block"),
        ):
            if left[:1] == [option]:
                chosen[name] = value
                left.pop(0)
        if left:
            return super(Locks, cls).from_text_options(options)
        return cls(**chosen)  # type: ignore[arg-type]

    def __str__(self) -> str:
        """Return its name with the options that differ from the default ones."""
        told = [
            *(["graph"] if isinstance(self.scheduler, GraphScheduler) else []),
            *([self.accesses] if self.accesses != "declared" else []),
            *([self.undeclared] if self.undeclared != "fail" else []),
        ]
        return ":".join([self.name, *told])
