"""Which transactions hold locks that another needs: found out before the block starts, from the order in which they are taken.

A transaction that writes a key, or adds to it, waits for the writer before it, and for those that have read since; one that
only reads waits for the writer. It waits for them to be executed, so conflicting ones never overlap.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.allocation cimport take_bytes
from blockstm.native.memory.layout cimport ACCESS_ADD, ACCESS_WRITE, Access, Location, Preparation
from blockstm.native.memory.local cimport Local, address, location_at
from blockstm.native.models.locks.state cimport AFTER_READER, Shared
from blockstm.native.models.progress cimport txn_at_place
from blockstm.native.models.promises cimport preparation_of

cdef enum:                      # places in Location.slots while the locks are laid out; then they are 0 again
    SLOT_WRITER = 1             # the last that writes, + 1
    SLOT_READERS = 2            # the place of the last access that reads, + 1

cdef struct Laying:             # what is kept while the locks are laid out
    const Access* accesses      # of all transactions
    uint32_t* reader_before     # for each access that reads: the reader of the same key before it, + 1
    uint32_t* reader            # ... its transaction
    uint32_t* before
    uint32_t count              # of `before`


cdef inline void lay_out_access(Local* local, Laying* laying, uint32_t txn_idx, uint32_t place) noexcept nogil:
    """Note whom a transaction waits for at one key, and that it is the last there now."""
    cdef Location* location = location_at(local, laying.accesses[place].location)
    cdef uint64_t reader = location.slots[SLOT_READERS]
    cdef uint64_t writer = location.slots[SLOT_WRITER]
    if writer != 0:
        laying.before[laying.count] = <uint32_t>writer - 1
        laying.count += 1
    if not laying.accesses[place].kinds & (ACCESS_WRITE | ACCESS_ADD):
        laying.reader_before[place] = <uint32_t>reader
        laying.reader[place] = txn_idx
        location.slots[SLOT_READERS] = place + 1
        return
    while reader != 0:
        laying.before[laying.count] = laying.reader[reader - 1] | AFTER_READER
        laying.count += 1
        reader = laying.reader_before[reader - 1]
    location.slots[SLOT_READERS] = 0
    location.slots[SLOT_WRITER] = <uint64_t>txn_idx + 1


cdef inline uint64_t take_numbers(Local* local, uint64_t count) noexcept nogil:
    """Zeroed room for numbers of 32 bits; 0 where the arena is full."""
    cdef uint64_t size = (count * sizeof(uint32_t) + 7) & ~<uint64_t>7
    cdef uint64_t offset = take_bytes(local, size + 8)
    if offset != 0:
        memset(address(local, offset), 0, size)
    return offset


cdef inline bint lay_out_conflicts(Local* local, Shared* shared) noexcept nogil:
    """For each transaction, whom it waits for; False where the arena is full.

    Each access adds itself at most once as a reader, and is waited for by one writer at most as such; it waits for one
    writer at most. So there are at most twice as many entries as accesses.
    """
    cdef const Preparation* known = preparation_of(local)
    cdef const uint32_t* begins = <const uint32_t*>address(local, known.access_begins)
    cdef uint32_t txn_count = local.header.txn_count
    cdef uint32_t total = begins[txn_count]
    cdef uint64_t scratch = take_numbers(local, <uint64_t>total * 2)
    cdef Laying laying
    cdef uint32_t position, txn_idx, place
    cdef uint32_t* before_begins
    cdef uint32_t* before_ends
    shared.before = take_numbers(local, <uint64_t>total * 2)
    shared.before_begins = take_numbers(local, <uint64_t>txn_count * 2)
    if scratch == 0 or shared.before == 0 or shared.before_begins == 0:
        return False
    laying.accesses = <const Access*>address(local, known.accesses)
    laying.reader_before = <uint32_t*>address(local, scratch)
    laying.reader = laying.reader_before + total
    laying.before = <uint32_t*>address(local, shared.before)
    laying.count = 0
    before_begins = <uint32_t*>address(local, shared.before_begins)
    before_ends = before_begins + txn_count
    for position in range(txn_count):
        txn_idx = txn_at_place(local, position)
        before_begins[txn_idx] = laying.count
        for place in range(begins[txn_idx], begins[txn_idx + 1]):
            lay_out_access(local, &laying, txn_idx, place)
        before_ends[txn_idx] = laying.count
    for place in range(total):
        memset(&location_at(local, laying.accesses[place].location).slots[SLOT_WRITER], 0, 2 * sizeof(uint64_t))
    return True
