"""What a transaction is expected to touch, known before it runs: claimed writes, and reads that have to be waited for.

Known are a declaration or a hint (Preparation), and what the incarnation before has read. A claimed write is an intent, which
acts as an ESTIMATE: a transaction that reads the key waits for it. Wrong ones cost time only, as an incarnation that does
not write where it was expected to clears the place. Of hints the first are counted: where more than a quarter of the claims
come to nothing, those of transactions that have not begun are taken back, and hints are not looked at any more.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport compare_exchange_sc, fetch_add_sc, load_acquire, load_relaxed
from blockstm.native.memory.layout cimport (
    ACCESS_ADD, ACCESS_READ, ACCESS_WRITE, Access, READ_SUM, READ_VERSION, READY, Read, ReadSet, WORD_INTENT, WORD_TOMBSTONE,
    Write, WriteSet,
)
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport Local, STEP_INTENT, STEP_VALIDATE, address, step, txn_at
from blockstm.native.models.multi_version.state cimport has_waves, own, shared
from blockstm.native.models.outcome cimport read_set_items, write_set_items
from blockstm.native.models.promises cimport accesses_of
from blockstm.native.models.status cimport NO_TXN, status_state
from blockstm.native.versions.multi_version cimport FOUND_ESTIMATE, Found, claim_place, find, pack_word, word_kind


cdef enum:
    CLAIMS_JUDGED = 64          # how many claims tell whether hints are good


cdef inline bint claim_writes(Local* local, uint32_t txn_idx) noexcept nogil:
    """Claim the places of all writes that are known of a transaction; False where the arena is full.

    Called before any worker takes part. Invariant: the transaction's list names the places, as those that it must clear
    (see store_write_set).
    """
    cdef uint32_t count, index
    cdef const Access* accesses = accesses_of(local, txn_idx, &count)
    cdef WriteSet* write_set
    cdef Write* write
    cdef uint64_t offset
    if count == 0:
        return True
    offset = allocate(local, sizeof(WriteSet) + count * sizeof(Write))
    if offset == 0:
        return False
    write_set = <WriteSet*>address(local, offset)
    memset(write_set, 0, sizeof(WriteSet))
    for index in range(count):
        if not accesses[index].kinds & (ACCESS_WRITE | ACCESS_ADD):
            continue
        write = write_set_items(write_set) + write_set.leftover
        write.place = claim_place(local, accesses[index].location, txn_idx)
        if write.place == 0:
            return False
        write.location = accesses[index].location
        write.kind = WORD_TOMBSTONE
        (<uint64_t*>address(local, write.place))[0] = pack_word(WORD_INTENT, txn_idx, 0)
        write_set.leftover += 1
    txn_at(local, txn_idx).write_set = offset
    return True


cdef inline void take_claims_back(Local* local) noexcept nogil:
    """Clear the claims of all transactions that have not begun.

    Invariant: a claim never held a value, so nobody has read through it. It goes by a compare-and-swap, so that a write of
    its transaction, which may begin just now, stays; the place stays in its list.
    """
    cdef uint32_t txn_idx, index
    cdef uint64_t offset, word
    cdef uint64_t* place
    cdef WriteSet* write_set
    for txn_idx in range(local.header.txn_count):
        offset = load_acquire[uint64_t](&txn_at(local, txn_idx).write_set)
        if offset == 0 or status_state(load_acquire[uint64_t](&txn_at(local, txn_idx).status)) != READY:
            continue
        write_set = <WriteSet*>address(local, offset)
        for index in range(write_set.count, write_set.count + write_set.leftover):
            place = <uint64_t*>address(local, write_set_items(write_set)[index].place)
            word = load_acquire[uint64_t](place)
            if word_kind(word) == WORD_INTENT:
                step(local, STEP_INTENT, write_set_items(write_set)[index].location)
                compare_exchange_sc[uint64_t](place, word, pack_word(WORD_TOMBSTONE, txn_idx, 0))


cdef inline bint is_hinted(Local* local) noexcept nogil:
    """Whether the running transaction has had claims from the beginning."""
    cdef uint32_t count
    return accesses_of(local, local.txn_idx, &count) != NULL and count != 0


cdef inline void note_claims(Local* local, uint32_t kept, uint32_t cleared) noexcept nogil:
    """Count what has become of a transaction's claims, until enough is known of the hints.

    Nothing but time depends on it. One worker takes the claims back; should it die at that, they are waited for.
    """
    cdef uint32_t kept_before = load_relaxed[uint32_t](&shared(local).claims_kept)
    cdef uint32_t cleared_before = load_relaxed[uint32_t](&shared(local).claims_cleared)
    if kept_before + cleared_before >= CLAIMS_JUDGED or not has_waves(local):
        return
    kept_before = fetch_add_sc[uint32_t](&shared(local).claims_kept, kept)
    cleared_before = fetch_add_sc[uint32_t](&shared(local).claims_cleared, cleared)
    if kept_before + cleared_before + kept + cleared < CLAIMS_JUDGED:
        return
    if (cleared_before + cleared) * 4 > CLAIMS_JUDGED and compare_exchange_sc[uint32_t](&shared(local).doubts_hints, 0, 1):
        take_claims_back(local)


cdef inline uint32_t awaited_at(Local* local, uint32_t location, uint32_t txn_idx) noexcept nogil:
    """Whose write a transaction would wait for that read a key now; NO_TXN for nobody's."""
    cdef Found found
    step(local, STEP_VALIDATE, location)
    find(local, location, txn_idx, 0xFFFFFFFF, &found)
    return found.blocker if found.kind == FOUND_ESTIMATE else NO_TXN


cdef inline uint32_t awaited_by(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Whom a transaction that is about to run has to wait for, as far as its reads are known; NO_TXN for nobody.

    Only a hint: what it reads in the end is seen when it does.
    """
    cdef uint32_t count, index, blocker
    cdef const Access* accesses = accesses_of(local, txn_idx, &count)
    cdef const ReadSet* read_set
    cdef const Read* reads
    if shared(local).doubts_hints:
        count = 0
    for index in range(count):
        if accesses[index].kinds & ACCESS_READ:
            blocker = awaited_at(local, accesses[index].location, txn_idx)
            if blocker != NO_TXN:
                return blocker
    if incarnation == 0 or txn_at(local, txn_idx).read_set == 0:
        return NO_TXN
    read_set = <const ReadSet*>address(local, load_acquire[uint64_t](&txn_at(local, txn_idx).read_set))
    reads = read_set_items(<ReadSet*>read_set)
    for index in range(read_set.count):
        if reads[index].kind == READ_VERSION or reads[index].kind == READ_SUM:
            blocker = awaited_at(local, reads[index].location, txn_idx)
            if blocker != NO_TXN:
                return blocker
    return NO_TXN


cdef inline uint32_t queued_behind(Local* local) noexcept nogil:
    """Whom the running transaction, which has met an ESTIMATE and announced what it writes, has to wait for.

    Where those that wait queue up, another may have come between it and the one that it has met: seen again after
    it has announced itself, the queue is complete but for those that are later still. So each waits once in it.
    """
    cdef uint32_t location = own(local).queued_at
    cdef uint32_t blocker = NO_TXN
    if location != 0:
        own(local).queued_at = 0
        blocker = awaited_at(local, location, local.txn_idx)
    return local.blocker if blocker == NO_TXN else blocker
