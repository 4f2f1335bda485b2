"""Reading below: what earlier transactions left at a key, and the read set."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.atomics cimport known_at_most, store_release, unlikely_true
from blockstm.native.memory.layout cimport (
    LOCATION_READ_MODIFY_WRITE, READS_INITIAL, READ_SUM, READ_VERSION, Read, Record, WORD_DELETE, WORD_VALUE,
)
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport (
    ABORT_NONE, ABORT_SUSPENDED, ABORT_UNDECLARED, ABORT_UNKNOWN, Local, Touched, address, location_at,
)
from blockstm.native.versions.multi_version cimport (
    FOUND_BROKEN, FOUND_ESTIMATE, FOUND_INVALID, FOUND_SUM, FOUND_UNDECLARED, Found, make_record, pack_word, record_bytes, record_of, word_kind,
)
from blockstm.native.memory.number cimport number_encode
from blockstm.native.verbs.model cimport ADDS_READ, model_of
from blockstm.native.verbs.touched cimport GIVE_UP, OK

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


cdef inline int give_up_unknown(Local* local, uint32_t location, const Found* found) noexcept nogil:
    """End the program where the source of the state cannot tell what a key holds.

    Invariant: whether the block fails for it does not depend on the schedule. It was asked for on reads that may be
    stale, so the incarnation ends as one that has read that word (see end_unknown), and is validated as any other is.
    """
    if local.abort == ABORT_NONE and append_read(local, location, READ_VERSION, found.word):
        local.abort = ABORT_UNKNOWN
    return GIVE_UP


cdef inline int give_up_unread(Local* local, uint32_t location, const Found* found) noexcept nogil:
    """End the program where a key cannot be read, or must not be."""
    if found.kind != FOUND_UNDECLARED:
        return give_up_unknown(local, location, found)
    if local.abort == ABORT_NONE:
        local.blocker = location
        local.abort = ABORT_UNDECLARED
    return GIVE_UP


cdef inline bint is_answer(Local* local, uint32_t location, const Found* found) noexcept nogil:
    """Whether what was found can be told to the program; else the incarnation waits or ends, as that says."""
    if unlikely_true(found.kind == FOUND_ESTIMATE):
        local.abort = ABORT_SUSPENDED
        local.blocker = found.blocker
        return False
    if unlikely_true(found.kind >= FOUND_BROKEN):
        give_up_unread(local, location, found)
        return False
    return True


cdef inline int read_below(Local* local, Touched* touched) noexcept nogil:
    """Read what earlier transactions left at a key, once, and record it."""
    cdef Found found
    cdef uint8_t digits[32]
    cdef uint64_t offset
    cdef bint kept
    model_of(local).find(local, touched.location, ADDS_READ, &found)
    if unlikely_true(not is_answer(local, touched.location, &found)):
        if found.kind == FOUND_ESTIMATE and location_at(local, touched.location).flags & LOCATION_READ_MODIFY_WRITE:
            model_of(local).expect_write(local, touched, True)
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
        model_of(local).expect_write(local, touched, False)
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
