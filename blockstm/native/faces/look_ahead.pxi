# Fetching into the caches what is soon to be looked up: keys in the hash table, and their locations.

cdef enum:
    ROWS_AHEAD = 16
    KEYS_AHEAD = 64
    ROWS_AT_A_STRETCH = 1024    # after which the GIL is let go

cdef struct Ahead:              # keys that will be looked up soon
    uint32_t count
    uint64_t* slots[KEYS_AHEAD]


cdef inline void announce_key(Local* local, Ahead* ahead, const uint8_t* key, uint32_t length) noexcept nogil:
    """Fetch the slot of the hash table where a key is found first, as a rule."""
    cdef uint64_t h
    if ahead.count < KEYS_AHEAD:
        h = hash_key(local.header.hash_seed, key, length)
        ahead.slots[ahead.count] = <uint64_t*>address(local, local.header.tables[0]) + (h & (local.header.table_capacity - 1))
        prefetch_line(ahead.slots[ahead.count])
        ahead.count += 1


cdef inline void fetch_locations(Local* local, const Ahead* ahead) noexcept nogil:
    """Fetch the locations of the keys that have been announced."""
    cdef uint32_t index
    cdef Location* location
    for index in range(ahead.count):
        location = location_at(local, <uint32_t>ahead.slots[index][0])
        prefetch_line(location)
        prefetch_line(location.key)


cdef void look_ahead(Local* local, Ahead* ahead, SlotRows rows, Py_ssize_t begin, Py_ssize_t end) noexcept:
    """Fetch what these rows need, and what their keys need, of those that are arguments themselves. It checks nothing."""
    cdef PyObject* arguments
    cdef PyObject* argument
    cdef Py_ssize_t row, index
    ahead.count = 0
    for row in range(begin, min(end + ROWS_AHEAD, PyTuple_GET_SIZE(rows.objects))):
        prefetch_line(PyTuple_GET_ITEM(rows.objects, row))
        prefetch_line(<uint8_t*>PyTuple_GET_ITEM(rows.objects, row) + 64)
    for row in range(begin, end):
        arguments = rows.slot(row, SLOT_ARGUMENTS)
        if arguments == NULL or not PyTuple_CheckExact(<object>arguments):
            continue
        for index in range(PyTuple_GET_SIZE(<object>arguments)):
            prefetch_line(PyTuple_GET_ITEM(<object>arguments, index))
    for row in range(begin, end):
        arguments = rows.slot(row, SLOT_ARGUMENTS)
        if arguments == NULL or not PyTuple_CheckExact(<object>arguments):
            continue
        for index in range(PyTuple_GET_SIZE(<object>arguments)):
            argument = PyTuple_GET_ITEM(<object>arguments, index)
            if PyBytes_CheckExact(<object>argument) and PyBytes_GET_SIZE(<object>argument) <= KEY_BYTES_MAX:
                announce_key(
                    local, ahead, <const uint8_t*>PyBytes_AS_STRING(<object>argument),
                    <uint32_t>PyBytes_GET_SIZE(<object>argument),
                )
    fetch_locations(local, ahead)
