"""From a key's bytes to its location: a lock-free hash table that only grows.

A key is looked for in a window of WINDOW slots of each table in turn; the first empty slot ends the
search. Slots go from empty to full and never back, so every worker that inserts the same key probes
the same slots in the same order and ends at the same one. A full window sends the key to the next
table, four times as large, which is made when first needed.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_acquire, multiply_fold, unlikely_true
from blockstm.native.memory.layout cimport FAILURE_MEMORY_LIMIT, HASH_TABLES_MAX, KEY_BYTES_MAX, Location
from blockstm.native.memory.allocation cimport allocate, take_if_it_fits, use_as_chunk
from blockstm.native.memory.local cimport STEP_COUNTER, Local, address, fail_block, location_at, step

cdef enum:
    WINDOW = 16


cdef inline uint64_t hash_key(uint64_t seed, const uint8_t* key, uint32_t length) noexcept nogil:
    """A seeded 64-bit hash: 8 bytes a step, folded 128-bit products."""
    cdef uint64_t h = seed ^ (<uint64_t>0x9E3779B97F4A7C15 * (length + 1))
    cdef uint64_t word
    cdef uint32_t place = 0
    while place + 8 <= length:
        memcpy(&word, key + place, 8)
        h = multiply_fold(h ^ word, <uint64_t>0xD6E8FEB86659FD93)
        place += 8
    if place < length:
        word = 0
        memcpy(&word, key + place, length - place)
        h = multiply_fold(h ^ word, <uint64_t>0xA5A3564E27F8862B)
    return multiply_fold(h, <uint64_t>0x9FB21C651E98DF25)


cdef inline uint64_t table_capacity(Local* local, uint32_t level) noexcept nogil:
    return local.header.table_capacity << (2 * level)


cdef inline uint64_t* table_at(Local* local, uint32_t level) noexcept nogil:
    """The table of that level, made where it does not exist; NULL where the arena is full."""
    cdef uint64_t offset = load_acquire[uint64_t](&local.header.tables[level])
    if unlikely_true(offset == 0):
        offset = make_table(local, level)
        if offset == 0:
            return NULL
    return <uint64_t*>address(local, offset)


cdef inline uint64_t make_table(Local* local, uint32_t level) noexcept nogil:
    """Make the table of that level, unless another worker is faster: its offset; 0 where the arena is full.

    Invariant: a table's offset is published (compare-and-swap) only after its slots are zero. No worker waits for
    another, which may have died; so several may make the table at once. Those that are too late hand out of what they
    took from then on, and one for which there is no room uses the table of another, if it is there by then.
    """
    cdef uint64_t* place = &local.header.tables[level]
    cdef uint64_t size = table_capacity(local, level) * sizeof(uint64_t)
    cdef uint64_t offset = take_if_it_fits(local, size)
    if offset == 0:
        offset = load_acquire[uint64_t](place)
        if offset == 0:
            fail_block(local, FAILURE_MEMORY_LIMIT)
        return offset
    memset(address(local, offset), 0, size)
    step(local, STEP_COUNTER, level)
    if compare_exchange_sc[uint64_t](place, 0, offset):
        return offset
    if size > local.slot.chunk_end - local.slot.chunk_tip:
        use_as_chunk(local, offset, offset + size)
    return load_acquire[uint64_t](place)


cdef inline bint location_holds(
    Local* local, uint64_t entry, uint32_t tag, const uint8_t* key, uint32_t length
) noexcept nogil:
    cdef Location* location
    if <uint32_t>(entry >> 32) != tag:
        return False
    location = location_at(local, <uint32_t>entry)
    return location.key_bytes == length and memcmp(location.key, key, length) == 0


cdef inline uint32_t make_location(Local* local, const uint8_t* key, uint32_t length) noexcept nogil:
    """A fresh location on a cache line of its own; 0 where the arena is full."""
    cdef uint64_t offset = allocate(local, sizeof(Location) + 56)
    cdef Location* location
    if offset == 0:
        return 0
    offset = (offset + 63) & ~<uint64_t>63
    location = <Location*>address(local, offset)
    memset(location, 0, 64)
    location.key_bytes = length
    memcpy(location.key, key, length)
    return <uint32_t>(offset >> 6)


cdef inline uint32_t find_or_insert(Local* local, const uint8_t* key, uint32_t length) noexcept nogil:
    """The location of `key` (at most KEY_BYTES_MAX bytes); 0 where the arena is full.

    Invariant: one location a key; a location is complete before its slot shows it (CAS releases).
    """
    cdef uint64_t h = hash_key(local.header.hash_seed, key, length)
    cdef uint32_t tag = <uint32_t>(h >> 32)
    cdef uint32_t level = 0
    cdef uint32_t prepared = 0
    cdef int probe
    cdef uint64_t entry, mask
    cdef uint64_t* table
    while level < HASH_TABLES_MAX:
        table = table_at(local, level)
        if table == NULL:
            return 0
        mask = table_capacity(local, level) - 1
        for probe in range(WINDOW):
            entry = load_acquire[uint64_t](table + ((h + probe) & mask))
            if entry == 0:
                if prepared == 0:
                    prepared = make_location(local, key, length)
                    if prepared == 0:
                        return 0
                if compare_exchange_sc[uint64_t](
                    table + ((h + probe) & mask), 0, (<uint64_t>tag << 32) | prepared
                ):
                    return prepared
                entry = load_acquire[uint64_t](table + ((h + probe) & mask))
            if location_holds(local, entry, tag, key, length):
                return <uint32_t>entry
        level += 1
    fail_block(local, FAILURE_MEMORY_LIMIT)
    return 0
