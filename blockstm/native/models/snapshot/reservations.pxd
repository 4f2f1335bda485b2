"""Reservations: for each key, which transaction of the batch is the first to read it, to write it, and to add to it.

They stand beside the current word of the key, with the number of the batch, so that those of earlier batches count for
nothing. A place is that of a transaction in its batch.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_acquire
from blockstm.native.memory.layout cimport (
    READ_OUTSIDE, READ_SCAN, READ_WITHIN, Read, ReadSet, Scan, WORD_ADD, Write, WriteSet,
)
from blockstm.native.memory.local cimport Local, STEP_REGISTER, address, location_at, step, txn_at
from blockstm.native.models.outcome cimport read_set_items, write_set_items
from blockstm.native.versions.key_order cimport first_from, location_is_before, next_in_order, order_node
from blockstm.native.versions.ranges cimport is_before_end, scan_of

cdef enum:                      # places in Location.slots
    SLOT_READER = 1
    SLOT_WRITER = 2
    SLOT_ADDER = 3

cdef enum:
    NOBODY = 0xFFFFFFFF


cdef struct Scans:              # those of a batch
    uint32_t count
    uint32_t* places            # of those who have scanned
    uint64_t* offsets           # of Scans


cdef inline uint32_t first_at(Local* local, uint32_t location, uint32_t slot, uint32_t number) noexcept nogil:
    """The place of the first that has reserved a key in a batch; NOBODY for none."""
    cdef uint64_t word = load_acquire[uint64_t](&location_at(local, location).slots[slot])
    return <uint32_t>word if <uint32_t>(word >> 32) == number else <uint32_t>NOBODY


cdef inline void reserve(Local* local, uint32_t location, uint32_t slot, uint32_t number, uint32_t place) noexcept nogil:
    """Reserve a key for the transaction at a place of a batch, unless an earlier one has it.

    Invariant: what stands there is the lowest place of the newest batch: it is replaced by one compare-and-swap.
    """
    cdef uint64_t* word = &location_at(local, location).slots[slot]
    cdef uint64_t wanted = (<uint64_t>number << 32) | place
    cdef uint64_t seen = load_acquire[uint64_t](word)
    step(local, STEP_REGISTER, location)
    while (<uint32_t>(seen >> 32) != number or <uint32_t>seen > place) and not compare_exchange_sc[uint64_t](word, seen, wanted):
        seen = load_acquire[uint64_t](word)


cdef inline bint is_of_one_key(const Read* read) noexcept nogil:
    """Whether it depends on one key, as a value does, or what was asked of it. What adds were told is looked at later."""
    return read.kind != READ_WITHIN and read.kind != READ_OUTSIDE and read.kind != READ_SCAN


cdef inline void reserve_all(Local* local, uint32_t txn_idx, uint32_t number, uint32_t place) noexcept nogil:
    """Reserve all that a transaction has read and wants to write."""
    cdef ReadSet* read_set = <ReadSet*>address(local, txn_at(local, txn_idx).read_set)
    cdef WriteSet* write_set
    cdef Write* write
    cdef Read* read
    cdef uint32_t index
    for index in range(read_set.count):
        read = read_set_items(read_set) + index
        if is_of_one_key(read):
            reserve(local, read.location, SLOT_READER, number, place)
    if txn_at(local, txn_idx).write_set == 0:
        return
    write_set = <WriteSet*>address(local, txn_at(local, txn_idx).write_set)
    for index in range(write_set.count):
        write = write_set_items(write_set) + index
        reserve(local, write.location, SLOT_ADDER if write.kind == WORD_ADD else SLOT_WRITER, number, place)


cdef inline bint is_changed_before(Local* local, uint32_t location, uint32_t number, uint32_t place) noexcept nogil:
    """Whether an earlier transaction of the batch wants to change a key."""
    return first_at(local, location, SLOT_WRITER, number) < place or first_at(local, location, SLOT_ADDER, number) < place


cdef inline bint is_range_changed_before(Local* local, Scan* scan, uint32_t number, uint32_t place) noexcept nogil:
    """Whether an earlier transaction of the batch wants to change a key in what was scanned.

    Asked when the whole batch has been executed: all keys that it wants to write are in order by then.
    """
    cdef uint32_t node = first_from(local, scan.range.start, scan.range.start_bytes)
    cdef uint32_t location
    while node != 0:
        location = order_node(local, node).location
        if not is_before_end(local, location, &scan.range):
            return False
        if is_changed_before(local, location, number, place):
            return True
        if location == scan.last:
            return False
        node = next_in_order(local, node)
    return False


cdef inline bint is_scanned_before(Local* local, const Scans* scans, uint32_t location, uint32_t place) noexcept nogil:
    """Whether an earlier transaction of the batch has scanned where a key lies. For scans of the batch, see list_scans."""
    cdef const Scan* scan
    cdef uint32_t index
    for index in range(scans.count):
        if scans.places[index] >= place:
            continue
        scan = <const Scan*>address(local, scans.offsets[index])
        if location_is_before(local, location, scan.range.start, scan.range.start_bytes):
            continue
        if is_before_end(local, location, &scan.range):
            return True         # be it beyond the last key found, where a limit ended the scan
    return False


cdef inline bint reads_after_write(Local* local, uint32_t txn_idx, uint32_t number, uint32_t place) noexcept nogil:
    """Whether a transaction has read what an earlier one of its batch wants to change."""
    cdef ReadSet* read_set = <ReadSet*>address(local, txn_at(local, txn_idx).read_set)
    cdef Read* read
    cdef uint32_t index
    for index in range(read_set.count):
        read = read_set_items(read_set) + index
        if is_of_one_key(read) and is_changed_before(local, read.location, number, place):
            return True
        if read.kind == READ_SCAN and is_range_changed_before(local, scan_of(local, read), number, place):
            return True
    return False


cdef inline bint writes_after(
    Local* local, const Scans* scans, uint32_t txn_idx, uint32_t number, uint32_t place, bint after_reads
) noexcept nogil:
    """Whether a transaction wants to change what an earlier one of its batch has read, or, if not `after_reads`, what an
    earlier one wants to change, too. Adds to one key do not conflict.
    """
    cdef WriteSet* write_set
    cdef Write* write
    cdef uint32_t index
    if txn_at(local, txn_idx).write_set == 0:
        return False
    write_set = <WriteSet*>address(local, txn_at(local, txn_idx).write_set)
    for index in range(write_set.count):
        write = write_set_items(write_set) + index
        if after_reads:
            if first_at(local, write.location, SLOT_READER, number) < place:
                return True
            if is_scanned_before(local, scans, write.location, place):
                return True
            continue
        if first_at(local, write.location, SLOT_WRITER, number) < place:
            return True
        if write.kind != WORD_ADD and first_at(local, write.location, SLOT_ADDER, number) < place:
            return True
    return False
