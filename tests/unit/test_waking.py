"""Waking workers to a block: each that is up helps, and none sleeps through it, whoever dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from blockstm.native._coretest import Memory

WORKERS = 5
SECONDS = 30


@contextmanager
def sleeping(memory: Memory, workers: range) -> Iterator[None]:
    """Workers that sleep; at the end each must have been woken long before it wakes by itself."""
    threads = [
        threading.Thread(target=memory.sleep_until_called, args=(worker, SECONDS), daemon=True)
        for worker in workers
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.1)  # so that they sleep; one that does not yet is called, and will not
    assert all(thread.is_alive() for thread in threads)
    yield
    for thread in threads:
        thread.join(SECONDS / 2)
        assert not thread.is_alive()


def test_one_that_is_up_wakes_all() -> None:
    memory = Memory(1, WORKERS)
    with sleeping(memory, range(1, WORKERS)):
        memory.call(0)


def test_recovery_wakes_whom_the_dead_had_begun_to_wake() -> None:
    memory = Memory(1, WORKERS)
    memory.begin_to_wake()  # worker 0
    memory.begin_to_wake()
    with sleeping(memory, range(1, WORKERS)):
        memory.call(2)
        memory.recover(0)
