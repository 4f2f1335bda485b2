"""The verb interface in C (blockstm.h): the table of verbs, and how programs are run that are compiled against it.

A function of the table checks what the program hands it, and does what the inlined verb of that name does. Invariants,
whatever a program does: a verb that gives up changes nothing and gives out nothing but zeros; what a verb gives out
stays as it is until the incarnation ends (values: see verbs/touched.put; records of others never change); a program
closes no savepoint but its own. Nothing here is shared memory, so there is no ordering to keep.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memcpy

from blockstm.native.memory.atomics cimport unlikely_true
from blockstm.native.memory.layout cimport (
    Bounds, EVENT_BYTES_MAX, KEY_BYTES_MAX, Location, Number, OUTCOME_REVERTED, REASON_BYTES_MAX, SCAN_KEYS_MAX,
    SCAN_NO_END, VALUE_BYTES_MAX,
)
from blockstm.native.memory.buffers cimport reserve
from blockstm.native.memory.local cimport ABORT_NONE, Local, location_at
from blockstm.native.memory.number cimport number_maximum, number_set
from blockstm.native.programs.arguments cimport KIND_ADDS, KIND_BYTES, KIND_KEY, KIND_KEYS, KIND_U256
from blockstm.native.programs.layout_checks cimport require
from blockstm.native.programs.native_program cimport ProgramEntry
from blockstm.native.programs.verb_table cimport (
    BLOCKSTM_ABI_VERSION, BLOCKSTM_ABSENT, BLOCKSTM_CALLS_MAX, BLOCKSTM_EVENT_BYTES_MAX, BLOCKSTM_FAILED,
    BLOCKSTM_GIVE_UP, BLOCKSTM_KEY_BYTES_MAX, BLOCKSTM_OK, BLOCKSTM_OUT_OF_BOUNDS, BLOCKSTM_REASON_BYTES_MAX,
    BLOCKSTM_REVERTED, BLOCKSTM_SAVEPOINTS_MAX, BLOCKSTM_SCAN_KEYS_MAX, BLOCKSTM_VALUE_BYTES_MAX, blockstm_context,
    blockstm_key,
    blockstm_status, blockstm_u256, blockstm_verbs,
)
from blockstm.native.verbs.context cimport (
    ABSENT, GIVE_UP, OK, OUT_OF_BOUNDS, Savepoint, Value, ctx_add, ctx_charge, ctx_check, ctx_delete, ctx_emit,
    ctx_exists, ctx_fail, ctx_location, ctx_read, ctx_revert, ctx_scan, ctx_write, poll, savepoint_keep, savepoint_open,
    savepoint_roll_back,
)
from blockstm.native.verbs.work cimport work_as_stated

cdef enum:
    LENGTH_MAX = 0xFFFFFFFF     # of a 32-bit number

cdef struct Call:               # one run of a program: what its blockstm_context is
    Local* local
    const ProgramEntry* entry
    uint32_t depth              # savepoints that were open when it was called
    uint32_t calls              # how many programs stand above it that have called


cdef inline void check_header() noexcept nogil:
    """Does nothing, and does not compile where blockstm.h says otherwise than the core."""
    require(<int>BLOCKSTM_OK == <int>OK)
    require(<int>BLOCKSTM_GIVE_UP == <int>GIVE_UP)
    require(<int>BLOCKSTM_OUT_OF_BOUNDS == <int>OUT_OF_BOUNDS)
    require(<int>BLOCKSTM_ABSENT == <int>ABSENT)
    require(<int>BLOCKSTM_KEY_BYTES_MAX == <int>KEY_BYTES_MAX)
    require(<int>BLOCKSTM_VALUE_BYTES_MAX == <int>VALUE_BYTES_MAX)
    require(<int>BLOCKSTM_EVENT_BYTES_MAX == <int>EVENT_BYTES_MAX)
    require(<int>BLOCKSTM_REASON_BYTES_MAX == <int>REASON_BYTES_MAX)
    require(<int>BLOCKSTM_SCAN_KEYS_MAX == <int>SCAN_KEYS_MAX)
    require(sizeof(blockstm_u256) == sizeof(Number))
    require(sizeof(blockstm_key) == sizeof(uint32_t))
    require(sizeof(size_t) == sizeof(uint64_t))


# --- checks ---------------------------------------------------------------------------------------

cdef inline Local* local_of(blockstm_context* context) noexcept nogil:
    return (<Call*>context).local


cdef inline bint is_over(Local* local) noexcept nogil:
    """Whether the incarnation is given up, or its outcome decided: verbs do nothing."""
    return (local.abort | local.closed) != 0


cdef inline bint is_bytes(const void* data, size_t length) noexcept nogil:
    return data != NULL or length == 0


cdef inline uint32_t clipped(size_t length) noexcept nogil:
    """A length in 32 bits; of a longer one the largest, which every verb refuses."""
    return <uint32_t>length if length < <size_t>LENGTH_MAX else LENGTH_MAX


cdef inline uint32_t clipped_key(size_t length) noexcept nogil:
    """The length of a key in 32 bits; of a longer one one that every verb refuses, and that is not SCAN_NO_END."""
    return <uint32_t>length if length <= <size_t>KEY_BYTES_MAX else KEY_BYTES_MAX + 1


cdef inline bint may_be_key(Local* local, uint64_t location) noexcept nogil:
    """Whether a location could be where it says: within the block's part of the arena."""
    cdef uint64_t place = location * 64
    return (
        location <= <uint64_t>LENGTH_MAX and place >= local.header.block_begin
        and place + sizeof(Location) <= local.header.limit_bytes
    )


cdef inline int refuse_null(Local* local) noexcept nogil:
    return ctx_fail(local, "UsageError: a verb was handed NULL", 34)


cdef inline int refuse_key(Local* local) noexcept nogil:
    return ctx_fail(local, "UsageError: a verb was handed a key that was not looked up", 58)


# --- keys and values ------------------------------------------------------------------------------

cdef inline blockstm_status table_locate(
    blockstm_context* context, const void* data, size_t length, blockstm_key* key
) noexcept nogil:
    cdef Local* local = local_of(context)
    if key == NULL:
        return refuse_null(local)
    key[0] = 0
    if not is_bytes(data, length):
        return refuse_null(local)
    key[0] = ctx_location(local, <const uint8_t*>data, clipped(length))
    return OK if key[0] != 0 else GIVE_UP


cdef inline blockstm_status table_key_bytes(
    blockstm_context* context, blockstm_key key, const uint8_t** data, size_t* length
) noexcept nogil:
    cdef Local* local = local_of(context)
    if data == NULL or length == NULL:
        return refuse_null(local)
    data[0] = NULL
    length[0] = 0
    if is_over(local):
        return GIVE_UP
    if not may_be_key(local, key):
        return refuse_key(local)
    data[0] = location_at(local, key).key
    length[0] = location_at(local, key).key_bytes
    return OK


cdef inline blockstm_status table_read(
    blockstm_context* context, blockstm_key key, const uint8_t** data, size_t* length
) noexcept nogil:
    cdef Local* local = local_of(context)
    cdef Value value
    if unlikely_true(data == NULL or length == NULL):
        return refuse_null(local)
    data[0] = NULL
    length[0] = 0
    if unlikely_true(not may_be_key(local, key)):
        return refuse_key(local)
    if ctx_read(local, key, &value) != OK:
        return GIVE_UP
    if not value.present:
        return BLOCKSTM_ABSENT
    data[0] = value.data
    length[0] = value.length
    return OK


cdef inline blockstm_status table_write(
    blockstm_context* context, blockstm_key key, const void* data, size_t length
) noexcept nogil:
    cdef Local* local = local_of(context)
    if unlikely_true(not may_be_key(local, key)):
        return refuse_key(local)
    if unlikely_true(not is_bytes(data, length)):
        return refuse_null(local)
    return ctx_write(local, key, <const uint8_t*>data, clipped(length))


cdef inline blockstm_status table_erase(blockstm_context* context, blockstm_key key) noexcept nogil:
    cdef Local* local = local_of(context)
    if unlikely_true(not may_be_key(local, key)):
        return refuse_key(local)
    return ctx_delete(local, key)


cdef inline void bounds_of(const blockstm_u256* minimum, const blockstm_u256* maximum, Bounds* out) noexcept nogil:
    """The bounds that a program has handed over; NULL is the least and the most that a number can be."""
    number_set(&out.minimum, 0)
    number_maximum(&out.maximum)
    if minimum != NULL:
        memcpy(&out.minimum, minimum, sizeof(Number))
    if maximum != NULL:
        memcpy(&out.maximum, maximum, sizeof(Number))


cdef inline blockstm_status table_add(
    blockstm_context* context, blockstm_key key, const blockstm_u256* delta, int32_t negative,
    const blockstm_u256* minimum, const blockstm_u256* maximum,
) noexcept nogil:
    cdef Local* local = local_of(context)
    cdef Number amount
    cdef Bounds bounds
    if unlikely_true(not may_be_key(local, key)):
        return refuse_key(local)
    if unlikely_true(delta == NULL):
        return refuse_null(local)
    memcpy(&amount, delta, sizeof(Number))
    bounds_of(minimum, maximum, &bounds)
    return ctx_add(local, key, &amount, negative != 0, &bounds)


cdef inline blockstm_status table_exists(blockstm_context* context, blockstm_key key) noexcept nogil:
    cdef Local* local = local_of(context)
    return ctx_exists(local, key) if may_be_key(local, key) else refuse_key(local)


cdef inline blockstm_status table_check(
    blockstm_context* context, blockstm_key key, const blockstm_u256* minimum, const blockstm_u256* maximum
) noexcept nogil:
    cdef Local* local = local_of(context)
    cdef Bounds bounds
    if unlikely_true(not may_be_key(local, key)):
        return refuse_key(local)
    bounds_of(minimum, maximum, &bounds)
    return ctx_check(local, key, &bounds)


cdef inline blockstm_status table_scan(
    blockstm_context* context, const void* start, size_t start_length, const void* end, size_t end_length,
    blockstm_key* keys, size_t capacity, size_t* count
) noexcept nogil:
    """No `end` at all is none; one of no bytes ends every range."""
    cdef Local* local = local_of(context)
    cdef uint32_t found = 0
    cdef uint32_t last = SCAN_NO_END if end == NULL and end_length == 0 else clipped_key(end_length)
    cdef int code
    if count == NULL:
        return refuse_null(local)
    count[0] = 0
    if keys == NULL or not is_bytes(start, start_length) or not is_bytes(end, end_length):
        return refuse_null(local)
    code = ctx_scan(
        local, <const uint8_t*>start, clipped_key(start_length), <const uint8_t*>end, last, clipped(capacity), keys,
        &found,
    )
    count[0] = found
    return code


# --- receipt and gas ------------------------------------------------------------------------------

cdef inline blockstm_status table_emit(blockstm_context* context, const void* event, size_t length) noexcept nogil:
    cdef Local* local = local_of(context)
    if unlikely_true(not is_bytes(event, length)):
        return refuse_null(local)
    return ctx_emit(local, <const uint8_t*>event, clipped(length))


cdef inline blockstm_status table_charge(blockstm_context* context, uint64_t gas) noexcept nogil:
    return ctx_charge(local_of(context), gas)


cdef inline uint64_t table_gas_left(blockstm_context* context) noexcept nogil:
    cdef Local* local = local_of(context)
    return local.gas_limit - local.gas_used


cdef inline uint64_t table_transaction_index(blockstm_context* context) noexcept nogil:
    return local_of(context).txn_idx


cdef inline blockstm_status table_poll(blockstm_context* context) noexcept nogil:
    cdef Local* local = local_of(context)
    return OK if local.closed == 0 and poll(local) else GIVE_UP


cdef inline blockstm_status table_revert(blockstm_context* context, const void* why, size_t length) noexcept nogil:
    if unlikely_true(not is_bytes(why, length)):
        return refuse_null(local_of(context))
    return ctx_revert(local_of(context), <const char*>why, clipped(length))


cdef inline blockstm_status table_fail(blockstm_context* context, const void* why, size_t length) noexcept nogil:
    if unlikely_true(not is_bytes(why, length)):
        return refuse_null(local_of(context))
    return ctx_fail(local_of(context), <const char*>why, clipped(length))


# --- savepoints and calls -------------------------------------------------------------------------

cdef inline Savepoint* savepoint_at(Local* local, uint32_t depth) noexcept nogil:
    return <Savepoint*>local.savepoints.data + (depth - 1)


cdef inline blockstm_status table_savepoint_open(blockstm_context* context, uint32_t* savepoint) noexcept nogil:
    """Invariant: what a savepoint is stays in the core's memory; the program gets its depth, which is checked."""
    cdef Local* local = local_of(context)
    if savepoint == NULL:
        return refuse_null(local)
    savepoint[0] = 0
    if is_over(local):
        return GIVE_UP
    if local.depth >= <uint32_t>BLOCKSTM_SAVEPOINTS_MAX:
        return ctx_fail(local, "LimitError: more than 1024 savepoints are open", 46)
    if not reserve(local, &local.savepoints, (local.depth + 1) * sizeof(Savepoint)):
        return GIVE_UP
    savepoint_open(local, savepoint_at(local, local.depth + 1))
    savepoint[0] = local.depth
    return OK


cdef inline bint is_innermost(blockstm_context* context, uint32_t savepoint) noexcept nogil:
    """Whether it is a savepoint of this run of the program, the last that is open."""
    return savepoint == local_of(context).depth and savepoint > (<Call*>context).depth


cdef inline int refuse_savepoint(Local* local) noexcept nogil:
    return ctx_fail(local, "UsageError: a savepoint was to be closed that is not the innermost open one", 75)


cdef inline blockstm_status table_savepoint_keep(blockstm_context* context, uint32_t savepoint) noexcept nogil:
    cdef Local* local = local_of(context)
    if is_over(local):
        return GIVE_UP
    if not is_innermost(context, savepoint):
        return refuse_savepoint(local)
    savepoint_keep(local, savepoint_at(local, savepoint))
    return OK


cdef inline blockstm_status table_savepoint_roll_back(blockstm_context* context, uint32_t savepoint) noexcept nogil:
    cdef Local* local = local_of(context)
    if local.abort != ABORT_NONE:
        return GIVE_UP
    if not is_innermost(context, savepoint):
        return refuse_savepoint(local)
    savepoint_roll_back(local, savepoint_at(local, savepoint))
    return OK


cdef inline bint keys_fit(Local* local, const uint32_t* keys, uint64_t count) noexcept nogil:
    cdef uint64_t index
    for index in range(count):
        if not may_be_key(local, keys[index]):
            return False
    return True


cdef inline bint adds_fit(Local* local, const uint64_t* words, uint64_t count) noexcept nogil:
    cdef uint64_t index
    for index in range(count):
        if not may_be_key(local, words[index * 5]):
            return False
    return True


cdef inline bint arguments_fit(
    Local* local, const ProgramEntry* entry, const uint8_t* arguments, uint64_t length
) noexcept nogil:
    """Whether bytes are the arguments of a program: what it reads lies within them, and its keys may be keys."""
    cdef const uint64_t* word = <const uint64_t*>arguments
    cdef uint64_t words = length // 8
    cdef uint64_t count, size
    cdef uint32_t index
    cdef uint8_t kind
    if length % 8 != 0 or length > <uint64_t>LENGTH_MAX:
        return False
    for index in range(entry.parameter_count):
        kind = entry.kinds[index]
        size = 4 if kind == KIND_U256 else 1
        if words < size or (kind == KIND_KEY and not may_be_key(local, word[0])):
            return False
        if kind == KIND_KEYS or kind == KIND_ADDS or kind == KIND_BYTES:
            count = word[0]
            if count > length:
                return False
            size += (count + 1) // 2 if kind == KIND_KEYS else 5 * count if kind == KIND_ADDS else (count + 7) // 8
            if words < size:
                return False
            if kind == KIND_KEYS and not keys_fit(local, <const uint32_t*>(word + 1), count):
                return False
            if kind == KIND_ADDS and not adds_fit(local, word + 1, count):
                return False
        word += size
        words -= size
    return words == 0


cdef inline blockstm_status table_call(
    blockstm_context* context, uint32_t program, const void* arguments, size_t length
) noexcept nogil:
    cdef Call* caller = <Call*>context
    cdef Local* local = caller.local
    cdef const ProgramEntry* callee
    cdef Savepoint savepoint
    cdef bint is_reverted
    if is_over(local):
        return GIVE_UP
    if program >= caller.entry.callee_count:
        return ctx_fail(local, "UsageError: a program was called that is not in the list of calls", 65)
    callee = caller.entry.callees[program]
    if <uintptr_t>arguments % 8 != 0 or not arguments_fit(local, callee, <const uint8_t*>arguments, length):
        return ctx_fail(local, "UsageError: a program was called with arguments that are not laid out as its own", 80)
    if caller.calls >= <uint32_t>BLOCKSTM_CALLS_MAX or local.depth >= <uint32_t>BLOCKSTM_SAVEPOINTS_MAX:
        return ctx_fail(local, "LimitError: calls are nested deeper than 64, or savepoints than 1024", 68)
    savepoint_open(local, &savepoint)
    run_entry(local, callee, <const uint8_t*>arguments, <uint32_t>length, caller.calls + 1)
    if local.abort != ABORT_NONE:
        return GIVE_UP
    if local.closed != 0:
        is_reverted = local.outcome == OUTCOME_REVERTED
        savepoint_roll_back(local, &savepoint)
        return BLOCKSTM_REVERTED if is_reverted else BLOCKSTM_FAILED
    savepoint_keep(local, &savepoint)
    return OK


cdef inline blockstm_status table_reason(
    blockstm_context* context, uint8_t* buffer, size_t capacity, size_t* length
) noexcept nogil:
    cdef Local* local = local_of(context)
    if length == NULL or (buffer == NULL and capacity != 0):
        return refuse_null(local)
    length[0] = 0
    if is_over(local):
        return GIVE_UP
    length[0] = local.reason.length
    if capacity > local.reason.length:
        capacity = local.reason.length
    if capacity != 0:
        memcpy(buffer, local.reason.data, capacity)
    return OK


# --- running programs -----------------------------------------------------------------------------

cdef inline void run_foreign(
    Local* local, const ProgramEntry* entry, const uint8_t* arguments, uint32_t length, uint32_t calls
) noexcept nogil:
    """Run a program that is compiled against blockstm.h.

    Invariant: no savepoint that it has opened is open afterwards. What is not rolled back is kept, so that the
    caller of the program can still take it back.
    """
    cdef Call call
    call.local = local
    call.entry = entry
    call.depth = local.depth
    call.calls = calls
    entry.foreign(entry.verbs, <blockstm_context*>&call, arguments, length)
    local.depth = call.depth
    if local.depth == 0:
        local.undo.length = 0


cdef inline void run_entry(
    Local* local, const ProgramEntry* entry, const uint8_t* arguments, uint32_t length, uint32_t calls
) noexcept nogil:
    """Run a program, whatever it is compiled against; `calls`: how many stand above it that have called."""
    if unlikely_true(entry.function == NULL):
        run_foreign(local, entry, arguments, length, calls)
    else:
        entry.function(local, arguments, length)


cdef inline blockstm_status table_model_work(blockstm_context* context, uint64_t rounds) noexcept nogil:
    cdef Local* local = local_of(context)
    if local.closed != 0 or local.abort != ABORT_NONE:
        return GIVE_UP
    if unlikely_true(local.virtual_time != NULL):
        work_as_stated(local, rounds)
    return OK if local.abort == ABORT_NONE else GIVE_UP


cdef inline void fill_table(blockstm_verbs* table) noexcept nogil:
    """The table of verbs."""
    check_header()
    table.abi_version = BLOCKSTM_ABI_VERSION
    table.struct_bytes = sizeof(blockstm_verbs)
    table.locate = table_locate
    table.key_bytes = table_key_bytes
    table.read = table_read
    table.write = table_write
    table.erase = table_erase
    table.add = table_add
    table.emit = table_emit
    table.charge = table_charge
    table.gas_left = table_gas_left
    table.transaction_index = table_transaction_index
    table.poll = table_poll
    table.revert = table_revert
    table.fail = table_fail
    table.savepoint_open = table_savepoint_open
    table.savepoint_keep = table_savepoint_keep
    table.savepoint_roll_back = table_savepoint_roll_back
    table.call = table_call
    table.reason = table_reason
    table.model_work = table_model_work
    table.exists = table_exists
    table.check = table_check
    table.scan = table_scan
