"""Waking workers that sleep for lack of a task (see worker_loop.pxi)."""

from libc.stdint cimport uint32_t

from blockstm.native.memory.atomics cimport fetch_add_sc, futex_wake, load_sc, unlikely_true
from blockstm.native.memory.local cimport Local, STEP_COUNTER, step
from blockstm.native.instruments.virtual_time cimport wake_virtually


cdef inline void wake_sleepers(Local* local, uint32_t count) noexcept nogil:
    """Wake up to `count` workers that found no task.

    Invariant: none sleeps through a task. A sleeper counts itself (sc, and a fence: see rest) before it looks for
    tasks a last time; whoever makes a task visible does so (sc) before it looks at the count (sc).
    """
    if load_sc[uint32_t](&local.header.sleepers) != 0:
        step(local, STEP_COUNTER, 0)
        fetch_add_sc[uint32_t](&local.header.wake_epoch, 1)
        if unlikely_true(local.virtual_time != NULL):
            wake_virtually(local, count)
        else:
            futex_wake(&local.header.wake_epoch, count)
