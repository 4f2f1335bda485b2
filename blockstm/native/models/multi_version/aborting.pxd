"""Aborting an incarnation: what others may have read of it becomes ESTIMATEs, and it runs again."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, memset

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_relaxed, store_relaxed, store_release, store_sc
from blockstm.native.memory.layout cimport (
    ABORTING, EXECUTED, READY, Txn, WORD_ADD, WORD_DELETE, WORD_TOMBSTONE, WORD_VALUE, Write, WriteSet,
)
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport Local, STEP_PUBLISH, STEP_STATUS, address, step, txn_at
from blockstm.native.versions.multi_version cimport as_estimate, claim_place, word_kind
from blockstm.native.instruments.mutants cimport (
    MUTANT_ABORT_WITHOUT_REWIND, MUTANT_ESTIMATES_FORGOTTEN, MUTANT_INCARNATION_RESTARTED, MUTANT_WAVE_AFTER_STATUS, mutant,
)
from blockstm.native.models.ready_set cimport ready_add
from blockstm.native.models.multi_version.scheduler cimport rewind_validation
from blockstm.native.models.outcome cimport is_settled, write_set_items
from blockstm.native.models.status cimport pack_status


cdef inline bint is_live(uint64_t word) noexcept nogil:
    """Whether the word holds (or, as an ESTIMATE, held) something that others may have read."""
    cdef uint32_t kind = word_kind(word)
    return kind == WORD_VALUE or kind == WORD_DELETE or kind == WORD_ADD


cdef inline void note_publication(Local* local) noexcept nogil:
    """Let running incarnations know that something has changed below some of them (see poll)."""
    store_release[uint64_t](&local.slot.published, local.slot.published + 1)


cdef inline bint is_listed(WriteSet* write_set, uint32_t location) noexcept nogil:
    cdef uint32_t index
    for index in range(write_set.count + write_set.leftover):
        if write_set_items(write_set)[index].location == location:
            return True
    return False


cdef inline bint keep_intents(Local* local, uint32_t txn_idx) noexcept nogil:
    """Move the intents of an incarnation that ends unfinished from the slot to the transaction.

    The next incarnation finds them among the places to clear. Invariant: as store_write_set.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef WriteSet* previous = NULL
    cdef WriteSet* write_set
    cdef uint32_t known = 0, index
    cdef uint64_t offset
    if local.slot.intent_count == 0:
        return True
    if txn.write_set != 0:
        previous = <WriteSet*>address(local, txn.write_set)
        known = previous.count + previous.leftover
    offset = allocate(local, sizeof(WriteSet) + (known + local.slot.intent_count) * sizeof(Write))
    if offset == 0:
        return False
    write_set = <WriteSet*>address(local, offset)
    memset(write_set, 0, sizeof(WriteSet))
    if previous != NULL:
        memcpy(write_set, previous, sizeof(WriteSet) + known * sizeof(Write))
        write_set.is_final = 0
    for index in range(local.slot.intent_count):
        if not is_listed(write_set, local.slot.intents[index]):
            write_set_items(write_set)[known].place = claim_place(local, local.slot.intents[index], txn_idx)
            write_set_items(write_set)[known].location = local.slot.intents[index]
            write_set_items(write_set)[known].kind = WORD_TOMBSTONE
            if write_set_items(write_set)[known].place == 0:
                return False
            write_set.leftover += 1
            known += 1
    store_release[uint64_t](&txn.write_set, offset)
    return True


cdef inline void mark_estimates(Local* local, uint32_t txn_idx) noexcept nogil:
    """Turn all that a transaction has published into ESTIMATEs.

    Invariant: only the owner of the ABORTING (or EXECUTING) status does this, so the words do not
    change under it.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef WriteSet* write_set
    cdef uint64_t* place
    cdef uint64_t word
    cdef uint32_t index
    if txn.write_set == 0:
        return
    write_set = <WriteSet*>address(local, txn.write_set)
    for index in range(write_set.count + write_set.leftover):
        if is_settled(write_set_items(write_set) + index):      # of a list for a commit at once that did not come to it
            continue
        place = <uint64_t*>address(local, write_set_items(write_set)[index].place)
        word = load_relaxed[uint64_t](place)
        if is_live(word):
            step(local, STEP_PUBLISH, write_set_items(write_set)[index].location)
            store_release[uint64_t](place, as_estimate(word))


cdef inline void finish_abort(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """ABORTING (or a dead worker's EXECUTING) -> READY with the next incarnation.

    Order: ESTIMATEs, the rewind, the status. Invariant: it cannot run again, let alone commit, before
    all above it are bound to be validated in a new wave.
    """
    if not mutant(local, MUTANT_ESTIMATES_FORGOTTEN):
        mark_estimates(local, txn_idx)
    note_publication(local)
    if not mutant(local, MUTANT_ABORT_WITHOUT_REWIND) and not mutant(local, MUTANT_WAVE_AFTER_STATUS):
        rewind_validation(local, txn_idx + 1)
    step(local, STEP_STATUS, txn_idx)
    if mutant(local, MUTANT_INCARNATION_RESTARTED) and incarnation != 0:
        incarnation = 0xFFFFFFFF
    store_sc[uint64_t](&txn_at(local, txn_idx).status, pack_status(READY, 0, incarnation + 1))
    ready_add(local, txn_idx)
    if mutant(local, MUTANT_WAVE_AFTER_STATUS):
        rewind_validation(local, txn_idx + 1)


cdef inline bint try_abort(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Abort an incarnation whose reads are stale; False where another was faster or it is final.

    Invariant: EXECUTED goes to ABORTING or to COMMITTED, by one compare-and-swap.
    """
    step(local, STEP_STATUS, txn_idx)
    if not compare_exchange_sc[uint64_t](
        &txn_at(local, txn_idx).status,
        pack_status(EXECUTED, 0, incarnation),
        pack_status(ABORTING, local.worker, incarnation),
    ):
        return False
    store_relaxed[uint64_t](&local.slot.aborts, local.slot.aborts + 1)
    finish_abort(local, txn_idx, incarnation)
    return True
