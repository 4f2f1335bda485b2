"""For each mutant of the protocol a small block and a plan that find it, and after how many schedules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from blockstm.block import Block
from blockstm.controlled.explorer import Plan
from blockstm.errors import BoundsError
from blockstm.program import program
from blockstm.programs import trace, transfer


@program
def choose_place(ctx: Any, key: bytes, present: bytes, absent: bytes) -> None:
    """Write to one key where another is present, else to a third."""
    ctx.write(absent if ctx.read(key) is None else present, b"chosen")


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


@dataclass(frozen=True)
class Hunt:
    """How a mutant is found."""

    block: Callable[[], Block]
    plan: Plan


def hunt(
    block: Callable[[], Block], strategy: Literal["random", "pct"], workers: int, kills: int = 0
) -> Hunt:
    return Hunt(block, Plan(strategy, workers, SCHEDULES_MAX, seed=1, kills=kills))


SCHEDULES_MAX = 2000

HUNTS = {
    "waiter-lost": hunt(ring, "pct", 2),
    "waiters-taken-early": hunt(chain, "random", 2),
    "estimates-forgotten": hunt(chain, "random", 2),
    "abort-without-rewind": hunt(chain, "random", 3),
    "new-place-unnoticed": hunt(adds, "pct", 2),
    "wave-after-status": hunt(adds, "random", 3),
    "values-compared": hunt(same_values, "random", 2),
    "commit-without-wave": hunt(moving_place, "pct", 2),
    "status-before-writes": hunt(moving_place, "pct", 2),
    "leftovers-kept": hunt(moving_place, "random", 2),
    "own-validation-lost": hunt(moving_place, "pct", 2),
    "estimate-read": hunt(chain, "random", 2),
    "add-as-write": hunt(adds, "pct", 2),
    "bounds-unchecked": hunt(bounded_adds, "random", 2),
    "ready-bit-lost": hunt(moving_place, "random", 3),
    "sleeper-counted-late": hunt(moving_place, "random", 3),
    "recovery-without-writes": hunt(ring, "random", 3, kills=1),
    "recovery-without-validations": hunt(ring, "random", 3, kills=1),
    "recovery-without-collector": hunt(moving_place, "random", 2, kills=1),
    "recovery-without-waiters": hunt(same_values, "random", 3, kills=1),
    "successor-forgotten": hunt(adds, "random", 3, kills=1),
}
