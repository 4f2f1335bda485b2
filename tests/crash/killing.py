"""Kills workers of an engine while it executes blocks, and tells what the result must be all the same."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.engine.stress import kill_worker
from blockstm.programs.built_in import trace, transfer


@contextmanager
def killer(engine: Engine, seed: int, kills: int, within_seconds: float) -> Iterator[list[int]]:
    """Kill workers chosen at random, at random moments within the time given, counted from now.

    Yields the slots of the workers that were killed so far.
    """
    choice = random.Random(seed)
    moments = sorted(choice.uniform(0, within_seconds) for _ in range(kills))
    killed: list[int] = []
    began = time.monotonic()

    def run() -> None:
        for moment in moments:
            while (left := moment - (time.monotonic() - began)) > 0:
                time.sleep(min(left, 0.0001))
            slot = choice.randrange(engine.workers)
            kill_worker(engine, slot)
            killed.append(slot)

    thread = threading.Thread(target=run, name="killer")
    thread.start()
    try:
        yield killed
    finally:
        thread.join()


def transfers(seed: int, count: int, accounts: int, work: int) -> Block:
    choice = random.Random(seed)
    keys = [b"account %d" % number for number in range(accounts)]
    return Block(
        [
            transfer.txn(choice.choice(keys), choice.choice(keys), choice.randrange(40), work)
            for _ in range(count)
        ],
        {key: (100).to_bytes(1) for key in keys},
    )


def traces(seed: int, count: int, keys: int, gas: int) -> Block:
    """Transactions that read, write and add to a few keys each, some of which nobody wrote before."""
    choice = random.Random(seed)
    names = [b"key %d" % number for number in range(keys)]
    counters = [b"counter %d" % number for number in range(3)]

    def some() -> list[bytes]:
        return choice.sample(names, choice.randrange(4))

    transactions = []
    for _ in range(count):
        adds = {choice.choice(counters): choice.randrange(1000)} if choice.random() < 0.3 else {}
        reads = some() + ([choice.choice(counters)] if choice.random() < 0.05 else [])
        transactions.append(trace.txn(reads, some(), adds, gas))
    return Block(transactions, {name: name for name in names[::2]})
