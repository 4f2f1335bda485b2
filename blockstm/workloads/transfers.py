"""Peer-to-peer transfers: plain ones, and with the accesses of the payments that the Block-STM paper measures.

Keys: "pay." and an account's number, its balance (an amount); "pays" and the number, then 0 to 2, its counts;
"payc" and a number, a setting that payments only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from typing import Final, Literal

from blockstm.programs.built_in import transfer
from blockstm.programs.transaction import Transaction
from blockstm.workloads.chance import Chance, Distribution, Picker
from blockstm.workloads.programs import payment
from blockstm.workloads.records import State, amount_of, encode_amount, key_of, tagged
from blockstm.workloads.schema import choice, whole
from blockstm.workloads.workload import WORK, Made, Workload, totals_differ

__all__ = ["TRANSFERS", "Transfers"]

Shape = Literal["plain", "diem", "aptos"]

BALANCE: Final = b"pay."
COUNT: Final = b"pays"
SETTING: Final = b"payc"
SEQUENCE, WITHDRAWALS, DEPOSITS = range(3)

# Per payment: the counts of the sender, those of the receiver, the settings. With the two balances Diem's payment
# has 21 reads and 4 writes, and Aptos' 8 reads and 5 writes (Gelashvili et al., PPoPP 2023, section 4).
SHAPES: Final[dict[Shape, tuple[tuple[int, ...], tuple[int, ...], int]]] = {
    "diem": ((SEQUENCE,), (DEPOSITS,), 17),
    "aptos": ((SEQUENCE, WITHDRAWALS), (DEPOSITS,), 3),
}


@dataclass(frozen=True)
class Transfers:
    """The table [transfers]."""

    work: int = whole(*WORK)
    shape: Shape = choice(
        ("plain", "diem", "aptos"),
        "reads and writes of a payment: 2 and 2, as Diem's 21 and 4, or as Aptos' 8 and 5",
    )
    accounts: int = whole(1_000, 2, 200_000, "accounts")
    balance: int = whole(1_000_000, 0, 10**15, "what each account has before the block")
    amount: int = whole(100, 1, 10**12, "the largest payment; each is between 1 and this")
    distribution: Distribution | Literal["turns"] = choice(
        ("uniform", "zipf", "hotspot", "turns"),
        "how accounts are drawn; turns: not by chance, but pair after pair",
    )
    zipf_exponent_percent: int = whole(100, 1, 300, "Zipf's exponent in hundredths")
    hot_accounts: int = whole(1, 1, 200_000, "of hotspot: how many accounts are hot")
    hot_share_percent: int = whole(50, 0, 100, "of hotspot: how many draws of a hundred are hot accounts")


def make(fields: Transfers, count: int, chance: Chance) -> Made:
    """Make payments between two accounts each."""
    state = {key_of(BALANCE, account): encode_amount(fields.balance) for account in range(fields.accounts)}
    if fields.shape != "plain":
        _, _, settings = SHAPES[fields.shape]
        state |= {key_of(SETTING, number): encode_amount(number + 1) for number in range(settings)}
    return Made(state, _payments(fields, count, chance))


def _payments(fields: Transfers, count: int, chance: Chance) -> Iterator[Transaction]:
    pairs = _pairs(fields, chance)
    for _ in range(count):
        sender, receiver = next(pairs)
        amount = chance.between(1, fields.amount)
        balances = key_of(BALANCE, sender), key_of(BALANCE, receiver)
        if fields.shape == "plain":
            yield transfer.txn(*balances, amount, fields.work)
            continue
        of_sender, of_receiver, settings = SHAPES[fields.shape]
        yield payment.txn(
            *balances,
            [key_of(COUNT, sender, number) for number in of_sender],
            [key_of(COUNT, receiver, number) for number in of_receiver],
            [key_of(SETTING, number) for number in range(settings)],
            amount,
            fields.work,
        )


def _pairs(fields: Transfers, chance: Chance) -> Iterator[tuple[int, int]]:
    """Yield senders and receivers without end."""
    if fields.distribution == "turns":
        yield from cycle((first, first + 1) for first in range(0, fields.accounts - 1, 2))
        return
    accounts = Picker(
        fields.accounts,
        fields.distribution,
        exponent_percent=fields.zipf_exponent_percent,
        hot=fields.hot_accounts,
        hot_share_percent=fields.hot_share_percent,
    )
    while True:
        yield accounts.draw_two(chance)


def failures(before: State, after: State) -> list[str]:
    """Check that nothing is made or lost, and that each payment was counted by both sides, once."""
    found = totals_differ("transfers: all balances", _total(before), _total(after))
    counted = [
        sum(
            amount_of(after, key_of(COUNT, *numbers))
            for numbers, _ in tagged(after, COUNT)
            if numbers[1] == which
        )
        for which in (SEQUENCE, WITHDRAWALS, DEPOSITS)
    ]
    if counted[SEQUENCE] != counted[DEPOSITS]:
        found.append(f"transfers: {counted[SEQUENCE]} payments were sent and {counted[DEPOSITS]} received")
    if counted[WITHDRAWALS] not in (0, counted[SEQUENCE]):
        found.append(f"transfers: {counted[WITHDRAWALS]} withdrawals for {counted[SEQUENCE]} payments")
    return found


def _total(state: State) -> int:
    return sum(int.from_bytes(value, "big") for _, value in tagged(state, BALANCE))


TRANSFERS: Final = Workload("transfers", Transfers, make, failures)
