"""An NFT mint: everybody wants a token of the same collection, and its number is one hot key.

Keys: "nftc", supply and price (a record); "nftm", how many are minted; "nftr", the revenue; "nft." and a token's
number, its owner plus one; "nftb" and a minter's number, the minter's balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from blockstm.programs.transaction import Transaction
from blockstm.workloads.chance import Chance, Picker
from blockstm.workloads.programs import mint, mint_commutative
from blockstm.workloads.records import (
    State,
    amount_of,
    encode_amount,
    encode_record,
    key_of,
    record_of,
    tagged,
)
from blockstm.workloads.schema import choice, whole
from blockstm.workloads.workload import WORK, Made, Workload, totals_differ

__all__ = ["COUNTER", "Counter"]

COLLECTION: Final = b"nftc"
MINTED: Final = b"nftm"
REVENUE: Final = b"nftr"
TOKEN: Final = b"nft."
BALANCE: Final = b"nftb"


@dataclass(frozen=True)
class Counter:
    """The table [counter]."""

    work: int = whole(*WORK)
    mode: Literal["write", "add"] = choice(
        ("write", "add"), "how the hot keys are counted up: by read and write, or by commutative adds"
    )
    minters: int = whole(1_000, 1, 200_000, "accounts that mint")
    supply: int = whole(1_000_000, 0, 10**9, "how many tokens there can be")
    price: int = whole(10, 1, 10**9, "price of a token")
    balance: int = whole(1_000, 0, 10**15, "what each minter has before the block")


def make(fields: Counter, count: int, chance: Chance) -> Made:
    """Make mints by minters drawn uniformly."""
    state = {
        key_of(COLLECTION): encode_record(fields.supply, fields.price),
        key_of(MINTED): b"",
        key_of(REVENUE): b"",
    }
    state |= {key_of(BALANCE, minter): encode_amount(fields.balance) for minter in range(fields.minters)}
    return Made(state, _mints(fields, count, chance))


def _mints(fields: Counter, count: int, chance: Chance) -> Iterator[Transaction]:
    minters = Picker(fields.minters)
    for number in range(1, count + 1):
        minter = minters.draw(chance)
        keys = key_of(COLLECTION), key_of(MINTED), key_of(REVENUE), key_of(BALANCE, minter)
        if fields.mode == "write":
            yield mint.txn(*keys, minter, fields.work)
        else:
            yield mint_commutative.txn(*keys, key_of(TOKEN, number), minter, fields.work)


def failures(before: State, after: State) -> list[str]:
    """Check the number of tokens against supply and revenue, and that nothing is made or lost."""
    supply, price = record_of(after[key_of(COLLECTION)])
    minted, revenue = amount_of(after, key_of(MINTED)), amount_of(after, key_of(REVENUE))
    found = totals_differ("counter: balances and revenue", _total(before), _total(after))
    if minted > supply:
        found.append(f"counter: {minted} tokens of a supply of {supply}")
    if (tokens := sum(1 for _ in tagged(after, TOKEN))) != minted:
        found.append(f"counter: {tokens} tokens, but {minted} were counted")
    if revenue != minted * price:
        found.append(f"counter: {minted} tokens brought {revenue} instead of {minted * price}")
    return found


def _total(state: State) -> int:
    return amount_of(state, key_of(REVENUE)) + sum(
        int.from_bytes(value, "big") for _, value in tagged(state, BALANCE)
    )


COUNTER: Final = Workload("counter", Counter, make, failures)
