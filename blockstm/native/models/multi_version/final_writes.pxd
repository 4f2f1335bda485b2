"""The writes of a transaction that was executed with all its reads final: they replace older final versions.

Nobody reads below such a transaction any more, so a version of a transaction before it is not needed once it has written
the key itself, and its word takes the older one's slot: a key that is written again and again stays in its location.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_acquire, store_release
from blockstm.native.memory.layout cimport INLINE_SLOTS, Location, WORD_ADD, WORD_VALUE, Write, WriteSet
from blockstm.native.memory.local cimport Local, STEP_PUBLISH, address, location_at, step, txn_at
from blockstm.native.instruments.mutants cimport MUTANT_LATER_CLAIM_TAKEN, mutant
from blockstm.native.models.outcome cimport settled_value, write_set_items
from blockstm.native.versions.multi_version cimport claim_in_tree, pack_word, word_txn


cdef inline uint64_t* final_place(Local* local, Location* location, uint32_t txn_idx, uint64_t word) noexcept nogil:
    """Where to store the word of a transaction before which all is final: its own slot, or that of one before it. NULL where
    an empty slot has taken the word already, or the arena is full.

    Invariant: a slot that another transaction may still use stays: those of later ones. One of an earlier one is not
    touched any more by its executor, which has finished; what it has written is named in its list (see settle). Readers
    that are later find the newest of all, before and after. An empty slot is claimed as in claim_place.
    """
    cdef uint64_t* chosen = NULL
    cdef uint64_t seen, offset
    cdef uint32_t slot = 0
    while slot < INLINE_SLOTS:
        seen = load_acquire[uint64_t](&location.slots[slot])
        if seen == 0:
            if chosen != NULL:
                return chosen
            if compare_exchange_sc[uint64_t](&location.slots[slot], 0, word):
                return NULL
            continue
        if word_txn(seen) == txn_idx:
            return &location.slots[slot]
        if chosen == NULL and (word_txn(seen) < txn_idx or mutant(local, MUTANT_LATER_CLAIM_TAKEN)):
            chosen = &location.slots[slot]
        slot += 1
    if chosen != NULL:
        return chosen
    offset = claim_in_tree(local, location, txn_idx)
    return <uint64_t*>address(local, offset) if offset != 0 else NULL


cdef inline void put_final_writes(Local* local, uint32_t txn_idx) noexcept nogil:
    """Show the writes of a transaction whose list is final; validation has to be moved back after.

    Invariant: all that shows is named in the list, in values, before, and the status says COMMITTED: whoever finds that
    with commit_index still at the transaction does this again, which changes nothing that is there already. Where one
    after it has made itself final, too, and has taken its slot, its word comes to stand in another, below the newer one.
    Memory ordering: each word is stored with release after its record is complete.
    """
    cdef WriteSet* write_set = <WriteSet*>address(local, txn_at(local, txn_idx).write_set)
    cdef Write* write
    cdef uint64_t* place
    cdef uint64_t word
    cdef uint32_t index
    for index in range(write_set.count):
        write = write_set_items(write_set) + index
        word = pack_word(WORD_VALUE if write.kind == WORD_ADD else write.kind, txn_idx, settled_value(write))
        step(local, STEP_PUBLISH, write.location)
        place = final_place(local, location_at(local, write.location), txn_idx, word)
        if place != NULL:
            store_release[uint64_t](place, word)
