"""Perpetual futures with margin, funding, an oracle and liquidations.

What the keys hold stands in native/workloads/perpetual.pxd.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from blockstm.programs.transaction import Transaction
from blockstm.workloads.chance import Chance, Picker
from blockstm.workloads.programs import (
    perpetual_deposit,
    perpetual_fund,
    perpetual_liquidate,
    perpetual_set_price,
    perpetual_trade,
    perpetual_withdraw,
)
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

__all__ = ["PERPETUAL", "Perpetual", "Position"]

MARKET: Final = b"prpm"
MARK: Final = b"prpp"
FUNDING: Final = b"prpf"
POSITION: Final = b"prpa"
WALLET: Final = b"prpw"
INSURANCE: Final = b"prpi"
BAD_DEBT: Final = b"prpb"
DUST: Final = b"prpd"

MILLION: Final = 1_000_000
FUNDING_ZERO: Final = 1 << 61
"""How a state holds a funding of zero: amounts have no sign."""


class Position(NamedTuple):
    """A position as its record holds it."""

    collateral: int = 0
    size: int = 0
    entry: int = 0
    funding: int = 0


@dataclass(frozen=True)
class Perpetual:
    """The table [perpetual]."""

    work: int = whole(*WORK)
    markets: int = whole(2, 1, 1_000, "markets")
    accounts: int = whole(400, 2, 50_000, "accounts with a position in each market")
    keepers: int = whole(4, 1, 1_000, "further accounts, which liquidate")
    price: int = whole(10_000, 100, 10**8, "mark price before the block")
    collateral: int = whole(
        1_000_000, 1_000, 10**12, "collateral in each market; a keeper has 100 times that"
    )
    wallet: int = whole(1_000_000, 0, 10**12, "what each account has outside of markets")
    insurance: int = whole(10_000_000, 0, 10**15, "each market's insurance fund")
    leverage: int = whole(10, 1, 100, "the highest leverage of a position; each has between 1 and this")
    initial_margin_millionths: int = whole(50_000, 1, 1_000_000, "margin that opening asks for")
    maintenance_margin_millionths: int = whole(
        30_000, 0, 1_000_000, "margin below which positions are liquidated"
    )
    liquidation_fee_millionths: int = whole(10_000, 0, 1_000_000, "the keeper's fee")
    trading_fee_millionths: int = whole(
        500, 0, 1_000_000, "fee of each side of a trade, for the insurance fund"
    )
    price_percent: int = whole(4, 0, 100, "how many transactions of a hundred set a price")
    crash_drop_percent: int = whole(0, 0, 90, "by how much prices fall in the crash; 0: there is none")
    crash_at_percent: int = whole(50, 0, 100, "where in the block the crash begins")
    crash_steps: int = whole(5, 1, 100, "in how many steps prices fall")
    crash_liquidations_percent: int = whole(
        60, 0, 100, "from the crash on, how many transactions of a hundred liquidate"
    )


@dataclass
class _Exchange:
    """What the generator knows of the markets."""

    fields: Perpetual
    chance: Chance
    prices: list[int]
    rounds: list[int]
    longs: list[list[int]]
    """For each market the accounts that are long before the block, the highest leverage first."""
    next_victim: list[int]
    targets: list[int] = field(default_factory=list)
    """Prices of the crash, by market: where it ends."""


def make(fields: Perpetual, count: int, chance: Chance) -> Made:
    """Make markets with balanced positions, and trades, prices, funding and liquidations."""
    state: dict[bytes, bytes] = {}
    longs: list[list[int]] = []
    for market in range(fields.markets):
        state |= _market(fields, market)
        positions, levers = _positions(fields, chance)
        longs.append(sorted(levers, key=lambda account: (-levers[account], account)))
        state |= {
            key_of(POSITION, market, account): encode_record(*held) for account, held in positions.items()
        }
    for account in range(fields.accounts + fields.keepers):
        state[key_of(WALLET, account)] = encode_amount(fields.wallet)
    markets = range(fields.markets)
    exchange = _Exchange(
        fields, chance, [fields.price for _ in markets], [0 for _ in markets], longs, [0 for _ in markets]
    )
    return Made(state, _transactions(exchange, count))


def _market(fields: Perpetual, market: int) -> dict[bytes, bytes]:
    return {
        key_of(MARKET, market): encode_record(
            fields.initial_margin_millionths,
            fields.maintenance_margin_millionths,
            fields.liquidation_fee_millionths,
            fields.trading_fee_millionths,
        ),
        key_of(MARK, market): encode_record(0, fields.price),
        key_of(FUNDING, market): encode_amount(FUNDING_ZERO),
        key_of(INSURANCE, market): encode_amount(fields.insurance),
        key_of(DUST, market): b"",
    }


def _positions(fields: Perpetual, chance: Chance) -> tuple[dict[int, Position], dict[int, int]]:
    """Return the positions of a market, every two balancing, and the leverage of those that are long."""
    positions: dict[int, Position] = {}
    levers: dict[int, int] = {}
    for long in range(0, fields.accounts - 1, 2):
        leverage = chance.between(1, fields.leverage)
        size = min(fields.collateral * leverage // fields.price, 1 << 20)
        positions[long] = Position(fields.collateral, size, size * fields.price)
        positions[long + 1] = Position(fields.collateral, -size, -size * fields.price)
        levers[long] = leverage
    positions.setdefault(fields.accounts - 1, Position(fields.collateral))
    for keeper in range(fields.accounts, fields.accounts + fields.keepers):
        positions[keeper] = Position(100 * fields.collateral)
    return positions, levers


def _transactions(exchange: _Exchange, count: int) -> Iterator[Transaction]:
    fields, chance = exchange.fields, exchange.chance
    crash_begins = count * fields.crash_at_percent // 100 if fields.crash_drop_percent else count
    # The steps follow each other with room for liquidations in between.
    gap = max(1, (count - crash_begins) // (2 * fields.crash_steps))
    steps = {crash_begins + step * gap: step + 1 for step in range(fields.crash_steps)}
    markets = Picker(fields.markets)
    for place in range(count):
        market = markets.draw(chance)
        if place >= crash_begins and (step := steps.get(place)) is not None:
            market = 0  # it is the first market that crashes
            price = fields.price * (100 * fields.crash_steps - fields.crash_drop_percent * step)
            yield _set_price(exchange, market, max(1, price // (100 * fields.crash_steps)))
        elif place >= crash_begins and chance.below(100) < fields.crash_liquidations_percent:
            yield _liquidate(exchange, 0)
        else:
            yield _ordinary(exchange, market)


def _ordinary(exchange: _Exchange, market: int) -> Transaction:
    fields, chance = exchange.fields, exchange.chance
    if chance.below(100) < fields.price_percent:
        price = exchange.prices[market]
        return _set_price(exchange, market, max(1, price + chance.between(-(price // 500), price // 500)))
    kind = chance.weighted((74, 10, 8, 2, 6))
    account = chance.below(fields.accounts)
    if kind == 0:
        other = (account + 1 + chance.below(fields.accounts - 1)) % fields.accounts
        size = max(1, fields.collateral * chance.between(1, 100) // (100 * exchange.prices[market]))
        return perpetual_trade.txn(market, account, other, size, fields.work)
    if kind == 1:
        return perpetual_deposit.txn(market, account, chance.between(1, 1 + fields.wallet // 10), fields.work)
    if kind == 2:
        return perpetual_withdraw.txn(
            market, account, chance.between(1, 1 + fields.collateral // 10), fields.work
        )
    if kind == 3:
        return perpetual_fund.txn(market, chance.between(0, 1_000), chance.below(2), fields.work)
    return _liquidate(exchange, market)


def _set_price(exchange: _Exchange, market: int, price: int) -> Transaction:
    exchange.prices[market] = price
    exchange.rounds[market] += 1
    return perpetual_set_price.txn(market, price, exchange.rounds[market], exchange.fields.work)


def _liquidate(exchange: _Exchange, market: int) -> Transaction:
    """Try the next of those that were long, the highest leverage first, again and again."""
    fields, longs = exchange.fields, exchange.longs[market]
    account = longs[exchange.next_victim[market] % len(longs)]
    exchange.next_victim[market] += 1
    keeper = fields.accounts + exchange.chance.below(fields.keepers)
    return perpetual_liquidate.txn(market, account, keeper, fields.work)


def failures(before: State, after: State) -> list[str]:
    """Check that sizes balance, that nothing is made or lost, and that no collateral is negative."""
    found: list[str] = []
    sizes: dict[int, int] = {}
    for (market, account), value in tagged(after, POSITION):
        position = Position(*record_of(value))
        sizes[market] = sizes.get(market, 0) + position.size
        if position.collateral < 0:
            found.append(f"perpetual: the collateral of account {account} in market {market} is negative")
    found += [
        f"perpetual: sizes of market {market} add up to {size}" for market, size in sizes.items() if size
    ]
    return found + totals_differ("perpetual: all funds, in millionths", _funds(before), _funds(after))


def _funds(state: State) -> int:
    """Add up all that the exchange owes and owns, in millionths, exactly."""
    total = sum(int.from_bytes(value, "big") for _, value in tagged(state, WALLET)) * MILLION
    for _, value in tagged(state, POSITION):
        position = Position(*record_of(value))
        total += (position.collateral - position.entry) * MILLION + position.size * position.funding
    for (market,), _ in tagged(state, MARKET):
        insurance, bad_debt, dust = (
            amount_of(state, key_of(tag, market)) for tag in (INSURANCE, BAD_DEBT, DUST)
        )
        total += (insurance - bad_debt) * MILLION + dust
    return total


PERPETUAL: Final = Workload("perpetual", Perpetual, make, failures)
