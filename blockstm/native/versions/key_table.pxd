"""From a key's bytes to its location: a lock-free hash table that only grows.

A key is looked for in a window of WINDOW slots of each table in turn; the first empty slot ends the
search. Slots go from empty to full and never back, so every worker that inserts the same key probes
the same slots in the same order and ends at the same one. A full window sends the key to the next
table, four times as large, which is made when first needed.

Keys that are scanned stand in a list in order, too (key_order). Which are wanted there is one range, which grows when
more is scanned. Nobody waits for the list:

    a scan:    stores that a range is wanted (sc);  goes through the tables, and puts its keys in;  says that it is whole
    an insert: shows a key in a table (sc);  looks which range is wanted (sc), and puts the key in if it belongs there

Of a key and the wish for it one comes first. If the key does, the scan finds it in the table; else the insert sees the
wish. Its worker may die before it has put the key in: so whoever finds the key in a table looks for the wish as well, and
puts it in before using it.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, load_acquire, load_relaxed, load_sc, multiply_fold, prefetch_line, store_sc, unlikely_true,
)
from blockstm.native.memory.layout cimport (
    FAILURE_MEMORY_LIMIT, HASH_TABLES_MAX, KEY_BYTES_MAX, KeyOrder, KeyRange, LOCATION_IN_ORDER, Location,
    ORDER_LEVELS_MAX,
)
from blockstm.native.memory.allocation cimport allocate, take_if_it_fits, use_as_chunk
from blockstm.native.memory.local cimport STEP_COUNTER, Local, address, fail_block, location_at, step
from blockstm.native.instruments.mutants cimport MUTANT_NEW_KEY_UNORDERED, mutant
from blockstm.native.instruments.virtual_time cimport charge_keys_looked_at
from blockstm.native.versions.key_order cimport (
    covers, has_key, key_order_at, make_order_node, put_in_order, widen,
)

cdef enum:
    WINDOW = 16
    FETCHED_AHEAD = 16          # slots, when going through a table


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


cdef inline bint is_in_order(Local* local, uint32_t location_ref, uint64_t hashed, uint64_t order) noexcept nogil:
    """See to it that a key from a table stands in the list where it is wanted; False: the arena is full."""
    cdef Location* location = location_at(local, location_ref)
    if load_acquire[uint32_t](&location.flags) & LOCATION_IN_ORDER:
        return True
    if not has_key(&key_order_at(local, order).range, location) or mutant(local, MUTANT_NEW_KEY_UNORDERED):
        return True
    return put_in_order(local, location_ref, hashed)


cdef inline uint32_t find_in_tables(
    Local* local, const uint8_t* key, uint32_t length, uint64_t h
) noexcept nogil:
    """The location of `key` in the tables, made where there is none; 0 where the arena is full."""
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
            entry = load_sc[uint64_t](table + ((h + probe) & mask))
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


cdef inline uint32_t find_or_insert(Local* local, const uint8_t* key, uint32_t length) noexcept nogil:
    """The location of `key` (at most KEY_BYTES_MAX bytes); 0 where the arena is full.

    Invariants: one location a key; a location is complete before its slot shows it (CAS releases); a key that is wanted
    in order stands in the list before it is handed out.
    """
    cdef uint64_t h = hash_key(local.header.hash_seed, key, length)
    cdef uint32_t location = find_in_tables(local, key, length, h)
    cdef uint64_t order = load_sc[uint64_t](&local.header.key_order)
    if unlikely_true(order != 0) and location != 0:
        return location if is_in_order(local, location, h, order) else 0
    return location


cdef inline uint64_t make_key_order(Local* local, uint64_t before, const KeyRange* wanted) noexcept nogil:
    """What asks for a range, and for all that has been asked for before, if that is not 0; 0 where the arena is full.

    The list stays the same.
    """
    cdef uint64_t offset = allocate(local, sizeof(KeyOrder))
    cdef KeyOrder* order
    if offset == 0:
        return 0
    order = key_order_at(local, offset)
    if before != 0:
        memcpy(order, key_order_at(local, before), sizeof(KeyOrder))
    else:
        order.range = wanted[0]
        order.head = make_order_node(local, 0, ORDER_LEVELS_MAX)
        if order.head == 0:
            return 0
    order.is_whole = 0
    widen(&order.range, wanted)
    return offset


cdef inline bint order_table(Local* local, uint32_t level, const KeyRange* wanted) noexcept nogil:
    """Put those keys of a table into the list that belong to a range; False where the arena is full.

    Workers that do this at the same time begin at different places, and pass over what stands in the list already.
    """
    cdef uint64_t capacity = table_capacity(local, level)
    cdef uint64_t begin = capacity // local.header.worker_slots * local.worker
    cdef uint64_t* table = <uint64_t*>address(local, local.header.tables[level])
    cdef uint64_t place, entry
    cdef uint64_t keys = 0
    cdef Location* location
    for place in range(capacity):
        entry = load_relaxed[uint64_t](table + ((begin + place + FETCHED_AHEAD) & (capacity - 1)))
        prefetch_line(location_at(local, <uint32_t>entry))
        prefetch_line(location_at(local, <uint32_t>entry).key)
        entry = load_sc[uint64_t](table + ((begin + place) & (capacity - 1)))
        if entry == 0:
            continue
        keys += 1
        location = location_at(local, <uint32_t>entry)
        if load_acquire[uint32_t](&location.flags) & LOCATION_IN_ORDER or not has_key(wanted, location):
            continue
        if not put_in_order(
            local, <uint32_t>entry, hash_key(local.header.hash_seed, location.key, location.key_bytes)
        ):
            return False
    charge_keys_looked_at(local, keys)
    return True


cdef inline bint order_keys(Local* local, const KeyRange* wanted) noexcept nogil:
    """See to it that all keys of a range stand in the list of keys in order; False where the arena is full.

    Invariant: the range that is asked for only grows (compare-and-swap), so a key that belongs to it once always does.
    """
    cdef uint32_t level = 0
    cdef uint64_t offset = load_sc[uint64_t](&local.header.key_order)
    cdef uint64_t made
    cdef KeyOrder* order
    while offset == 0 or not covers(&key_order_at(local, offset).range, wanted):
        made = make_key_order(local, offset, wanted)
        if made == 0:
            return False
        step(local, STEP_COUNTER, 0)
        compare_exchange_sc[uint64_t](&local.header.key_order, offset, made)
        offset = load_sc[uint64_t](&local.header.key_order)
    order = key_order_at(local, offset)
    if load_sc[uint32_t](&order.is_whole) != 0:
        return True
    while level < HASH_TABLES_MAX and load_sc[uint64_t](&local.header.tables[level]) != 0:
        if not order_table(local, level, &order.range):
            return False
        level += 1
    step(local, STEP_COUNTER, 0)
    store_sc[uint32_t](&order.is_whole, 1)
    return True
