"""The arithmetic of ctx.add at its edges is that of Python's integers, however the core comes to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.errors import BoundsError
from blockstm.programs.program import program
from blockstm.results.result import Result
from tests.support.engines import run

U256 = (1 << 256) - 1
SETTINGS = settings(deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])

# Every size at which a carry, a borrow or a limb begins or ends, and its neighbours.
EDGES = sorted(
    {0, 1, U256} | {(1 << bits) + near for bits in (8, 63, 64, 128, 192, 255) for near in (-1, 0, 1)}
)
numbers = st.one_of(st.sampled_from(EDGES), st.integers(0, U256), st.integers(0, 300))
deltas = st.builds(lambda number, sign: number * sign, numbers, st.sampled_from([1, -1]))
stored = st.one_of(
    st.none(),
    numbers.map(lambda number: number.to_bytes((number.bit_length() + 7) // 8, "big")),
    numbers.map(lambda number: number.to_bytes(32, "big")),  # leading zeros
    st.binary(max_size=35),  # 33 bytes and more are no number, whatever is in them
    st.just(bytes(33)),
)
bounds = st.one_of(st.just((0, U256)), st.tuples(numbers, numbers).map(lambda pair: (min(pair), max(pair))))
# Where a number starts, what is added to it in turn, and the bounds of every sum.
cases = st.lists(st.tuples(stored, st.lists(deltas, min_size=1, max_size=4), bounds), min_size=1, max_size=6)


@program
def add_in_turn(ctx, key: bytes, amounts, minimum: int, maximum: int, read_before: bool, read_after: bool):
    if read_before:
        ctx.read(key)
    for amount in amounts:
        try:
            ctx.add(key, amount, minimum, maximum)
        except BoundsError:
            ctx.emit(b"out of bounds")
        else:
            ctx.emit(b"added")
        if read_after:
            ctx.emit(ctx.read(key) or b"")


@program
def write_then_add(ctx, key: bytes, value: bytes | None, amounts, minimum: int, maximum: int):
    if value is None:
        ctx.delete(key)
    else:
        ctx.write(key, value)
    add_in_turn.function(ctx, key, amounts, minimum, maximum, False, True)


@program
def add_once(ctx, key: bytes, amount, minimum: int = 0, maximum: int = U256):
    ctx.add(key, amount, minimum, maximum)


def encoded(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def expected(
    value: bytes | None, amounts: list[int], minimum: int, maximum: int
) -> list[tuple[bytes, bytes | None]]:
    """What each add comes to: whether it was done, and what the key holds then."""
    steps: list[tuple[bytes, bytes | None]] = []
    for amount in amounts:
        total = int.from_bytes(value or b"", "big") + amount
        if len(value or b"") <= 32 and minimum <= total <= maximum:
            value = encoded(total)
            steps.append((b"added", value))
        else:
            steps.append((b"out of bounds", value))
    return steps


def key_at(place: int) -> bytes:
    return b"number %d" % place


def initial(block_cases: list[tuple[bytes | None, list[int], tuple[int, int]]]) -> dict[bytes, bytes]:
    return {key_at(place): case[0] for place, case in enumerate(block_cases) if case[0] is not None}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(4, active_workers=4) as engine:
        yield engine


def both_ways(engine: Engine, block: Block) -> list[Result]:
    return [run(engine, block, 4), engine.execute(block, "sequential")]


@given(cases, st.booleans(), st.booleans())
@settings(SETTINGS, max_examples=250)
def test_several_adds_in_a_transaction(
    engine: Engine, block_cases, read_before: bool, read_after: bool
) -> None:
    transactions = [
        add_in_turn.txn(key_at(place), amounts, *limits, read_before, read_after)
        for place, (_, amounts, limits) in enumerate(block_cases)
    ]
    for result in both_ways(engine, Block(transactions, initial(block_cases))):
        for place, (value, amounts, limits) in enumerate(block_cases):
            steps = expected(value, amounts, *limits)
            events = [
                part for done, held in steps for part in ([done, held or b""] if read_after else [done])
            ]
            assert result.receipts[place].events == events
            assert result.state.get(key_at(place)) == steps[-1][1]


@given(cases)
@settings(SETTINGS, max_examples=150)
def test_one_add_a_transaction(engine: Engine, block_cases) -> None:
    """Adds of several transactions come together only in the multi-version memory, or at commit."""
    transactions, outcomes = [], []
    for place, (value, amounts, limits) in enumerate(block_cases):
        transactions += [add_once.txn(key_at(place), amount, *limits) for amount in amounts]
        outcomes += [done == b"added" for done, _ in expected(value, amounts, *limits)]
    for result in both_ways(engine, Block(transactions, initial(block_cases))):
        assert [receipt.status == "success" for receipt in result.receipts] == outcomes
        for place, (value, amounts, limits) in enumerate(block_cases):
            assert result.state.get(key_at(place)) == expected(value, amounts, *limits)[-1][1]


@given(cases)
@settings(SETTINGS, max_examples=100)
def test_adds_to_what_the_transaction_has_written(engine: Engine, block_cases) -> None:
    transactions = [
        write_then_add.txn(key_at(place), value, amounts, *limits)
        for place, (value, amounts, limits) in enumerate(block_cases)
    ]
    for result in both_ways(engine, Block(transactions)):
        for place, (value, amounts, limits) in enumerate(block_cases):
            steps = expected(value, amounts, *limits)
            events = [part for done, held in steps for part in (done, held or b"")]
            assert result.receipts[place].events == events
            assert result.state.get(key_at(place)) == steps[-1][1]
            assert result.reads(place) == []


@pytest.mark.parametrize("arguments", [(1 << 256,), (-(1 << 256),), (1, 0, 1 << 256), (1, -1), (1, 5, 4)])
def test_numbers_beyond_256_bits_and_senseless_bounds_fail_the_transaction(
    engine: Engine, arguments: tuple[int, ...]
) -> None:
    @program
    def add_computed(ctx):
        ctx.write(b"other", b"1")
        ctx.add(b"n", *arguments)

    for result in both_ways(engine, Block([add_computed.txn()], {b"n": b"\7"})):
        assert result.receipts[0].status == "failed"
        assert result.receipts[0].error
        assert result.state == {b"n": b"\7"}
