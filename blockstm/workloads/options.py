"""Options: strategies of several legs, all or none. What the keys hold stands in native/workloads/options.pxd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from blockstm.programs.transaction import Transaction
from blockstm.workloads.chance import Chance
from blockstm.workloads.programs import option_claim, option_expire, option_quote, option_strategy
from blockstm.workloads.records import (
    State,
    amount_of,
    encode_amount,
    encode_record,
    key_of,
    record_of,
    tagged,
)
from blockstm.workloads.schema import whole
from blockstm.workloads.workload import WORK, Made, Workload, totals_differ

__all__ = ["OPTIONS", "Options", "Series", "payoff"]

SERIES: Final = b"opts"
POSITION: Final = b"optp"
CASH: Final = b"optc"
LOCKED: Final = b"optl"
FEES: Final = b"optf"
FEE: Final = b"optm"

CALL: Final = 0
PUT: Final = 1
NOT_EXPIRED: Final = -1


class Series(NamedTuple):
    """A series as its record holds it."""

    number: int
    kind: int
    strike: int
    cap: int
    bid: int
    ask: int
    expired_at: int = NOT_EXPIRED


class _Leg(NamedTuple):
    series: int
    sells: bool
    quantity: int


def payoff(series: Series) -> int:
    """Return what one option of a series that has expired pays."""
    value = series.expired_at - series.strike if series.kind == CALL else series.strike - series.expired_at
    return min(max(value, 0), series.cap)


@dataclass(frozen=True)
class Options:
    """The table [options]."""

    work: int = whole(*WORK)
    accounts: int = whole(500, 1, 50_000, "accounts that trade")
    makers: int = whole(8, 1, 1_000, "further accounts, which are the other side of each leg")
    strikes: int = whole(8, 4, 500, "strikes; there are a call and a put of each")
    price: int = whole(10_000, 1_000, 10**6, "price of what the options are of; strikes lie around it")
    cash: int = whole(1_000_000, 0, 10**12, "what each account has before the block")
    maker_cash: int = whole(1_000_000_000, 0, 10**15, "what each maker has before the block")
    fee: int = whole(10, 0, 10**6, "fee of a leg")
    quantity: int = whole(10, 1, 1_000, "the largest quantity of a strategy; each has between 1 and this")
    tolerance_percent: int = whole(2, 0, 100, "how much worse than at first a leg's price may be")
    quote_percent: int = whole(5, 0, 100, "how many transactions of a hundred set a quote")
    expire_at_percent: int = whole(
        80, 0, 100, "where in the block every second strike expires; 100: none does"
    )


class _Desk:
    """What the generator knows of the series."""

    def __init__(self, fields: Options, chance: Chance) -> None:
        self.fields = fields
        self.chance = chance
        self.series: list[Series] = []
        self.held: list[tuple[int, int]] = []
        """Account and series of each leg that was sent; makers' too."""
        self.expired: list[int] = []
        self.listed = list(range(fields.strikes))
        """Strikes that have not expired, by index; call and put of strike i are series 2i and 2i + 1."""
        for strike in self.strikes():
            for kind in (CALL, PUT):
                self.series.append(self._series(len(self.series), kind, strike))

    def strikes(self) -> list[int]:
        price, count = self.fields.price, self.fields.strikes
        return [price * (50 + 100 * place // count) // 100 for place in range(count)]

    def _series(self, number: int, kind: int, strike: int) -> Series:
        """A series whose ask is what it pays at the present price, and a twentieth of that price."""
        price = self.fields.price
        cap = price if kind == CALL else strike
        worth = payoff(Series(number, kind, strike, cap, 0, 0, price))
        ask = min(cap, worth + price // 20)
        return Series(number, kind, strike, cap, ask * 98 // 100, ask)


def make(fields: Options, count: int, chance: Chance) -> Made:
    """Make series, and strategies, quotes, and at last expiries and claims."""
    desk = _Desk(fields, chance)
    state = {key_of(FEE): encode_record(fields.fee), key_of(FEES): b""}
    for series in desk.series:
        state |= {key_of(SERIES, series.number): encode_record(*series), key_of(LOCKED, series.number): b""}
    for account in range(fields.accounts + fields.makers):
        cash = fields.cash if account < fields.accounts else fields.maker_cash
        state[key_of(CASH, account)] = encode_amount(cash)
    return Made(state, _transactions(desk, count))


def _transactions(desk: _Desk, count: int) -> Iterator[Transaction]:
    fields, chance = desk.fields, desk.chance
    expiry = count * fields.expire_at_percent // 100
    for place in range(count):
        if place >= expiry and (due := place - expiry) < 2 * (fields.strikes // 2):
            # The call, then the put, of the second strike, the fourth, ...
            strike = 1 + 2 * (due // 2)
            if strike in desk.listed:
                desk.listed.remove(strike)
            yield _expire(desk, 2 * strike + due % 2)
        elif desk.expired and desk.held and chance.below(100) < 40:
            yield _claim(desk)
        elif chance.below(100) < fields.quote_percent:
            yield _quote(desk)
        else:
            yield _strategy(desk)


def _expire(desk: _Desk, number: int) -> Transaction:
    desk.expired.append(number)
    price = desk.fields.price
    at = price + desk.chance.between(-(price // 10), price // 10)
    return option_expire.txn(key_of(SERIES, number), at, desk.fields.work)


def _claim(desk: _Desk) -> Transaction:
    due = [entry for entry in desk.held[-200:] if entry[1] in desk.expired] or desk.held
    account, series = desk.chance.one_of(due)
    return option_claim.txn(key_of(SERIES, series), account, desk.fields.work)


def _quote(desk: _Desk) -> Transaction:
    series = desk.series[2 * desk.chance.one_of(desk.listed) + desk.chance.below(2)]
    ask = min(series.cap, max(1, series.ask + desk.chance.between(-(series.ask // 20), series.ask // 20)))
    return option_quote.txn(key_of(SERIES, series.number), ask * 98 // 100, ask, desk.fields.work)


def _legs(desk: _Desk) -> list[_Leg]:
    """Draw a strategy: single option, vertical spread, straddle, butterfly or iron condor."""
    chance = desk.chance
    kind, quantity, listed = chance.below(5), chance.between(1, desk.fields.quantity), desk.listed
    lowest = chance.below(max(1, len(listed) - 3))
    calls = [2 * listed[min(lowest + step, len(listed) - 1)] for step in range(4)]
    puts = [call + 1 for call in calls]
    strategies = (
        [(calls[0], False, 1)],
        [(calls[0], False, 1), (calls[1], True, 1)],
        [(calls[1], False, 1), (puts[1], False, 1)],
        [(calls[0], False, 1), (calls[1], True, 2), (calls[2], False, 1)],
        [(puts[0], False, 1), (puts[1], True, 1), (calls[2], True, 1), (calls[3], False, 1)],
    )
    return [_Leg(series, sells, times * quantity) for series, sells, times in strategies[kind]]


def _strategy(desk: _Desk) -> Transaction:
    fields, chance = desk.fields, desk.chance
    account = chance.below(fields.accounts)
    maker = fields.accounts + chance.below(fields.makers)
    legs = _legs(desk)
    words = [0, 0, 0, 0]
    for place, leg in enumerate(legs):
        series = desk.series[leg.series]
        if leg.sells:
            limit = series.bid * (100 - fields.tolerance_percent) // 100
        else:
            limit = series.ask * (100 + fields.tolerance_percent) // 100
        words[place] = leg.quantity << 32 | limit << 1 | leg.sells
        desk.held += [(account, leg.series), (maker, leg.series)]
    keys = [key_of(SERIES, leg.series) for leg in legs]
    return option_strategy.txn(keys, account, maker, *words, fields.work)


def failures(before: State, after: State) -> list[str]:
    """Check that sizes balance, that what is locked may have to be paid, and that nothing is made or lost."""
    found: list[str] = []
    series = {numbers[0]: Series(*record_of(value)) for numbers, value in tagged(after, SERIES)}
    sizes = dict.fromkeys(series, 0)
    owed = dict.fromkeys(series, 0)
    for (_, number), value in tagged(after, POSITION):
        (size,) = record_of(value)
        sizes[number] += size
        pays = payoff(series[number]) if series[number].expired_at >= 0 else 0
        owed[number] += pays * size if size > 0 else (series[number].cap - pays) * -size
    for number in series:
        if series[number].expired_at < 0 and sizes[number]:
            found.append(f"options: sizes of series {number} add up to {sizes[number]}")
        if (locked := amount_of(after, key_of(LOCKED, number))) != owed[number]:
            found.append(f"options: series {number} has {locked} locked and owes {owed[number]}")
    return found + totals_differ("options: cash, locked and fees", _funds(before), _funds(after))


def _funds(state: State) -> int:
    cash = sum(int.from_bytes(value, "big") for tag in (CASH, LOCKED) for _, value in tagged(state, tag))
    return cash + amount_of(state, key_of(FEES))


OPTIONS: Final = Workload("options", Options, make, failures)
