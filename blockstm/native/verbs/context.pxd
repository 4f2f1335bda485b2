"""The verbs of a program: read, exists, check, scan, write, delete, add, emit, charge, revert.

A verb returns OK, or a code with which the program must return at once. Writes stay in private
memory until the incarnation is finished; reads are recorded as versions. What a native program needs beside the
verbs (codes, values, savepoints, long work) can be cimported from here, too.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.verbs.adds cimport add_blindly, add_to_known, allowed_with_add, read_own_add
from blockstm.native.memory.atomics cimport unlikely_true
from blockstm.native.versions.key_order cimport compare_bytes, set_range
from blockstm.native.versions.key_table cimport find_or_insert
from blockstm.native.memory.layout cimport (
    Bounds, EVENT_BYTES_MAX, KEY_BYTES_MAX, Number, OUTCOME_FAILED, OUTCOME_REVERTED, REASON_BYTES_MAX, SCAN_KEYS_MAX,
    SCAN_NO_END, Scan, VALUE_BYTES_MAX, WORD_ADD, WORD_DELETE, WORD_VALUE,
)
from blockstm.native.memory.local cimport Local, PendingWrite, Touched
from blockstm.native.memory.number cimport number_decode, number_is_within
from blockstm.native.verbs.predicates cimport check_below, exists_below
from blockstm.native.verbs.reads cimport Value, read_below, read_value
from blockstm.native.verbs.scans cimport scan_range
from blockstm.native.verbs.savepoints cimport Savepoint, savepoint_keep, savepoint_open, savepoint_roll_back
from blockstm.native.verbs.touched cimport ABSENT, GIVE_UP, OK, OUT_OF_BOUNDS, append, make_room, pending, put, touch
from blockstm.native.verbs.work cimport do_work, poll


cdef inline void own_value(Local* local, const Touched* touched, Value* out) noexcept nogil:
    """What the transaction has written, or deleted, itself."""
    cdef const PendingWrite* write = pending(local, touched.write_index)
    out.present = write.kind == WORD_VALUE
    out.length = write.length if out.present else 0
    out.data = local.scratch.data + write.data


cdef inline int ctx_read(Local* local, uint32_t location, Value* out) noexcept nogil:
    """Read a key: the transaction's own write, else what earlier transactions left.

    `out.data` is valid until the program returns, whatever it does next. A key is read from below once an
    incarnation, so a program never sees two values of one key.
    """
    cdef Touched* touched
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    touched = touch(local, location)
    if touched == NULL:
        return GIVE_UP
    if touched.write_index >= 0 and pending(local, touched.write_index).kind != WORD_ADD:
        own_value(local, touched, out)
        return OK
    if touched.read_index < 0 and read_below(local, touched) != OK:
        return GIVE_UP
    if touched.write_index >= 0:
        return read_own_add(local, touched, out)
    read_value(local, local.reads + touched.read_index, out)
    return OK


cdef inline int ctx_exists(Local* local, uint32_t location) noexcept nogil:
    """Whether a key has a value: OK where it has, else ABSENT. That is all that the transaction then depends on.

    What the transaction itself has written or deleted counts, as does what it has added: an add leaves a value.
    """
    cdef Touched* touched
    cdef Value value
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    touched = touch(local, location)
    if touched == NULL:
        return GIVE_UP
    if touched.write_index >= 0:
        return ABSENT if pending(local, touched.write_index).kind == WORD_DELETE else OK
    if touched.read_index >= 0:
        read_value(local, local.reads + touched.read_index, &value)
        return OK if value.present else ABSENT
    return exists_below(local, touched)


cdef inline int ctx_check(Local* local, uint32_t location, const Bounds* bounds) noexcept nogil:
    """Whether the number at a key lies within bounds: OK where it does, else OUT_OF_BOUNDS.

    That is all that the transaction then depends on. An absent key is 0; a value that is not a number (over 32 bytes)
    lies within no bounds. What the transaction itself has written, deleted or added counts.
    """
    cdef Touched* touched
    cdef Value value
    cdef Number number
    cdef Bounds asked = bounds[0]
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    touched = touch(local, location)
    if touched == NULL:
        return GIVE_UP
    if touched.write_index >= 0 and pending(local, touched.write_index).kind != WORD_ADD:
        own_value(local, touched, &value)
    else:
        if touched.write_index >= 0 and not allowed_with_add(local, touched, bounds, &asked):
            return OUT_OF_BOUNDS
        if touched.read_index < 0:
            return check_below(local, touched, &asked)
        read_value(local, local.reads + touched.read_index, &value)
    if number_decode(value.data, value.length, &number) and number_is_within(&number, &asked):
        return OK
    return OUT_OF_BOUNDS


cdef inline int ctx_write(Local* local, uint32_t location, const uint8_t* data, uint32_t length) noexcept nogil:
    """Write a value of at most VALUE_BYTES_MAX bytes; with a longer one the program fails."""
    cdef Touched* touched
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    if unlikely_true(length > VALUE_BYTES_MAX):
        return ctx_fail(local, "LimitError: a value is longer than 65536 bytes", 46)
    touched = touch(local, location)
    if touched == NULL:
        return GIVE_UP
    return put(local, touched, WORD_VALUE, data, length, 0)


cdef inline int ctx_delete(Local* local, uint32_t location) noexcept nogil:
    """Delete a key: it reads as absent from here on."""
    cdef Touched* touched
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    touched = touch(local, location)
    if touched == NULL:
        return GIVE_UP
    return put(local, touched, WORD_DELETE, NULL, 0, 0)


cdef inline int ctx_add(
    Local* local, uint32_t location, const Number* delta, bint negative, const Bounds* bounds
) noexcept nogil:
    """Add a signed delta to a number; OUT_OF_BOUNDS (and no change) where the sum would leave `bounds`.

    Commutes with other adds: neither reads the value. A value that is not a number (over 32 bytes) is
    out of bounds.
    """
    cdef Touched* touched
    cdef Value value
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    touched = touch(local, location)
    if touched == NULL:
        return GIVE_UP
    if touched.write_index >= 0 and pending(local, touched.write_index).kind == WORD_ADD:
        return add_blindly(local, touched, delta, negative, bounds)
    if touched.write_index >= 0 or touched.read_index >= 0:
        if ctx_read(local, location, &value) != OK:
            return GIVE_UP
        return add_to_known(local, touched, &value, delta, negative, bounds)
    return add_blindly(local, touched, delta, negative, bounds)


cdef inline void decide(Local* local, uint32_t outcome, const uint8_t* reason, uint32_t length) noexcept nogil:
    """Settle the outcome of the running (nested) program; verbs fail from here on.

    Of the reason the first REASON_BYTES_MAX bytes are kept. It may lie in the last one (local.reason).
    """
    local.outcome = outcome
    local.closed = 1
    local.reason.length = 0
    append(local, &local.reason, reason, length if length < REASON_BYTES_MAX else REASON_BYTES_MAX)


cdef inline int ctx_emit(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    """Put an event of at most EVENT_BYTES_MAX bytes into the receipt; with a longer one the program fails."""
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    if unlikely_true(length > EVENT_BYTES_MAX):
        return ctx_fail(local, "LimitError: an event is longer than 65536 bytes", 47)
    # Room for both first: the event may lie in the buffer of events.
    if not make_room(local, &local.events, sizeof(uint32_t) + length, &data):
        return GIVE_UP
    if not append(local, &local.events, &length, sizeof(uint32_t)) or not append(local, &local.events, data, length):
        return GIVE_UP
    local.event_count += 1
    return OK


cdef inline int ctx_charge(Local* local, uint64_t gas) noexcept nogil:
    """Use up gas; past the limit the transaction fails with all its gas used."""
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    if gas > local.gas_limit - local.gas_used:
        local.gas_used = local.gas_limit
        decide(local, OUTCOME_FAILED, <const uint8_t*>"OutOfGas: the gas limit is used up", 34)
        return GIVE_UP
    local.gas_used += gas
    return OK


cdef inline int ctx_revert(Local* local, const char* reason, uint32_t length) noexcept nogil:
    """End the (nested) program without its writes; the reason goes into the receipt, cut at REASON_BYTES_MAX bytes."""
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    decide(local, OUTCOME_REVERTED, <const uint8_t*>reason, length)
    return GIVE_UP


cdef inline int ctx_fail(Local* local, const char* reason, uint32_t length) noexcept nogil:
    """Fail the (nested) program: as revert, but the receipt says failed."""
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    decide(local, OUTCOME_FAILED, <const uint8_t*>reason, length)
    return GIVE_UP


cdef inline int ctx_scan(
    Local* local, const uint8_t* start, uint32_t start_length, const uint8_t* end, uint32_t end_length,
    uint32_t limit, uint32_t* keys, uint32_t* count
) noexcept nogil:
    """Find the first keys that have values, in the order of their bytes, from `start` up to and without `end`.

    The transaction then depends on which keys of the range have values, as far as it has looked, and not on the values.
    What it has written, deleted or added itself counts. A block whose state is asked of a source cannot be scanned: the
    program fails.

    Arguments:
        start, start_length: the lowest key that may be found.
        end, end_length: the first key that may not; SCAN_NO_END: none.
        limit: how many keys to find at most, from 1 to SCAN_KEYS_MAX.
        keys: room for as many.
        count: how many were found.
    """
    cdef Scan scan
    count[0] = 0
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    if start_length > KEY_BYTES_MAX or (end_length > KEY_BYTES_MAX and end_length != SCAN_NO_END):
        return ctx_fail(local, "LimitError: a key is longer than 64 bytes", 41)
    if limit == 0 or limit > SCAN_KEYS_MAX:
        return ctx_fail(local, "LimitError: a scan is not for 1 to 1024 keys", 44)
    if unlikely_true(local.header.has_source != 0):
        return ctx_fail(local, "UsageError: a state that is asked of a source cannot be scanned", 63)
    if end_length != SCAN_NO_END and compare_bytes(start, start_length, end, end_length) >= 0:
        return OK
    scan.last = 0
    set_range(&scan.range, start, start_length, end, end_length)
    if scan_range(local, &scan, limit, keys, count) == OK:
        return OK
    count[0] = 0
    return GIVE_UP


cdef inline uint32_t ctx_location(Local* local, const uint8_t* key, uint32_t length) noexcept nogil:
    """The location of a key computed by the program, for the verbs; 0 = return at once.

    Keys that stand in the arguments have been located by the loader.
    """
    cdef uint32_t location
    if unlikely_true(local.abort | local.closed):
        return 0
    if length > KEY_BYTES_MAX:
        ctx_fail(local, "LimitError: a key is longer than 64 bytes", 41)
        return 0
    return find_or_insert(local, key, length)
