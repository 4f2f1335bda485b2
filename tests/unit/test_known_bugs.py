"""The bugs that other Block-STM implementations have had, and the limits at which such code breaks.

Each test says which bug it would catch, and how. Where a bug shows only when one transaction overtakes
another, the slower one sleeps; the test repeats until that order has come about, and fails if it never does.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.engine.stress import committed, stressed
from blockstm.errors import BoundsError, LimitError, MemoryLimitError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import program
from blockstm.programs.transaction import Transaction
from blockstm.results.result import Result
from blockstm.results.verify import differences
from tests.support.engines import WORKERS_MAX, run
from tests.support.oracle import assert_equal, run_in_order

NAP_SECONDS = 0.03
TRIES = 30


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine(WORKERS_MAX, active_workers=WORKERS_MAX) as engine:
        yield engine


def until(came_about: Callable[[Result], bool], engine: Engine, block: Block, workers: int = 4) -> Result:
    """Run a block again and again until what the test is about has come about; every run must be right."""
    expected = run_in_order(block)
    for _ in range(TRIES):
        result = run(engine, block, workers)
        assert_equal(result, expected)
        if came_about(result):
            return result
    raise AssertionError(f"it did not come about in {TRIES} runs: {result!r}")


def ran_again(txn_idx: int) -> Callable[[Result], bool]:
    return lambda result: result[txn_idx].incarnations > 1


def number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def read_number(ctx, key: bytes) -> int:
    return int.from_bytes(ctx.read(key) or b"", "big")


# --- done declared too early ----------------------------------------------------------------------


@program
def increment(ctx, key: bytes):
    value = read_number(ctx, key)
    ctx.emit(number(value))
    ctx.write(key, number(value + 1))


@pytest.mark.parametrize("workers", [2, 3, 8])
def test_a_block_is_not_done_while_a_validation_is_under_way(engine: Engine, workers: int) -> None:
    # Bug: the validation index goes up before the task is counted as active, so that for a moment no task is
    # left and none is active, and the block is declared done before the last validations, which would have
    # aborted something, have been made. It takes a delay at just that place, and it hits the last
    # transactions: so the blocks are short, conflict to the last transaction, and run under many delays.
    for count in (2, 3, 5):
        block = Block([increment.txn(b"n") for _ in range(count)])
        for delay_seed in range(1, 40):
            result = run(engine, block, workers, delay_seed)
            assert result.state == {b"n": number(count)}, delay_seed
            assert [receipt.events for receipt in result.receipts] == [[number(n)] for n in range(count)]
            assert committed(engine) == count


# --- suspension after the first execution -----------------------------------------------------------


@pytest.mark.parametrize("work", [0, 5_000, 100_000])
def test_waiting_works_after_a_transaction_has_run_again(engine: Engine, work: int) -> None:
    # Bug: the list of those that wait for a transaction is closed when it has first been executed, and never
    # opened again. Later reads of its ESTIMATEs do not suspend but spin: every look is an execution begun in
    # vain. Two accounts, and four times as many workers as cores: the work done, however long it takes, must
    # stay in proportion to the block. (A spin makes thousands of attempts for each transaction here.)
    count = 300
    parties = [(b"a", b"b"), (b"b", b"a")]
    block = Block(
        [transfer.txn(*parties[idx % 3 % 2], 1 + idx % 3, work) for idx in range(count)],
        {b"a": number(40), b"b": number(2)},
    )
    expected = run_in_order(block)
    for _ in range(5):
        result = run(engine, block)
        assert_equal(result, expected)
        stats = result.stats
        assert stats.executions + stats.suspensions + stats.aborts < 12 * count
        assert stats.validations < 12 * count


@program
def nap_then_write(ctx, key: bytes, value: bytes):
    time.sleep(NAP_SECONDS)
    ctx.write(key, value)


@program
def react(ctx, switch: bytes, key: bytes):
    """Reads the switch; then, if it is set, takes its time to write the key."""
    if ctx.read(switch) is not None:
        time.sleep(NAP_SECONDS)
        ctx.write(key, b"second")
    else:
        ctx.write(key, b"first")


@program
def look(ctx, key: bytes):
    ctx.emit(ctx.read(key) or b"nothing")


def test_readers_sleep_while_a_transaction_runs_for_the_second_time(engine: Engine) -> None:
    # The same bug, in slow motion: `react` is executed, aborted, and runs again for a long time; its write is
    # an ESTIMATE meanwhile. All readers must suspend once and sleep, not look again and again.
    block = Block([nap_then_write.txn(b"s", b"on"), react.txn(b"s", b"k"), *[look.txn(b"k")] * 6])
    result = until(ran_again(1), engine, block)
    # Once for an ESTIMATE, and seldom again for one that a reader was woken into; a spin makes thousands.
    assert result.stats.suspensions <= 4 * len(block)
    assert result.stats.executions <= 4 * len(block)


# --- keys that the initial state does not have ------------------------------------------------------


@program
def write_everywhere(ctx, prefix: bytes):
    """Every way to create a key; two names are computed from what was read."""
    seen = read_number(ctx, prefix)
    ctx.write(prefix + b" written", b"w")
    ctx.write(prefix + b" computed %d" % seen, b"")
    ctx.add(prefix + b" added", 7)
    ctx.call(transfer, prefix + b" from", prefix + b" to", 0)
    ctx.call(trace, [], [prefix + b" traced"], {prefix + b" trace added": 1}, 0)
    ctx.write(prefix, number(seen + 1))
    ctx.write(prefix + b" deleted", b"d")
    ctx.delete(prefix + b" deleted")


def test_writes_to_keys_absent_from_the_initial_state_are_kept(engine: Engine) -> None:
    # Bug: a key that the initial state does not have has no place in the multi-version memory, and what is
    # written to it is dropped without a word. Here every key is new, made in every way there is, and read by
    # later transactions.
    transactions: list[Transaction] = []
    for place in range(8):
        prefix = b"p%d" % (place % 2)
        transactions += [write_everywhere.txn(prefix), look.txn(prefix + b" computed %d" % (place // 2))]
    transactions.append(trace.txn([b"never", b"n0"], [b"n0", b"n1"], {b"n2": 3}, 0))
    transactions.append(transfer.txn(b"broke", b"rich", 0))
    block = Block(transactions)
    expected = run_in_order(block)
    assert expected.state[b"p1 computed 3"] == b""
    assert len(expected.state) == 2 * 11 + 5
    for delay_seed in range(20):
        assert_equal(run(engine, block, 4, delay_seed), expected)


# --- what a validation compares ---------------------------------------------------------------------


@program
def nap_then_delete(ctx, key: bytes):
    time.sleep(NAP_SECONDS)
    ctx.delete(key)


def test_a_read_of_a_key_deleted_meanwhile_is_not_valid(engine: Engine) -> None:
    # Bug: a validation that runs only over keys that still exist passes a read of one that has been deleted.
    # The reader overtakes the one that deletes, and must run again.
    block = Block([nap_then_delete.txn(b"k"), look.txn(b"k")], {b"k": b"there"})
    result = until(ran_again(1), engine, block)
    assert result.receipts[1].events == [b"nothing"]


def test_a_read_of_an_absent_key_created_meanwhile_is_not_valid(engine: Engine) -> None:
    # The same, the other way round: nothing was there when it was read, so there is nothing to compare.
    block = Block([nap_then_write.txn(b"k", b"there"), look.txn(b"k")])
    result = until(ran_again(1), engine, block)
    assert result.receipts[1].events == [b"there"]


@program
def write_unless(ctx, switch: bytes, key: bytes):
    if ctx.read(switch) is None:
        ctx.write(key, b"too early")


def test_a_read_of_a_write_that_a_later_incarnation_does_not_make_is_not_valid(engine: Engine) -> None:
    # The same, with a version that is gone: transaction 1 wrote the key, transaction 2 read that; then 1 runs
    # again and does not write the key. A validation over the keys that 1 has written now misses it.
    block = Block([nap_then_write.txn(b"s", b"on"), write_unless.txn(b"s", b"k"), look.txn(b"k")])
    result = until(lambda result: ran_again(1)(result) and ran_again(2)(result), engine, block)
    assert result.receipts[2].events == [b"nothing"]


def test_versions_are_compared_and_not_values(engine: Engine) -> None:
    # Bug: a validation that compares values passes a version that has been replaced by an equal value (ABA).
    # What is there may be about to change again. Writing the value that is there already is a write: the
    # reader that overtook it must run again.
    block = Block([nap_then_write.txn(b"k", b"same"), look.txn(b"k")], {b"k": b"same"})
    until(ran_again(1), engine, block)


def test_deleted_and_created_anew_with_the_same_value(engine: Engine) -> None:
    # ABA across two transactions: the base value is read, then deleted by one, then created anew by another.
    block = Block(
        [nap_then_delete.txn(b"k"), nap_then_write.txn(b"k", b"same"), look.txn(b"k"), look.txn(b"k")],
        {b"k": b"same"},
    )
    until(lambda result: ran_again(2)(result) and ran_again(3)(result), engine, block)


@program
def toggle(ctx, key: bytes):
    if ctx.read(key) is None:
        ctx.write(key, b"same")
    else:
        ctx.delete(key)
    ctx.emit(b"%d" % ctx.txn_idx)


def test_values_that_come_and_go(engine: Engine) -> None:
    # ABA many times over: half of all possible mistakes of a comparison by value cancel out, the others not.
    block = Block([toggle.txn(b"k%d" % (idx % 3 % 2)) for idx in range(60)], {b"k0": b"same"})
    expected = run_in_order(block)
    for delay_seed in range(30):
        assert_equal(run(engine, block, 2 + delay_seed % 7, delay_seed), expected)


# --- waves ------------------------------------------------------------------------------------------


@program
def write_if(ctx, switch: bytes, key: bytes):
    if ctx.read(switch) is not None:
        ctx.write(key, b"written")


def test_a_validation_of_an_older_wave_does_not_commit_a_transaction(engine: Engine) -> None:
    # Bug: waves are recorded, but the commit does not look at them. Transaction 2 is executed and validated
    # while 0 still sleeps. Then 0 writes the switch, so that 1, when it runs again, writes the key that 2 has
    # read. The validation of 2 passed, its incarnation is still the same, all before it are final: only the
    # wave says that it must not commit.
    block = Block(
        [nap_then_write.txn(b"s", b"on"), write_if.txn(b"s", b"k"), look.txn(b"k")], {b"k": b"base"}
    )
    result = until(lambda result: ran_again(1)(result) and ran_again(2)(result), engine, block, 2)
    assert result.receipts[2].events == [b"written"]


@program
def spend_or_fail(ctx, purse: bytes, amount: int):
    held = read_number(ctx, purse)
    ctx.emit(number(held))
    time.sleep(0.0002)
    if held < amount:
        ctx.revert(f"{held} is not enough")
    ctx.write(purse, number(held - amount))


def test_receipts_of_a_stream_are_final_while_later_transactions_run(engine: Engine) -> None:
    # The same bug seen from outside: a receipt that was handed out must never turn out wrong. Receipts are
    # compared the moment they come, while later transactions (which conflict with them) still run.
    block = Block(
        [spend_or_fail.txn(b"purse %d" % (idx % 2), 3 + idx % 4) for idx in range(60)],
        {b"purse 0": number(80), b"purse 1": number(50)},
    )
    expected = run_in_order(block).outcomes
    assert {outcome.status for outcome in expected} == {"success", "reverted"}
    early = 0
    for delay_seed in range(12):
        with stressed(engine, active_workers=2 + delay_seed % 7, delay_seed=delay_seed):
            for receipt in engine.stream(block):
                outcome = expected[receipt.txn_idx]
                assert (receipt.status, receipt.error, receipt.events) == (
                    outcome.status,
                    outcome.error,
                    outcome.events,
                )
                early += committed(engine) < len(block)
    assert early > 12 * len(block) // 4


# --- the memory limit -------------------------------------------------------------------------------


@program
def write_much(ctx, value_bytes: int, count: int):
    for place in range(count):
        ctx.write(b"%d %d" % (ctx.txn_idx, place), bytes(value_bytes))


@program
def read_much(ctx, count: int):
    for place in range(count):
        ctx.read(b"absent %d" % place)


@program
def write_again(ctx, count: int, value_bytes: int):
    for place in range(count):
        ctx.write(b"one", bytes([place % 256]) * value_bytes)


@program
def emit_much(ctx, count: int):
    for _ in range(count):
        ctx.emit(bytes(65_536))


@pytest.fixture(scope="module")
def small_engine() -> Iterator[Engine]:
    with Engine(4, active_workers=4, memory_limit_bytes=4 << 20) as engine:
        yield engine


@pytest.mark.parametrize("model", ["block-stm", "sequential"])
@pytest.mark.parametrize(
    "transaction",
    [
        write_much.txn(60_000, 4),
        write_much.txn(1, 4_000),  # locations and the hash table
        read_much.txn(100_000),  # read sets
        write_again.txn(1_000, 60_000),  # private memory: only the last value counts in the arena
        emit_much.txn(30),
    ],
    ids=["values", "keys", "reads", "private", "events"],
)
def test_the_memory_limit_reached_in_the_middle_is_one_error(
    small_engine: Engine, transaction: Transaction, model: str
) -> None:
    # Bug: memory that runs out in the middle of an execution is a crash, a hang, or a result with holes. It
    # must be MemoryLimitError, soon, and the engine must go on with the next block.
    small = Block([increment.txn(b"n")] * 20)
    pids = small_engine.worker_pids
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(MemoryLimitError, match="memory_limit_bytes"):
            small_engine.execute(Block([transaction] * 100), model)
        assert time.monotonic() - began < 10
        assert small_engine.execute(small, model).state == {b"n": number(20)}
    assert small_engine.worker_pids == pids


def test_a_stream_that_reaches_the_memory_limit_says_so_after_what_is_final(small_engine: Engine) -> None:
    block = Block([*[increment.txn(b"n")] * 5, *[write_much.txn(60_000, 4)] * 100])
    receipts = []
    with pytest.raises(MemoryLimitError):
        for receipt in small_engine.stream(block):
            receipts.append(receipt)
    assert [receipt.events for receipt in receipts[:5]] == [[number(n)] for n in range(len(receipts[:5]))]
    assert len(receipts) < len(block)
    assert len(list(small_engine.stream(Block([increment.txn(b"n")] * 3)))) == 3


# --- sizes at which tables, trees and buffers end ---------------------------------------------------


@pytest.mark.parametrize("model", ["block-stm", "sequential"])
@pytest.mark.parametrize("count", [0, 1, 2])
def test_blocks_of_no_transaction_and_of_one(engine: Engine, count: int, model: str) -> None:
    # Bug: indices that begin at the end, or a collector that nobody calls.
    block = Block([increment.txn(b"n")] * count, {b"kept": b"1"})
    for workers in (1, 2, WORKERS_MAX):
        with stressed(engine, active_workers=workers):
            result = engine.execute(block, model)
            streamed = list(engine.stream(block, model))
        assert_equal(result, run_in_order(block))
        assert streamed == result.receipts


@program
def create(ctx, first: int, count: int):
    for place in range(first, first + count):
        ctx.write(b"new key %d" % place, b"%d %d" % (ctx.txn_idx, place))


def test_twenty_thousand_new_keys(engine: Engine) -> None:
    # Bug: a table sized for the keys of the initial state, which drops keys, hangs or crashes when programs
    # make more; or a key that two workers insert at once and that is then there twice. Every key is written
    # by two transactions, by several workers at a time.
    block = Block([create.txn(start // 2 * 500, 500) for start in range(80)])
    expected = run_in_order(block)
    assert len(expected.state) == 20_000
    result = run(engine, block)
    assert dict(result.state) == expected.state
    assert {receipt.status for receipt in result.receipts} == {"success"}
    with stressed(engine, active_workers=1):
        assert dict(engine.execute(block, "sequential").state) == expected.state


# Up to five writers of a key are kept in one place, more in a tree whose height goes with the block's length:
# 511, 512 and 513 are about a full tree, 32,768 is the next one.
@pytest.mark.parametrize("count", [5, 6, 7, 8, 9, 63, 64, 65, 511, 512, 513, 4_096, 10_000, 32_768])
def test_one_key_with_many_writers(engine: Engine, count: int) -> None:
    # Bug: a list of all writers of a key that every read walks (14 us at 10,000 writers), or a tree that
    # loses its last entries where it is full.
    block = Block([trace.txn([b"hot"], [b"hot"], {}, 0) for _ in range(count)])
    expected = run_in_order(block)
    result = run(engine, block, 2)
    assert dict(result.state) == expected.state
    for txn_idx in range(0, count, 1 + count // 200):
        assert result.reads(txn_idx) == expected.outcomes[txn_idx].reads


def test_one_key_with_many_adds(engine: Engine) -> None:
    # Adds are kept like writes, and summed from the last one that is final.
    block = Block([trace.txn([], [], {b"sum": 3}, 0) for _ in range(10_000)])
    assert run(engine, block, 4).state == {b"sum": number(30_000)}


@program
def touch_thousands(ctx, count: int):
    total = 0
    for place in range(count):
        total += read_number(ctx, b"k%d" % place)
    for place in range(0, count, 2):
        ctx.write(b"k%d" % place, number(total + place))
    for place in range(1, count, 2):
        ctx.add(b"k%d" % place, place, 0)
    ctx.emit(number(total))


def test_a_transaction_of_thousands_of_reads_and_writes(engine: Engine) -> None:
    # Bug: read and write sets of fixed size, or searched from one end to the other.
    keys = [b"k%d" % place for place in range(6_000)]
    block = Block(
        [
            touch_thousands.txn(6_000),
            trace.txn(keys, keys[::3], {keys[1]: 5}, 0),
            touch_thousands.txn(3_000),
            trace.txn(keys[::-1], [b"sum"], {}, 0),
        ],
        {b"k7": b"\5"},
    )
    expected = run_in_order(block)
    assert len(expected.outcomes[0].reads) == 6_000
    for delay_seed in (0, 1):
        assert_equal(run(engine, block, 4, delay_seed), expected)


@program
def grow(ctx, key: bytes, length: int, catch: bool):
    value = ctx.read(key) or b""
    try:
        ctx.write(key, (value[:1] + bytes([len(value) % 251])).ljust(length, b"."))
    except LimitError:
        if not catch:
            raise
        ctx.emit(b"too long")


def test_values_of_the_greatest_length(engine: Engine) -> None:
    # Bug: a length kept in 16 bits, or a buffer of 64 KiB with room for one byte less.
    lengths = [65_536, 65_535, 65_537, 65_536, 0, 65_536]
    transactions = [grow.txn(b"k", length, False) for length in lengths]
    transactions += [grow.txn(b"k", 65_537, True), trace.txn([b"k"], [b"t"], {}, 0), look.txn(b"k")]
    block = Block(transactions, {b"k": bytes(65_536)})
    expected = run_in_order(block)
    assert [outcome.status for outcome in expected.outcomes].count("failed") == 1
    for delay_seed in (0, 1, 2):
        assert_equal(run(engine, block, 4, delay_seed), expected)
    assert_equal(engine.execute(block, "sequential"), expected)


@program
def dig(ctx, depth: int, failing: int, catching: int):
    """Calls itself; each level changes keys before and after; one fails and one above it catches that."""
    level = b"level %d" % depth
    ctx.write(level, b"before")
    ctx.write(b"deepest", level)
    ctx.add(b"levels", 1, 0, 200)
    ctx.emit(level)
    if depth == failing:
        ctx.add(b"levels", -1000)
    try:
        if depth > 0:
            ctx.call(dig, depth - 1, failing, catching)
    except (BoundsError, LimitError):
        if depth != catching:
            raise
        ctx.write(b"caught", ctx.read(b"deepest"))
        ctx.emit(ctx.read(b"levels"))
    ctx.write(level, b"after")


@pytest.mark.parametrize(
    ("depth", "failing", "catching"),
    [
        (64, -1, -1),  # as deep as it goes
        (65, -1, -1),  # one too deep, caught by none
        (65, -1, 2),
        (65, -1, 65),
        (64, 0, 1),
        (64, 0, 64),
        (64, 64, -1),
        (64, 32, 40),
    ],
)
def test_calls_nested_to_the_limit(engine: Engine, depth: int, failing: int, catching: int) -> None:
    # Bug: savepoints that are taken back in the wrong order, or too few of them, or all of them at once.
    block = Block([dig.txn(depth, failing, catching)] * 3, {b"levels": b"\1"})
    expected = run_in_order(block)
    assert_equal(engine.execute(block, "sequential"), expected)
    for delay_seed in (0, 1, 2):
        result = run(engine, block, 4, delay_seed)
        assert_equal(result, expected)
        assert differences(result, engine.execute(block, "sequential")) == []
