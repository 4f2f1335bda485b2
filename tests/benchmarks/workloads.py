"""Blocks to measure, and how to measure fairly on a noisy machine: by turns, medians."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import blockstm
from blockstm.programs import transfer

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
