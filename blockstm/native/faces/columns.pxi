# Arguments and state as columns in Arrow's layout, which are laid out without making an object for any row.


cdef struct ColumnView:
    uint8_t code                # of the kind of parameter
    uint32_t limbs              # words that a number takes, the least significant first
    const int64_t* lists        # where the list of each row begins, in strings and numbers; NULL where rows have one each
    const int64_t* begins       # where each string begins
    const uint8_t* data
    const uint64_t* words


cdef uint64_t longest_of(const int64_t[::1] begins, uint64_t end, str what) except? 0xFFFFFFFFFFFFFFFF:
    """The length of the longest stretch between these places, which ascend and end within `end`."""
    cdef Py_ssize_t place
    cdef int64_t longest = 0
    if begins.shape[0] == 0 or begins[0] < 0 or <uint64_t>begins[begins.shape[0] - 1] > end:
        raise EngineError(f"a column's {what} lie outside of its data: build it again")
    for place in range(begins.shape[0] - 1):
        if begins[place + 1] < begins[place]:
            raise EngineError(f"a column's {what} do not ascend: build it again")
        longest = max(longest, begins[place + 1] - begins[place])
    return <uint64_t>longest


cdef class Column:
    """The values of one parameter in all rows. The buffers must not change.

    Arguments:
        kind: the kind of the parameter; a column of the state's values is of kind "bytes".
        length: how many rows.
        lists: of "keys" and "adds": where the list of each row begins, and where the last one ends.
        begins: where each string begins in `data`, and where the last one ends.
        data: the strings, one after the other.
        words: numbers, of "u64", "u256" and "adds", each of as many 64-bit words as `limbs` says.
        limbs: 1 or 4; the least significant word is first.

    Raises:
        EngineError: a buffer is too short, or says of another that it is longer than it is.
    """

    cdef readonly str kind
    cdef readonly Py_ssize_t length
    cdef readonly uint64_t longest      # string, in bytes
    cdef const int64_t[::1] lists
    cdef const int64_t[::1] begins
    cdef const uint8_t[::1] data
    cdef const uint64_t[::1] words
    cdef ColumnView view

    def __init__(self, str kind, Py_ssize_t length, *, lists=None, begins=None, data=b"", words=None, uint32_t limbs=1):
        cdef Py_ssize_t items = length
        self.kind = kind
        self.length = length
        self.view.code = KIND_CODES[kind]
        self.view.limbs = limbs
        if kind == "keys" or kind == "adds":
            self.lists = lists
            self._check_length(self.lists.shape[0], length + 1)
            items = self.lists[length]
            self.view.lists = &self.lists[0]
        if kind != "u64" and kind != "u256":
            self.begins, self.data = begins, data
            self._check_length(self.begins.shape[0], items + 1)
            self.longest = longest_of(self.begins, self.data.shape[0], "strings")
            self.view.begins = &self.begins[0]
            self.view.data = &self.data[0] if self.data.shape[0] != 0 else NULL
        if kind == "u64" or kind == "u256" or kind == "adds":
            self.words = words
            self._check_length(self.words.shape[0], items * limbs)
            self.view.words = &self.words[0] if self.words.shape[0] != 0 else NULL
        if self.view.lists != NULL:
            longest_of(self.lists, items, "lists")

    cdef int _check_length(self, Py_ssize_t length, Py_ssize_t least) except -1:
        if length < least or least < 0:
            raise EngineError(f"a buffer of a column of {self.kind} is too short: build it again")
        return 0

    def __len__(self):
        return self.length

    cdef bint has_long_key(self):
        """Whether it holds keys of which one is longer than a location has room for."""
        return self.view.begins != NULL and self.view.code != KIND_BYTES and self.longest > KEY_BYTES_MAX

    def first_repeated(self, uint64_t hash_seed):
        """The first row of a column of keys whose key stands in a row before it, too; None where there is none.

        Arguments:
            hash_seed: one that whoever made the keys cannot know, or they could all be made to collide.
        """
        cdef uint64_t mask = table_capacity_for(self.length) - 1
        cdef uint64_t* rows     # a hash table: the higher half of the hash, row + 1
        cdef Py_ssize_t row
        if self.kind != "key":
            raise EngineError(f"a column of {self.kind} is no column of keys")
        rows = <uint64_t*>calloc(mask + 1, sizeof(uint64_t))
        if rows == NULL:
            raise MemoryError
        with nogil:
            row = first_repeated_key(&self.view, self.length, rows, mask, hash_seed)
        free(rows)
        return row if row < self.length else None

    cdef bytes string(self, Py_ssize_t place):
        return PyBytes_FromStringAndSize(
            <const char*>self.view.data + self.view.begins[place], self.view.begins[place + 1] - self.view.begins[place]
        )

    cdef object number(self, Py_ssize_t place):
        cdef Number number
        column_number(&self.view, place, &number)
        return number_to_object(&number)

    cdef object value(self, Py_ssize_t row):
        """The value in a row, as a program is given it."""
        cdef uint8_t code = self.view.code
        if code == KIND_KEY or code == KIND_BYTES:
            return self.string(row)
        if code == KIND_U64 or code == KIND_U256:
            return self.number(row)
        if code == KIND_KEYS:
            return tuple([self.string(place) for place in range(self.lists[row], self.lists[row + 1])])
        return {self.string(place): self.number(place) for place in range(self.lists[row], self.lists[row + 1])}


cdef Py_ssize_t first_repeated_key(
    const ColumnView* keys, Py_ssize_t count, uint64_t* rows, uint64_t mask, uint64_t hash_seed
) noexcept nogil:
    """The first row whose key stands before it, too; `count` where there is none. Keys are hashed some ahead."""
    cdef uint64_t hashes[KEYS_AHEAD]
    cdef Py_ssize_t begin = 0
    cdef Py_ssize_t row, end
    while begin < count:
        end = min(begin + KEYS_AHEAD, count)
        for row in range(begin, end):
            hashes[row - begin] = hash_key(
                hash_seed, keys.data + keys.begins[row], <uint32_t>(keys.begins[row + 1] - keys.begins[row])
            )
            prefetch_line(rows + (hashes[row - begin] & mask))
        for row in range(begin, end):
            if not is_new_key(keys, rows, mask, hashes[row - begin], row):
                return row
        begin = end
    return count


cdef inline bint is_new_key(
    const ColumnView* keys, uint64_t* rows, uint64_t mask, uint64_t hashed, Py_ssize_t row
) noexcept nogil:
    """Put a row into a hash table of rows; False where one with the same key is there."""
    cdef int64_t begin = keys.begins[row]
    cdef int64_t length = keys.begins[row + 1] - begin
    cdef uint64_t place = hashed & mask
    cdef Py_ssize_t other
    while rows[place] != 0:
        other = <Py_ssize_t><uint32_t>rows[place] - 1
        if (
            rows[place] >> 32 == hashed >> 32 and keys.begins[other + 1] - keys.begins[other] == length
            and memcmp(keys.data + keys.begins[other], keys.data + begin, length) == 0
        ):
            return False
        place = (place + 1) & mask
    rows[place] = (hashed >> 32) << 32 | <uint64_t>(row + 1)
    return True


cdef class ColumnRows:
    """The transactions of a block, column by column. Iterated over, it gives rows as `Arena.lay_out` takes them.

    Arguments:
        length: how many transactions.
        columns: for each program the columns of its parameters. What stands there in rows of other programs does not matter.
        places: for each transaction the place of its program, 32 bits each; None: all run the first.
        gas_limits: for each its gas limit, of kind "u64"; None: none has one.
        is_limited: for each whether it has one, a byte each.
    """

    cdef readonly Py_ssize_t length
    cdef readonly tuple columns
    cdef const uint32_t[::1] places
    cdef Column gas_limits
    cdef const uint8_t[::1] is_limited

    def __init__(self, Py_ssize_t length, columns, places=None, Column gas_limits=None, is_limited=None):
        cdef Column column
        self.length = length
        self.columns = tuple([tuple(of_program) for of_program in columns])
        self.places, self.gas_limits, self.is_limited = places, gas_limits, is_limited
        for of_program in self.columns:
            for column in of_program:
                if column.length != length:
                    raise EngineError(f"a column has {column.length} rows, not {length}: build it again")
        if (places is not None and self.places.shape[0] != length) or (gas_limits is not None and (
            gas_limits.kind != "u64" or gas_limits.length != length or self.is_limited.shape[0] != length
        )):
            raise EngineError(f"a column does not have {length} rows: build it again")

    def __len__(self):
        return self.length

    def __iter__(self):
        cdef Py_ssize_t row
        cdef Column column
        for row in range(self.length):
            place = 0 if self.places is None else self.places[row]
            yield (
                place,
                tuple([column.value(row) for column in self.columns[place]]),
                self.gas_limits.number(row) if self.gas_limits is not None and self.is_limited[row] else None,
            )


cdef class StateColumns:
    """The state before a block as two columns.

    Arguments:
        keys: of kind "key"; each once.
        values: of kind "bytes".
    """

    cdef readonly Column keys
    cdef readonly Column values
    cdef dict decoded

    def __init__(self, Column keys not None, Column values not None):
        if keys.kind != "key" or values.kind != "bytes" or keys.length != values.length:
            raise EngineError("the columns of a state do not belong together: build them again")
        if keys.has_long_key() or values.longest > VALUE_BYTES_MAX:
            raise EngineError("a key or a value of a state is longer than it may be: check the columns")
        self.keys = keys
        self.values = values

    def __len__(self):
        return self.keys.length

    def items(self):
        """Keys and values; made when first asked for."""
        cdef Py_ssize_t row
        if self.decoded is None:
            self.decoded = {self.keys.string(row): self.values.string(row) for row in range(self.keys.length)}
        return self.decoded.items()


cdef inline void column_number(const ColumnView* column, Py_ssize_t place, Number* out) noexcept nogil:
    number_set(out, column.words[place * column.limbs])
    if column.limbs == 4:
        memcpy(out, column.words + place * 4, sizeof(Number))
