"""What an incarnation leaves for others to look at: its read set, its write set, its receipt."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.atomics cimport store_release
from blockstm.native.memory.layout cimport (
    Number, OUTCOME_SUCCESS, PLACE_SETTLED, Read, ReadSet, Record, Txn, WORD_ADD, Write, WriteSet,
)
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport Local, PendingWrite, address
from blockstm.native.memory.number cimport apply_delta, number_encode
from blockstm.native.verbs.touched cimport pending
from blockstm.native.versions.multi_version cimport make_record, record_bytes


cdef inline Write* write_set_items(WriteSet* write_set) noexcept nogil:
    return <Write*>(<uint8_t*>write_set + sizeof(WriteSet))


cdef inline Read* read_set_items(ReadSet* read_set) noexcept nogil:
    return <Read*>(<uint8_t*>read_set + sizeof(ReadSet))


cdef inline bint store_read_set(Local* local) noexcept nogil:
    """Copy the finished read set to where validators find it; False where the arena is full."""
    cdef uint64_t offset = allocate(local, sizeof(ReadSet) + local.read_count * sizeof(Read))
    cdef ReadSet* read_set
    if offset == 0:
        return False
    read_set = <ReadSet*>address(local, offset)
    read_set.count = local.read_count
    read_set.checks = local.checks
    if local.read_count != 0:
        memcpy(read_set_items(read_set), local.reads, local.read_count * sizeof(Read))
    store_release[uint64_t](&local.txn.read_set, offset)
    return True


cdef inline bint store_receipt(Local* local) noexcept nogil:
    """Store what the receipt will say; False where the arena is full."""
    cdef Txn* txn = local.txn
    txn.gas_used = local.gas_used
    txn.outcome = local.outcome
    txn.event_count = 0
    txn.events = 0
    txn.reason = 0
    if local.outcome != OUTCOME_SUCCESS:
        if local.event_count == 0 and local.events.length != 0:  # a traceback: see keep_traceback
            txn.events = make_record(local, local.events.data, <uint32_t>local.events.length, 0)
            if txn.events == 0:
                return False
        txn.reason = make_record(local, local.reason.data, <uint32_t>local.reason.length, 0)
        return txn.reason != 0
    if local.event_count != 0:
        txn.events = allocate(local, local.events.length)
        if txn.events == 0:
            return False
        memcpy(address(local, txn.events), local.events.data, local.events.length)
        txn.event_count = local.event_count
    return True


# --- write sets that are final, in which each write names its value ------------------------------

cdef inline bint is_settled(const Write* write) noexcept nogil:
    """Whether a listed write is final, and names the value that came of it instead of a version word."""
    return write.place & PLACE_SETTLED


cdef inline uint64_t settled_value(const Write* write) noexcept nogil:
    """The offset of the Record of the value that came of a listed write which is final; 0 for a key that it has deleted."""
    return write.place & ~<uint64_t>PLACE_SETTLED


cdef inline void settle(Write* write, uint64_t record) noexcept nogil:
    """Let a listed write name its value. Memory ordering: after the record is complete (release)."""
    store_release[uint64_t](&write.place, record | PLACE_SETTLED)


cdef inline uint64_t make_sum(Local* local, const Write* write, const Number* below) noexcept nogil:
    """The offset of a Record of the value that a listed add comes to, 0 where the arena is full."""
    cdef Record* record = <Record*>address(local, write.record)
    cdef Number number = below[0]
    cdef Number delta
    cdef uint8_t digits[32]
    memcpy(&delta, record_bytes(record), sizeof(Number))
    apply_delta(&number, &delta, record.negative != 0)
    return make_record(local, digits, number_encode(&number, digits), 0)


cdef inline WriteSet* list_writes(Local* local) noexcept nogil:
    """List what the running transaction, whose reads are final, writes; NULL where the arena is full.

    Values are settled, and of adds the deltas are listed, to be settled (see make_sum).
    """
    cdef uint64_t offset = allocate(local, sizeof(WriteSet) + local.write_count * sizeof(Write))
    cdef WriteSet* write_set
    cdef PendingWrite* write
    cdef Write* listed
    cdef uint32_t index
    if offset == 0:
        return NULL
    write_set = <WriteSet*>address(local, offset)
    write_set.count = local.write_count
    write_set.leftover = 0
    write_set.adds = 0
    write_set.is_final = 1
    for index in range(local.write_count):
        write = pending(local, index)
        listed = write_set_items(write_set) + index
        listed.location = write.location
        listed.kind = write.kind
        listed.record = make_record(local, local.scratch.data + write.data, write.length, write.negative)
        if listed.record == 0:
            return NULL
        listed.place = 0 if write.kind == WORD_ADD else listed.record | PLACE_SETTLED
        write_set.adds += write.kind == WORD_ADD
    return write_set
