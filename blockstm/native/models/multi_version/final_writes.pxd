"""The writes of a transaction that was executed with all its reads final: they replace older final versions.

Nobody reads below such a transaction any more, so a version of a transaction before it is not needed once it has written
the key itself, and its word takes the older one's slot: a key that is written again and again stays in its location.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_acquire, store_release
from blockstm.native.memory.layout cimport INLINE_SLOTS, Location, WORD_ADD, WORD_VALUE, Write, WriteSet
from blockstm.native.memory.local cimport Local, STEP_PUBLISH, STEP_SLOT, address, location_at, step, txn_at
from blockstm.native.instruments.mutants cimport MUTANT_LATER_CLAIM_TAKEN, MUTANT_SLOT_TAKEN_BY_STORE, mutant
from blockstm.native.models.outcome cimport settled_value, write_set_items
from blockstm.native.versions.multi_version cimport claim_in_tree, pack_word, word_txn


cdef inline bint put_in_slot(Local* local, uint32_t location_ref, uint32_t txn_idx, uint64_t word) noexcept nogil:
    """Put the word of a transaction before which all is final into a slot: its own, that of one before it, or an empty one;
    False where there is none such.

    Invariant: a slot that another transaction may still use stays: those of later ones. One of an earlier one is not
    touched any more by its executor, which has finished; what it has written is named in its list (see settle). Readers
    that are later find the newest of all, before and after. A slot changes hands by a compare-and-swap, as others may
    claim it for later transactions just now (see claim_place, claim_superseded).
    """
    cdef Location* location = location_at(local, location_ref)
    cdef uint64_t* chosen
    cdef uint64_t seen, replaced
    cdef int slot
    while True:
        chosen = NULL
        replaced = 0
        for slot in range(INLINE_SLOTS):
            seen = load_acquire[uint64_t](&location.slots[slot])
            if seen != 0 and word_txn(seen) == txn_idx:
                store_release[uint64_t](&location.slots[slot], word)
                return True
            if chosen == NULL and (
                seen == 0 or word_txn(seen) < txn_idx or mutant(local, MUTANT_LATER_CLAIM_TAKEN)
            ):
                chosen = &location.slots[slot]
                replaced = seen
            if seen == 0:
                break
        if chosen == NULL:
            return False
        step(local, STEP_SLOT, location_ref)
        if mutant(local, MUTANT_SLOT_TAKEN_BY_STORE):
            store_release[uint64_t](chosen, word)
            return True
        if compare_exchange_sc[uint64_t](chosen, replaced, word):
            return True


cdef inline void put_final(Local* local, uint32_t location_ref, uint32_t txn_idx, uint64_t word) noexcept nogil:
    """Put the word of a transaction before which all is final where readers find it; where the arena is full, the block has
    failed.
    """
    cdef uint64_t place
    if not put_in_slot(local, location_ref, txn_idx, word):
        place = claim_in_tree(local, location_at(local, location_ref), txn_idx)
        if place != 0:
            store_release[uint64_t](<uint64_t*>address(local, place), word)


cdef inline void put_final_writes(Local* local, uint32_t txn_idx) noexcept nogil:
    """Show the writes of a transaction whose list is final; validation has to be moved back after.

    Invariant: all that shows is named in the list, in values, before, and the status says COMMITTED: whoever finds that
    with commit_index still at the transaction does this again, which changes nothing that is there already. Where one
    after it has made itself final, too, and has taken its slot, its word comes to stand in another, below the newer one.
    Memory ordering: each word is stored with release after its record is complete.
    """
    cdef WriteSet* write_set = <WriteSet*>address(local, txn_at(local, txn_idx).write_set)
    cdef Write* write
    cdef uint64_t word
    cdef uint32_t index
    for index in range(write_set.count):
        write = write_set_items(write_set) + index
        word = pack_word(WORD_VALUE if write.kind == WORD_ADD else write.kind, txn_idx, settled_value(write))
        step(local, STEP_PUBLISH, write.location)
        put_final(local, write.location, txn_idx, word)
