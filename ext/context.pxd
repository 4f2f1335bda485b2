"""The verbs of a program: read, write, delete, add, emit, charge, revert, savepoints.

A verb returns OK, or a code with which the program must return at once. Writes stay in private
memory until the incarnation is finished; reads are recorded as versions.
"""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from atomics cimport copy_small, keep, load_acquire, load_relaxed, store_release, unlikely_true
from keytable cimport find_or_insert
from layout cimport (
    Bounds, INTENTS_MAX, KEY_BYTES_MAX, LOCATION_READ_MODIFY_WRITE, MODEL_SEQUENTIAL, Number,
    OUTCOME_FAILED, OUTCOME_REVERTED, READ_OUTSIDE, READ_SUM, READ_VERSION, READ_WITHIN, Read, Record,
    READS_INITIAL, VALUE_BYTES_MAX, WORD_ADD, WORD_DELETE, WORD_INTENT, WORD_TOMBSTONE, WORD_VALUE,
)
from local cimport (
    ABORT_DOOMED, ABORT_NONE, ABORT_STOPPED, ABORT_SUSPENDED, Bytes, Local, PendingWrite, STEP_INTENT,
    STEP_WORK, Touched, Undo, address, allocate, fail_block, location_at, reserve, slot_at, step,
)
from multiversion cimport (
    FOUND_ABSENT, FOUND_ESTIMATE, FOUND_INVALID, FOUND_SUM, FOUND_TOO_MANY, FOUND_VALUE, Found, base_number,
    claim_place, find, make_record, pack_word, record_bytes, record_of, word_kind,
)
from number cimport (
    apply_delta, number_add, number_compare, number_decode, number_encode, number_maximum, number_set,
    number_subtract, signed_add,
)
from timeline cimport CAUSE_NONE
from validation cimport checks_hold, read_set_is_valid
from virtualtime cimport (
    COST_GAS, COST_PROGRAM, COST_ROUND, VirtualTime, charge, time_of, works_by_rounds,
)

# What a verb returns.
cdef enum:
    OK = 0
    GIVE_UP = 1                 # the incarnation is given up, or its outcome is decided: return at once
    OUT_OF_BOUNDS = 2           # add: refused, nothing changed

cdef enum:
    ADDS_GUESSED_MAX = 32       # how many adds below are summed to guess whether an add stays within bounds
    POLL_ROUNDS = 1024          # rounds of work between two polls
    MODELLED_POLLS_MAX = 1024   # polls of one transaction under the virtual clock
    MODELLED_UNITS_MAX = 10000000000000     # ... and its rounds or ns: times must not overflow

cdef struct Value:
    const uint8_t* data
    uint32_t length
    bint present

cdef struct Savepoint:
    uint64_t undo_length
    uint64_t events_length
    uint32_t event_count
    uint32_t outcome


# --- which keys have been touched ---------------------------------------------------------------

cdef inline bint grow_touched(Local* local) noexcept nogil:
    """Double the table of touched keys; False (and the block failed) without memory."""
    cdef uint32_t mask = local.touched_mask * 2 + 1
    cdef Touched* table = <Touched*>calloc(mask + 1, sizeof(Touched))
    cdef uint32_t old, place
    if table == NULL:
        fail_block(local, 1)
        return False
    for old in range(local.touched_mask + 1):
        if local.touched[old].epoch == local.touched_epoch:
            place = (local.touched[old].location * <uint32_t>0x9E3779B1) >> 7
            while table[place & mask].epoch == local.touched_epoch:
                place += 1
            table[place & mask] = local.touched[old]
    free(local.touched)
    local.touched = table
    local.touched_mask = mask
    return True


cdef inline Touched* touch(Local* local, uint32_t location) noexcept nogil:
    """What the running transaction has done to a key so far; NULL without memory."""
    cdef uint32_t place
    cdef Touched* touched
    if local.touched_count * 2 > local.touched_mask and not grow_touched(local):
        return NULL
    place = (location * <uint32_t>0x9E3779B1) >> 7
    while True:
        touched = local.touched + (place & local.touched_mask)
        if touched.epoch != local.touched_epoch:
            touched.epoch = local.touched_epoch
            touched.location = location
            touched.read_index = -1
            touched.write_index = -1
            touched.place = 0
            local.touched_count += 1
            return touched
        if touched.location == location:
            return touched
        place += 1


# --- giving up ----------------------------------------------------------------------------------

cdef inline uint64_t published_by_others(Local* local) noexcept nogil:
    """A number that changes whenever another worker publishes or aborts."""
    cdef uint64_t total = 0
    cdef uint32_t worker
    for worker in range(local.header.worker_slots):
        if worker != local.worker:
            total += load_relaxed[uint64_t](&slot_at(local, worker).published)
    return total


cdef inline bint poll(Local* local) noexcept nogil:
    """Whether the incarnation may go on: not stopped, and nothing that it read is stale.

    Costs one load a worker where nothing was published since the last poll. A hint only: a stale
    read that it misses is found by validation.
    """
    cdef uint64_t seen
    if local.abort != ABORT_NONE:
        return False
    step(local, STEP_WORK, local.txn_idx)
    if load_relaxed[uint32_t](&local.header.stop) != 0:
        local.abort = ABORT_STOPPED
        return False
    if local.header.model == MODEL_SEQUENTIAL:
        return True
    seen = published_by_others(local)
    if seen != local.published_seen:
        local.published_seen = seen
        if not read_set_is_valid(local, local.txn_idx, local.reads, local.read_count, &local.cause):
            local.abort = ABORT_DOOMED
            return False
    if local.checks != 0 and is_told_wrong(local):
        local.cause = CAUSE_NONE
        local.abort = ABORT_DOOMED
        return False
    return True


cdef inline bint is_told_wrong(Local* local) noexcept nogil:
    """Whether all below is final by now, and an add turns out to have been guessed wrongly.

    A program that goes on for ever because of it would never get to the collector's check.
    """
    if local.slot.reads_are_final or load_acquire[uint64_t](&local.header.commit_index) != local.txn_idx:
        return False
    return not checks_hold(local, local.txn_idx, local.reads, local.read_count)


cdef inline void work_in_model(Local* local, uint64_t units, uint32_t cost) noexcept nogil:
    """Under the virtual clock: let the time of rounds, or of ns, pass, polling as do_work does.

    Very long work is polled more seldom, so that it costs the simulation no more than MODELLED_POLLS_MAX polls.
    """
    cdef uint64_t batch, step_units
    if units > MODELLED_UNITS_MAX:
        units = MODELLED_UNITS_MAX
    step_units = units // MODELLED_POLLS_MAX
    if step_units < POLL_ROUNDS:
        step_units = POLL_ROUNDS
    while units > 0:
        batch = units if units < step_units else step_units
        charge(local, cost, <double>batch)
        units -= batch
        if units > 0 and not poll(local):
            return


cdef inline void work_as_recorded(Local* local) noexcept nogil:
    """Under the virtual clock: let the time pass that the program of this transaction took when it was recorded."""
    if not works_by_rounds(local) and local.abort == ABORT_NONE:
        work_in_model(local, time_of(local).clock.program_ns[local.txn_idx], COST_PROGRAM)


cdef inline void work_for_gas(Local* local) noexcept nogil:
    """Under the virtual clock: let the time pass that the gas of a Python program stands for."""
    cdef VirtualTime* time = time_of(local)
    if works_by_rounds(local) and local.abort == ABORT_NONE:
        work_in_model(local, <uint64_t>(<double>local.gas_used * time.clock.costs[COST_GAS]), COST_PROGRAM)


cdef inline uint64_t do_work(Local* local, uint64_t rounds) noexcept nogil:
    """Rounds of a 64-bit mixing function (about 1 ns each), polling now and then.

    Each round depends on the one before, so they cannot be run side by side or dropped.
    """
    cdef uint64_t mixed = rounds
    cdef uint64_t batch, done
    if unlikely_true(local.virtual_time != NULL):
        if works_by_rounds(local):
            work_in_model(local, rounds, COST_ROUND)
        return mixed
    while rounds > 0:
        batch = rounds if rounds < POLL_ROUNDS else POLL_ROUNDS
        for done in range(batch):
            mixed = (mixed ^ done) * <uint64_t>0x9E3779B97F4A7C15
        keep(mixed)
        rounds -= batch
        if rounds > 0 and not poll(local):
            return mixed
    return mixed


# --- read ---------------------------------------------------------------------------------------

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
        local.slot.live_read_capacity = capacity
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
        offset = make_record(local, digits, number_encode(&found.sum, digits), 0)
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


cdef inline PendingWrite* pending(Local* local, int32_t index) noexcept nogil:
    return <PendingWrite*>local.writes.data + index


cdef inline int read_own_add(Local* local, Touched* touched, Value* out) noexcept nogil:
    """A key that this transaction has added to: what is below, plus the delta, as a write from now on."""
    cdef Number number, delta
    cdef uint8_t digits[32]
    cdef PendingWrite* write
    cdef uint32_t length
    read_value(local, local.reads + touched.read_index, out)
    if out.length > 32 or not number_decode(out.data, out.length, &number):
        number_set(&number, 0)
    write = pending(local, touched.write_index)
    memcpy(&delta, local.scratch.data + write.data, sizeof(Number))
    apply_delta(&number, &delta, write.negative != 0)
    length = number_encode(&number, digits)
    if put(local, touched, WORD_VALUE, digits, length, 0) != OK:
        return GIVE_UP
    write = pending(local, touched.write_index)
    out.present = True
    out.length = length
    out.data = local.scratch.data + write.data
    return OK


cdef inline int ctx_read(Local* local, uint32_t location, Value* out) noexcept nogil:
    """Read a key: the transaction's own write, else what earlier transactions left.

    `out.data` is valid until the next verb. A key is read from below once an incarnation, so a
    program never sees two values of one key.
    """
    cdef Touched* touched
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
    touched = touch(local, location)
    if touched == NULL:
        return GIVE_UP
    if touched.write_index >= 0 and pending(local, touched.write_index).kind != WORD_ADD:
        out.present = pending(local, touched.write_index).kind == WORD_VALUE
        out.length = pending(local, touched.write_index).length if out.present else 0
        out.data = local.scratch.data + pending(local, touched.write_index).data
        return OK
    if touched.read_index < 0 and read_below(local, touched) != OK:
        return GIVE_UP
    if touched.write_index >= 0:
        return read_own_add(local, touched, out)
    read_value(local, local.reads + touched.read_index, out)
    return OK


# --- write, delete, add -------------------------------------------------------------------------

cdef inline bint append(Local* local, Bytes* buffer, const void* data, uint64_t length) noexcept nogil:
    if not reserve(local, buffer, buffer.length + length):
        return False
    if length != 0:
        copy_small(buffer.data + buffer.length, data, length)
    buffer.length += length
    return True


cdef inline bint remember(Local* local, Touched* touched, bint created) noexcept nogil:
    """Note how to take back a change, where a savepoint is open."""
    cdef Undo undo
    if local.depth == 0:
        return True
    memset(&undo, 0, sizeof(Undo))
    undo.touched = touched.location
    undo.created = created
    undo.write_index = <uint32_t>touched.write_index
    if not created:
        undo.before = pending(local, touched.write_index)[0]
    return append(local, &local.undo, &undo, sizeof(Undo))


cdef inline int put(
    Local* local, Touched* touched, uint32_t kind, const uint8_t* data, uint32_t length, uint32_t negative
) noexcept nogil:
    """Replace the transaction's pending write of a key."""
    cdef PendingWrite* write
    cdef bint created = touched.write_index < 0
    if created:
        if not reserve(local, &local.writes, (local.write_count + 1) * sizeof(PendingWrite)):
            return GIVE_UP
        touched.write_index = <int32_t>local.write_count
        local.write_count += 1
    if not remember(local, touched, created):
        return GIVE_UP
    write = pending(local, touched.write_index)
    write.location = touched.location
    write.kind = kind
    write.length = length
    write.negative = negative
    write.data = local.scratch.length
    if not append(local, &local.scratch, data, length):
        return GIVE_UP
    return OK


cdef inline int ctx_write(Local* local, uint32_t location, const uint8_t* data, uint32_t length) noexcept nogil:
    """Write a value of at most VALUE_BYTES_MAX bytes."""
    cdef Touched* touched
    if unlikely_true(local.abort | local.closed):
        return GIVE_UP
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


cdef inline int add_to_known(
    Local* local, Touched* touched, const Value* value, const Number* delta, bint negative, const Bounds* bounds
) noexcept nogil:
    """Add to a value that the transaction knows already (its own write, or one that it has read)."""
    cdef Number number
    cdef uint8_t digits[32]
    cdef bint beyond
    if not number_decode(value.data, value.length, &number):
        return OUT_OF_BOUNDS
    beyond = number_subtract(&number, delta) if negative else number_add(&number, delta)
    if beyond or number_compare(&number, &bounds.minimum) < 0 or number_compare(&number, &bounds.maximum) > 0:
        return OUT_OF_BOUNDS
    return put(local, touched, WORD_VALUE, digits, number_encode(&number, digits), 0)


cdef inline bint allowed_below(
    const Number* total, bint negative, const Bounds* bounds, Bounds* allowed
) noexcept nogil:
    """The values below an add of `total` for which the sum stays within bounds; False for none."""
    cdef Number room
    if negative:
        allowed.minimum = bounds.minimum
        if number_add(&allowed.minimum, total):
            return False
        allowed.maximum = bounds.maximum
        if number_add(&allowed.maximum, total):
            number_maximum(&allowed.maximum)
    else:
        allowed.maximum = bounds.maximum
        if number_subtract(&allowed.maximum, total):
            return False
        allowed.minimum = bounds.minimum
        if number_subtract(&allowed.minimum, total):
            number_set(&allowed.minimum, 0)
    room = allowed.maximum
    return number_compare(&room, &allowed.minimum) >= 0


cdef inline bint guess_within(Local* local, uint32_t location, const Bounds* allowed) noexcept nogil:
    """Whether what is below lies within `allowed`, as far as can be seen cheaply; yes where not.

    Only a guess: the collector checks it when all below is final (see collector). Under the
    sequential model it is exact.
    """
    cdef Found found
    cdef Number number
    find_below(local, location, ADDS_GUESSED_MAX, &found)
    if found.kind == FOUND_ESTIMATE or found.kind == FOUND_TOO_MANY:
        return True
    if found.kind == FOUND_INVALID:
        return False
    if found.kind == FOUND_SUM:
        number = found.sum
    elif not base_number(local, found.word, &number):
        return False
    return number_compare(&number, &allowed.minimum) >= 0 and number_compare(&number, &allowed.maximum) <= 0


cdef inline int add_blindly(
    Local* local, Touched* touched, const Number* delta, bint negative, const Bounds* bounds
) noexcept nogil:
    """Add to a value that the transaction does not know: record only whether it stays within bounds."""
    cdef Number total = delta[0]
    cdef bint total_negative = negative
    cdef Bounds allowed
    cdef bint possible, within
    cdef uint64_t offset
    if touched.write_index >= 0:
        memcpy(&total, local.scratch.data + pending(local, touched.write_index).data, sizeof(Number))
        if not signed_add(
            &total, pending(local, touched.write_index).negative != 0, delta, negative, &total_negative
        ):
            return OUT_OF_BOUNDS
    possible = allowed_below(&total, total_negative, bounds, &allowed)
    if not possible:
        return OUT_OF_BOUNDS
    within = guess_within(local, touched.location, &allowed)
    offset = allocate(local, sizeof(Bounds))
    if offset == 0:
        return GIVE_UP
    memcpy(address(local, offset), &allowed, sizeof(Bounds))
    if not append_read(local, touched.location, READ_WITHIN if within else READ_OUTSIDE, offset):
        return GIVE_UP
    local.checks += 1
    if not within:
        return OUT_OF_BOUNDS
    return put(local, touched, WORD_ADD, <uint8_t*>&total, sizeof(Number), total_negative)


cdef inline int ctx_add(
    Local* local, uint32_t location, const Number* delta, bint negative, const Bounds* bounds
) noexcept nogil:
    """Add a signed delta to a number; OUT_OF_BOUNDS (and no change) where the sum would leave `bounds`.

    Commutes with other adds: neither reads the value. A value that is no number (over 32 bytes) is
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


# --- savepoints ---------------------------------------------------------------------------------

cdef inline void savepoint_open(Local* local, Savepoint* savepoint) noexcept nogil:
    """Start a nested program: what it does from here on can be taken back."""
    savepoint.undo_length = local.undo.length
    savepoint.events_length = local.events.length
    savepoint.event_count = local.event_count
    savepoint.outcome = local.outcome
    local.depth += 1


cdef inline void savepoint_keep(Local* local, const Savepoint* savepoint) noexcept nogil:
    """The nested program succeeded: its changes are the caller's."""
    local.depth -= 1
    if local.depth == 0:
        local.undo.length = 0


cdef inline void savepoint_roll_back(Local* local, const Savepoint* savepoint) noexcept nogil:
    """The nested program failed: its writes and events are gone; its reads and its gas stay."""
    cdef Undo* undo
    cdef Touched* touched
    while local.undo.length > savepoint.undo_length:
        local.undo.length -= sizeof(Undo)
        undo = <Undo*>(local.undo.data + local.undo.length)
        touched = touch(local, undo.touched)
        if undo.created:
            touched.write_index = -1
            local.write_count -= 1
        else:
            pending(local, undo.write_index)[0] = undo.before
    local.events.length = savepoint.events_length
    local.event_count = savepoint.event_count
    local.outcome = savepoint.outcome
    local.closed = 0
    local.depth -= 1


# --- events, gas, outcome -----------------------------------------------------------------------

cdef inline void decide(Local* local, uint32_t outcome, const uint8_t* reason, uint32_t length) noexcept nogil:
    """Settle the outcome of the running (nested) program; verbs fail from here on."""
    local.outcome = outcome
    local.closed = 1
    local.reason.length = 0
    append(local, &local.reason, reason, length)


cdef inline int ctx_emit(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    """Put an event into the receipt."""
    if unlikely_true(local.abort | local.closed):
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
    """End the (nested) program without its writes; the reason goes into the receipt."""
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
    return find_or_insert(local, key, length, 0)
