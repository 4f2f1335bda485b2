"""In which order transactions are wanted to run, and those of them that can: what models share that have several workers.

What a model keeps for all workers (Header.model_state) begins with its Schedule.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.allocation cimport take_bytes
from blockstm.native.memory.layout cimport LINE_PAIR_BYTES, Preparation
from blockstm.native.memory.local cimport Local, address
from blockstm.native.models.promises cimport preparation_of

cdef enum:
    READY_LEVELS = 3

cdef struct Schedule:
    uint64_t ready[READY_LEVELS]    # the ready set: bits, bits of words, bits of those
    uint64_t ranks              # offsets of uint32[txn_count]: transactions by their rank in the ready set, and ranks by
    uint64_t rank_of            # transaction; 0 = a transaction's rank is its index


cdef inline Schedule* schedule(Local* local) noexcept nogil:
    return <Schedule*>local.model_state


cdef inline uint32_t txn_of_rank(Local* local, uint32_t rank) noexcept nogil:
    """The transaction that has a rank, in the order in which transactions are wanted to run."""
    return rank if schedule(local).ranks == 0 else (<uint32_t*>address(local, schedule(local).ranks))[rank]


cdef inline uint32_t rank_of_txn(Local* local, uint32_t txn_idx) noexcept nogil:
    """The rank of a transaction; see txn_of_rank."""
    return txn_idx if schedule(local).rank_of == 0 else (<uint32_t*>address(local, schedule(local).rank_of))[txn_idx]


# --- laying it out ------------------------------------------------------------------------------

cdef inline uint64_t take_zeroed_lines(Local* local, uint64_t size) noexcept nogil:
    """Zeroed bytes on cache lines of their own; 0 where the arena is full."""
    cdef uint64_t offset = take_bytes(local, size + 2 * LINE_PAIR_BYTES)
    if offset == 0:
        return 0
    offset = (offset + LINE_PAIR_BYTES - 1) & ~<uint64_t>(LINE_PAIR_BYTES - 1)
    memset(address(local, offset), 0, size)
    return offset


cdef inline bint lay_out_ready_set(Local* local, Schedule* laid_out) noexcept nogil:
    """An empty ready set for all transactions."""
    cdef uint64_t words = local.header.txn_count
    cdef int level
    for level in range(READY_LEVELS):
        words = words // 64 + 1
        laid_out.ready[level] = take_zeroed_lines(local, words * 8)
        if laid_out.ready[level] == 0:
            return False
    return True


cdef inline bint lay_out_ranks(Local* local, Schedule* laid_out) noexcept nogil:
    """The ranks of the transactions, where the model has some in mind."""
    cdef const Preparation* known = preparation_of(local)
    cdef uint32_t* rank_of
    cdef uint32_t rank
    if known == NULL or known.ranks == 0:
        return True
    laid_out.ranks = known.ranks
    laid_out.rank_of = take_zeroed_lines(local, local.header.txn_count * <uint64_t>sizeof(uint32_t))
    if laid_out.rank_of == 0:
        return False
    rank_of = <uint32_t*>address(local, laid_out.rank_of)
    for rank in range(local.header.txn_count):
        rank_of[(<uint32_t*>address(local, laid_out.ranks))[rank]] = rank
    return True


cdef inline void* lay_out_schedule(Local* local, uint64_t size) noexcept nogil:
    """What a model keeps for all workers, of that size, with a schedule at its beginning; NULL where the arena is full."""
    cdef Schedule* laid_out
    local.header.model_state = take_zeroed_lines(local, size)
    if local.header.model_state == 0:
        return NULL
    laid_out = <Schedule*>address(local, local.header.model_state)
    if not lay_out_ready_set(local, laid_out) or not lay_out_ranks(local, laid_out):
        return NULL
    return laid_out
