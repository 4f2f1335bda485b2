"""Limit-order books: price-time priority, several markets.

How a book lies in the state: native/workloads/orderbook.pxd.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from blockstm.programs.transaction import Transaction
from blockstm.workloads.chance import Chance, Picker
from blockstm.workloads.programs import cancel_order, place_order
from blockstm.workloads.records import (
    State,
    amount_of,
    encode_amount,
    encode_record,
    key_of,
    numbers_of,
    record_of,
    tagged,
)
from blockstm.workloads.schema import whole
from blockstm.workloads.workload import WORK, Made, Workload, totals_differ

__all__ = ["ORDERBOOK", "Book", "BookError", "Order", "OrderBook", "encode_book", "read_book"]

MARKET: Final = b"obkm"
LEVEL: Final = b"obkl"
ORDER: Final = b"obko"
BASE: Final = b"obkb"
QUOTE: Final = b"obkq"
FEES: Final = b"obkf"

BOOK_TAGS: Final = frozenset((LEVEL, ORDER))
_TAGS: Final = (MARKET, *BOOK_TAGS, BASE, QUOTE, FEES)

BIDS: Final = 0
ASKS: Final = 1
PRICE_MAX: Final = 4_095


class Order(NamedTuple):
    """An order that rests."""

    number: int
    account: int
    remaining: int


Book = tuple[dict[int, list[Order]], dict[int, list[Order]]]
"""The bids and the asks of a market: queues by price, the oldest order first."""


class BookError(ValueError):
    """What the state holds is not a book; the text says why."""


@dataclass(frozen=True)
class OrderBook:
    """The table [orderbook]."""

    work: int = whole(*WORK)
    markets: int = whole(4, 1, 1_000, "markets, each with a book of its own")
    accounts: int = whole(200, 1, 50_000, "accounts that trade, in each market")
    base: int = whole(1_000_000, 0, 10**12, "what each account has of each market's base")
    quote: int = whole(1_000_000_000, 0, 10**15, "what each account has of each market's quote")
    fee_millionths: int = whole(500, 0, 100_000, "fee of the taker")
    quantity: int = whole(100, 1, 10**6, "the largest quantity of an order; each is between 1 and this")
    depth: int = whole(500, 1, 1_900, "how far from the middle orders are placed, in ticks")
    resting: int = whole(200, 0, 20_000, "orders that rest on each side of each market before the block")
    aggressive_percent: int = whole(20, 0, 100, "how many new orders of a hundred cross the middle")
    immediate_percent: int = whole(50, 0, 100, "how many of the aggressive ones are immediate")
    cancel_percent: int = whole(30, 0, 100, "how many transactions of a hundred cancel an order")


_MIDDLE: Final = 2_048


@dataclass
class _Flow:
    """Orders as they come in: which there are to be cancelled."""

    fields: OrderBook
    chance: Chance
    placed: list[tuple[int, int, int]] = field(default_factory=list)
    """Market, account and number of each order that was placed and not cancelled yet; it may be filled."""
    next_number: int = 1

    def number(self, market: int, account: int) -> int:
        number = self.next_number
        self.next_number += 1
        self.placed.append((market, account, number))
        return number

    def resting_price(self, side: int) -> int:
        """A price on the own side of the middle, nearer ones more likely."""
        away = 1 + self.chance.below(1 + self.chance.below(self.fields.depth))
        return _MIDDLE - away if side == BIDS else _MIDDLE + away


def make(fields: OrderBook, count: int, chance: Chance) -> Made:
    """Make books with orders around a middle price, and new orders and cancellations."""
    flow = _Flow(fields, chance)
    state: dict[bytes, bytes] = {}
    for market in range(fields.markets):
        state |= {key_of(MARKET, market): encode_record(fields.fee_millionths), key_of(FEES, market): b""}
        state |= {
            key_of(BASE, market, account): encode_amount(fields.base) for account in range(fields.accounts)
        }
        state |= {
            key_of(QUOTE, market, account): encode_amount(fields.quote) for account in range(fields.accounts)
        }
        state |= encode_book(market, _resting_orders(flow, market))
    return Made(state, _orders(flow, count))


def _resting_orders(flow: _Flow, market: int) -> Book:
    book: Book = ({}, {})
    for number in range(2 * flow.fields.resting):
        side = number % 2
        account = flow.chance.below(flow.fields.accounts)
        order = Order(flow.number(market, account), account, flow.chance.between(1, flow.fields.quantity))
        book[side].setdefault(flow.resting_price(side), []).append(order)
    return book


def _orders(flow: _Flow, count: int) -> Iterator[Transaction]:
    fields, chance = flow.fields, flow.chance
    markets, accounts = Picker(fields.markets), Picker(fields.accounts)
    for _ in range(count):
        if flow.placed and chance.below(100) < fields.cancel_percent:
            place = chance.below(len(flow.placed))
            flow.placed[place], flow.placed[-1] = flow.placed[-1], flow.placed[place]
            yield cancel_order.txn(*flow.placed.pop(), fields.work)
            continue
        market, account, side = markets.draw(chance), accounts.draw(chance), chance.below(2)
        aggressive = chance.below(100) < fields.aggressive_percent
        price = flow.resting_price(1 - side if aggressive else side)
        immediate = int(aggressive and chance.below(100) < fields.immediate_percent)
        quantity = chance.between(1, fields.quantity)
        number = flow.number(market, account)
        yield place_order.txn(market, account, number, side, price, quantity, immediate, fields.work)


# --- books in the state -------------------------------------------------------------------------


def encode_book(market: int, book: Book) -> dict[bytes, bytes]:
    """Return how a state holds a book."""
    state: dict[bytes, bytes] = {}
    for side, levels in enumerate(book):
        for price, queue in levels.items():
            level = key_of(LEVEL, market, side, rank_of(side, price))
            state[level] = encode_record(queue[0].number, queue[-1].number)
            numbers = [0, *(order.number for order in queue), 0]
            for place, order in enumerate(queue):
                state[key_of(ORDER, market, order.number)] = encode_record(
                    side, price, order.account, order.remaining, numbers[place], numbers[place + 2]
                )
    return state


def rank_of(side: int, price: int) -> int:
    """Return the place of a price among those of a side, the best one first; and the price of a rank."""
    return price if side == ASKS else PRICE_MAX + 1 - price


def read_book(state: State, market: int) -> Book:
    """Return the book of a market, found from its levels downwards, as a trade finds it.

    Raises:
        BookError: levels, queues and orders do not agree.
    """
    book: Book = ({}, {})
    for (of_market, side, rank), ends in tagged(state, LEVEL):
        if of_market == market:
            price = rank_of(side, rank)
            if side not in (BIDS, ASKS) or not 1 <= price <= PRICE_MAX:
                raise BookError(f"level {rank} of side {side} of market {market} has no price")
            book[side][price] = _queue(state, market, side, price, ends)
    return book


def _queue(state: State, market: int, side: int, price: int, ends: bytes) -> list[Order]:
    level = f"level {price} of side {side} of market {market}"
    number, last = record_of(ends)
    queue: list[Order] = []
    before = 0
    while number:
        record = state.get(key_of(ORDER, market, number))
        if record is None:
            raise BookError(f"order {number} of {level} is missing")
        its_side, its_price, account, remaining, previous, following = record_of(record)
        if (its_side, its_price, previous) != (side, price, before) or remaining <= 0:
            raise BookError(f"order {number} does not belong where it stands in {level}")
        queue.append(Order(number, account, remaining))
        before, number = number, following
    if before != last:
        raise BookError(f"{level} ends with order {before} instead of {last}")
    return queue


def failures(before: State, after: State) -> list[str]:
    """Check each market's book, that it is not crossed, and that nothing is made or lost."""
    found: list[str] = []
    befores, afters = _by_market(before), _by_market(after)
    found += [f"orderbook: market {market} is new" for market in afters.keys() - befores.keys()]
    for market in befores:
        before, after = befores[market], afters[market]
        try:
            old, new = read_book(before, market), read_book(after, market)
        except BookError as error:
            found.append(f"orderbook: {error}")
            continue
        bids, asks = new
        if bids and asks and max(bids) >= min(asks):
            found.append(f"orderbook: market {market} is crossed: bid {max(bids)}, ask {min(asks)}")
        if encode_book(market, new) != {key: value for key, value in after.items() if key[:4] in BOOK_TAGS}:
            found.append(f"orderbook: market {market} holds orders that are in no queue")
        for what, totals in (("base", _base), ("quote", _quote)):
            found += totals_differ(
                f"orderbook: {what} of market {market}",
                totals(before, market, old),
                totals(after, market, new),
            )
    return found


def _by_market(state: State) -> dict[int, dict[bytes, bytes]]:
    """Return what the state holds of each market: they are many, and so are their keys."""
    markets: dict[int, dict[bytes, bytes]] = {number: {} for (number,), _ in tagged(state, MARKET)}
    for key, value in state.items():
        if key.startswith(_TAGS):
            markets.setdefault(numbers_of(key)[0], {})[key] = value
    return markets


def _base(state: State, market: int, book: Book) -> int:
    return _free(state, BASE, market) + sum(
        order.remaining for queue in book[ASKS].values() for order in queue
    )


def _quote(state: State, market: int, book: Book) -> int:
    bids: Mapping[int, list[Order]] = book[BIDS]
    locked = sum(price * order.remaining for price, queue in bids.items() for order in queue)
    return _free(state, QUOTE, market) + locked + amount_of(state, key_of(FEES, market))


def _free(state: State, tag: bytes, market: int) -> int:
    start = key_of(tag, market)
    return sum(int.from_bytes(value, "big") for key, value in state.items() if key.startswith(start))


ORDERBOOK: Final = Workload("orderbook", OrderBook, make, failures)
