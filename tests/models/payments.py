"""Payments and mints."""

from __future__ import annotations

from tests.models.world import AMOUNT_MAX, Reverted, World


def transfer(world: World, sender: bytes, receiver: bytes, amount: int) -> None:
    world.pay_out(sender, amount)
    world.amounts[receiver] = world.amount(receiver) + amount


def payment(
    world: World,
    sender: bytes,
    receiver: bytes,
    sender_counts: list[bytes],
    receiver_counts: list[bytes],
    settings: list[bytes],
    amount: int,
) -> None:
    if sender == receiver:
        raise Reverted("same account")
    if any(world.amount(key) == 0 for key in settings):
        raise Reverted("payments are halted")
    world.pay_out(sender, amount)
    world.pay_in(receiver, amount)
    for key in (*sender_counts, *receiver_counts):
        world.pay_in(key, 1)


def mint(world: World, collection: bytes, minted: bytes, revenue: bytes, balance: bytes, minter: int) -> None:
    supply, price = world.record(collection, "no such collection")
    if world.amount(minted) >= supply:
        raise Reverted("sold out")
    _pay_for_token(world, minted, revenue, balance, price)
    _give_token(world, b"nft." + world.amount(minted).to_bytes(8, "big"), minter)


def mint_commutative(
    world: World, collection: bytes, minted: bytes, revenue: bytes, balance: bytes, token: bytes, minter: int
) -> None:
    supply, price = world.record(collection, "no such collection")
    if world.amount(minted) >= supply:
        raise Reverted("sold out")
    _pay_for_token(world, minted, revenue, balance, price)
    _give_token(world, token, minter)


def _pay_for_token(world: World, minted: bytes, revenue: bytes, balance: bytes, price: int) -> None:
    world.pay_out(balance, price)
    world.pay_in(minted, 1)
    world.pay_in(revenue, price)


def _give_token(world: World, token: bytes, minter: int) -> None:
    if token in world.amounts:
        raise Reverted("token exists")
    if minter >= AMOUNT_MAX:
        raise Reverted("amount over its limit")
    world.amounts[token] = minter + 1
    world.events.append(b"minted")
