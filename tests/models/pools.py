"""Constant-product pools, worked out in fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

from tests.models.world import Reverted, World

RESERVE_MAX = 1 << 56
SWAP_MAX = 1 << 50


def change(world: World, key: bytes, token: int, amount: int) -> None:
    balance = world.record(key, "no such balance")
    if balance[0] != token:
        raise Reverted("wrong token")
    balance[1] += amount
    if balance[1] < 0:
        raise Reverted("insufficient funds")
    if balance[1] > RESERVE_MAX:
        raise Reverted("amount out of range")


def swap(
    world: World,
    pools: list[bytes],
    paid_from: bytes,
    paid_to: bytes,
    directions: int,
    amount: int,
    minimum: int,
) -> None:
    if not 1 <= len(pools) <= 8:
        raise Reverted("bad path")
    if not 1 <= amount <= SWAP_MAX:
        raise Reverted("amount out of range")
    if paid_from == paid_to:
        raise Reverted("same balance")
    token = world.record(pools[0], "no such pool")[1 + directions % 2]
    change(world, paid_from, token, -amount)
    for hop, key in enumerate(pools):
        if amount > SWAP_MAX:
            raise Reverted("amount out of range")
        side = directions >> hop & 1
        pool = world.record(key, "no such pool")
        if pool[1 + side] != token:
            raise Reverted("bad path")
        if pool[3 + side] + amount > RESERVE_MAX:
            raise Reverted("pool is full")
        # x * y = (x + dx * (1 - fee)) * (y - dy)
        after_fee = amount * (1 - Fraction(pool[6], 10**6))
        exact = pool[4 - side] - Fraction(pool[3] * pool[4]) / (pool[3 + side] + after_fee)
        pool[3 + side] += amount
        amount = floor(exact)
        if amount == 0:
            raise Reverted("amount too small")
        pool[4 - side] -= amount
        token = pool[2 - side]
    if amount < minimum:
        raise Reverted("less than the minimum")
    change(world, paid_to, token, amount)


def _position(world: World, pool_key: bytes, holding_key: bytes) -> tuple[list[int], list[int]]:
    pool, holding = world.record(pool_key, "no such pool"), world.record(holding_key, "no such holding")
    if holding[0] != pool[0]:
        raise Reverted("wrong pool")
    return pool, holding


def _move(
    world: World, pool: list[int], holding: list[int], keys: tuple[bytes, bytes], moved: list[int]
) -> None:
    for place, amount in enumerate(moved):
        pool[3 + place] += amount
    holding[1] += moved[2]
    if max(*pool[3:6], holding[1]) > RESERVE_MAX:
        raise Reverted("pool is full")
    for place, key in enumerate(keys):
        change(world, key, pool[1 + place], -moved[place])


def add_liquidity(
    world: World,
    pool_key: bytes,
    first: bytes,
    second: bytes,
    holding_key: bytes,
    most: int,
    second_most: int,
) -> None:
    if max(most, second_most) > SWAP_MAX:
        raise Reverted("amount out of range")
    pool, holding = _position(world, pool_key, holding_key)
    offers = Fraction(most, pool[3]), Fraction(second_most, pool[4])
    shares = floor(min(offers) * pool[5])
    if shares == 0:
        raise Reverted("amount too small")
    if shares > RESERVE_MAX:
        raise Reverted("pool is full")
    part = Fraction(shares, pool[5])
    _move(world, pool, holding, (first, second), [ceil(part * pool[3]), ceil(part * pool[4]), shares])


def remove_liquidity(
    world: World, pool_key: bytes, first: bytes, second: bytes, holding_key: bytes, shares: int
) -> None:
    if not 1 <= shares <= RESERVE_MAX:
        raise Reverted("amount out of range")
    pool, holding = _position(world, pool_key, holding_key)
    if shares > holding[1] or shares >= pool[5]:
        raise Reverted("insufficient shares")
    part = Fraction(shares, pool[5])
    _move(world, pool, holding, (first, second), [-floor(part * pool[3]), -floor(part * pool[4]), -shares])
