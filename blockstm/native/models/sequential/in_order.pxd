"""The sequential model: one transaction after the other on plain state, no versions, no validation.

What parallel execution is measured against. The current word of a key is the first slot of its
location; the programs and their verbs are the same.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.atomics cimport load_relaxed, load_sc, store_release, store_sc
from blockstm.native.models.block_stm.collector cimport notify
from blockstm.native.models.block_stm.executor cimport begin_incarnation, note_running, run_timed
from blockstm.native.memory.layout cimport (
    COMMITTED, Header, Number, OUTCOME_SUCCESS, SPAN_EXECUTION, WORD_ADD, WORD_VALUE, Write, WriteSet,
)
from blockstm.native.memory.local cimport (
    ABORT_NONE, Local, PendingWrite, address, allocate, location_at, now_ns, txn_at,
)
from blockstm.native.versions.multi_version cimport Found, base_number, make_record, pack_word
from blockstm.native.memory.number cimport apply_delta, number_encode, number_set
from blockstm.native.models.block_stm.publication cimport store_read_set, store_receipt, write_set_items
from blockstm.native.verbs.reads cimport find_in_order
from blockstm.native.models.block_stm.scheduler cimport pack_status
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.verbs.touched cimport pending
from blockstm.native.instruments.virtual_time cimport charge_in_order

cdef enum:
    TIMES_SHARED_MAX = 8        # short transactions share one reading of the clock
    SHORT_NS = 1500


cdef inline uint64_t settle(Local* local, const PendingWrite* write) noexcept nogil:
    """The record that a pending write comes to: an add is added up. 0 where the arena is full."""
    cdef Found found
    cdef Number number, delta
    cdef uint8_t digits[32]
    if write.kind != WORD_ADD:
        return make_record(local, local.scratch.data + write.data, write.length, 0)
    find_in_order(local, write.location, &found)
    if not base_number(local, found.word, &number):
        number_set(&number, 0)
    memcpy(&delta, local.scratch.data + write.data, sizeof(Number))
    apply_delta(&number, &delta, write.negative != 0)
    return make_record(local, digits, number_encode(&number, digits), 0)


cdef inline WriteSet* new_write_set(Local* local) noexcept nogil:
    """Room for a list of what the transaction has written; NULL where the arena is full."""
    cdef uint64_t offset = allocate(local, sizeof(WriteSet) + local.write_count * sizeof(Write))
    cdef WriteSet* write_set
    if offset == 0:
        return NULL
    write_set = <WriteSet*>address(local, offset)
    write_set.count = local.write_count
    write_set.leftover = 0
    write_set.adds = 0
    local.txn.write_set = offset
    return write_set


cdef inline bint apply_writes(Local* local) noexcept nogil:
    """Put the pending writes into the state; False where the arena is full.

    Invariant: the transaction lists what it wrote as publish_writes does, deltas as deltas; without a
    list it has written nothing. A list from before a worker's death (see restart_in_order) goes.
    """
    cdef PendingWrite* write
    cdef WriteSet* write_set
    cdef Write* listed
    cdef uint64_t record
    cdef uint32_t index
    local.txn.write_set = 0
    if local.outcome != OUTCOME_SUCCESS or local.write_count == 0:
        return True
    write_set = new_write_set(local)
    if write_set == NULL:
        return False
    for index in range(local.write_count):
        write = pending(local, index)
        record = settle(local, write)
        if record == 0:
            return False
        location_at(local, write.location).slots[0] = pack_word(
            WORD_VALUE if write.kind == WORD_ADD else write.kind, local.txn_idx, record
        )
        if write.kind == WORD_ADD:
            record = make_record(local, local.scratch.data + write.data, write.length, write.negative)
            if record == 0:
                return False
        listed = write_set_items(write_set) + index
        listed.location = write.location
        listed.kind = write.kind
        listed.record = record
    return True


cdef inline bint run_in_order(Local* local, uint32_t txn_idx) noexcept nogil:
    """Run one transaction to its end; False where the block is stopped."""
    cdef uint64_t begin_ns = span_begin(local)
    note_running(local, txn_idx, 0)
    local.slot.reads_are_final = 1
    begin_incarnation(local, txn_idx, 0)
    run_timed(local)
    if local.abort != ABORT_NONE:
        return False
    local.slot.executions += 1
    charge_in_order(local)
    if not store_read_set(local) or not store_receipt(local) or not apply_writes(local):
        return False
    local.txn.status = pack_status(COMMITTED, 0, 0)
    span_end(local, SPAN_EXECUTION, begin_ns, txn_idx, 0, 0)
    return True


cdef inline void note_times(Local* local, uint32_t first, uint32_t end, uint64_t time_ns) noexcept nogil:
    """Make transactions `first` to `end` final, as of now."""
    cdef Header* header = local.header
    cdef uint32_t txn_idx
    for txn_idx in range(first, end):
        txn_at(local, txn_idx).commit_ns = time_ns
    store_sc[uint64_t](&header.commit_index, end)
    if end == header.txn_count:
        header.end_ns = time_ns
        store_sc[uint32_t](&header.done, 1)
        notify(local)
    elif load_sc[uint32_t](&header.want_progress) != 0:
        store_sc[uint32_t](&header.want_progress, 0)
        notify(local)


cdef inline void run_block_in_order(Local* local) noexcept nogil:
    """Run the whole block. Short transactions read the clock every few, so that it costs them little."""
    cdef uint32_t txn_idx = 0
    cdef uint32_t noted = 0
    cdef uint32_t shared = 1
    cdef uint64_t time_ns
    cdef uint64_t last_ns = now_ns(local)
    local.reads = NULL
    local.read_capacity = 0
    while txn_idx < local.header.txn_count and load_relaxed[uint32_t](&local.header.stop) == 0:
        if not run_in_order(local, txn_idx):
            break
        txn_idx += 1
        if txn_idx - noted == shared or txn_idx == local.header.txn_count:
            time_ns = now_ns(local)
            note_times(local, noted, txn_idx, time_ns)
            shared = TIMES_SHARED_MAX if time_ns - last_ns < SHORT_NS * shared else 1
            last_ns = time_ns
            noted = txn_idx
    store_release[uint64_t](&local.slot.running, 0)
