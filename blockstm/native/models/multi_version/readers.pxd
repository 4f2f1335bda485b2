"""Readers that are told: who has read a version, and what a publication means for them (Block-STM v2, as in Aptos).

A transaction that reads a version leaves a Reader there, in a list of those that have read that key from that writer. Who
publishes at a key looks at its own readers, and at those of the version just below, which should have read this one
instead, and aborts those for which that makes a difference. So nothing is validated: a transaction is ready to commit when
it has been executed, and all below are committed, as none of them has anything to tell any more.

Invariant: when all below a transaction are committed, it is known of each of its reads whether it still holds. A reader
shows itself (sc), and then looks again whether the version is still the one that it has read; a writer publishes, and then
(fence) looks for readers: one of the two sees the other. A writer looks for readers before its status says EXECUTED; one
that dies before is executed again, and looks again at each place that its list names.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcmp

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fence_sc, load_acquire, load_sc, multiply_fold, store_relaxed, store_release,
)
from blockstm.native.memory.layout cimport (
    EXECUTED, EXECUTING, Location, Number, READ_SUM, READ_VERSION, Record, SPAN_ABORT, Txn, WORD_ADD, WORD_VALUE,
)
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport Local, STEP_PUSH, STEP_REGISTER, address, location_at, step, txn_at
from blockstm.native.memory.number cimport number_compare, number_decode
from blockstm.native.instruments.mutants cimport (
    MUTANT_READER_BELOW_FORGOTTEN, MUTANT_READER_NOT_CARRIED, MUTANT_READER_REGISTERED_LATE, MUTANT_TOLD_ONLY_EXECUTED, mutant,
)
from blockstm.native.instruments.timeline cimport CAUSE_VERSION, pack_cause, span_begin, span_end
from blockstm.native.models.multi_version.aborting cimport try_abort
from blockstm.native.models.multi_version.state cimport own, shared
from blockstm.native.models.status cimport status_incarnation, status_state
from blockstm.native.verbs.model cimport ADDS_READ
from blockstm.native.versions.multi_version cimport (
    BASE_TXN, FOUND_ABSENT, FOUND_BROKEN, FOUND_ESTIMATE, FOUND_INVALID, FOUND_SUM, FOUND_VALUE, Found, find, newest_below,
    record_bytes, record_of, word_is_estimate, word_kind, word_txn,
)

cdef enum:
    MOVED = 0xFFFFFFFF          # what a Reader is for that is registered elsewhere by now

cdef struct Reader:             # a transaction has read a key from a writer
    uint64_t next
    uint64_t word               # the version that it has read; of a sum, 0
    Number sum                  # ... and what it came to
    uint32_t location
    uint32_t writer             # BASE_TXN: the state before the block
    uint32_t txn_idx
    uint32_t incarnation
    uint32_t kind               # READ_VERSION, READ_SUM
    uint32_t _pad


# --- registering --------------------------------------------------------------------------------

cdef inline uint64_t* readers_of(Local* local, uint32_t location, uint32_t writer) noexcept nogil:
    """The head of the list in which the readers of a key from a writer are, beside others."""
    cdef uint64_t h = multiply_fold((<uint64_t>location << 32) | writer, <uint64_t>0x9E3779B97F4A7C15)
    return <uint64_t*>address(local, shared(local).readers) + (h & shared(local).reader_mask)


cdef inline bint add_reader(Local* local, uint32_t writer, const Reader* reader) noexcept nogil:
    """Put a copy of a Reader into the list of a writer's; False where the arena is full. It shows once it is complete (sc)."""
    cdef uint64_t offset = allocate(local, sizeof(Reader))
    cdef uint64_t* head = readers_of(local, reader.location, writer)
    cdef Reader* added
    if offset == 0:
        return False
    added = <Reader*>address(local, offset)
    added[0] = reader[0]
    added.writer = writer
    while True:
        step(local, STEP_REGISTER, reader.location)
        added.next = load_acquire[uint64_t](head)
        if compare_exchange_sc[uint64_t](head, added.next, offset):
            return True


cdef inline uint64_t visit_versions(Local* local, const Reader* reader, bint registers) noexcept nogil:
    """Go through the versions that a read comes from (of a sum, its adds, and what is below them), and register there.

    A number that is the same only where the versions are the same; 0 where the arena is full.
    """
    cdef Location* location = location_at(local, reader.location)
    cdef uint32_t below = reader.txn_idx
    cdef uint64_t word, digest = 1
    while True:
        word = newest_below(local, location, below)
        digest = multiply_fold(digest ^ word, <uint64_t>0xD6E8FEB86659FD93) | 1
        below = BASE_TXN if word == 0 else word_txn(word)
        if registers and not add_reader(local, below, reader):
            return 0
        if word == 0 or word_kind(word) != WORD_ADD or word_is_estimate(word):
            return digest


cdef inline void describe(const Found* found, Reader* reader) noexcept nogil:
    """Note in a Reader what was found."""
    if found.kind == FOUND_SUM or found.kind == FOUND_INVALID:
        reader.kind = READ_SUM
        reader.word = 0
        reader.sum = found.sum
    else:
        reader.kind = READ_VERSION
        reader.word = found.word


cdef inline bint is_read(const Found* found) noexcept nogil:
    """Whether something was found that a transaction goes on with, or fails by."""
    return (
        found.kind == FOUND_VALUE or found.kind == FOUND_ABSENT or found.kind == FOUND_SUM or found.kind == FOUND_INVALID
        or found.kind == FOUND_BROKEN
    )


cdef inline void find_and_register(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    """What a key holds below the running transaction, which is told from now on when that changes (see Model.find).

    Of what is only asked about (existence, bounds, a range) it is not told: the collector asks again, as it does for
    adds, when all below is final.
    Invariant: what is returned was there after the reader had shown itself.
    """
    cdef Reader reader
    cdef uint64_t digest
    reader.location = location
    reader.txn_idx = local.txn_idx
    reader.incarnation = local.incarnation
    while True:
        find(local, location, local.txn_idx, adds_max, found)
        if adds_max != ADDS_READ or not is_read(found):
            return
        describe(found, &reader)
        digest = visit_versions(local, &reader, True)
        if digest == 0 or mutant(local, MUTANT_READER_REGISTERED_LATE):
            return
        fence_sc()
        find(local, location, local.txn_idx, adds_max, found)
        # A sum upon what is no number is none, and never holds: it is there only until its adds are taken back.
        if (found.kind == FOUND_INVALID or holds_what_was_read(local, &reader, found)) and (
            visit_versions(local, &reader, False) == digest
        ):
            return


# --- telling ------------------------------------------------------------------------------------

cdef inline bint holds_number(Local* local, const Found* found, const Number* expected) noexcept nogil:
    """Whether what was found is that number. The collector turns adds into values, so either may be."""
    cdef Number number
    cdef Record* record
    if found.kind == FOUND_SUM:
        return number_compare(&found.sum, expected) == 0
    if found.kind != FOUND_VALUE:
        return False
    record = record_of(local, found.word)
    return number_decode(record_bytes(record), record.length, &number) and number_compare(&number, expected) == 0


cdef inline bint holds_what_was_read(Local* local, const Reader* reader, const Found* found) noexcept nogil:
    """Whether what was found is the very version that was read, or, of adds, the same number."""
    if reader.kind == READ_SUM:
        return holds_number(local, found, &reader.sum)
    return (
        (found.kind == FOUND_VALUE or found.kind == FOUND_ABSENT or found.kind == FOUND_BROKEN) and found.word == reader.word
    )


cdef inline bint holds_same_value(Local* local, uint64_t word, const Found* found) noexcept nogil:
    """Whether another version was found that holds the bytes of the one that was read."""
    cdef Record* seen
    cdef Record* now
    if found.kind != FOUND_VALUE or word == 0 or word_kind(word) != WORD_VALUE:
        return False
    seen = record_of(local, word)
    now = record_of(local, found.word)
    return now.length == seen.length and memcmp(record_bytes(now), record_bytes(seen), seen.length) == 0


cdef inline bint still_holds_for(Local* local, Reader* shown, uint32_t incarnation) noexcept nogil:
    """Whether a read still holds; where by value only, the reader is registered at the versions that are there now.

    An ESTIMATE of the writer that was read from says nothing: the writer will publish again, and look again.
    Invariant: a read that holds is registered at the versions that it comes from now, or their writers have yet to look:
    it is registered anew (sc) before the old Reader is given up, and then looked at again. Of a Reader that shows nothing
    changes but that it is given up, so several may look at it at once.
    """
    cdef Found found
    cdef Reader own_copy = shown[0]
    cdef Reader* reader = &own_copy
    cdef bint is_same
    reader.incarnation = incarnation
    while True:
        find(local, reader.location, reader.txn_idx, ADDS_READ, &found)
        if found.kind == FOUND_ESTIMATE:
            return found.blocker == reader.writer
        is_same = holds_what_was_read(local, reader, &found)
        if is_same and reader.kind == READ_VERSION:
            return True
        if not is_same and not (shared(local).compares_values and holds_same_value(local, reader.word, &found)):
            return False
        if mutant(local, MUTANT_READER_NOT_CARRIED):
            return True
        # Another version with the same value, or a sum that may have other parts.
        if reader.kind == READ_VERSION:
            reader.word = found.word
        if visit_versions(local, reader, True) == 0:
            return True
        fence_sc()
        find(local, reader.location, reader.txn_idx, ADDS_READ, &found)
        if holds_what_was_read(local, reader, &found):
            store_release[uint32_t](&shown.incarnation, MOVED)
            return True


cdef inline bint is_told(const Txn* txn, uint32_t incarnation) noexcept nogil:
    """Whether that incarnation has been told that something that it has read is stale."""
    return load_sc[uint64_t](&txn.validated) > incarnation


cdef inline void tell(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Abort an incarnation whose read is stale, or have its worker abort it when it is executed.

    Invariant: one of the two does. The incarnation is marked (sc) before its status is looked at (sc); its worker says
    EXECUTED (sc) before it looks for the mark (sc; see end_execution).
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint64_t begin_ns = span_begin(local)
    cdef uint64_t seen = load_sc[uint64_t](&txn.validated)
    cdef uint64_t status
    if not mutant(local, MUTANT_TOLD_ONLY_EXECUTED):
        while seen < <uint64_t>incarnation + 1:
            if compare_exchange_sc[uint64_t](&txn.validated, seen, <uint64_t>incarnation + 1):
                break
            seen = load_sc[uint64_t](&txn.validated)
    status = load_sc[uint64_t](&txn.status)
    if status_state(status) == EXECUTED and status_incarnation(status) == incarnation:
        if try_abort(local, txn_idx, incarnation):
            span_end(local, SPAN_ABORT, begin_ns, txn_idx, incarnation, pack_cause(CAUSE_VERSION, local.txn_idx))


cdef inline void tell_readers_of(Local* local, uint32_t location, uint32_t writer) noexcept nogil:
    """Look at the readers of a key from a writer that stand above the running transaction."""
    cdef uint64_t offset = load_sc[uint64_t](readers_of(local, location, writer))
    cdef Reader* reader
    cdef uint64_t status
    cdef uint32_t state, incarnation
    while offset != 0:
        reader = <Reader*>address(local, offset)
        offset = reader.next
        if reader.location != location or reader.writer != writer or reader.txn_idx <= local.txn_idx:
            continue
        incarnation = load_acquire[uint32_t](&reader.incarnation)
        status = load_sc[uint64_t](&txn_at(local, reader.txn_idx).status)
        state = status_state(status)
        if status_incarnation(status) != incarnation or (state != EXECUTING and state != EXECUTED):
            continue
        store_relaxed[uint64_t](&local.slot.validations, local.slot.validations + 1)
        if not still_holds_for(local, reader, incarnation):
            tell(local, reader.txn_idx, incarnation)


cdef inline void push_to_readers(Local* local, uint32_t location) noexcept nogil:
    """What follows each publication at a key, be it a value or none any more.

    Memory ordering: what was published comes before the look for readers (fence).
    """
    cdef uint64_t below
    fence_sc()
    step(local, STEP_PUSH, location)
    tell_readers_of(local, location, local.txn_idx)
    if mutant(local, MUTANT_READER_BELOW_FORGOTTEN):
        return
    below = newest_below(local, location_at(local, location), local.txn_idx)
    tell_readers_of(local, location, BASE_TXN if below == 0 else word_txn(below))
