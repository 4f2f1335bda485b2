# Laying out arguments and state that are columns in Arrow's layout, without the GIL.


cdef inline uint32_t column_key(Local* local, const ColumnView* column, Py_ssize_t place) noexcept nogil:
    """The location of a key; 0 where the arena is full."""
    cdef int64_t begin = column.begins[place]
    return find_or_insert(local, column.data + begin, <uint32_t>(column.begins[place + 1] - begin))


cdef inline bint put_zeros(Local* local, uint64_t count) noexcept nogil:
    cdef uint64_t zeros = 0
    return append(local, &local.scratch, &zeros, count)


cdef inline bint put_column_number(Local* local, const ColumnView* column, Py_ssize_t place) noexcept nogil:
    cdef Number number
    if column.code == KIND_U64:
        return append(local, &local.scratch, &column.words[place], 8)
    column_number(column, place, &number)
    return append(local, &local.scratch, &number, sizeof(Number))


cdef inline bint put_column_list(Local* local, const ColumnView* column, Py_ssize_t row) noexcept nogil:
    """Append a list of keys, or of keys and what is added to them."""
    cdef uint64_t count = column.lists[row + 1] - column.lists[row]
    cdef uint64_t location
    cdef int64_t place
    if not append(local, &local.scratch, &count, 8):
        return False
    for place in range(column.lists[row], column.lists[row + 1]):
        location = column_key(local, column, place)
        if location == 0 or not append(local, &local.scratch, &location, 4 if column.code == KIND_KEYS else 8):
            return False
        if column.code == KIND_ADDS and not put_column_number(local, column, place):
            return False
    return column.code == KIND_ADDS or put_zeros(local, count % 2 * 4)


cdef inline bint put_column_value(Local* local, const ColumnView* column, Py_ssize_t row) noexcept nogil:
    """Append an argument as arguments.pxd reads it; False where the arena is full."""
    cdef uint64_t location, length
    if column.code == KIND_KEY:
        location = column_key(local, column, row)
        return location != 0 and append(local, &local.scratch, &location, 8)
    if column.code == KIND_U64 or column.code == KIND_U256:
        return put_column_number(local, column, row)
    if column.code != KIND_BYTES:
        return put_column_list(local, column, row)
    length = column.begins[row + 1] - column.begins[row]
    return (
        append(local, &local.scratch, &length, 8)
        and append(local, &local.scratch, column.data + column.begins[row], length)
        and put_zeros(local, (8 - length % 8) % 8)
    )


cdef struct ProgramColumns:     # of the rows of one program
    uint32_t number
    uint32_t count
    ColumnView* columns


cdef class ColumnLoader:
    """Lays out the rows of ColumnRows."""

    cdef ColumnRows rows
    cdef ProgramColumns* programs
    cdef ColumnView* views

    def __cinit__(self, list entries, ColumnRows rows):
        cdef Py_ssize_t place, at = 0
        cdef Column column
        self.rows = rows
        if any([(<Column>column).has_long_key() for each in rows.columns for column in each]):
            raise TypeError(f"a key is longer than {KEY_BYTES_MAX} bytes")
        if [bytes([(<Column>column).view.code for column in each]) for each in rows.columns] != [codes for _, codes in entries]:
            raise TypeError("its columns are not of the kinds of its programs' parameters")
        self.programs = <ProgramColumns*>calloc(len(entries) + 1, sizeof(ProgramColumns))
        self.views = <ColumnView*>calloc(sum(map(len, rows.columns)) + 1, sizeof(ColumnView))
        if self.programs == NULL or self.views == NULL:
            raise MemoryError
        for place, each in enumerate(rows.columns):
            self.programs[place].number = entries[place][0]
            self.programs[place].count = <uint32_t>len(each)
            self.programs[place].columns = self.views + at
            for column in each:
                self.views[at] = column.view
                at += 1
        if rows.places is not None:
            for place in range(rows.length):
                if rows.places[place] >= <size_t>len(entries):
                    raise IndexError(f"program {rows.places[place]} of {len(entries)}")

    def __dealloc__(self):
        free(self.programs)
        free(self.views)

    cdef const ProgramColumns* program_of(self, Py_ssize_t row) noexcept nogil:
        return self.programs + (self.rows.places[row] if self.rows.places is not None else 0)

    cdef void announce_row(self, Local* local, Ahead* ahead, Py_ssize_t row) noexcept nogil:
        cdef const ProgramColumns* program = self.program_of(row)
        cdef const ColumnView* column
        cdef uint32_t index
        for index in range(program.count):
            column = program.columns + index
            if column.code == KIND_KEY:
                announce_key(
                    local, ahead, column.data + column.begins[row], <uint32_t>(column.begins[row + 1] - column.begins[row])
                )

    cdef bint put_row(self, Local* local, Py_ssize_t row) noexcept nogil:
        cdef const ProgramColumns* program = self.program_of(row)
        cdef uint64_t gas_limit = <uint64_t>-1
        cdef uint32_t index
        for index in range(program.count):
            if not put_column_value(local, program.columns + index, row):
                return False
        if self.rows.gas_limits is not None and self.rows.is_limited[row]:
            gas_limit = self.rows.gas_limits.view.words[row]
        if local.scratch.length > ARGUMENTS_LENGTH_MAX:
            return False
        return fill_txn(local, <uint32_t>row, program.number, gas_limit, &local.scratch)

    cdef int lay_out(self, Local* local) except -1:
        """Fill in all transactions."""
        cdef Ahead ahead
        cdef Py_ssize_t begin = 0
        cdef Py_ssize_t row, end
        cdef bint is_whole = True
        with nogil:
            while is_whole and begin < self.rows.length:
                end = min(begin + ROWS_AHEAD, self.rows.length)
                ahead.count = 0
                for row in range(begin, end):
                    self.announce_row(local, &ahead, row)
                fetch_locations(local, &ahead)
                for row in range(begin, end):
                    is_whole = is_whole and self.put_row(local, row)
                begin = end
        if not is_whole:
            raise MemoryLimitError(memory_limit_message(local))
        return 0


cdef int set_state_columns(Local* local, StateColumns state) except -1:
    """Set what keys hold before the block."""
    cdef const ColumnView* keys = &state.keys.view
    cdef const ColumnView* values = &state.values.view
    cdef Ahead ahead
    cdef Py_ssize_t begin = 0
    cdef Py_ssize_t row, end
    cdef uint32_t location
    cdef bint is_whole = True
    with nogil:
        while is_whole and begin < state.keys.length:
            end = min(begin + KEYS_AHEAD, state.keys.length)
            ahead.count = 0
            for row in range(begin, end):
                announce_key(local, &ahead, keys.data + keys.begins[row], <uint32_t>(keys.begins[row + 1] - keys.begins[row]))
            for row in range(begin, end):
                location = column_key(local, keys, row) if is_whole else 0
                is_whole = location != 0 and fill_base(
                    local, location, values.data + values.begins[row], <uint32_t>(values.begins[row + 1] - values.begins[row])
                )
            begin = end
    if not is_whole:
        raise MemoryLimitError(memory_limit_message(local))
    return 0
