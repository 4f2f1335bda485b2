"""Options and strategies."""

from __future__ import annotations

from blockstm.workloads.options import CASH, FEE, FEES, LOCKED, POSITION, Series
from blockstm.workloads.records import key_of
from tests.models.world import Reverted, World

POSITION_MAX = 1 << 30


def pays(series: Series) -> int:
    worth = (series.expired_at - series.strike) * (1 if series.kind == 0 else -1)
    return sorted((0, worth, series.cap))[1]


def series_of(world: World, key: bytes) -> Series:
    return Series(*world.record(key, "no such series"))


def change(world: World, series: Series, account: int, amount: int) -> None:
    position, cash = key_of(POSITION, account, series.number % (1 << 64)), key_of(CASH, account)
    locked = key_of(LOCKED, series.number % (1 << 64))
    (size,) = world.find_record(position) or (0,)
    if abs(size + amount) > POSITION_MAX:
        raise Reverted("position out of range")
    more = series.cap * (max(0, -size - amount) - max(0, -size))
    payer, payee = (cash, locked) if more > 0 else (locked, cash)
    world.pay_out(payer, abs(more))
    world.pay_in(payee, abs(more))
    world.records[position] = [size + amount]


def leg(world: World, key: bytes, account: int, maker: int, word: int) -> None:
    quantity, limit, sells = word >> 32, (word >> 1) & 0x7FFFFFFF, word & 1
    series = series_of(world, key)
    if series.expired_at >= 0:
        raise Reverted("has expired")
    if not 1 <= quantity <= 1 << 20:
        raise Reverted("quantity out of range")
    if sells and series.bid < limit:
        raise Reverted("price under the limit")
    if not sells and series.ask > limit:
        raise Reverted("price over the limit")
    payer, payee, price = (maker, account, series.bid) if sells else (account, maker, series.ask)
    world.pay_out(key_of(CASH, payer), price * quantity)
    world.pay_in(key_of(CASH, payee), price * quantity)
    bought = -quantity if sells else quantity
    change(world, series, account, bought)
    change(world, series, maker, -bought)


def strategy(world: World, series: list[bytes], account: int, maker: int, *words: int) -> None:
    if not 1 <= len(series) <= 4:
        raise Reverted("bad strategy")
    if account == maker:
        raise Reverted("same account")
    (fee,) = world.record(key_of(FEE), "bad strategy")
    world.pay_out(key_of(CASH, account), fee * len(series))
    world.pay_in(key_of(FEES), fee * len(series))
    saved = world.saved()
    for place, key in enumerate(series):
        world.gas += 10_000
        try:
            leg(world, key, account, maker, words[place])
        except Reverted as failed:
            world.restore(saved)
            world.events.append(f"rejected: leg {place + 1}: {failed}".encode())
            return
    world.events.append(b"filled")


def quote(world: World, key: bytes, bid: int, ask: int) -> None:
    series = series_of(world, key)
    if bid > ask or ask > series.cap:
        raise Reverted("quote out of range")
    if series.expired_at >= 0:
        raise Reverted("has expired")
    world.records[key] = list(series._replace(bid=bid, ask=ask))


def expire(world: World, key: bytes, price: int) -> None:
    series = series_of(world, key)
    if price > 1 << 30:
        raise Reverted("price out of range")
    if series.expired_at >= 0:
        raise Reverted("has expired")
    world.records[key] = list(series._replace(expired_at=price))


def claim(world: World, key: bytes, account: int) -> None:
    series = series_of(world, key)
    position = key_of(POSITION, account, series.number % (1 << 64))
    (size,) = world.find_record(position) or (0,)
    if series.expired_at < 0:
        raise Reverted("has not expired")
    if size == 0:
        raise Reverted("nothing to claim")
    due = size * pays(series) if size > 0 else -size * (series.cap - pays(series))
    world.pay_out(key_of(LOCKED, series.number % (1 << 64)), due)
    world.pay_in(key_of(CASH, account), due)
    world.records[position] = [0]
