"""Growing buffers, in private memory of one worker; what a program may point into stays until its incarnation ends."""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy

from blockstm.native.memory.layout cimport FAILURE_MEMORY_LIMIT
from blockstm.native.memory.local cimport Bytes, Local, Retired, fail_block


cdef inline bint reserve(Local* local, Bytes* buffer, uint64_t capacity) noexcept nogil:
    """Let a private buffer hold `capacity` bytes; False (and the block failed) without memory."""
    cdef uint64_t wanted
    cdef void* grown
    if capacity <= buffer.capacity:
        return True
    wanted = buffer.capacity * 2 if buffer.capacity >= 256 else 512
    if wanted < capacity:
        wanted = capacity
    grown = realloc(buffer.data, wanted)
    if grown == NULL or wanted > local.header.limit_bytes:
        if grown != NULL:
            buffer.data = <uint8_t*>grown
        fail_block(local, FAILURE_MEMORY_LIMIT)
        return False
    buffer.data = <uint8_t*>grown
    buffer.capacity = wanted
    return True


cdef inline bint reserve_in_place(Local* local, Bytes* buffer, uint64_t capacity) noexcept nogil:
    """As reserve, for a buffer of which programs have pointers; False (and the block failed) without memory.

    Invariant: what the buffer holds, and is only appended to, stays readable where it was until release_retired.
    """
    cdef Bytes grown
    cdef Retired* retired
    if capacity <= buffer.capacity:
        return True
    grown.data = NULL
    grown.capacity = buffer.capacity
    retired = <Retired*>malloc(sizeof(Retired))
    if retired == NULL or not reserve(local, &grown, capacity):
        free(retired)
        free(grown.data)
        fail_block(local, FAILURE_MEMORY_LIMIT)
        return False
    if buffer.length != 0:
        memcpy(grown.data, buffer.data, buffer.length)
    retired.data = buffer.data
    retired.next = local.retired
    local.retired = retired
    buffer.data = grown.data
    buffer.capacity = grown.capacity
    return True
