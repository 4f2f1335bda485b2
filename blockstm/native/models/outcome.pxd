"""What an incarnation leaves for others to look at: its read set, its write set, its receipt."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.atomics cimport store_release
from blockstm.native.memory.layout cimport OUTCOME_SUCCESS, Read, ReadSet, Txn, Write, WriteSet
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport Local, address
from blockstm.native.versions.multi_version cimport make_record


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
