"""Promised accesses: what a transaction has declared that it touches, and what follows where it touches something else.

A touch outside of the promise ends the program. What follows is the user's choice: the transaction fails, the whole block
does, or the transaction waits until all before it is final, and runs again without promises. What a program touches
depends on what it reads, and that is final in its value where promises hold; so which touch it is does not depend on the
schedule.
"""

from libc.stdint cimport uint8_t, uint32_t

from blockstm.native.memory.layout cimport (
    ACCESS_ADD, ACCESS_READ, ACCESS_WRITE, Access, KEY_BYTES_MAX, Location, OUTCOME_FAILED, OUTCOME_SUCCESS,
    OUTCOME_UNDECLARED, Preparation, WORD_ADD,
)
from blockstm.native.memory.local cimport ABORT_NONE, ABORT_UNDECLARED, Local, PendingWrite, address, location_at
from blockstm.native.verbs.context cimport decide
from blockstm.native.verbs.model cimport ADDS_GUESSED, ADDS_SCANNED
from blockstm.native.verbs.touched cimport pending
from blockstm.native.versions.multi_version cimport FOUND_ABSENT, FOUND_ESTIMATE, Found

cdef enum:
    SCANNED_RANGE = 0xFFFFFFFF  # stands for the location of what was touched

# What follows a touch that was not promised.
cdef enum:
    UNDECLARED_IGNORE = 0       # nothing: there are no promises
    UNDECLARED_FAIL = 1         # the transaction fails
    UNDECLARED_WAIT = 2         # it waits until all before it is final, and runs again without promises
    UNDECLARED_ABORT_BLOCK = 3  # the block fails


cdef inline const Preparation* preparation_of(Local* local) noexcept nogil:
    """What is known of the block's transactions; NULL for nothing."""
    return <const Preparation*>address(local, local.header.preparation) if local.header.preparation != 0 else NULL


cdef inline const Access* accesses_of(Local* local, uint32_t txn_idx, uint32_t* count) noexcept nogil:
    """The accesses of a transaction that are known before it runs, ascending by location."""
    cdef const Preparation* known = preparation_of(local)
    cdef const uint32_t* begins
    count[0] = 0
    if known == NULL or known.accesses == 0:
        return NULL
    begins = <const uint32_t*>address(local, known.access_begins) + txn_idx
    count[0] = begins[1] - begins[0]
    return <const Access*>address(local, known.accesses) + begins[0]


cdef inline uint32_t promised_kinds(Local* local, uint32_t location) noexcept nogil:
    """How the running transaction has promised to access a key; 0: not at all."""
    cdef uint32_t low = 0, high, middle
    cdef const Access* accesses = accesses_of(local, local.txn_idx, &high)
    while low < high:
        middle = (low + high) // 2
        if accesses[middle].location == location:
            return accesses[middle].kinds
        if accesses[middle].location < location:
            low = middle + 1
        else:
            high = middle
    return 0


cdef inline bint may_find(Local* local, uint32_t location, uint32_t adds_max) noexcept nogil:
    """Whether the running transaction has promised to look at a key: to read it, or, to guess about an add, to add to it.

    A guess tells something of the value. So an add that was not promised ends the program when it is made, and not at its
    end, lest what follows depend on the schedule.
    """
    cdef uint32_t kinds = promised_kinds(local, location)
    if adds_max != ADDS_GUESSED:
        return kinds & ACCESS_READ
    return kinds & ACCESS_ADD or (kinds & ACCESS_READ and kinds & ACCESS_WRITE)


cdef inline bint may_know(Local* local, uint32_t location, uint32_t adds_max, const Found* found) noexcept nogil:
    """Whether the running transaction has promised to look at a key of which that was found.

    A key that has no value makes no difference to a scan, so that one needs no promise: which keys there are beside those
    that have values depends on the schedule.
    """
    if adds_max == ADDS_SCANNED and (found.kind == FOUND_ABSENT or found.kind == FOUND_ESTIMATE):
        return True
    return may_find(local, location, adds_max)


cdef inline bint refuse_scan(Local* local) noexcept nogil:
    """What Model.may_scan does where ranges cannot be scanned; False."""
    if local.abort == ABORT_NONE:
        local.blocker = SCANNED_RANGE
        local.abort = ABORT_UNDECLARED
    return False


cdef inline bint may_write(Local* local, const PendingWrite* write) noexcept nogil:
    """Whether a write was promised. An add does nothing that reading and writing could not."""
    cdef uint32_t kinds = promised_kinds(local, write.location)
    if kinds & ACCESS_WRITE:
        return write.kind != WORD_ADD or kinds & (ACCESS_READ | ACCESS_ADD)
    return kinds & ACCESS_ADD and (write.kind == WORD_ADD or kinds & ACCESS_READ)


cdef inline uint32_t unpromised_write(Local* local) noexcept nogil:
    """The first key that the running transaction, which has come to its end, writes without a promise; 0 for none."""
    cdef uint32_t index
    if local.outcome != OUTCOME_SUCCESS:
        return 0
    for index in range(local.write_count):
        if not may_write(local, pending(local, index)):
            return pending(local, index).location
    return 0


cdef inline uint32_t touched_unpromised(Local* local) noexcept nogil:
    """The key that the program, which has been run, touches without a promise; 0 for none. The read that ended it, if
    one has, else the first of its writes.
    """
    if local.abort == ABORT_UNDECLARED:
        return local.blocker
    return unpromised_write(local) if local.abort == ABORT_NONE else 0


cdef inline void end_undeclared(Local* local, uint32_t location_ref, uint32_t on_undeclared) noexcept nogil:
    """Let an incarnation end that has touched what it had not promised: it fails, or it is one that never becomes final.

    Of a key, 2 hexadecimal digits a byte are told.
    """
    cdef const Location* location = NULL
    cdef const char* digits = "0123456789abcdef"
    cdef const char* what = b"undeclared: it reads key 0x" if local.abort == ABORT_UNDECLARED else b"undeclared: it writes key 0x"
    cdef uint8_t text[64 + 2 * KEY_BYTES_MAX]
    cdef uint32_t length = 0, place
    if location_ref != SCANNED_RANGE:
        location = location_at(local, location_ref)
    else:
        what = b"undeclared: it scans a range, and only keys are locked"
    while what[length] != 0:
        text[length] = <uint8_t>what[length]
        length += 1
    for place in range(location.key_bytes if location != NULL else 0):
        text[length] = <uint8_t>digits[location.key[place] >> 4]
        text[length + 1] = <uint8_t>digits[location.key[place] & 15]
        length += 2
    local.abort = ABORT_NONE
    local.event_count = 0
    local.events.length = 0
    decide(local, OUTCOME_UNDECLARED if on_undeclared == UNDECLARED_ABORT_BLOCK else OUTCOME_FAILED, text, length)
