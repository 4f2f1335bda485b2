"""Waking workers: those that sleep until there is a block, and those that sleep for lack of a task (see worker_loop.pxi)."""

from libc.stdint cimport uint32_t

from blockstm.native.memory.atomics cimport fetch_add_sc, futex_wake, load_relaxed, load_sc, unlikely_true
from blockstm.native.memory.local cimport Local, STEP_COUNTER, slot_at, step
from blockstm.native.instruments.virtual_time cimport wake_virtually


cdef inline void wake_to_block(Local* local) noexcept nogil:
    """Wake the workers that take part in a block, as long as nobody else has begun to. The supervisor does so once it has
    called all of them, and so does each that is up by then: one waker takes longer than a sleeper takes to come.

    Invariant: none sleeps through the block. Should a worker die that has begun to wake another, recovery wakes all.
    """
    cdef uint32_t place
    while load_relaxed[uint32_t](&local.header.woken) < local.header.active_workers:
        place = fetch_add_sc[uint32_t](&local.header.woken, 1)
        if place < local.header.active_workers:
            futex_wake(&slot_at(local, local.header.first_worker + place).run_epoch, 1)


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
