"""Savepoints: a nested program succeeds whole, or leaves nothing but its reads and its gas."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.local cimport Local, Touched, Undo
from blockstm.native.verbs.touched cimport pending, touch

cdef struct Savepoint:
    uint64_t undo_length
    uint64_t events_length
    uint32_t event_count
    uint32_t outcome


cdef inline void savepoint_open(Local* local, Savepoint* savepoint) noexcept nogil:
    """Start a nested program: what it does from here on can be taken back."""
    savepoint.undo_length = local.undo.length
    savepoint.events_length = local.events.length
    savepoint.event_count = local.event_count
    savepoint.outcome = local.outcome
    local.depth += 1


cdef inline void savepoint_keep(Local* local, const Savepoint* savepoint) noexcept nogil:
    """The nested program succeeded: its changes are the caller's."""
    local.depth -= 1
    if local.depth == 0:
        local.undo.length = 0


cdef inline void savepoint_roll_back(Local* local, const Savepoint* savepoint) noexcept nogil:
    """The nested program failed: its writes and events are gone; its reads and its gas stay."""
    cdef Undo* undo
    cdef Touched* touched
    while local.undo.length > savepoint.undo_length:
        local.undo.length -= sizeof(Undo)
        undo = <Undo*>(local.undo.data + local.undo.length)
        touched = touch(local, undo.touched)
        if undo.created:
            touched.write_index = -1
            local.write_count -= 1
        else:
            pending(local, undo.write_index)[0] = undo.before
    local.events.length = savepoint.events_length
    local.event_count = savepoint.event_count
    local.outcome = savepoint.outcome
    local.closed = 0
    local.depth -= 1
