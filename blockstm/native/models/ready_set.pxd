"""The ready set: the transactions that must run again, in a bitmap of three levels whose lowest member is found at once.

A transaction's place is its rank: its index, but where the model has another order in mind (see schedule).
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport fetch_and_sc, fetch_or_sc, load_acquire, load_sc, lowest_bit
from blockstm.native.memory.local cimport Local, STEP_COUNTER, address, step
from blockstm.native.models.schedule cimport rank_of_txn, schedule, txn_of_rank
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.instruments.mutants cimport MUTANT_READY_BIT_LOST, mutant


cdef inline uint64_t* ready_word(Local* local, uint32_t level, uint32_t index) noexcept nogil:
    return <uint64_t*>address(local, schedule(local).ready[level]) + index


cdef inline void ready_set(Local* local, uint32_t level, uint32_t index) noexcept nogil:
    """Set the bit of `index` at `level`, and those above it."""
    while level < 3:
        fetch_or_sc[uint64_t](ready_word(local, level, index >> 6), <uint64_t>1 << (index & 63))
        index >>= 6
        level += 1


cdef inline bint ready_clear(Local* local, uint32_t level, uint32_t index) noexcept nogil:
    """Clear the bit of `index` at `level`; whether that leaves its word empty."""
    cdef uint64_t bit = <uint64_t>1 << (index & 63)
    return fetch_and_sc[uint64_t](ready_word(local, level, index >> 6), ~bit) & ~bit == 0


cdef inline void ready_add(Local* local, uint32_t txn_idx) noexcept nogil:
    """Put a READY transaction into the set.

    Invariant: a READY transaction below execution_index is in the set, or a live worker is about to
    put it in, or holds it as a fresh one. Bits are set from the leaf up.
    """
    step(local, STEP_COUNTER, txn_idx)
    ready_set(local, 0, rank_of_txn(local, txn_idx))


cdef inline void ready_close(Local* local, uint32_t level, uint32_t index) noexcept nogil:
    """Clear the bit over an empty word: `index` is that word's, `level` the bit's.

    Invariant: a word with members has its bit set, or a worker is about to set it. The bit is
    cleared before the word is looked at again (sc), a setter sets the word before the bit. The bit
    may be left set over a word that has emptied meanwhile: that costs a look, no more.
    """
    cdef bint empty
    while level < 3:
        step(local, STEP_COUNTER, index)
        empty = ready_clear(local, level, index)
        step(local, STEP_COUNTER, index)
        if mutant(local, MUTANT_READY_BIT_LOST):
            return
        if load_sc[uint64_t](ready_word(local, level - 1, index)) != 0:
            ready_set(local, level, index)
            return
        if not empty:
            return
        index >>= 6
        level += 1


cdef inline void ready_remove(Local* local, uint32_t txn_idx) noexcept nogil:
    """Take a transaction out of the set."""
    cdef uint32_t rank = rank_of_txn(local, txn_idx)
    if ready_clear(local, 0, rank):
        ready_close(local, 1, rank >> 6)


cdef inline uint32_t ready_lowest_under(Local* local, uint32_t index) noexcept nogil:
    """The lowest member under one bit of the top level, NO_TXN where there is none."""
    cdef uint64_t upper = load_acquire[uint64_t](ready_word(local, 1, index))
    cdef uint64_t word
    cdef uint32_t below
    if upper == 0:
        ready_close(local, 2, index)
    while upper != 0:
        below = (index << 6) | lowest_bit(upper)
        word = load_acquire[uint64_t](ready_word(local, 0, below))
        if word != 0:
            return (below << 6) | lowest_bit(word)
        ready_close(local, 1, below)
        upper &= upper - 1
    return NO_TXN


cdef inline uint32_t ready_lowest(Local* local) noexcept nogil:
    """The lowest member of the ready set, NO_TXN where it is empty. A hint: claim it by its status."""
    cdef uint32_t words = (local.header.txn_count >> 18) + 1
    cdef uint32_t index, found
    cdef uint64_t top
    for index in range(words):
        top = load_acquire[uint64_t](ready_word(local, 2, index))
        while top != 0:
            found = ready_lowest_under(local, (index << 6) | lowest_bit(top))
            if found != NO_TXN:
                return txn_of_rank(local, found)
            top &= top - 1
    return NO_TXN


cdef inline uint32_t ready_lowest_from(Local* local, uint32_t begin, uint32_t end) noexcept nogil:
    """The member with the lowest rank from `begin` up to `end`, NO_TXN where there is none. A hint, as ready_lowest."""
    cdef uint32_t index = begin >> 6
    cdef uint64_t word
    while index << 6 < end:
        if not load_acquire[uint64_t](ready_word(local, 1, index >> 6)) >> (index & 63):
            index = (index | 63) + 1        # nothing under what is left of this word of the level above
            continue
        word = load_acquire[uint64_t](ready_word(local, 0, index))
        if index == begin >> 6:
            word &= ~<uint64_t>0 << (begin & 63)
        if word != 0:
            index = (index << 6) | lowest_bit(word)
            return txn_of_rank(local, index) if index < end else NO_TXN
        index += 1
    return NO_TXN
