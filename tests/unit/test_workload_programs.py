"""What the workload programs do, on examples worked out by hand."""

from __future__ import annotations

import struct

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.programs.transaction import Transaction
from blockstm.results.predicates import Scanned
from blockstm.results.result import Result
from blockstm.workloads.options import CASH, FEE, SERIES, Series
from blockstm.workloads.orderbook import ASKS, BASE, BIDS, MARKET, QUOTE, read_book
from blockstm.workloads.perpetual import FUNDING, FUNDING_ZERO, INSURANCE, MARK, POSITION
from blockstm.workloads.perpetual import MARKET as RULES
from blockstm.workloads.programs import (
    add_liquidity,
    cancel_order,
    option_strategy,
    perpetual_fund,
    perpetual_liquidate,
    perpetual_set_price,
    perpetual_trade,
    place_order,
    remove_liquidity,
    swap,
)
from blockstm.workloads.records import amount_of, encode_amount, encode_record, key_of, record_of


def run(engine: Engine, state: dict[bytes, bytes], *transactions: Transaction) -> Result:
    return engine.execute(Block(transactions, state))


def test_a_swap_pays_what_the_formula_says(shared_engine: Engine) -> None:
    pool, first, second = key_of(b"ammp", 0), key_of(b"ammb", 0, 0), key_of(b"ammb", 0, 1)
    state = {
        pool: encode_record(0, 0, 1, 10**6, 10**6, 10**6, 3000),
        first: encode_record(0, 5000),
        second: encode_record(1, 0),
    }
    # 10**6 * 1000 * 0.997 / (10**6 + 1000 * 0.997) = 996.006...
    asked = [swap.txn([pool], first, second, 0, 1000, least, 0) for least in (997, 996)]
    result = run(shared_engine, state, *asked)
    assert [receipt.error for receipt in result.receipts] == ["less than the minimum", None]
    assert record_of(result.state[first]) == (0, 4000)
    assert record_of(result.state[second]) == (1, 996)
    assert record_of(result.state[pool])[3:5] == (10**6 + 1000, 10**6 - 996)


def test_a_pool_without_reserves_fails_its_transactions(shared_engine: Engine) -> None:
    # What is divided by comes from the state. (Found as three dead workers.)
    balances = {key_of(b"ammb", 0, 0): encode_record(0, 5000), key_of(b"ammb", 0, 1): encode_record(1, 5000)}
    holding = {key_of(b"ammh", 0, 0): encode_record(0, 0)}
    keys = (*balances, *holding)
    for reserves_and_shares in [
        (0, 5, 5),
        (5, 0, 5),
        (5, 5, 0),
        (-1, 5, 5),
        (5, 5, -(1 << 63)),
        (1 << 57, 5, 5),
    ]:
        pool = {key_of(b"ammp", 0): encode_record(0, 0, 1, *reserves_and_shares, 3000)}
        result = run(
            shared_engine,
            pool | balances | holding,
            add_liquidity.txn(*pool, *keys, 10, 10, 0),
            remove_liquidity.txn(*pool, *keys, 10, 0),
            swap.txn([*pool], *balances, 0, 10, 0, 0),
        )
        assert [receipt.error for receipt in result.receipts] == ["a record is out of its range"] * 3
        assert {receipt.status for receipt in result.receipts} == {"failed"}
        assert result.state == pool | balances | holding


MARKET_STATE = {key_of(MARKET, 0): encode_record(1000)} | {
    key_of(tag, 0, account): encode_amount(10**6) for tag in (BASE, QUOTE) for account in range(3)
}


def fills(result: Result, txn_idx: int) -> list[tuple[int, ...]]:
    return [struct.unpack(">3Q", event) for event in result.receipts[txn_idx].events if len(event) == 24]


def test_the_best_price_comes_first_and_then_the_oldest_order(shared_engine: Engine) -> None:
    result = run(
        shared_engine,
        MARKET_STATE,
        place_order.txn(0, 0, 1, ASKS, 101, 5, 0, 0),
        place_order.txn(0, 0, 2, ASKS, 100, 5, 0, 0),
        place_order.txn(0, 1, 3, ASKS, 100, 5, 0, 0),
        place_order.txn(0, 1, 4, ASKS, 100, 5, 0, 0),
        cancel_order.txn(0, 1, 3, 0),
        place_order.txn(0, 2, 5, BIDS, 101, 12, 0, 0),
        place_order.txn(0, 2, 6, BIDS, 100, 3, 0, 0),
    )
    assert fills(result, 5) == [(2, 100, 5), (4, 100, 5), (1, 101, 2)]
    # 1,202 of quote traded; a thousandth is 1.202, rounded up to 2. The last order locks 300.
    assert amount_of(result.state, key_of(QUOTE, 0, 2)) == 10**6 - 1202 - 2 - 300
    assert amount_of(result.state, key_of(QUOTE, 0, 0)) == 10**6 + 702
    bids, asks = read_book(result.state, 0)
    assert {price: [order.number for order in queue] for price, queue in asks.items()} == {101: [1]}
    assert {price: [order.number for order in queue] for price, queue in bids.items()} == {100: [6]}


def test_an_order_fills_sixteen_others_and_the_rest_is_cancelled(shared_engine: Engine) -> None:
    asks = [place_order.txn(0, 0, number, ASKS, 100, 1, 0, 0) for number in range(1, 21)]
    result = run(shared_engine, MARKET_STATE, *asks, place_order.txn(0, 2, 30, BIDS, 100, 20, 0, 0))
    assert [number for number, _, _ in fills(result, 20)] == list(range(1, 17))
    assert result.receipts[20].events[-1] == b"cancelled" + (4).to_bytes(8, "big")
    assert [order.number for order in read_book(result.state, 0)[1][100]] == [17, 18, 19, 20]


def test_an_order_far_from_the_best_does_not_read_the_best_level(shared_engine: Engine) -> None:
    result = run(
        shared_engine,
        MARKET_STATE,
        place_order.txn(0, 0, 1, ASKS, 2100, 5, 0, 0),
        place_order.txn(0, 1, 2, BIDS, 1000, 5, 0, 0),
    )
    assert [key for key, _ in result.reads(1) if key[:20] == key_of(b"obkl", 0, ASKS)] == []
    (scanned,) = [each for each in result.predicates(1) if isinstance(each, Scanned)]
    assert scanned == Scanned(key_of(b"obkl", 0, ASKS, 0), key_of(b"obkl", 0, ASKS, 1001), None, ())


def test_a_liquidation_by_hand(shared_engine: Engine) -> None:
    """Long 10 at 1,000 with 600 of collateral; at 950 the equity is 100, below 3 % of 9,500."""
    state = {
        key_of(RULES, 0): encode_record(50_000, 30_000, 10_000, 0),
        key_of(MARK, 0): encode_record(0, 1000),
        key_of(FUNDING, 0): encode_amount(FUNDING_ZERO),
        key_of(INSURANCE, 0): encode_amount(50),
        key_of(POSITION, 0, 0): encode_record(600, 0, 0, 0),
        key_of(POSITION, 0, 1): encode_record(600, 0, 0, 0),
        key_of(POSITION, 0, 2): encode_record(5000, 0, 0, 0),
    }
    result = run(
        shared_engine,
        state,
        perpetual_trade.txn(0, 0, 1, 10, 0),
        perpetual_liquidate.txn(0, 0, 2, 0),
        perpetual_set_price.txn(0, 950, 1, 0),
        perpetual_liquidate.txn(0, 0, 2, 0),
        perpetual_set_price.txn(0, 940, 1, 0),
        perpetual_fund.txn(0, 1_000, 0, 0),
    )
    errors = [receipt.error for receipt in result.receipts]
    assert errors == [None, "not liquidatable", None, None, "stale round", None]
    # Of the 100 that are left the fee is 1 % of 9,500: 95.
    assert record_of(result.state[key_of(POSITION, 0, 0)]) == (5, 0, 0, 0)
    assert record_of(result.state[key_of(POSITION, 0, 2)]) == (5095, 10, 9500, 0)
    assert amount_of(result.state, key_of(FUNDING, 0)) == FUNDING_ZERO + 950 * 1_000
    assert amount_of(result.state, key_of(INSURANCE, 0)) == 50


def test_a_strategy_happens_whole_or_not_at_all(shared_engine: Engine) -> None:
    series = [Series(0, 0, 100, 50, 10, 12), Series(1, 1, 100, 100, 7, 9)]
    state = {key_of(SERIES, entry.number): encode_record(*entry) for entry in series}
    state |= {key_of(FEE): encode_record(1), key_of(CASH, 0): encode_amount(100)}
    state[key_of(CASH, 9)] = encode_amount(10**6)
    keys = [key_of(SERIES, 0), key_of(SERIES, 1)]
    buy_call, sell_put = 2 << 32 | 12 << 1, 1 << 32 | 7 << 1 | 1
    result = run(
        shared_engine,
        state,
        option_strategy.txn(
            keys, 0, 9, buy_call, sell_put, 0, 0, 0
        ),  # 24 and 2 of 100 spent, 7 got: 81 < 100
        option_strategy.txn(keys[:1], 0, 9, buy_call, 0, 0, 0, 0),
    )
    assert [receipt.events for receipt in result.receipts] == [
        [b"rejected: leg 2: insufficient funds"],
        [b"filled"],
    ]
    assert amount_of(result.state, key_of(CASH, 0)) == 100 - 2 - 1 - 24
    assert amount_of(result.state, key_of(CASH, 9)) == 10**6 + 24 - 2 * 50  # the caps are locked
    assert amount_of(result.state, key_of(b"optl", 0)) == 100
    assert key_of(b"optp", 0, 1) not in result.state
