"""What the model keeps: for all workers behind Header.model_state, for each worker in Local.own."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.local cimport Local

cdef struct Shared:             # each group that workers change on a pair of cache lines of its own
    uint64_t ready[3]           # the ready set: bits, bits of words, bits of those
    uint64_t has_intents        # an option of the model: whether writes are announced (see intents)
    uint64_t _pad0[12]
    uint64_t execution_index    # the lowest transaction that was never handed out
    uint64_t _pad1[15]
    uint64_t validation_index   # wave in the high half, index in the low
    uint64_t _pad2[15]
    uint32_t commit_wave        # the newest wave noted for all that is not final, or at what is
    uint32_t _pad3[31]

cdef struct Own:
    uint64_t fresh_started_ns
    # Fresh transactions taken but not begun.
    uint32_t fresh_next
    uint32_t fresh_end
    uint32_t fresh_chunk
    uint32_t has_waited         # a transaction was suspended since then
    uint32_t may_commit         # it has validated something since it last tried to commit


cdef inline Shared* shared(Local* local) noexcept nogil:
    return <Shared*>local.model_state


cdef inline Own* own(Local* local) noexcept nogil:
    return <Own*>local.own
