"""Options and strategies."""

from __future__ import annotations

from blockstm.workloads.options import Series
from tests.models.world import Reverted, World

POSITION_MAX = 1 << 30


def pays(series: Series) -> int:
    worth = (series.expired_at - series.strike) * (1 if series.kind == 0 else -1)
    return sorted((0, worth, series.cap))[1] if series.cap >= 0 else 0


def series_of(world: World, key: bytes) -> Series:
    return Series(*world.record(key, "no such series"))


def change(world: World, series: Series, position: bytes, cash: bytes, locked: bytes, amount: int) -> None:
    number, size = world.records.get(position, (series.number, 0))
    if number != series.number:
        raise Reverted("wrong series")
    if abs(size + amount) > POSITION_MAX:
        raise Reverted("position out of range")
    more = series.cap * (max(0, -size - amount) - max(0, -size))
    if more > 0:
        world.pay_out(cash, more)
        world.pay_in(locked, more)
    else:
        world.pay_out(locked, -more)
        world.pay_in(cash, -more)
    world.records[position] = [series.number, size + amount]


def leg(world: World, cash: bytes, keys: list[bytes], word: int) -> None:
    series_key, own, other, other_cash, locked = keys
    quantity, limit, sells = word >> 32, (word >> 1) & 0x7FFFFFFF, word & 1
    series = series_of(world, series_key)
    if series.expired_at >= 0:
        raise Reverted("has expired")
    if not 1 <= quantity <= 1 << 20:
        raise Reverted("quantity out of range")
    if own == other or cash == other_cash:
        raise Reverted("same account")
    if sells and series.bid < limit:
        raise Reverted("price under the limit")
    if not sells and series.ask > limit:
        raise Reverted("price over the limit")
    payer, payee, price = (other_cash, cash, series.bid) if sells else (cash, other_cash, series.ask)
    world.pay_out(payer, price * quantity)
    world.pay_in(payee, price * quantity)
    bought = -quantity if sells else quantity
    change(world, series, own, cash, locked, bought)
    change(world, series, other, other_cash, locked, -bought)


def strategy(world: World, cash: bytes, fees: bytes, fee_key: bytes, legs: list[bytes], *words: int) -> None:
    count = len(legs) // 5
    if not 1 <= count <= 4 or len(legs) % 5:
        raise Reverted("bad strategy")
    (fee,) = world.record(fee_key, "bad strategy")
    world.pay_out(cash, fee * count)
    world.pay_in(fees, fee * count)
    saved = world.saved()
    for place in range(count):
        world.gas += 10_000
        try:
            leg(world, cash, list(legs[5 * place : 5 * place + 5]), words[place])
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


def claim(world: World, key: bytes, position: bytes, cash: bytes, locked: bytes) -> None:
    series = series_of(world, key)
    if series.expired_at < 0:
        raise Reverted("has not expired")
    number, size = world.records.get(position, (series.number, 0))
    if size == 0 or number != series.number:
        raise Reverted("nothing to claim")
    due = size * pays(series) if size > 0 else -size * (series.cap - pays(series))
    world.pay_out(locked, due)
    world.pay_in(cash, due)
    world.records[position] = [series.number, 0]
