"""The world that the models change: amounts, records and order books, as Python has them.

The models are written down from what docs/reference/workloads.md and the programs' own texts say, with Python's
unbounded integers, fractions, sorted dicts and lists. They share no code with the programs; only how the state is
laid out in bytes they take from `blockstm.workloads`. They run in the preset order, one after the other.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from blockstm.programs.transaction import Transaction
from blockstm.workloads.orderbook import BOOK_TAGS, MARKET, Book, encode_book, read_book
from blockstm.workloads.records import encode_amount, encode_record, record_of, tagged

AMOUNT_MAX = 1 << 62
ANY = range(-(1 << 63), 1 << 63)


def up_to(most: int, least: int = 0) -> range:
    return range(least, most + 1)


RECORDS: dict[bytes, list[range]] = {
    b"nftc": [up_to(AMOUNT_MAX)] * 2,
    b"ammp": [ANY, ANY, ANY, up_to(1 << 56, 1), up_to(1 << 56, 1), up_to(1 << 56, 1), up_to(10**6 - 1)],
    b"ammb": [ANY, up_to(1 << 56)],
    b"ammh": [ANY, up_to(1 << 56)],
    b"obkm": [up_to(10**6)],
    b"prpm": [up_to(10**6)] * 4,
    b"prpp": [up_to(1 << 60), up_to(1 << 30, 1)],
    b"prpa": [up_to(1 << 60), up_to(1 << 30, -(1 << 30)), *[up_to(1 << 60, -(1 << 60))] * 2],
    b"opts": [ANY, up_to(1), *[up_to(1 << 30)] * 4, up_to(1 << 30, -1)],
    b"optp": [up_to(1 << 30, -(1 << 30))],
    b"optm": [up_to(1 << 30)],
}
"""What the fields of each kind of record may be."""


class Reverted(Exception):  # noqa: N818 - a program's way to end
    """The program reverts, and says why."""


class Failed(Reverted):
    """It fails: what it has read is not what it should be."""


@dataclass
class World:
    """The state of all workloads. What is no amount, or no record, stands in `odd` as it is."""

    amounts: dict[bytes, int] = field(default_factory=dict)
    records: dict[bytes, list[int]] = field(default_factory=dict)
    books: dict[int, Book] = field(default_factory=dict)
    odd: dict[bytes, bytes] = field(default_factory=dict)
    events: list[bytes] = field(default_factory=list)
    gas: int = 0

    @classmethod
    def of(cls, state: dict[bytes, bytes]) -> World:
        world = cls()
        for key, value in state.items():
            if key[:4] in RECORDS:
                if len(value) == 8 * len(RECORDS[key[:4]]):
                    world.records[key] = list(record_of(value))
                else:
                    world.odd[key] = value
            elif key[:4] not in BOOK_TAGS:
                number = int.from_bytes(value, "big")
                if number <= AMOUNT_MAX and value == encode_amount(number):
                    world.amounts[key] = number
                else:
                    world.odd[key] = value
        world.books = {market: read_book(state, market) for (market,), _ in tagged(state, MARKET)}
        return world

    def state(self) -> dict[bytes, bytes]:
        """The state in bytes; amounts of zero are left out."""
        found = {key: value for key, value in self.odd.items() if value}
        found |= {key: encode_amount(amount) for key, amount in self.amounts.items() if amount}
        found |= {key: encode_record(*fields) for key, fields in self.records.items()}
        for market, book in self.books.items():
            found |= encode_book(market, book)
        return found

    def has(self, key: bytes) -> bool:
        return key in self.amounts or key in self.records or key in self.odd

    def number(self, key: bytes) -> int | None:
        """What adds see: any number of up to 256 bits; None for none."""
        if key in self.odd:
            return int.from_bytes(self.odd[key], "big") if len(self.odd[key]) <= 32 else None
        return self.amounts.get(key, 0)

    def amount(self, key: bytes) -> int:
        """What a program reads: an amount, or the program fails."""
        # `transfer` adds to numbers of any size, so what has been added to may be longer, too.
        held = self.odd[key] if key in self.odd else encode_amount(self.amounts.get(key, 0))
        if len(held) > 8:
            raise Failed("an amount is longer than 8 bytes")
        amount = self.number(key)
        assert amount is not None
        if amount > AMOUNT_MAX:
            raise Failed("an amount is over its limit")
        return amount

    def put(self, key: bytes, amount: int) -> None:
        """What a program writes."""
        if amount > AMOUNT_MAX:
            raise Reverted("amount over its limit")
        self.odd.pop(key, None)
        self.amounts[key] = amount

    def find_record(self, key: bytes) -> list[int] | None:
        """A record, None where there is none; or the program fails."""
        if key in self.odd:
            raise Failed("a record is not of its length")
        fields = self.records.get(key)
        if fields is not None:
            for value, allowed in zip(fields, RECORDS[key[:4]], strict=True):
                if value not in allowed:
                    raise Failed("a record is out of its range")
        return fields

    def record(self, key: bytes, missing: str) -> list[int]:
        fields = self.find_record(key)
        if fields is None:
            raise Reverted(missing)
        return fields

    def raw(self, key: bytes) -> bytes:
        """A record as it stands in the state, whatever it is."""
        return self.odd[key] if key in self.odd else encode_record(*self.records[key])

    def add(self, key: bytes, amount: int, largest: int = AMOUNT_MAX, least: int = 0) -> bool:
        """Add without reading; False, and nothing is changed, where that leaves least..largest."""
        before = self.number(key)
        if amount == 0:
            return True
        if before is None or not least <= before + amount <= largest:
            return False
        self.odd.pop(key, None)
        self.amounts[key] = before + amount
        return True

    def pay_in(self, key: bytes, amount: int) -> None:
        if not self.add(key, amount):
            raise Reverted("amount over its limit")

    def pay_out(self, key: bytes, amount: int) -> None:
        if not self.add(key, -amount):
            raise Reverted("insufficient funds")

    def saved(self) -> tuple[Any, ...]:
        return copy.deepcopy((self.amounts, self.records, self.books, self.odd, self.events))

    def restore(self, saved: tuple[Any, ...]) -> None:
        self.amounts, self.records, self.books, self.odd, self.events = saved


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
            status, error = "failed" if isinstance(reverted, Failed) else "reverted", str(reverted)
        outcomes.append(Outcome(status, error, world.gas, world.events if error is None else []))
    return outcomes
