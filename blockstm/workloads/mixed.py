"""A day on an exchange: all other workloads in proportion, with bursts, an adversary and a slow program.

The adversary pays single units from accounts of its own to account 0 of the transfers, a key that others need too.
The slow program is a payment that computes for long. All state is that of the parts; the adversary's accounts
follow those of the transfers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from blockstm.programs.built_in import transfer
from blockstm.programs.transaction import Transaction
from blockstm.workloads.amm import AMM
from blockstm.workloads.chance import Chance
from blockstm.workloads.counter import COUNTER
from blockstm.workloads.options import OPTIONS
from blockstm.workloads.orderbook import ORDERBOOK
from blockstm.workloads.perpetual import PERPETUAL
from blockstm.workloads.records import State, encode_amount, key_of
from blockstm.workloads.schema import whole
from blockstm.workloads.transfers import BALANCE, TRANSFERS, Transfers
from blockstm.workloads.workload import Made, Workload

__all__ = ["MIXED", "PARTS", "Mixed"]

PARTS: Final = (TRANSFERS, COUNTER, AMM, ORDERBOOK, PERPETUAL, OPTIONS)

ADVERSARY: Final = len(PARTS)
SLOW: Final = ADVERSARY + 1
ADVERSARY_ACCOUNTS: Final = 16


@dataclass(frozen=True)
class Mixed:
    """The table [mixed]. The parts have tables of their own beside it."""

    work: int = whole(0, 0, 10_000_000, "rounds of computation in addition to those of the parts' own tables")
    transfers: int = whole(25, 0, 1_000, "weight of transfers")
    counter: int = whole(5, 0, 1_000, "weight of mints")
    amm: int = whole(15, 0, 1_000, "weight of swaps and liquidity")
    orderbook: int = whole(35, 0, 1_000, "weight of orders and cancellations")
    perpetual: int = whole(15, 0, 1_000, "weight of perpetual futures")
    options: int = whole(5, 0, 1_000, "weight of options")
    adversary: int = whole(0, 0, 1_000, "weight of the adversary's payments to one hot key")
    slow: int = whole(0, 0, 1_000, "weight of the slow program")
    slow_work: int = whole(500_000, 0, 100_000_000, "rounds of computation of the slow program")
    burst_percent: int = whole(
        2, 0, 100, "how many draws of a hundred begin a burst: many of one kind in a row"
    )
    burst_length: int = whole(30, 1, 10_000, "transactions of a burst")


def make(tables: Mapping[str, Any], count: int, chance: Chance) -> Made:
    """Draw the kinds of all transactions, let each part make as many as it has, and put them in order."""
    fields: Mixed = tables["mixed"]
    kinds = _kinds(fields, count, chance)
    state: dict[bytes, bytes] = {}
    streams: list[Iterator[Transaction]] = []
    for kind, part in enumerate(PARTS):
        table = replace(tables[part.name], work=tables[part.name].work + fields.work)
        made = part.make(table, kinds.count(kind), chance.fork())
        state |= made.state
        streams.append(made.transactions)
    payments: Transfers = tables["transfers"]
    for account in range(payments.accounts, payments.accounts + ADVERSARY_ACCOUNTS):
        state[key_of(BALANCE, account)] = encode_amount(count)
    streams.append(_adversary(fields, payments, chance.fork()))
    streams.append(_slow(fields, payments, chance.fork()))
    return Made(state, (next(streams[kind]) for kind in kinds))


def _kinds(fields: Mixed, count: int, chance: Chance) -> list[int]:
    """Draw what each transaction is: a part, by its index, or ADVERSARY or SLOW."""
    weights = [getattr(fields, part.name) for part in PARTS] + [fields.adversary, fields.slow]
    if not any(weights):
        weights[0] = 1
    kinds: list[int] = []
    while len(kinds) < count:
        kind = chance.weighted(weights)
        burst = kind != SLOW and chance.below(100) < fields.burst_percent
        kinds += [kind] * (fields.burst_length if burst else 1)
    return kinds[:count]


def _adversary(fields: Mixed, payments: Transfers, chance: Chance) -> Iterator[Transaction]:
    while True:
        account = payments.accounts + chance.below(ADVERSARY_ACCOUNTS)
        yield transfer.txn(key_of(BALANCE, account), key_of(BALANCE, 0), 1, payments.work + fields.work)


def _slow(fields: Mixed, payments: Transfers, chance: Chance) -> Iterator[Transaction]:
    while True:
        sender = chance.below(payments.accounts)
        receiver = (sender + 1 + chance.below(payments.accounts - 1)) % payments.accounts
        amount = chance.between(1, payments.amount)
        yield transfer.txn(key_of(BALANCE, sender), key_of(BALANCE, receiver), amount, fields.slow_work)


def failures(before: State, after: State) -> list[str]:
    """Check the invariants of all parts."""
    return [failure for part in PARTS for failure in part.failures(before, after)]


MIXED: Final = Workload("mixed", Mixed, make, failures)
