"""Order books as lists: the best price first, and at one price the oldest order."""

from __future__ import annotations

import struct
from fractions import Fraction
from math import ceil

from blockstm.workloads.orderbook import ASKS, BASE, BIDS, FEES, MARKET, QUOTE, Book, Order
from blockstm.workloads.records import key_of
from tests.models.world import AMOUNT_MAX, Reverted, World

FILLS_MAX = 16


def find(book: Book, number: int) -> tuple[int, int, int] | None:
    """Side, price and place in the queue of an order."""
    for side, levels in enumerate(book):
        for price, queue in levels.items():
            for place, order in enumerate(queue):
                if order.number == number:
                    return side, price, place
    return None


def crossing(book: Book, side: int, limit: int) -> int | None:
    """The best price of the side against which an order trades, if the limit allows it."""
    prices = sorted(book[1 - side], reverse=side == ASKS)
    if not prices or (prices[0] > limit if side == BIDS else prices[0] < limit):
        return None
    return prices[0]


def take(book: Book, side: int, price: int, place: int) -> Order:
    """Take an order out."""
    order = book[side][price].pop(place)
    if not book[side][price]:
        del book[side][price]
    return order


def place_order(
    world: World, market: int, account: int, number: int, side: int, price: int, quantity: int, immediate: int
) -> None:
    if side > 1 or immediate > 1 or not 1 <= number <= AMOUNT_MAX:
        raise Reverted("order out of range")
    if not 1 <= price <= 4095 or not 1 <= quantity <= 1 << 32:
        raise Reverted("order out of range")
    (rate,) = world.record(key_of(MARKET, market), "no such market")
    book = world.books[market]
    if find(book, number):
        raise Reverted("order exists")
    left, traded, fills = quantity, 0, 0
    while left and fills < FILLS_MAX and (best := crossing(book, side, price)):
        maker = take(book, 1 - side, best, 0)
        filled = min(left, maker.remaining)
        world.gas += 5_000
        if side == BIDS:
            world.pay_in(key_of(QUOTE, market, maker.account), filled * best)
        else:
            world.pay_in(key_of(BASE, market, maker.account), filled)
        if maker.remaining > filled:
            rest = maker._replace(remaining=maker.remaining - filled)
            book[1 - side].setdefault(best, []).insert(0, rest)
        world.events.append(struct.pack(">3Q", maker.number, best, filled))
        left, traded, fills = left - filled, traded + filled * best, fills + 1
    resting = 0 if immediate or crossing(book, side, price) else left
    if left and not resting:
        world.events.append(b"cancelled" + left.to_bytes(8, "big"))
    fee = ceil(Fraction(traded * rate, 10**6))
    base, quote = key_of(BASE, market, account), key_of(QUOTE, market, account)
    if side == BIDS:
        world.pay_out(quote, traded + fee + resting * price)
        world.pay_in(base, quantity - left)
    else:
        world.pay_out(base, quantity - left + resting)
        world.pay_in(quote, traded - fee)
    world.pay_in(key_of(FEES, market), fee)
    if resting:
        book[side].setdefault(price, []).append(Order(number, account, resting))


def cancel_order(world: World, market: int, account: int, number: int) -> None:
    book: Book = world.books.get(market, ({}, {}))
    if (found := find(book, number)) is None:
        raise Reverted("no such order")
    side, price, place = found
    if book[side][price][place].account != account:
        raise Reverted("not your order")
    order = take(book, side, price, place)
    if side == BIDS:
        world.pay_in(key_of(QUOTE, market, account), price * order.remaining)
    else:
        world.pay_in(key_of(BASE, market, account), order.remaining)
