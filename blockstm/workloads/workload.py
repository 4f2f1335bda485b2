"""What a workload is: a table of fields, a way to make transactions of it, and invariants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from blockstm.programs.transaction import Transaction
from blockstm.workloads.chance import Chance

__all__ = ["WORK", "Made", "Workload", "totals_differ"]

State = Mapping[bytes, bytes]

WORK = (2_000, 0, 10_000_000, "rounds of computation of each transaction, about 1 ns each")
"""The field `work` of every workload, as `schema.whole` takes it."""


@dataclass(frozen=True)
class Made:
    """What a workload makes: the state before the block, and its transactions, as many as are asked for."""

    state: dict[bytes, bytes]
    transactions: Iterator[Transaction]


@dataclass(frozen=True)
class Workload:
    """A workload.

    Arguments:
        name: how scenarios name it.
        fields: the dataclass of its table.
        make: from its table, the number of transactions and chance to state and transactions.
        failures: from the state before and after to what does not hold; empty if all invariants do. Of keys of
            other workloads they take no notice.
    """

    name: str
    fields: type
    make: Callable[[Any, int, Chance], Made]
    failures: Callable[[State, State], list[str]]


def totals_differ(what: str, before: int, after: int) -> list[str]:
    """Return a message where something that must not change has changed."""
    return [] if before == after else [f"{what}: {after} after the block instead of {before}"]
