"""Thousands of small blocks of every shape, on more workers than cores, with random delays at step points.

Each run must equal the sequential one, and that one the oracle. Every shape has a share of the time, in which
most come to a hundred runs and more; BLOCKSTM_STRESS=10 makes it ten times as long, and BLOCKSTM_STRESS_SEED=n
begins with other blocks. A failure names the shape, the seed of the block, the workers and the seed of the
delays.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.errors import BoundsError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import program
from blockstm.programs.transaction import Transaction
from blockstm.results.verify import differences
from tests.support.engines import WORKERS_MAX, run
from tests.support.oracle import assert_equal, run_in_order
from tests.support.programs import KEYS, script

SCALE = float(os.environ.get("BLOCKSTM_STRESS", "1"))
FIRST_SEED = int(os.environ.get("BLOCKSTM_STRESS_SEED", "1"))
SECONDS_OF_A_SHAPE = 0.25 * SCALE
BLOCKS_MIN = 12
RUNS_OF_A_BLOCK = 6
# A worker that sleeps through its task wakes up a second later.
STALL_SECONDS = 0.9
STALLS_MAX = 2 * max(1, SCALE)

U256 = (1 << 256) - 1

Shape = Callable[[random.Random, int], Block]
shapes: dict[str, Shape] = {}


def shape(build: Shape) -> Shape:
    """Register a shape: a function that makes a block of a given number of transactions."""
    shapes[build.__name__] = build
    return build


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def read_number(ctx: Any, key: bytes) -> int:
    return int.from_bytes(ctx.read(key) or b"", "big")


def shorter(count: int) -> int:
    """For shapes that run only in turns: more short blocks rather than a few long ones."""
    return count // 4 + 1


# --- the programs ---------------------------------------------------------------------------------


@program
def increment(ctx, key: bytes):
    value = read_number(ctx, key)
    os.sched_yield()
    ctx.write(key, number(value + 1))
    ctx.emit(number(value))


@program
def copy_onward(ctx, source: bytes, target: bytes):
    ctx.write(target, number(read_number(ctx, source) + ctx.txn_idx))


@program
def add_within(ctx, key: bytes, amount: int, minimum: int, maximum: int, look: bool):
    try:
        ctx.add(key, amount, minimum, maximum)
    except BoundsError:
        ctx.emit(b"refused")
    if look:
        ctx.emit(ctx.read(key) or b"")


@program
def follow(ctx, key: bytes, hops: int):
    """Go from key to key by what each holds, and change the last: every incarnation may write elsewhere."""
    for _ in range(hops):
        key = b"p%d" % (read_number(ctx, key) % 5)
        os.sched_yield()
    ctx.write(key, number((read_number(ctx, key) + 1) % 5))


@program
def change_one_of_two(ctx, switch: bytes, even: bytes, odd: bytes):
    """Read and change a key chosen by a switch that others flip; poll in between, so it can be doomed."""
    key = odd if read_number(ctx, switch) % 2 else even
    value = read_number(ctx, key)
    os.sched_yield()
    ctx.charge(1)
    ctx.write(key, number(value + 1))
    if value % 3 == 0:
        ctx.charge(1)
        ctx.write(switch, number(value // 3))


@program
def create(ctx, counter: bytes, each: int):
    first = read_number(ctx, counter)
    for place in range(first, first + each):
        ctx.write(b"made %d" % place, number(ctx.txn_idx))
    ctx.write(counter, number(first + each))


@program
def toggle(ctx, key: bytes, value: bytes):
    """Delete what is there, else create it anew with the value that it always has."""
    if ctx.read(key) is None:
        ctx.write(key, value)
    else:
        ctx.delete(key)


@program
def take_long(ctx, key: bytes, seconds: float):
    value = ctx.read(key) or b""
    time.sleep(seconds)
    ctx.write(key, (value + b"!")[-40:])


# --- the shapes -----------------------------------------------------------------------------------


@shape
def all_conflict_python(rng: random.Random, count: int) -> Block:
    return Block([increment.txn(b"one") for _ in range(shorter(count))])


@shape
def all_conflict_native(rng: random.Random, count: int) -> Block:
    work = rng.choice([0, 0, 2000])
    parties = [(b"a", b"b"), (b"b", b"a")]
    return Block(
        [transfer.txn(*rng.choice(parties), rng.randrange(4), work) for _ in range(count)],
        {b"a": number(5), b"b": number(5)},
    )


@shape
def few_accounts(rng: random.Random, count: int) -> Block:
    accounts = [b"account %d" % place for place in range(rng.randrange(3, 12))]
    return Block(
        [transfer.txn(rng.choice(accounts), rng.choice(accounts), rng.randrange(5)) for _ in range(count)],
        {account: number(rng.randrange(6)) for account in accounts[1:]},
    )


@shape
def hot_key_read_and_written(rng: random.Random, count: int) -> Block:
    def transaction(place: int) -> Transaction:
        own = b"own %d" % place
        reads = rng.sample([b"hot", b"warm", own], rng.randrange(1, 4))
        writes = rng.sample([b"hot", b"warm", own], rng.randrange(1, 3))
        return trace.txn(reads, writes, {}, rng.choice([0, 0, 3000]))

    return Block([transaction(place) for place in range(count)])


@shape
def read_mostly_hot_key(rng: random.Random, count: int) -> Block:
    return Block(
        [
            trace.txn(
                [b"hot"], [b"own %d" % place] if rng.random() < 0.9 else [b"hot"], {}, rng.choice([0, 500])
            )
            for place in range(count)
        ],
        {b"hot": b"at first"},
    )


@shape
def adds_only(rng: random.Random, count: int) -> Block:
    keys = [b"sum %d" % place for place in range(rng.randrange(1, 4))]
    amounts = [0, 1, 255, U256 // 3]
    return Block(
        [
            trace.txn([], [], {key: rng.choice(amounts) for key in rng.sample(keys, 1)}, 0)
            if rng.random() < 0.7
            else add_within.txn(rng.choice(keys), rng.choice([-1, 1, 7]), 0, U256, False)
            for _ in range(count)
        ],
        {keys[0]: number(rng.randrange(1000))},
    )


@shape
def adds_within_tight_bounds(rng: random.Random, count: int) -> Block:
    return Block(
        [
            add_within.txn(b"k%d" % rng.randrange(2), rng.choice([-3, -1, 1, 2, 3]), 0, 6, rng.random() < 0.2)
            for _ in range(count)
        ],
        {b"k0": number(3)},
    )


@shape
def adds_reads_and_writes_of_one_key(rng: random.Random, count: int) -> Block:
    def transaction() -> Transaction:
        kind = rng.randrange(5)
        if kind == 0:
            return increment.txn(b"n")
        if kind == 1:
            return toggle.txn(b"n", b"\x04")
        return add_within.txn(b"n", rng.choice([-2, -1, 1, 2]), 0, rng.choice([5, U256]), kind == 2)

    return Block([transaction() for _ in range(count)])


@shape
def chain(rng: random.Random, count: int) -> Block:
    native = rng.random() < 0.5
    return Block(
        [
            trace.txn([b"link %d" % place], [b"link %d" % (place + 1)], {}, rng.choice([0, 0, 1000]))
            if native
            else copy_onward.txn(b"link %d" % place, b"link %d" % (place + 1))
            for place in range(count)
        ],
        {b"link 0": b"\1"},
    )


@shape
def independent(rng: random.Random, count: int) -> Block:
    return Block(
        [
            transfer.txn(b"from %d" % place, b"to %d" % place, rng.randrange(3))
            if rng.random() < 0.5
            else increment.txn(b"from %d" % place)
            for place in range(count)
        ],
        {b"from %d" % place: number(1) for place in range(0, count, 2)},
    )


@shape
def many_new_keys(rng: random.Random, count: int) -> Block:
    return Block([create.txn(b"counter %d" % rng.randrange(2), rng.randrange(12)) for _ in range(count)])


@shape
def deleted_and_created_anew(rng: random.Random, count: int) -> Block:
    return Block(
        [
            toggle.txn(b"t%d" % rng.randrange(3), b"same")
            if rng.random() < 0.7
            else copy_onward.txn(b"t%d" % rng.randrange(3), b"seen %d" % place)
            for place in range(count)
        ],
        {b"t0": b"same"},
    )


@shape
def pointers(rng: random.Random, count: int) -> Block:
    return Block(
        [follow.txn(b"p%d" % rng.randrange(5), rng.randrange(4)) for _ in range(shorter(count))],
        {b"p%d" % place: number(rng.randrange(5)) for place in range(5)},
    )


@shape
def switched(rng: random.Random, count: int) -> Block:
    keys = [b"s", b"x", b"y"]
    return Block([change_one_of_two.txn(*rng.sample(keys, 3)) for _ in range(shorter(count))])


@shape
def long_then_short(rng: random.Random, count: int) -> Block:
    def transaction(place: int) -> Transaction:
        if place < 3:
            if rng.random() < 0.5:
                return take_long.txn(b"late", 0.001)
            return transfer.txn(b"a", b"late", 1, 300_000)
        return trace.txn([b"late" if rng.random() < 0.3 else b"early"], [b"own %d" % (place % 9)], {}, 0)

    return Block([transaction(place) for place in range(count)], {b"a": number(9)})


@shape
def scripts(rng: random.Random, count: int) -> Block:
    """Python and native programs, calls and failures, all on the same few keys."""
    bodies = [[operation(rng, 2) for _ in range(rng.randrange(1, 6))] for _ in range(4)]
    return Block(
        [
            transfer.txn(rng.choice(KEYS), rng.choice(KEYS), rng.randrange(3))
            if rng.random() < 0.2
            else script.txn(rng.choice(bodies), rng.randrange(4))
            for _ in range(shorter(count))
        ],
        {key: number(rng.randrange(9)) for key in rng.sample(KEYS, 3)},
    )


def operation(rng: random.Random, depth: int) -> tuple[Any, ...]:
    key, other = rng.randrange(14), rng.randrange(14)
    kind = rng.randrange(14 if depth else 10)
    if kind < 3:
        return ("read", key)
    if kind < 5:
        return ("write", key, None)
    if kind < 10:
        return [
            ("delete", key),
            ("add", key, None, *rng.choice([(0, U256), (0, 8)]), rng.random() < 0.7),
            ("transfer", key, other, rng.randrange(4), rng.random() < 0.7),
            ("raise_if", rng.randrange(2, 5)),
            ("charge", None, True),
        ][kind - 5]
    inner = [operation(rng, depth - 1) for _ in range(rng.randrange(4))]
    return [
        ("call", inner, rng.random() < 0.7),
        ("branch", 2, inner, [operation(rng, depth - 1)]),
        ("loop", inner),
        ("swallow", inner),
    ][kind - 10]


# --- the test -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(WORKERS_MAX, active_workers=WORKERS_MAX) as engine:
        engine.execute(Block([]))  # the workers are up now
        yield engine


def length(rng: random.Random) -> int:
    """Mostly short blocks: they come and go quickly. Sometimes 1 or 2 transactions, sometimes up to 250."""
    return rng.choice(
        [rng.randrange(1, 4), rng.randrange(2, 30), rng.randrange(10, 60), rng.randrange(40, 120)]
    )


@pytest.mark.timeout(60 + 60 * SCALE)
@pytest.mark.parametrize("name", shapes)
def test_equal_to_sequential(engine: Engine, name: str) -> None:
    end = time.perf_counter() + SECONDS_OF_A_SHAPE
    seed, stalls = FIRST_SEED, 0
    while time.perf_counter() < end or seed < FIRST_SEED + BLOCKS_MIN:
        stalls += stalls_in_runs(engine, name, seed)
        seed += 1
    print(f"{(seed - FIRST_SEED) * RUNS_OF_A_BLOCK} runs of shape {name}")
    assert stalls <= STALLS_MAX, f"{stalls} runs of shape {name} took over {STALL_SECONDS} s"


def stalls_in_runs(engine: Engine, name: str, seed: int) -> int:
    """Run one block of a shape in several ways and check each; how many of them took very long."""
    rng = random.Random(f"{name} {seed}")
    block = shapes[name](rng, 250 if seed % 20 == 10 else length(rng))
    sequential = engine.execute(block, "sequential")
    assert_equal(sequential, run_in_order(block), f"shape {name}, seed {seed}, sequential")
    stalls = 0
    for _ in range(RUNS_OF_A_BLOCK):
        workers, delay_seed = rng.randrange(2, WORKERS_MAX + 1), rng.choice([0, rng.randrange(1, 1 << 20)])
        began = time.perf_counter()
        result = run(engine, block, workers, delay_seed)
        stalls += time.perf_counter() - began > STALL_SECONDS
        wrong = differences(result, sequential)
        assert wrong == [], f"shape {name}, seed {seed}, {workers} workers, delay seed {delay_seed}"
    return stalls
