"""Blocks to measure, and how to measure fairly on a noisy machine: by turns, medians."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import blockstm
from blockstm.programs.built_in import transfer

ROOT = Path(__file__).parents[2]
TXNS = 10_000


def transfers(accounts: int, work: int, txns: int = TXNS, seed: int = 1) -> blockstm.Block:
    """A block of transfers between random accounts, each with plenty of funds."""
    chance = random.Random(seed)
    keys = [b"account-%06d" % index for index in range(accounts)]
    transactions = []
    for _ in range(txns):
        sender, receiver = chance.sample(keys, 2)
        transactions.append(transfer.txn(sender, receiver, chance.randrange(1, 100), work))
    return blockstm.Block(transactions, {key: (10**9).to_bytes(4, "big") for key in keys})


def interleaved(runs: Sequence[Callable[[], float]], rounds: int) -> list[float]:
    """Call each in turn, `rounds` times after one round of warm-up; the median of each."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds + 1):
        for run, seen in zip(runs, times, strict=True):
            seen.append(run())
    return [median(seen[1:]) for seen in times]


def wall_seconds(engine: blockstm.Engine, block: blockstm.Block, model: str = "block-stm") -> float:
    """The time of one run, inside the run."""
    return engine.execute(block, model).stats.wall_seconds


def least_gas_of_two_cores(block: blockstm.Block) -> int:
    """No schedule of `trace` transactions on two cores does less, one after the other, than this much gas.

    Half of all gas, or the longest chain: a reader waits for the last writer of its key before it, and for all
    adds since; adds do not wait for each other.
    """
    last: dict[bytes, int] = {}  # when the last write of a key, and the adds so far, are done
    total = longest = 0
    for transaction in block.transactions:
        reads, writes, adds, gas = transaction.arguments
        done = gas + max((last.get(key, 0) for key in reads), default=0)
        for key in writes:
            last[key] = done
        for key in adds:
            last[key] = max(last.get(key, 0), done)
        total += gas
        longest = max(longest, done)
    return max(longest, -(-total // 2))
