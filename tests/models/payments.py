"""Payments and mints."""

from __future__ import annotations

from tests.models.world import Failed, Reverted, World


def balance_of(world: World, key: bytes) -> int:
    """What `transfer` reads: any number of up to 256 bits."""
    balance = world.number(key)
    if balance is None:
        raise Failed("NotANumber: a balance is longer than 32 bytes")
    return balance


def transfer(world: World, sender: bytes, receiver: bytes, amount: int) -> None:
    balances = {key: balance_of(world, key) for key in (sender, receiver)}
    if balances[sender] < amount:
        raise Reverted("insufficient funds")
    balances[sender] -= amount
    balances[receiver] += amount
    if balances[receiver] >= 1 << 256:
        raise Reverted("balance overflow")
    for key, balance in balances.items():
        world.odd.pop(key, None)
        world.amounts[key] = balance


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
    for key in settings:
        if world.amount(key) == 0:
            raise Reverted("payments are halted")
    counts = (*sender_counts, *receiver_counts)
    balance, other = [world.amount(key) for key in (sender, receiver, *counts)][:2]
    if balance < amount:
        raise Reverted("insufficient funds")
    world.put(sender, balance - amount)
    world.put(receiver, other + amount)
    for key in counts:
        world.put(key, world.amount(key) + 1)


def mint(world: World, collection: bytes, minted: bytes, revenue: bytes, balance: bytes, minter: int) -> None:
    supply, price = world.record(collection, "no such collection")
    number, earned, held = [world.amount(key) for key in (minted, revenue, balance)]
    if number >= supply:
        raise Reverted("sold out")
    if held < price:
        raise Reverted("insufficient funds")
    world.put(minted, number + 1)
    world.put(revenue, earned + price)
    world.put(balance, held - price)
    _give_token(world, b"nft." + (number + 1).to_bytes(8, "big"), minter)


def mint_commutative(
    world: World, collection: bytes, minted: bytes, revenue: bytes, balance: bytes, token: bytes, minter: int
) -> None:
    supply, price = world.record(collection, "no such collection")
    if not world.add(minted, 1, supply):
        raise Reverted("sold out")
    world.pay_out(balance, price)
    world.pay_in(revenue, price)
    _give_token(world, token, minter)


def _give_token(world: World, token: bytes, minter: int) -> None:
    if world.has(token):
        raise Reverted("token exists")
    world.put(token, minter + 1)
    world.events.append(b"minted")
