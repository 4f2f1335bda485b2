"""What is known of a block's transactions without its programs: what they accessed, and what each weighs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from blockstm.analysis.accesses import AccessSet
from blockstm.blocks.block import Block
from blockstm.programs.built_in import trace
from blockstm.programs.transaction import Transaction
from blockstm.results.accesses import NetAccesses, net_accesses
from blockstm.results.result import Result

__all__ = [
    "WEIGHTS",
    "Profile",
    "Source",
    "Weight",
    "executed_profile",
    "has_recorded_seconds",
    "recorded_profile",
]

Weight = Literal["gas", "seconds", "transactions"]
Source = Literal["recorded", "executed"]

WEIGHTS: Final[Sequence[Weight]] = ("gas", "seconds", "transactions")
"""What a transaction can weigh: its gas, the seconds it takes, or one."""


@dataclass(frozen=True)
class Profile:
    """What a block's transactions accessed, and what each weighs.

    Arguments:
        accesses: of each transaction, in the preset order.
        source: whether they were recorded, or come from executing the block now.
        gas_used: by each transaction; None where it is not known of all, or none used any.
        seconds: that each transaction took; None where not known of all.
        seconds_source: where the seconds are from.
    """

    accesses: Sequence[AccessSet]
    source: Source
    gas_used: Sequence[int] | None
    seconds: Sequence[float] | None
    seconds_source: Source

    @property
    def weights(self) -> Mapping[Weight, Sequence[float]]:
        """The weights of each transaction, by what they are of; one each, where nothing else is known."""
        found: dict[Weight, Sequence[float]] = {}
        if self.gas_used is not None:
            found["gas"] = self.gas_used
        if self.seconds is not None:
            found["seconds"] = self.seconds
        return found or {"transactions": [1] * len(self.accesses)}


def recorded_profile(block: Block) -> Profile | None:
    """Return what was recorded of a block; None if the accesses of a transaction were not."""
    accesses = []
    for transaction in block.transactions:
        recorded = _recorded_accesses(transaction)
        if recorded is None:
            return None
        accesses.append(recorded)
    return Profile(accesses, "recorded", _recorded_gas(block), _recorded_seconds(block), "recorded")


def has_recorded_seconds(block: Block) -> bool:
    """Tell whether it was recorded of every transaction how long it took, so that nothing has to be measured."""
    return _recorded_seconds(block) is not None


def executed_profile(block: Block, result: Result, *, measured: bool) -> Profile:
    """Return what came of executing a block.

    Arguments:
        block: the block.
        result: of executing it with `timed`, after a run that was not measured (`Engine.warm_up`): in the first
            one what a process does only once counts for the transactions that happen to come first.
        measured: whether its gas and seconds count even where some were recorded of every transaction.

    Raises:
        UsageError: the result is not that of the block.
    """
    accesses = [AccessSet.of(access) for access in net_accesses(block, result)]
    gas_used = None if measured else _recorded_gas(block)
    if gas_used is None:
        gas_used = _if_any([receipt.gas_used for receipt in result.receipts])
    seconds = None if measured else _recorded_seconds(block)
    if seconds is not None:
        return Profile(accesses, "executed", gas_used, seconds, "recorded")
    seconds = [result.execution_seconds(txn_idx) or 0.0 for txn_idx in range(len(result))]
    return Profile(accesses, "executed", gas_used, seconds or None, "executed")


def _recorded_accesses(transaction: Transaction) -> AccessSet | None:
    """Return what a transaction accessed when it was recorded: its record says so, or it is itself a trace."""
    recorded = transaction.recorded
    if recorded is not None and None not in (recorded.reads, recorded.writes, recorded.adds):
        return AccessSet.of(
            NetAccesses(list(recorded.reads or ()), list(recorded.writes or ()), dict(recorded.adds or {}))
        )
    if transaction.program is trace:
        reads, writes, adds, _ = transaction.arguments
        assert isinstance(reads, tuple | list)
        assert isinstance(writes, tuple | list)
        assert isinstance(adds, Mapping)
        return AccessSet.of(NetAccesses(list(reads), list(writes), dict(adds)))
    return None


def _recorded_gas(block: Block) -> list[int] | None:
    recorded = [transaction.recorded for transaction in block.transactions]
    gas_used = [entry.gas_used for entry in recorded if entry is not None and entry.gas_used is not None]
    return _if_any(gas_used) if len(gas_used) == len(block) else None


def _if_any(gas_used: list[int]) -> list[int] | None:
    """Return the gas of each transaction, if there is any."""
    return gas_used if any(gas_used) else None


def _recorded_seconds(block: Block) -> list[float] | None:
    recorded = [transaction.recorded for transaction in block.transactions]
    seconds = [entry.seconds for entry in recorded if entry is not None and entry.seconds is not None]
    return seconds if seconds and len(seconds) == len(block) else None
