"""Perpetual futures, worked out in fractions."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor

from blockstm.workloads.perpetual import (
    BAD_DEBT,
    DUST,
    FUNDING,
    FUNDING_ZERO,
    INSURANCE,
    MARK,
    MARKET,
    POSITION,
    WALLET,
)
from blockstm.workloads.records import key_of
from tests.models.world import Failed, Reverted, World

SIZE_MAX = PRICE_MAX = 1 << 30
NOTIONAL_MAX = 1 << 60


@dataclass
class Market:
    """A market, as one transaction sees it."""

    world: World
    number: int
    reads_funding: bool = True

    def __post_init__(self) -> None:
        rules = self.world.record(key_of(MARKET, self.number), "no such market")
        self.initial, self.maintenance, self.liquidation_fee, self.trading_fee = (
            Fraction(rate, 10**6) for rate in rules
        )
        _, self.price = self.world.record(key_of(MARK, self.number), "no such market")
        self.dust = 0
        if self.reads_funding:
            self.funding = self.world.amount(key_of(FUNDING, self.number)) - FUNDING_ZERO
            if abs(self.funding) > NOTIONAL_MAX:
                raise Failed("a record is out of its range")

    def account(self, number: int) -> Account:
        fields = self.world.record(key_of(POSITION, self.number, number), "no such account")
        return Account(self, *fields)

    def put(self, number: int, account: Account) -> None:
        if account.collateral > NOTIONAL_MAX:
            raise Reverted("position out of range")
        self.world.records[key_of(POSITION, self.number, number)] = [
            account.collateral,
            account.size,
            account.entry,
            account.settled,
        ]

    def close(self, fees: int = 0) -> None:
        self.world.pay_in(key_of(DUST, self.number), self.dust)
        self.world.pay_in(key_of(INSURANCE, self.number), fees)


@dataclass
class Account:
    """A position of a market."""

    market: Market
    collateral: int
    size: int
    entry: int
    settled: int

    def settle(self) -> None:
        exact = Fraction(self.size * (self.market.funding - self.settled), 10**6)
        self.entry += ceil(exact)
        if abs(self.entry) > NOTIONAL_MAX:
            raise Reverted("position out of range")
        self.market.dust += int((ceil(exact) - exact) * 10**6)
        self.settled = self.market.funding

    def change(self, amount: int) -> None:
        """Close as much as there is of the other sign, and open the rest."""
        price = self.market.price
        if self.size * amount < 0:
            closing = min(abs(self.size), abs(amount))
            cost = ceil(Fraction(self.entry * closing, abs(self.size)))
            sign = 1 if self.size > 0 else -1
            self.collateral += sign * closing * price - cost
            if abs(self.collateral) > NOTIONAL_MAX:
                raise Reverted("position out of range")
            self.entry -= cost
            self.size -= sign * closing
            amount += sign * closing
        self.entry += amount * price
        self.size += amount
        if abs(self.entry) > NOTIONAL_MAX or abs(self.size) > SIZE_MAX:
            raise Reverted("position out of range")

    def has(self, rate: Fraction) -> bool:
        equity = self.collateral + self.size * self.market.price - self.entry
        return equity >= ceil(abs(self.size) * self.market.price * rate)

    def check(self, before: int) -> None:
        shrank = abs(self.size) <= abs(before) and (self.size >= 0) == (before >= 0)
        rate = self.market.maintenance if shrank else self.market.initial
        if self.collateral < 0 or not self.has(rate):
            raise Reverted("insufficient margin")


def deposit(world: World, market: int, account: int, amount: int) -> None:
    if not 1 <= amount <= NOTIONAL_MAX:
        raise Reverted("amount out of range")
    world.record(key_of(MARKET, market), "no such market")
    key = key_of(POSITION, market, account)
    fields = world.find_record(key) or [0, 0, 0, 0]
    world.pay_out(key_of(WALLET, account), amount)
    world.records[key] = fields
    fields[0] += amount
    if fields[0] > NOTIONAL_MAX:
        raise Reverted("position out of range")


def withdraw(world: World, market: int, account: int, amount: int) -> None:
    if not 1 <= amount <= NOTIONAL_MAX:
        raise Reverted("amount out of range")
    seen = Market(world, market)
    position = seen.account(account)
    position.settle()
    position.collateral -= amount
    if position.collateral < 0 or not position.has(seen.initial):
        raise Reverted("insufficient margin")
    seen.put(account, position)
    seen.close()
    world.pay_in(key_of(WALLET, account), amount)


def trade(world: World, market: int, buyer: int, seller: int, size: int) -> None:
    if not 1 <= size <= SIZE_MAX:
        raise Reverted("size out of range")
    if buyer == seller:
        raise Reverted("same account")
    seen = Market(world, market)
    sides = [(buyer, seen.account(buyer), size), (seller, seen.account(seller), -size)]
    fee = ceil(size * seen.price * seen.trading_fee)
    for number, position, change in sides:
        before = position.size
        position.settle()
        position.change(change)
        position.collateral -= fee
        position.check(before)
        seen.put(number, position)
    seen.close(2 * fee)


def set_price(world: World, market: int, price: int, number: int) -> None:
    if not 1 <= price <= PRICE_MAX:
        raise Reverted("price out of range")
    key = key_of(MARK, market)
    if not world.has(key):
        raise Reverted("no such market")
    held = world.raw(key)
    # The round is the high half of what the record is as a number.
    if number > NOTIONAL_MAX or len(held) > 32 or int.from_bytes(held, "big") >= number << 64:
        raise Reverted("stale round")
    world.odd.pop(key, None)
    world.records[key] = [number, price]


def fund(world: World, market: int, rate: int, negative: int) -> None:
    if rate > 100_000 or negative > 1:
        raise Reverted("rate out of range")
    seen = Market(world, market, reads_funding=False)
    change = seen.price * (-rate if negative else rate)
    key = key_of(FUNDING, market)
    if not world.add(key, change, FUNDING_ZERO + NOTIONAL_MAX, FUNDING_ZERO - NOTIONAL_MAX):
        raise Reverted("rate out of range")


def liquidate(world: World, market: int, account: int, keeper: int) -> None:
    if account == keeper:
        raise Reverted("same account")
    seen = Market(world, market)
    taken = seen.account(account)
    taken.settle()
    size = taken.size
    if size == 0:
        raise Reverted("no position")
    if taken.has(seen.maintenance):
        raise Reverted("not liquidatable")
    keeping = seen.account(keeper)
    keeping.settle()
    before = keeping.size
    taken.change(-size)
    keeping.change(size)
    deficit = max(0, -taken.collateral)
    taken.collateral = max(0, taken.collateral)
    fee = min(taken.collateral, floor(abs(size) * seen.price * seen.liquidation_fee))
    taken.collateral -= fee
    keeping.collateral += fee
    keeping.check(before)
    fund_key = key_of(INSURANCE, market)
    if not world.add(fund_key, -deficit):
        world.pay_in(key_of(BAD_DEBT, market), deficit)
    seen.put(account, taken)
    seen.put(keeper, keeping)
    world.events.append(struct.pack(">QqQ", account, size, deficit))
    seen.close()
