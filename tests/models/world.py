"""The world that the models change: amounts, records and order books, as Python has them.

The models are written down from what docs/workloads.md and the programs' own texts say, with Python's unbounded
integers, fractions, sorted dicts and lists. They share no code with the programs; only how the state is laid out in
bytes they take from `blockstm.workloads`. They run in the preset order, one transaction after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from blockstm.transaction import Transaction
from blockstm.workloads.orderbook import BOOK_TAGS, MARKET, Book, encode_book, read_book
from blockstm.workloads.records import encode_amount, encode_record, record_of, tagged

AMOUNT_MAX = 1 << 62
RECORDS = {
    b"nftc",
    b"ammp",
    b"ammb",
    b"ammh",
    b"obkm",
    b"prpm",
    b"prpp",
    b"prpf",
    b"prpa",
    b"opts",
    b"optp",
    b"optm",
}


class Reverted(Exception):  # noqa: N818 - a program's way to end
    """The program reverts, and says why."""


@dataclass
class World:
    """The state of all workloads."""

    amounts: dict[bytes, int] = field(default_factory=dict)
    records: dict[bytes, list[int]] = field(default_factory=dict)
    books: dict[int, Book] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)
    gas: int = 0

    @classmethod
    def of(cls, state: dict[bytes, bytes]) -> World:
        world = cls()
        for key, value in state.items():
            if key[:4] in RECORDS:
                world.records[key] = list(record_of(value))
            elif key[:4] not in BOOK_TAGS:
                world.amounts[key] = int.from_bytes(value, "big")
        world.books = {market: read_book(state, market) for (market,), _ in tagged(state, MARKET)}
        return world

    def state(self) -> dict[bytes, bytes]:
        """The state in bytes; amounts of zero are left out."""
        found = {key: encode_amount(amount) for key, amount in self.amounts.items() if amount}
        found |= {key: encode_record(*fields) for key, fields in self.records.items()}
        for market, book in self.books.items():
            found |= encode_book(market, book)
        return found

    def amount(self, key: bytes) -> int:
        return self.amounts.get(key, 0)

    def record(self, key: bytes, missing: str) -> list[int]:
        if key not in self.records:
            raise Reverted(missing)
        return self.records[key]

    def pay_in(self, key: bytes, amount: int) -> None:
        if self.amount(key) + amount > AMOUNT_MAX:
            raise Reverted("amount over its limit")
        self.amounts[key] = self.amount(key) + amount

    def pay_out(self, key: bytes, amount: int) -> None:
        if self.amount(key) < amount:
            raise Reverted("insufficient funds")
        self.amounts[key] = self.amount(key) - amount

    def saved(self) -> tuple[Any, ...]:
        return copy.deepcopy((self.amounts, self.records, self.books, self.events))

    def restore(self, saved: tuple[Any, ...]) -> None:
        self.amounts, self.records, self.books, self.events = saved


Program = Callable[..., None]


@dataclass(frozen=True)
class Outcome:
    """What a transaction comes to."""

    status: str
    error: str | None
    gas_used: int
    events: list[bytes]


def run_in_order(
    world: World, transactions: Sequence[Transaction], programs: dict[str, Program]
) -> list[Outcome]:
    """Run transactions one after the other."""
    outcomes = []
    for transaction in transactions:
        saved = world.saved()
        world.events = []
        *arguments, work = transaction.arguments
        assert isinstance(work, int)
        world.gas = 21_000 + work
        status, error = "success", None
        try:
            programs[transaction.program.name.removeprefix("blockstm.workloads.")](world, *arguments)
        except Reverted as reverted:
            world.restore(saved)
            status, error = "reverted", str(reverted)
        outcomes.append(Outcome(status, error, world.gas, world.events if error is None else []))
    return outcomes
