"""Long blocks of the shortest transactions, at full speed: no delays, so that memory ordering is all there is.

A store that another worker sees later than this one's next load (x86 does that, too) makes a stale read final
once in some millions of transactions. That needs real speed and many transactions: two workers on two cores, and
blocks of tens of thousands. BLOCKSTM_STRESS=10 takes ten times as long.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

import pytest

from blockstm.block import Block
from blockstm.engine import Engine
from blockstm.programs import trace
from blockstm.verify import differences
from tests.running import run

SCALE = float(os.environ.get("BLOCKSTM_STRESS", "1"))


def one_hot_key() -> Block:
    return Block([trace.txn([b"hot"], [b"hot"], {}, 0)] * 32_000)


def chain() -> Block:
    return Block(
        [trace.txn([b"link %d" % place], [b"link %d" % (place + 1)], {}, 0) for place in range(8_000)]
    )


def read_mostly() -> Block:
    return Block([trace.txn([b"hot"], [b"%d" % idx if idx % 3 else b"hot"], {}, 0) for idx in range(8_000)])


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(3, active_workers=3) as engine:
        yield engine


@pytest.mark.timeout(60 + 60 * SCALE)
@pytest.mark.parametrize(("make", "seconds"), [(one_hot_key, 6), (chain, 2), (read_mostly, 2)])
def test_no_stale_read_becomes_final(engine: Engine, make: Callable[[], Block], seconds: float) -> None:
    # Seen here: a transaction published its write and then looked at the validation index with no fence between.
    # The index had not come to it yet, so it did not move it back; but it went past before the write showed.
    block = make()
    sequential = engine.execute(block, "sequential")
    expected = dict(sequential.state)
    end = time.perf_counter() + seconds * SCALE
    runs = 0
    while time.perf_counter() < end or runs < 3:
        runs += 1
        result = run(engine, block, 3 if runs % 8 == 0 else 2)
        if dict(result.state) != expected:
            raise AssertionError(f"run {runs}: {differences(result, sequential)}")
    print(f"{runs} runs of {len(block)} transactions")
