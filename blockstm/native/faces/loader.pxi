# Laying a block out in the arena: keys, state, transactions.


cdef uint64_t table_capacity_for(Py_ssize_t keys):
    """Slots of the first hash table: a power of two with room for twice the keys and some new ones."""
    cdef uint64_t capacity = 1024
    while capacity < <uint64_t>keys * 2 + 512:
        capacity *= 2
    return capacity


cdef uint64_t take_zeroed(Local* local, uint64_t size) except 0:
    cdef uint64_t offset = take_bytes(local, (size + 127) & ~<uint64_t>127)
    if offset == 0:
        raise MemoryLimitError(memory_limit_message(local))
    memset(address(local, offset), 0, size)
    return offset


cdef int make_room(Local* local, Py_ssize_t txn_count, Py_ssize_t key_count) except -1:
    """Make room for a block: transactions, hash table."""
    cdef Header* header = local.header
    cdef uint64_t capacity = table_capacity_for(key_count)
    header.txn_count = <uint32_t>txn_count
    header.tree_levels = tree_levels_for(txn_count)
    header.txns = take_zeroed(local, (txn_count + 1) * sizeof(Txn))
    header.table_capacity = capacity
    header.tables[0] = take_zeroed(local, capacity * 8)
    return 0


cdef inline uint64_t place_beside_key(
    Local* local, uint32_t location_ref, const uint8_t* value, uint32_t length
) noexcept nogil:
    """Store a record where the key leaves room for it: one cache line less to fetch; 0 where it does not."""
    cdef Location* location = location_at(local, location_ref)
    cdef uint32_t begin = (location.key_bytes + 7) & ~<uint32_t>7
    cdef Record* record = <Record*>(location.key + begin)
    if begin + sizeof(Record) + length > KEY_BYTES_MAX:
        return 0
    record.length = length
    record.negative = 0
    memcpy(record_bytes(record), value, length)
    return <uint64_t>(<uint8_t*>record - local.base)


cdef inline bint fill_base(Local* local, uint32_t location, const uint8_t* value, uint32_t length) noexcept nogil:
    """Set what a key holds before the block; False where the arena is full."""
    cdef uint64_t record = place_beside_key(local, location, value, length)
    if record == 0:
        record = make_record(local, value, length, 0)
    if record == 0:
        return False
    location_at(local, location).base = pack_word(WORD_VALUE, BASE_TXN, record)
    return True


cdef int set_base(Local* local, uint32_t location, bytes value) except -1:
    if not fill_base(local, location, <const uint8_t*>value, <uint32_t>len(value)):
        raise MemoryLimitError(memory_limit_message(local))
    return 0


cdef inline uint64_t put_txn(
    Local* local, uint32_t txn_idx, uint32_t program, uint64_t gas_limit, const uint8_t* arguments, uint32_t length
) noexcept nogil:
    """Fill in one transaction; where its encoded arguments lie, 0 where the arena is full."""
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint64_t offset = allocate(local, length)
    if offset == 0:
        return 0
    if length != 0:
        memcpy(address(local, offset), arguments, length)
    txn.arguments = offset
    txn.arguments_bytes = length
    txn.program = program
    txn.gas_limit = gas_limit
    return offset


cdef inline bint fill_txn(
    Local* local, uint32_t txn_idx, uint32_t program, uint64_t gas_limit, Bytes* arguments
) noexcept nogil:
    """As put_txn; takes the encoded arguments out of the buffer. False where the arena is full."""
    cdef uint64_t offset = put_txn(local, txn_idx, program, gas_limit, arguments.data, <uint32_t>arguments.length)
    arguments.length = 0
    return offset != 0


cdef int set_txn(Local* local, Py_ssize_t txn_idx, uint32_t program, object gas_limit, Bytes* arguments) except -1:
    cdef uint64_t limit = <uint64_t>-1 if gas_limit is None else gas_limit
    if not fill_txn(local, <uint32_t>txn_idx, program, limit, arguments):
        raise MemoryLimitError(memory_limit_message(local))
    return 0


cdef int put_encoded(Local* local, Bytes* out, bytes encoded) except -1:
    if not append(local, out, <const uint8_t*>encoded, len(encoded)):
        raise MemoryLimitError(memory_limit_message(local))
    return 0


cdef int set_locations(Local* local, tuple keys, const Locations* locations) except -1:
    cdef Py_ssize_t index = 0
    for key in keys:
        locations.items[index] = locate(local, key, NULL)
        index += 1
    return 0


cdef int set_state(Local* local, state, const Locations* locations) except -1:
    """Set what keys hold before the block; None: that is asked of a source."""
    cdef object values = state.copy() if isinstance(state, MappingProxyType) else state
    if values is None:
        return 0
    if isinstance(values, StateColumns):
        set_state_columns(local, values)
    elif type(values) is dict:
        for key, value in (<dict>values).items():
            set_base(local, locate(local, key, locations), value)
    else:
        for key, value in values.items():
            set_base(local, locate(local, key, locations), value)
    return 0


cdef int set_known(Local* local, known) except -1:
    """Set what keys hold before the block whatever `state` says of them; None stands for an absent key."""
    cdef uint32_t location
    if known is None:
        return 0
    for key, value in known.items():
        location = locate(local, key, NULL)
        if value is None:
            location_at(local, location).base = pack_word(WORD_DELETE, BASE_TXN, 0)
        else:
            set_base(local, location, value)
    return 0


@cython.boundscheck(True)
cdef int set_row(
    Local* local, Py_ssize_t txn_idx, tuple entry, object arguments, object gas_limit, const Locations* locations
) except -1:
    """Fill in one transaction; `entry`: the number of its program, and the codes of its parameters."""
    if txn_idx == local.header.txn_count:
        raise IndexError(f"more rows than the {txn_idx} transactions")
    if type(arguments) is bytes:
        put_encoded(local, &local.scratch, arguments)
    else:
        put_arguments(local, &local.scratch, entry[1], arguments, locations)
    set_txn(local, txn_idx, entry[0], gas_limit, &local.scratch)
    if txn_idx % ROWS_AT_A_STRETCH == 0:
        with nogil:     # others may want to look after the workers
            pass
    return 0


@cython.boundscheck(True)
cdef int set_rows(Local* local, list programs, rows, const Locations* locations) except -1:
    """Fill in the transactions. Whoever made the rows has checked them; nothing here relies on it."""
    cdef Py_ssize_t txn_idx = 0
    cdef tuple row
    for row in rows:
        set_row(local, txn_idx, programs[row[0]], row[1], row[2], locations)
        txn_idx += 1
    if txn_idx != local.header.txn_count:
        raise IndexError(f"{txn_idx} rows for {local.header.txn_count} transactions")
    return 0


@cython.boundscheck(True)
cdef int set_slot_rows(Local* local, list programs, SlotRows rows) except -1:
    """As set_rows. What a few rows need is fetched for all of them at once."""
    cdef Ahead ahead
    cdef Py_ssize_t begin = 0
    cdef Py_ssize_t txn_idx, end
    while begin < len(rows.objects):
        end = min(begin + ROWS_AHEAD, len(rows.objects))
        look_ahead(local, &ahead, rows, begin, end)
        for txn_idx in range(begin, end):
            set_row(
                local, txn_idx, programs[rows.place(txn_idx)], rows.arguments(txn_idx), rows.gas_limit(txn_idx), NULL
            )
        begin = end
    return 0


cdef int lay_out_rows(Local* local, Py_ssize_t txn_count, list programs, tuple keys, state, rows) except -1:
    """Lay out a block whose rows and state name keys by their places in `keys`; where that is None, by themselves.

    `state` is None where a source is asked for it, whatever the rows of a block file say.
    """
    cdef Locations locations
    if isinstance(rows, (ColumnRows, SlotRows)) and txn_count != len(rows):
        raise IndexError(f"{len(rows)} rows for {txn_count} transactions")
    if isinstance(rows, BlockContent):
        make_room(local, rows.txn_count, rows.key_count)
        return (<BlockContent>rows).lay_out(local, programs, state is not None)
    if keys is None:
        make_room(local, txn_count, txn_count if state is None else len(state) + txn_count)
        set_state(local, state, NULL)
        if isinstance(rows, ColumnRows):
            return ColumnLoader(programs, rows).lay_out(local)
        if isinstance(rows, SlotRows):
            return set_slot_rows(local, programs, rows)
        return set_rows(local, programs, rows, NULL)
    locations.count = len(keys)
    locations.items = <uint32_t*>malloc((locations.count + 1) * sizeof(uint32_t))
    if locations.items == NULL:
        raise MemoryError
    try:
        make_room(local, txn_count, locations.count)
        set_locations(local, keys, &locations)
        set_state(local, state, &locations)
        return set_rows(local, programs, rows, &locations)
    finally:
        free(locations.items)


cdef int put_keys_in_order(Local* local, prefixes) except -1:
    """Put the keys that will be scanned in order, so that no transaction has to."""
    cdef KeyRange keys
    cdef bytes prefix
    for prefix in prefixes:
        set_prefix_range(&keys, <const uint8_t*>prefix, <uint32_t>len(prefix))
        if not order_keys(local, &keys):
            raise MemoryLimitError(memory_limit_message(local))
    return 0
