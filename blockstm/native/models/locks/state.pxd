"""What the model keeps: for all workers behind Header.model_state, for each worker in Local.own.

A scheduler has decided before the block starts in which order transactions take their locks (Header.order), and which
worker runs each: the ranks of a worker's transactions are its *lane*. A lane belongs to one worker at a time; that of one
that has died is free, and whoever has none takes it.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_relaxed
from blockstm.native.memory.local cimport Local, address
from blockstm.native.models.schedule cimport Schedule

cdef enum:
    AFTER_READER = 0x80000000   # of an entry of `before`: the other only reads

cdef struct Shared:
    Schedule schedule           # first, see models/schedule
    uint64_t before_begins      # offset of uint32[txn_count + 1]: where those begin that each transaction waits for
    uint64_t before             # offset of uint32[]: those, the next to it last
    uint64_t lanes              # offset of uint32[lane_count + 1]: where the ranks of each begin
    uint64_t owners             # offset of uint32[lane_count]: the worker that each belongs to, + 1; 0 = free
    uint32_t lane_count
    uint32_t on_undeclared      # see promises

cdef struct Own:
    uint32_t lane               # + 1; 0 = none yet
    uint32_t may_commit         # something may have become ready to commit since it last tried


cdef inline Shared* shared(Local* local) noexcept nogil:
    return <Shared*>local.model_state


cdef inline Own* own(Local* local) noexcept nogil:
    return <Own*>local.own


cdef inline uint32_t* owner_of(Local* local, uint32_t lane) noexcept nogil:
    return <uint32_t*>address(local, shared(local).owners) + lane


cdef inline bint has_free_lane(Local* local) noexcept nogil:
    """Whether a worker that has no lane could have one."""
    cdef uint32_t lane
    for lane in range(shared(local).lane_count):
        if load_relaxed[uint32_t](owner_of(local, lane)) == 0:
            return True
    return False


cdef inline bint take_lane(Local* local) noexcept nogil:
    """Take a free lane, where this worker has none; whether it has one. One swap wins."""
    cdef uint32_t lane
    if own(local).lane != 0:
        return True
    for lane in range(shared(local).lane_count):
        if compare_exchange_sc[uint32_t](owner_of(local, lane), 0, local.worker + 1):
            own(local).lane = lane + 1
            return True
    return False
