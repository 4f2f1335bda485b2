"""An engine under stress, for tests of the engine: more workers at once than cores, random delays, killed workers.

None of it belongs to an engine's options: users have no reason for it, and it is not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from blockstm.engine.engine import Engine

__all__ = ["committed", "kill_worker", "stressed"]


@contextmanager
def stressed(engine: Engine, *, active_workers: int, delay_seed: int = 0) -> Iterator[None]:
    """Let a number of an engine's workers take part in blocks, and delay themselves at random at step points.

    Arguments:
        engine: the engine, which is not at work; it is as before at the end of the `with` statement.
        active_workers: how many take part, from 1 to all that there are, however few the cores.
        delay_seed: what the delays are drawn with; 0 for none.
    """
    before = engine._active_workers
    engine._active_workers = active_workers
    engine._arena.delay_seed = delay_seed
    try:
        yield
    finally:
        engine._active_workers = before
        engine._arena.delay_seed = 0


def committed(engine: Engine) -> int:
    """Return how many transactions of its last block, or of the one at work, an engine has committed."""
    return engine._arena.committed()


def kill_worker(engine: Engine, slot: int) -> None:
    """Kill the worker of a slot through the engine's own handle on it, so that nobody else can be hit.

    Arguments:
        engine: the engine, whose supervisor is to find out by itself.
        slot: which of its workers.
    """
    with suppress(OSError):  # it may be being replaced at this very moment, and its handle closed
        engine._pool._workers[slot].kill()
