"""Reading below: what earlier transactions left at a key, the read set, and intents of writing what was read."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.atomics cimport known_at_most, load_acquire, store_release, unlikely_true
from blockstm.native.memory.layout cimport (
    INTENTS_MAX, LOCATION_READ_MODIFY_WRITE, MODEL_SEQUENTIAL, READS_INITIAL, READ_SUM, READ_VERSION, Read,
    Record, WORD_DELETE, WORD_INTENT, WORD_TOMBSTONE, WORD_VALUE,
)
from blockstm.native.memory.local cimport (
    ABORT_SUSPENDED, Local, STEP_INTENT, Touched, address, allocate, location_at, step,
)
from blockstm.native.versions.multi_version cimport (
    FOUND_ABSENT, FOUND_ESTIMATE, FOUND_INVALID, FOUND_SUM, FOUND_VALUE, Found, claim_place, find,
    make_record, pack_word, record_bytes, record_of, word_kind,
)
from blockstm.native.memory.number cimport number_encode
from blockstm.native.verbs.touched cimport GIVE_UP, OK, touch

cdef struct Value:
    const uint8_t* data
    uint32_t length
    bint present


cdef inline bint append_read(Local* local, uint32_t location, uint32_t kind, uint64_t word) noexcept nogil:
    """Add to the read set, which lies in the arena so that the supervisor can look at it."""
    cdef uint64_t offset
    cdef uint32_t capacity
    if unlikely_true(local.read_count == local.read_capacity):
        capacity = local.read_capacity * 2 if local.read_capacity != 0 else READS_INITIAL
        offset = allocate(local, <uint64_t>capacity * sizeof(Read))
        if offset == 0:
            return False
        if local.read_count != 0:
            memcpy(address(local, offset), local.reads, local.read_count * sizeof(Read))
        local.reads = <Read*>address(local, offset)
        local.read_capacity = capacity
        store_release[uint64_t](&local.slot.live_reads, offset)
    local.reads[local.read_count].word = word
    local.reads[local.read_count].location = location
    local.reads[local.read_count].kind = kind
    local.read_count += 1
    store_release[uint32_t](&local.slot.live_read_count, local.read_count)
    return True


cdef inline void announce_intent(Local* local, Touched* touched) noexcept nogil:
    """Mark a key that is usually read and then written as about to be written by this transaction.

    Later transactions that read the key then wait instead of working on a value that will be stale.
    Short transactions (see adapt_fresh_chunk) do not: running one in vain costs less than waiting.
    Invariant: an intent never held a value, so nobody has read through it: it needs no validation
    when it comes or goes. It is noted in the slot before it shows, for recovery.
    """
    cdef uint64_t word
    if touched.place != 0 or local.fresh_chunk > 1 or local.slot.intent_count >= INTENTS_MAX:
        return
    store_release[uint32_t](&local.slot.intents[local.slot.intent_count], touched.location)
    store_release[uint32_t](&local.slot.intent_count, local.slot.intent_count + 1)
    step(local, STEP_INTENT, touched.location)
    touched.place = claim_place(local, touched.location, local.txn_idx)
    if touched.place == 0:
        return
    word = load_acquire[uint64_t](<uint64_t*>address(local, touched.place))
    if word == 0 or word_kind(word) == WORD_TOMBSTONE:
        store_release[uint64_t](
            <uint64_t*>address(local, touched.place), pack_word(WORD_INTENT, local.txn_idx, 0)
        )


cdef inline void announce_arguments(Local* local) noexcept nogil:
    """Announce the keys that a native program's arguments begin with, where they are usually written.

    For a transaction that has to wait before it got to them: those after it then queue up behind it
    instead of behind the one that it waits for.
    """
    cdef uint32_t keys = local.leading_keys[local.txn.program]
    cdef const uint64_t* arguments = <const uint64_t*>address(local, local.txn.arguments)
    cdef Touched* touched
    while keys > 0:
        keys -= 1
        if location_at(local, <uint32_t>arguments[keys]).flags & LOCATION_READ_MODIFY_WRITE:
            touched = touch(local, <uint32_t>arguments[keys])
            if touched != NULL:
                announce_intent(local, touched)


cdef inline void find_in_order(Local* local, uint32_t location, Found* found) noexcept nogil:
    """What a key holds under the sequential model: one current word, no versions."""
    cdef uint64_t word = location_at(local, location).slots[0]
    if word == 0:
        word = location_at(local, location).base
    found.word = word
    found.kind = FOUND_ABSENT if word == 0 or word_kind(word) == WORD_DELETE else FOUND_VALUE


cdef inline void find_below(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    if local.header.model == MODEL_SEQUENTIAL:
        find_in_order(local, location, found)
    else:
        find(local, location, local.txn_idx, adds_max, found)


cdef inline int read_below(Local* local, Touched* touched) noexcept nogil:
    """Read what earlier transactions left at a key, once, and record it."""
    cdef Found found
    cdef uint8_t digits[32]
    cdef uint64_t offset
    cdef bint kept
    find_below(local, touched.location, 0xFFFFFFFF, &found)
    if unlikely_true(found.kind == FOUND_ESTIMATE):
        if location_at(local, touched.location).flags & LOCATION_READ_MODIFY_WRITE:
            announce_intent(local, touched)
            announce_arguments(local)
        local.abort = ABORT_SUSPENDED
        local.blocker = found.blocker
        return GIVE_UP
    touched.read_index = <int32_t>local.read_count
    if found.kind == FOUND_SUM or found.kind == FOUND_INVALID:
        offset = make_record(local, digits, known_at_most(number_encode(&found.sum, digits), 32), 0)
        kept = offset != 0 and append_read(local, touched.location, READ_SUM, pack_word(WORD_VALUE, 0, offset))
    else:
        kept = append_read(local, touched.location, READ_VERSION, found.word)
    if not kept:
        return GIVE_UP
    if location_at(local, touched.location).flags & LOCATION_READ_MODIFY_WRITE:
        announce_intent(local, touched)
    return OK


cdef inline void read_value(Local* local, const Read* read, Value* out) noexcept nogil:
    """The bytes that a read set entry stands for."""
    cdef Record* record
    out.present = read.word != 0 and word_kind(read.word) != WORD_DELETE
    out.length = 0
    out.data = NULL
    if out.present:
        record = record_of(local, read.word)
        out.length = record.length
        out.data = record_bytes(record)
