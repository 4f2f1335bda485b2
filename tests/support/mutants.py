"""For each mutant of the protocol a small block and a plan that find it, and after how many schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from blockstm.blocks.block import Block
from blockstm.errors import BoundsError
from blockstm.explore.explorer import Plan, Report
from blockstm.models import Auto, BlockStm, DeclaredAccesses, Locks, Model, Push, SnapshotBatches
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.declared import Declared
from blockstm.programs.program import program


@program
def choose_place(ctx: Any, key: bytes, present: bytes, absent: bytes) -> None:
    """Write to one key where another is present, else to a third."""
    ctx.write(absent if ctx.read(key) is None else present, b"chosen")


@program
def choose_value(ctx: Any, key: bytes, place: bytes, present: bytes, absent: bytes) -> None:
    """Write one value where a key is present, else another."""
    ctx.write(place, absent if ctx.read(key) is None else present)


@program
def fill(ctx: Any, key: bytes, amount: int, maximum: int) -> None:
    """Add up to a maximum, and say where that was not possible."""
    try:
        ctx.add(key, amount, 0, maximum)
    except BoundsError:
        ctx.write(b"full", b"\1")


def chain() -> Block:
    """Each transaction reads what the one before writes."""
    keys = [b"a", b"b", b"c", b"d"]
    return Block([trace.txn([keys[n]], [keys[n + 1]], {}, 0) for n in range(3)], {})


def ring() -> Block:
    """Transfers in a ring, some of which have no funds."""
    moves = [(b"a", b"b", 5), (b"b", b"c", 15), (b"c", b"a", 12), (b"a", b"c", 0)]
    return Block([transfer.txn(*move) for move in moves], {b"a": b"\n", b"b": b"\n", b"c": b"\n"})


def same_values() -> Block:
    """The second transaction writes the same values whatever the first does."""
    moves = [(b"a", b"b", 1), (b"b", b"c", 0), (b"c", b"d", 1)]
    return Block([transfer.txn(*move) for move in moves], {b"a": b"\n", b"b": b"\n", b"c": b"\n"})


def crowd() -> Block:
    """More writers of a key than its location has slots for, and one that reads it at the end."""
    writers = [trace.txn([b"a"] if number % 2 else [], [b"a"], {}, 0) for number in range(8)]
    return Block([*writers, trace.txn([b"a"], [b"b"], {}, 0)], {b"a": b"\1"})


def adds() -> Block:
    """Two adds, and one who reads their sum."""
    return Block(
        [trace.txn([], [], {b"a": 1}, 0), trace.txn([], [], {b"a": 2}, 0), trace.txn([b"a"], [b"b"], {}, 0)],
        {},
    )


def bounded_adds() -> Block:
    """Two adds of which the second does not fit any more."""
    return Block([fill.txn(b"a", 7, 10), fill.txn(b"a", 7, 10), trace.txn([b"a"], [b"b"], {}, 0)], {})


def moving_place() -> Block:
    """Where the second transaction writes depends on whether the first was there."""
    return Block(
        [
            trace.txn([], [b"a"], {}, 0),
            choose_place.txn(b"a", b"b", b"c"),
            trace.txn([b"b", b"c"], [b"d"], {}, 0),
        ],
        {},
    )


@program
def tell_existence(ctx: Any, key: bytes, teller: bytes) -> None:
    """Write whether a key exists."""
    ctx.write(teller, b"%d" % ctx.exists(key))


@program
def tell_bounds(ctx: Any, key: bytes, minimum: int, teller: bytes) -> None:
    """Write whether a number is at least a minimum."""
    ctx.write(teller, b"%d" % ctx.check(key, minimum))


@program
def tell_keys(ctx: Any, prefix: bytes, limit: int, teller: bytes) -> None:
    """Write which keys with a prefix there are."""
    ctx.write(teller, b" ".join(ctx.scan(prefix, limit)))


@program
def put(ctx: Any, key: bytes, value: bytes | None) -> None:
    """Write a key, or delete it."""
    if value is None:
        ctx.delete(key)
    else:
        ctx.write(key, value)


def levels() -> Block:
    """Price levels that come, change and go, and those who look for the best two of them."""
    return Block(
        [
            tell_keys.txn(b"p", 2, b"x"),
            put.txn(b"p5", b"new"),
            tell_keys.txn(b"p", 2, b"y"),
            put.txn(b"p7", b"another value"),
            put.txn(b"p5", None),
            tell_keys.txn(b"p", 2, b"z"),
        ],
        {b"p7": b"old", b"p8": b"old", b"p9": b"old"},
    )


def account() -> Block:
    """An account that is opened, used and closed, and those who ask each time whether it is there."""
    return Block(
        [
            tell_existence.txn(b"a", b"x"),
            trace.txn([], [b"a"], {}, 0),
            tell_existence.txn(b"a", b"y"),
            choose_place.txn(b"y", b"a", b"b"),
            tell_existence.txn(b"a", b"z"),
        ],
        {},
    )


def margin() -> Block:
    """A margin that grows by adds to what is asked for, and those who check it."""
    return Block(
        [
            tell_bounds.txn(b"a", 3, b"x"),
            fill.txn(b"a", 2, 10),
            tell_bounds.txn(b"a", 3, b"y"),
            fill.txn(b"a", 2, 10),
            tell_bounds.txn(b"a", 3, b"z"),
        ],
        {},
    )


def equal_value() -> Block:
    """The third transaction writes what was there before the block, unless the first was there."""
    return Block(
        [
            trace.txn([], [b"k"], {}, 0),
            trace.txn([], [b"a"], {}, 0),
            choose_value.txn(b"k", b"a", b"other", b"same"),
            trace.txn([b"a"], [b"d"], {}, 0),
        ],
        {b"a": b"same"},
    )


def two_lanes() -> Block:
    """A short transaction and a long one without a conflict, and two that need what both touch."""
    return Block(
        [
            trace.txn([b"a"], [b"e"], {}, 0).replace(gas_limit=1),
            trace.txn([], [b"b", b"c"], {}, 0).replace(gas_limit=1000),
            trace.txn([b"b", b"c"], [b"a", b"d"], {}, 0),
            trace.txn([b"d", b"e"], [b"b"], {}, 0),
        ],
        {b"a": b"\1"},
    )


def joined() -> Block:
    """Two transactions that write two keys each, and one that reads all of them."""
    return Block(
        [
            trace.txn([], [b"a", b"b"], {}, 0),
            trace.txn([], [b"c", b"d"], {}, 0),
            trace.txn([b"a", b"b", b"c", b"d"], [b"e"], {}, 0),
        ],
        {},
    )


def crossing() -> Block:
    """Each of two transactions reads what the other writes; and one follows both."""
    return Block(
        [
            trace.txn([b"a"], [b"b"], {}, 0),
            trace.txn([b"b"], [b"a"], {}, 0),
            trace.txn([b"a", b"b"], [b"c"], {}, 0),
        ],
        {b"a": b"\1", b"b": b"\2"},
    )


def undeclared() -> Block:
    """The second transaction writes what it has not declared."""
    return Block(
        [
            trace.txn([], [b"a"], {}, 0).replace(declared=Declared(writes=[b"a"])),
            trace.txn([b"a"], [b"b", b"c"], {}, 0).replace(declared=Declared(reads=[b"a"], writes=[b"b"])),
        ],
        {},
    )


BLOCK_STM = BlockStm()
PUSH = Push()
OBSERVED = DeclaredAccesses("observed")
LOCKS = Locks(accesses="observed")
IN_ORDER = SnapshotBatches(reorders=False)


def ceasing() -> Block:
    """Some update a key, some only read it, and one more updates it."""
    updates = trace.txn([b"a"], [b"a"], {}, 0)
    return Block([updates, updates, *(trace.txn([b"a"], [key], {}, 0) for key in (b"b", b"c")), updates], {})


@dataclass(frozen=True)
class Hunt:
    """How a mutant is found."""

    block: Callable[[], Block]
    plan: Plan
    finds: str
    """The check that finds it; of an invariant, which one."""


def hunt(
    finds: str,
    block: Callable[[], Block],
    strategy: Literal["random", "pct"],
    workers: int,
    kills: int = 0,
    model: Model = BLOCK_STM,
) -> Hunt:
    plan = Plan(strategy, workers, SCHEDULES_MAX, seed=1, kills=kills, model=model)
    return Hunt(block, plan, finds)


SCHEDULES_MAX = 2000

SHRANK = "the committed prefix shrank, or passed what is not committed"
CHANGED = "something about a committed transaction changed"
STATUS = "a status changed as it never may"
EXECUTORS = "two workers run one incarnation"
INCARNATION = "an incarnation number went back"
WAVE = "committed on a validation older than a rewind that concerns it"
STALE = "committed although its reads did not hold"
ORDER = "committed before one below it"
ESTIMATE = "an ESTIMATE was read as a value"
COUNTER = "a scheduler counter went back"
PLACE = "a version word changed hands"
DONE = "the block is said to be done and is not committed"
WAITER = "it waits, what it waits for has come, and nobody is about to resume it"

HUNTS = {
    "waiter-lost": hunt(WAITER, ring, "pct", 2),
    "waiters-taken-early": hunt(WAITER, chain, "random", 2),
    "estimates-forgotten": hunt(STALE, chain, "random", 2),
    "abort-without-rewind": hunt(STALE, chain, "random", 3),
    "new-place-unnoticed": hunt(STALE, adds, "pct", 2),
    "wave-after-status": hunt(WAVE, adds, "random", 3),
    "values-compared": hunt(STALE, same_values, "random", 2),
    "commit-without-wave": hunt(WAVE, moving_place, "pct", 2),
    "status-before-writes": hunt(STATUS, chain, "random", 4),
    "leftovers-kept": hunt("livelock", moving_place, "random", 2),
    "own-validation-lost": hunt("deadlock", moving_place, "pct", 2),
    "estimate-read": hunt(ESTIMATE, chain, "random", 2),
    "add-as-write": hunt("sequential", adds, "pct", 2),
    "bounds-unchecked": hunt(STALE, bounded_adds, "random", 2),
    "ready-bit-lost": hunt("deadlock", chain, "random", 2),
    "sleeper-counted-late": hunt("deadlock", moving_place, "random", 3),
    "recovery-without-writes": hunt("sequential", bounded_adds, "random", 2, kills=1),
    "recovery-without-validations": hunt("deadlock", ring, "random", 3, kills=1),
    "recovery-without-collector": hunt("deadlock", moving_place, "random", 2, kills=1),
    "recovery-without-waiters": hunt(WAITER, same_values, "random", 3, kills=1),
    "successor-forgotten": hunt(WAITER, adds, "random", 3, kills=1),
    "claim-without-swap": hunt(EXECUTORS, ring, "random", 3),
    "incarnation-restarted": hunt(INCARNATION, ring, "random", 2),
    "rewind-in-same-wave": hunt(COUNTER, moving_place, "pct", 2),
    "two-collectors": hunt(CHANGED, adds, "random", 2),
    "commit-out-of-order": hunt(ORDER, chain, "random", 2),
    "place-claimed-twice": hunt(PLACE, ring, "random", 2),
    "withdrawn-place-freed": hunt(PLACE, ceasing, "random", 4),
    "at-once-on-any-reads": hunt(STALE, ring, "random", 2),
    "later-claim-taken": hunt(PLACE, ring, "random", 2),
    "final-writes-half-shown": hunt("sequential", chain, "random", 3, kills=1),
    "newest-final-taken": hunt("sequential", crowd, "pct", 2),
    "slot-taken-by-store": hunt(PLACE, crowd, "random", 2),
    "taken-kept": hunt("deadlock", chain, "random", 3, model=Auto(switches_every=1)),
    "done-by-indices": hunt(DONE, chain, "random", 2),
    "index-before-status": hunt(SHRANK, chain, "random", 2),
    "existence-not-repeated": hunt(STALE, account, "random", 2),
    "check-not-repeated": hunt(STALE, margin, "random", 2),
    "phantom-unnoticed": hunt(STALE, levels, "random", 2),
    "new-key-unordered": hunt("sequential", levels, "random", 2),
    "reader-registered-late": hunt(STALE, chain, "random", 2, model=PUSH),
    "reader-below-forgotten": hunt(STALE, chain, "random", 2, model=PUSH),
    "reader-not-carried": hunt(STALE, equal_value, "random", 4, model=PUSH),
    "told-only-executed": hunt(STALE, chain, "random", 2, model=PUSH),
    "news-lost": hunt("deadlock", chain, "random", 3, kills=1, model=PUSH),
    "promise-unchecked": hunt("sequential", undeclared, "random", 2, model=DeclaredAccesses()),
    "claim-read-through": hunt(STALE, chain, "random", 2, model=OBSERVED),
    "surprise-unnoticed": hunt(STALE, chain, "random", 3, kills=1, model=OBSERVED),
    "lock-not-awaited": hunt("sequential", equal_value, "random", 2, model=LOCKS),
    "lock-of-reader-not-awaited": hunt("sequential", two_lanes, "random", 3, model=LOCKS),
    "locks-given-back-early": hunt("sequential", joined, "random", 2, model=LOCKS),
    "lane-kept-by-dead": hunt("deadlock", chain, "random", 2, kills=1, model=LOCKS),
    "half-applied-run-again": hunt("sequential", ring, "random", 2, kills=1, model=LOCKS),
    "reserved-late": hunt("sequential", equal_value, "random", 2, model=IN_ORDER),
    "read-conflict-ignored": hunt("sequential", equal_value, "random", 2, model=IN_ORDER),
    "reordered-both-ways": hunt("sequential", two_lanes, "random", 2, model=SnapshotBatches()),
    "batch-add-unchecked": hunt("sequential", bounded_adds, "random", 2, model=SnapshotBatches()),
    "commit-applied-twice": hunt("sequential", adds, "pct", 2, kills=1, model=SnapshotBatches()),
    "sent-back-taken-for-stray": hunt("sequential", crossing, "random", 3, kills=1, model=IN_ORDER),
}


def assert_nothing(report: Report) -> None:
    """A search found nothing: no schedule failed."""
    assert [
        (str(found.shortest.schedule), found.found.message, *found.lines) for found in report.failures
    ] == []
