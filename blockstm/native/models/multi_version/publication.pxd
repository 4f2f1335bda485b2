"""Finishing an incarnation: what becomes visible to others, in which order."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport load_relaxed, store_release, store_sc
from blockstm.native.memory.layout cimport (
    EXECUTED, OUTCOME_SUCCESS, WORD_ADD, WORD_TOMBSTONE, Write, WriteSet,
)
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport (
    Local, PendingWrite, STEP_PUBLISH, STEP_STATUS, Touched, address, step,
)
from blockstm.native.versions.multi_version cimport claim_place, make_record, pack_word
from blockstm.native.instruments.mutants cimport (
    MUTANT_LEFTOVERS_KEPT, MUTANT_NEW_PLACE_UNNOTICED, MUTANT_STATUS_BEFORE_WRITES, MUTANT_WAITERS_TAKEN_EARLY,
    MUTANT_WAVE_AFTER_STATUS, mutant,
)
from blockstm.native.models.multi_version.aborting cimport is_live, note_publication
from blockstm.native.models.multi_version.expectations cimport is_hinted, note_claims
from blockstm.native.models.multi_version.intents cimport learn_unwritten, learn_written
from blockstm.native.models.multi_version.readers cimport push_to_readers
from blockstm.native.models.multi_version.scheduler cimport rewind_validation
from blockstm.native.models.multi_version.state cimport DISCIPLINE_PUSH, shared
from blockstm.native.models.outcome cimport store_read_set, store_receipt, write_set_items
from blockstm.native.models.status cimport pack_status
from blockstm.native.models.waiting cimport resume_waiters
from blockstm.native.verbs.touched cimport pending, touch


cdef inline void add_place(WriteSet* write_set, uint64_t place, uint32_t location, uint32_t kind) noexcept nogil:
    cdef Write* write = write_set_items(write_set) + write_set.count + write_set.leftover
    write.place = place
    write.location = location
    write.kind = kind


cdef inline bint add_written(Local* local, WriteSet* write_set) noexcept nogil:
    """List the places that this incarnation writes; False where the arena is full."""
    cdef uint32_t index
    cdef Touched* touched
    cdef PendingWrite* write
    for index in range(local.write_count):
        write = pending(local, index)
        touched = touch(local, write.location)
        if touched == NULL:
            return False
        if touched.place == 0:
            touched.place = claim_place(local, write.location, local.txn_idx)
            if touched.place == 0:
                return False
        add_place(write_set, touched.place, write.location, write.kind)
        write_set.count += 1
        write_set.adds += write.kind == WORD_ADD
        if touched.read_index >= 0:
            learn_written(local, write.location)
    return True


cdef inline bint add_leftover(Local* local, WriteSet* write_set, uint32_t location, bint is_intent) noexcept nogil:
    """List a place of an earlier incarnation, or of an intent, unless this incarnation writes there too.

    A restarted incarnation may not have touched the key of an intent that the one before announced.
    """
    cdef Touched* touched = touch(local, location)
    if touched == NULL:
        return False
    if touched.write_index >= 0 and local.outcome == OUTCOME_SUCCESS:
        return True
    if is_intent:
        learn_unwritten(local, location)
    if touched.place == 0:
        touched.place = claim_place(local, location, local.txn_idx)
        if touched.place == 0:
            return False
    add_place(write_set, touched.place, location, WORD_TOMBSTONE)
    write_set.leftover += 1
    return True


cdef inline WriteSet* store_write_set(Local* local) noexcept nogil:
    """List the places that this incarnation writes, then those that it must clear; NULL = arena full.

    Invariant: at every moment the transaction's list names every place that holds something of it
    (intents of the running incarnation are named in the slot), so recovery finds all of them. So it
    is stored, with release, before any of the places changes.
    """
    cdef WriteSet* previous = NULL
    cdef WriteSet* write_set
    cdef uint32_t known = 0, index
    cdef uint64_t offset
    if local.txn.write_set != 0:
        previous = <WriteSet*>address(local, local.txn.write_set)
        known = previous.count + previous.leftover
    offset = allocate(
        local, sizeof(WriteSet) + (local.write_count + known + local.slot.intent_count) * sizeof(Write)
    )
    if offset == 0:
        return NULL
    write_set = <WriteSet*>address(local, offset)
    memset(write_set, 0, sizeof(WriteSet))
    if local.outcome == OUTCOME_SUCCESS and not add_written(local, write_set):
        return NULL
    for index in range(known):
        if not add_leftover(local, write_set, write_set_items(previous)[index].location, False):
            return NULL
    if known != 0 and previous.count == 0 and is_hinted(local):   # no incarnation has been finished before
        note_claims(local, known - write_set.leftover, write_set.leftover)
    for index in range(local.slot.intent_count):
        if not add_leftover(local, write_set, local.slot.intents[index], True):
            return NULL
    store_release[uint64_t](&local.txn.write_set, offset)
    return write_set


cdef inline bint publish_writes(Local* local, WriteSet* write_set, bint* new_place) noexcept nogil:
    """Make the writes visible, one by one; whether any is where the last incarnation had none.

    Memory ordering: each word is stored with release after its record is complete. The list keeps the
    record, for the snapshot: the word of an add changes when the add is settled (see settle_adds).
    """
    cdef Write* items = write_set_items(write_set)
    cdef PendingWrite* write
    cdef uint64_t* place
    cdef uint64_t record
    cdef uint32_t index
    cdef bint pushes = shared(local).discipline == DISCIPLINE_PUSH
    new_place[0] = False
    for index in range(write_set.count):
        write = pending(local, index)
        record = make_record(local, local.scratch.data + write.data, write.length, write.negative)
        if record == 0:
            return False
        items[index].record = record
        place = <uint64_t*>address(local, items[index].place)
        if not is_live(load_relaxed[uint64_t](place)):
            new_place[0] = True
        step(local, STEP_PUBLISH, items[index].location)
        store_release[uint64_t](place, pack_word(write.kind, local.txn_idx, record))
        if pushes:
            push_to_readers(local, items[index].location)
    for index in range(write_set.count, write_set.count + write_set.leftover):
        if mutant(local, MUTANT_LEFTOVERS_KEPT):
            break
        step(local, STEP_PUBLISH, items[index].location)
        store_release[uint64_t](
            <uint64_t*>address(local, items[index].place), pack_word(WORD_TOMBSTONE, local.txn_idx, 0)
        )
        if pushes:
            push_to_readers(local, items[index].location)
    store_release[uint32_t](&write_set.leftover, 0)
    local.slot.intent_count = 0
    return True


cdef inline bint finish_execution(Local* local) noexcept nogil:
    """EXECUTING -> EXECUTED: publish the running incarnation; False where the arena is full.

    Order: the write set's list, the writes, the rewind of validation where a place is new, the
    status, the waiters. Invariants: a worker that sees EXECUTED (acquire) sees all of it; the transaction
    cannot commit before its wave is noted; no waiter is forgotten (see wait_for).
    """
    cdef WriteSet* write_set
    cdef bint new_place
    if not store_read_set(local) or not store_receipt(local):
        return False
    write_set = store_write_set(local)
    if write_set != NULL and mutant(local, MUTANT_STATUS_BEFORE_WRITES):
        store_sc[uint64_t](&local.txn.status, pack_status(EXECUTED, 0, local.incarnation))
    if write_set == NULL or not publish_writes(local, write_set, &new_place):
        return False
    note_publication(local)
    if mutant(local, MUTANT_NEW_PLACE_UNNOTICED):
        new_place = False
    if new_place and not mutant(local, MUTANT_WAVE_AFTER_STATUS):
        rewind_validation(local, local.txn_idx + 1)
    if mutant(local, MUTANT_WAITERS_TAKEN_EARLY):
        resume_waiters(local, local.txn_idx)
    step(local, STEP_STATUS, local.txn_idx)
    store_sc[uint64_t](&local.txn.status, pack_status(EXECUTED, 0, local.incarnation))
    if not mutant(local, MUTANT_WAITERS_TAKEN_EARLY):
        resume_waiters(local, local.txn_idx)
    if new_place and mutant(local, MUTANT_WAVE_AFTER_STATUS):
        rewind_validation(local, local.txn_idx + 1)
    return True
