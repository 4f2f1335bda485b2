"""Memory of the arena: each worker takes a chunk at a time, and hands out of that without sharing."""

from libc.stdint cimport uint64_t

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fetch_add_sc, load_relaxed, store_relaxed, unlikely_true,
)
from blockstm.native.memory.layout cimport CHUNK_BYTES, FAILURE_MEMORY_LIMIT, WorkerSlot
from blockstm.native.memory.local cimport Local, fail_block


cdef inline uint64_t take_bytes(Local* local, uint64_t size) noexcept nogil:
    """Take `size` bytes (a multiple of 8) from the arena itself; 0 where the limit is reached.

    Invariant: ranges handed out never overlap (one fetch-and-add); a range taken by a worker that
    dies is lost until the block ends, never handed out twice.
    """
    cdef uint64_t start = fetch_add_sc[uint64_t](&local.header.bump, size)
    if unlikely_true(start + size > local.header.limit_bytes):
        fail_block(local, FAILURE_MEMORY_LIMIT)
        return 0
    return start


cdef inline uint64_t take_if_it_fits(Local* local, uint64_t size) noexcept nogil:
    """As take_bytes, but where there is no room nothing is taken, and the block has not failed: just 0.

    Invariant: the end of the arena only moves where the bytes fit, by a compare-and-swap.
    """
    cdef uint64_t start
    while True:
        start = load_relaxed[uint64_t](&local.header.bump)
        if size > local.header.limit_bytes or start > local.header.limit_bytes - size:
            return 0
        if compare_exchange_sc[uint64_t](&local.header.bump, start, start + size):
            return start


cdef inline void use_as_chunk(Local* local, uint64_t begin, uint64_t end) noexcept nogil:
    """Hand out of these bytes, which belong to this worker, from now on; what was left of the last chunk is lost.

    Invariant: the slot never shows a tip with the end of another chunk, whenever its worker dies.
    """
    store_relaxed[uint64_t](&local.slot.chunk_end, 0)
    store_relaxed[uint64_t](&local.slot.chunk_tip, begin)
    store_relaxed[uint64_t](&local.slot.chunk_end, end)


cdef inline uint64_t allocate_aligned(Local* local, uint64_t size, uint64_t alignment) noexcept nogil:
    """`size` bytes of the arena (a multiple of 8), not cleared; 0 (and the block failed) at the limit.

    `alignment` is a power of two from 8 on. Invariant: the tip in the worker's slot moves before the bytes are
    used, so that a worker that takes over the slot never hands them out again.
    """
    cdef WorkerSlot* slot = local.slot
    cdef uint64_t start = (slot.chunk_tip + alignment - 1) & ~(alignment - 1)
    if unlikely_true(start + size > slot.chunk_end):
        start = take_bytes(local, CHUNK_BYTES)
        if start == 0:
            return 0
        use_as_chunk(local, start, start + CHUNK_BYTES)
        start = (start + alignment - 1) & ~(alignment - 1)
    store_relaxed[uint64_t](&slot.chunk_tip, start + size)
    return start


cdef inline uint64_t allocate(Local* local, uint64_t size) noexcept nogil:
    """`size` bytes of the arena, aligned to 8, not cleared; 0 (and the block failed) at the limit."""
    size = (size + 7) & ~<uint64_t>7
    if unlikely_true(size > CHUNK_BYTES // 4 and local.slot.chunk_tip + size > local.slot.chunk_end):
        return take_bytes(local, size)
    return allocate_aligned(local, size, 8)
