"""An automated market maker: constant-product pools with fees, swaps over several of them, liquidity.

Keys: "ammp" and a pool's number; "ammb" and the numbers of an account and a token, a balance; "ammh" and the
numbers of an account and a pool, a holding. What they hold stands in native/workloads/amm.pxd.
"""

from __future__ import annotations

from collections import Counter as Multiset
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Final, NamedTuple

from blockstm.programs.transaction import Transaction
from blockstm.workloads.chance import Chance, Distribution, Picker
from blockstm.workloads.programs import add_liquidity, remove_liquidity, swap
from blockstm.workloads.records import State, encode_record, key_of, record_of, tagged
from blockstm.workloads.schema import choice, whole
from blockstm.workloads.workload import WORK, Made, Workload, totals_differ

__all__ = ["AMM", "Amm", "Pool"]

POOL: Final = b"ammp"
BALANCE: Final = b"ammb"
HOLDING: Final = b"ammh"

MILLION: Final = 1_000_000


class Pool(NamedTuple):
    """A pool as its record holds it."""

    number: int
    first_token: int
    second_token: int
    first_reserve: int
    second_reserve: int
    shares: int
    fee_millionths: int


@dataclass(frozen=True)
class Amm:
    """The table [amm]."""

    work: int = whole(*WORK)
    pools: int = whole(16, 1, 10_000, "pools; pool i swaps token i for token i + 1, the last one for token 0")
    accounts: int = whole(500, 1, 50_000, "accounts; each has a balance of each token that it swaps")
    balance: int = whole(1_000_000, 0, 10**12, "what each account has of each token before the block")
    reserve: int = whole(100_000_000, 1_000_000, 10**15, "each reserve of a pool before the block, about")
    fee_millionths: int = whole(3_000, 0, 999_999, "fee of a swap")
    amount: int = whole(10_000, 1, 10**12, "the largest amount swapped or added; each is between 1 and this")
    distribution: Distribution = choice(("uniform", "zipf", "hotspot"), "how pools are drawn")
    zipf_exponent_percent: int = whole(100, 1, 300, "Zipf's exponent in hundredths")
    hot_pools: int = whole(1, 1, 10_000, "of hotspot: how many pools are hot")
    hot_share_percent: int = whole(50, 0, 100, "of hotspot: how many draws of a hundred are hot pools")
    hops: int = whole(3, 1, 8, "the most pools of a swap; each has between 1 and this")
    slippage_millionths: int = whole(
        10_000, 0, 1_000_000, "how much less than at the block's start a swap may bring, or it reverts"
    )
    liquidity_percent: int = whole(10, 0, 100, "how many transactions of a hundred add or remove liquidity")


class _Market:
    """The pools as they are before the block, and the accounts that come to them."""

    def __init__(self, fields: Amm, chance: Chance) -> None:
        self.fields = fields
        self.tokens = max(2, fields.pools)
        self.pools = [self._pool(number, chance) for number in range(fields.pools)]
        self.state: dict[bytes, bytes] = {
            key_of(POOL, pool.number): encode_record(*pool) for pool in self.pools
        }

    def _pool(self, number: int, chance: Chance) -> Pool:
        least, most = self.fields.reserve, self.fields.reserve + self.fields.reserve // 10
        first, second = chance.between(least, most), chance.between(least, most)
        tokens = number, (number + 1) % self.tokens
        return Pool(number, *tokens, first, second, isqrt(first * second), self.fields.fee_millionths)

    def balance(self, account: int, token: int) -> bytes:
        """Return the key of a balance, which is there from now on."""
        key = key_of(BALANCE, account, token)
        self.state.setdefault(key, encode_record(token, self.fields.balance))
        return key

    def holding(self, account: int, pool: int) -> bytes:
        """Return the key of a holding, which is there from now on."""
        key = key_of(HOLDING, account, pool)
        # All together hold at most half.
        shares = min(self.fields.amount, self.pools[pool].shares // (2 * self.fields.accounts))
        self.state.setdefault(key, encode_record(pool, shares))
        return key


def make(fields: Amm, count: int, chance: Chance) -> Made:
    """Make swaps along neighbouring pools, and some liquidity that comes and goes."""
    market = _Market(fields, chance)
    transactions = list(_transactions(market, count, chance))  # they say which balances there are
    return Made(market.state, iter(transactions))


def _transactions(market: _Market, count: int, chance: Chance) -> Iterator[Transaction]:
    fields = market.fields
    pools = Picker(
        fields.pools,
        fields.distribution,
        exponent_percent=fields.zipf_exponent_percent,
        hot=fields.hot_pools,
        hot_share_percent=fields.hot_share_percent,
    )
    for _ in range(count):
        account, pool = chance.below(fields.accounts), market.pools[pools.draw(chance)]
        if chance.below(100) < fields.liquidity_percent:
            yield _liquidity(market, account, pool, chance)
        else:
            yield _swap(market, account, pool.number, chance)


def _swap(market: _Market, account: int, pool: int, chance: Chance) -> Transaction:
    """A swap that goes upwards or downwards along the ring of pools."""
    fields = market.fields
    downwards = chance.below(2)
    hops = chance.between(1, min(fields.hops, max(1, fields.pools - 1)))
    step = -1 if downwards else 1
    path = [market.pools[(pool + step * hop) % fields.pools] for hop in range(hops)]
    paid, got = path[0].first_token, path[-1].second_token
    if downwards:
        paid, got = path[0].second_token, path[-1].first_token
    amount = quoted = chance.between(1, fields.amount)
    for hop in path:
        taken, given = hop.first_reserve, hop.second_reserve
        if downwards:
            taken, given = given, taken
        after_fee = quoted * (MILLION - hop.fee_millionths)
        quoted = given * after_fee // (taken * MILLION + after_fee)
    return swap.txn(
        [key_of(POOL, hop.number) for hop in path],
        market.balance(account, paid),
        market.balance(account, got),
        (1 << hops) - 1 if downwards else 0,
        amount,
        quoted * (MILLION - fields.slippage_millionths) // MILLION,
        fields.work,
    )


def _liquidity(market: _Market, account: int, pool: Pool, chance: Chance) -> Transaction:
    fields = market.fields
    keys = (
        key_of(POOL, pool.number),
        market.balance(account, pool.first_token),
        market.balance(account, pool.second_token),
        market.holding(account, pool.number),
    )
    if chance.below(2):
        first = chance.between(1, fields.amount)
        return add_liquidity.txn(*keys, first, chance.between(first, 2 * first), fields.work)
    return remove_liquidity.txn(*keys, chance.between(1, fields.amount), fields.work)


def failures(before: State, after: State) -> list[str]:
    """Check each pool's product for a share, each token's total, and who holds the shares."""
    found: list[str] = []
    pools = {numbers: Pool(*record_of(value)) for numbers, value in tagged(before, POOL)}
    for numbers, value in tagged(after, POOL):
        old, new = pools[numbers], Pool(*record_of(value))
        if min(new.first_reserve, new.second_reserve, new.shares) <= 0:
            found.append(f"amm: pool {new.number} is empty")
        # x * y / shares**2, compared in whole numbers. With the same shares that is the product itself.
        worth_before = old.first_reserve * old.second_reserve * new.shares**2
        if new.first_reserve * new.second_reserve * old.shares**2 < worth_before:
            found.append(f"amm: the product of pool {new.number} has gone down: {new} after {old}")
    old_tokens, new_tokens = _tokens(before), _tokens(after)
    for token in sorted(old_tokens.keys() | new_tokens.keys()):
        found += totals_differ(f"amm: all of token {token}", old_tokens[token], new_tokens[token])
    old_shares, new_shares = _shares_of_nobody(before), _shares_of_nobody(after)
    for pool in old_shares:
        found += totals_differ(
            f"amm: shares of pool {pool} that no account holds", old_shares[pool], new_shares[pool]
        )
    for tag in (BALANCE, HOLDING):
        negative = [numbers for numbers, value in tagged(after, tag) if record_of(value)[1] < 0]
        found += [f"amm: {tag.decode()} {numbers} is negative" for numbers in negative]
    return found


def _tokens(state: State) -> Multiset[int]:
    """Return how much there is of each token, in balances and reserves."""
    total: Multiset[int] = Multiset()
    for _, value in tagged(state, BALANCE):
        token, amount = record_of(value)
        total[token] += amount
    for _, value in tagged(state, POOL):
        pool = Pool(*record_of(value))
        total[pool.first_token] += pool.first_reserve
        total[pool.second_token] += pool.second_reserve
    return total


def _shares_of_nobody(state: State) -> Multiset[int]:
    left: Multiset[int] = Multiset()
    for _, value in tagged(state, POOL):
        pool = Pool(*record_of(value))
        left[pool.number] += pool.shares
    for _, value in tagged(state, HOLDING):
        number, shares = record_of(value)
        left[number] -= shares
    return left


AMM: Final = Workload("amm", Amm, make, failures)
