# The content of a block file as the core reads it: arguments in the layout that programs read, with keys by their places,
# and no object for any row. What is not as most files are is left to blocks/block_decode.py, which takes whatever is
# taken here, and says what is wrong with the rest.

cdef enum:
    DISTINCT_ADDS_MAX = 16      # keys that are compared with each other

cdef struct ContentValue:       # of the state
    uint32_t key
    uint32_t length
    uint64_t begin              # in the content

cdef struct ContentRow:
    uint32_t program            # its place
    uint32_t length
    uint64_t begin              # of its arguments
    uint64_t gas_limit


cdef class BlockContent:
    """A block as a file holds it, of native programs only, and without optional sections. Made by `read`.

    `key_count`, `state_count`, `txn_count`: how many keys, values and transactions it has.
    """

    cdef bytes content
    cdef const uint8_t* data    # of the content
    cdef readonly Py_ssize_t key_count
    cdef readonly Py_ssize_t state_count
    cdef readonly Py_ssize_t txn_count
    cdef Column keys
    cdef list codes             # for each program the kinds of its parameters, a byte each
    cdef ContentValue* values
    cdef ContentRow* rows
    cdef uint8_t* arguments
    cdef uint64_t length
    cdef uint64_t capacity
    cdef dict decoded

    def __dealloc__(self):
        free(self.values)
        free(self.rows)
        free(self.arguments)

    @staticmethod
    def read(bytes content not None, Py_ssize_t offset, counts, kinds, uint64_t hash_seed):
        """Read what follows upon the header of a block file; None: it is to be read by block_decode.

        Arguments:
            content: the content of the file, decompressed.
            offset: where the header ends.
            counts: how many keys, values and transactions the header announces.
            kinds: for each program the kinds of its parameters.
            hash_seed: one that whoever made the file cannot know.
        """
        cdef BlockContent made = BlockContent.__new__(BlockContent)
        cdef Cursor at
        made.content = content
        made.data = <const uint8_t*>content
        made.key_count, made.state_count, made.txn_count = counts
        made.codes = [parameter_codes(each) for each in kinds]
        at.next = <const uint8_t*>content + offset
        at.end = <const uint8_t*>content + len(content)
        # Nothing takes less than a byte, so no more memory is asked for than in proportion to the file.
        if offset < 0 or made.key_count + made.state_count + made.txn_count > at.end - at.next:
            return None
        made.values = <ContentValue*>calloc(made.state_count + 1, sizeof(ContentValue))
        made.rows = <ContentRow*>calloc(made.txn_count + 1, sizeof(ContentRow))
        if made.values == NULL or made.rows == NULL:
            raise MemoryError
        if not made.read_keys(&at) or made.keys.first_repeated(hash_seed) is not None:
            return None
        return made if made.read_state(&at) and made.read_rows(&at) and at.next == at.end else None

    cdef bint read_keys(self, Cursor* at) except -1:
        cdef bytearray begins = bytearray((self.key_count + 1) * sizeof(int64_t))
        cdef bytearray data = bytearray(at.end - at.next)
        cdef int64_t* begin = <int64_t*><char*>begins
        cdef uint8_t* to = <uint8_t*><char*>data
        cdef const uint8_t* key
        cdef uint64_t count, length
        cdef Py_ssize_t index
        if not read_array_head(at, &count) or <Py_ssize_t>count != self.key_count:
            return False
        for index in range(self.key_count):
            if not read_binary(at, KEY_BYTES_MAX, &key, &length):
                return False
            memcpy(to + begin[index], key, length)
            begin[index + 1] = begin[index] + length
        self.keys = Column(
            "key", self.key_count, begins=memoryview(begins).cast("q"), data=bytes(memoryview(data)[:begin[self.key_count]])
        )
        return True

    cdef bint read_state(self, Cursor* at) except -1:
        cdef bytearray seen = bytearray(self.key_count)
        cdef uint8_t* is_seen = <uint8_t*><char*>seen
        cdef const uint8_t* data
        cdef uint64_t count, key, length
        cdef Py_ssize_t index
        if not read_map_head(at, &count) or <Py_ssize_t>count != self.state_count:
            return False
        for index in range(self.state_count):
            if not read_unsigned(at, &key) or key >= <uint64_t>self.key_count or is_seen[key]:
                return False
            if not read_binary(at, VALUE_BYTES_MAX, &data, &length):    # or a value that is shared
                return False
            is_seen[key] = 1
            self.values[index].key = <uint32_t>key
            self.values[index].length = <uint32_t>length
            self.values[index].begin = data - self.data
        return True

    cdef bint read_rows(self, Cursor* at) except -1:
        cdef const uint8_t* begin
        cdef ContentRow* row
        cdef uint64_t count, program
        cdef Py_ssize_t index
        if not read_array_head(at, &count) or <Py_ssize_t>count != self.txn_count:
            return False
        for index in range(self.txn_count):
            begin = at.next
            row = self.rows + index
            if not read_array_head(at, &count) or count != 4 or not read_unsigned(at, &program):
                return False
            if program >= <uint64_t>len(self.codes):
                return False
            row.program = <uint32_t>program
            row.begin = self.length
            if not self.read_arguments(at, self.codes[program]) or self.length - row.begin > ARGUMENTS_LENGTH_MAX:
                return False
            row.length = <uint32_t>(self.length - row.begin)
            row.gas_limit = <uint64_t>-1
            if not skip_nil(at) and not read_unsigned(at, &row.gas_limit):
                return False
            if not skip_nil(at) or at.next - begin > BLOCK_ROW_BYTES_MAX:   # what is recorded is left to block_decode
                return False
        return True

    cdef bint read_arguments(self, Cursor* at, bytes codes) except -1:
        cdef const uint8_t* code = <const uint8_t*>codes
        cdef const uint8_t* data
        cdef Number number
        cdef uint64_t count, value
        cdef Py_ssize_t index
        if not read_array_head(at, &count) or <Py_ssize_t>count != len(codes):
            return False
        for index in range(len(codes)):
            if code[index] == KIND_KEY:
                if not read_unsigned(at, &value) or value >= <uint64_t>self.key_count:
                    return False
                self.put(&value, 8)
            elif code[index] == KIND_U64:
                if not read_unsigned(at, &value):
                    return False
                self.put(&value, 8)
            elif code[index] == KIND_U256:
                if not read_number(at, &number):
                    return False
                self.put(&number, sizeof(Number))
            elif code[index] == KIND_BYTES:
                if not read_binary(at, BYTES_ARGUMENT_BYTES_MAX, &data, &count):
                    return False
                self.put(&count, 8)
                self.put(data, count)
            elif code[index] == KIND_KEYS:
                if not self.read_keys_of_row(at):
                    return False
            else:
                if not self.read_adds(at):
                    return False
            self.put(NULL, -self.length & 7)
        return True

    cdef bint read_keys_of_row(self, Cursor* at) except -1:
        cdef uint64_t count, key
        cdef uint32_t place
        cdef uint64_t index
        if not read_array_head(at, &count) or count > ACCESSES_MAX:
            return False
        self.put(&count, 8)
        for index in range(count):
            if not read_unsigned(at, &key) or key >= <uint64_t>self.key_count:
                return False
            place = <uint32_t>key
            self.put(&place, 4)
        return True

    cdef bint read_adds(self, Cursor* at) except -1:
        cdef Number number
        cdef uint64_t count, key, index, other, begin
        if not read_array_head(at, &count) or count % 2 != 0 or count > 2 * DISTINCT_ADDS_MAX:
            return False
        count = count // 2
        self.put(&count, 8)
        begin = self.length
        for index in range(count):
            if not read_unsigned(at, &key) or key >= <uint64_t>self.key_count or not read_number(at, &number):
                return False
            for other in range(index):
                if (<uint64_t*>(self.arguments + begin + other * (8 + sizeof(Number))))[0] == key:
                    return False
            self.put(&key, 8)
            self.put(&number, sizeof(Number))
        return True

    cdef int put(self, const void* data, uint64_t size) except -1:
        """Append to the arguments; zeros where `data` is NULL."""
        cdef uint64_t capacity
        cdef void* grown
        if self.length + size > self.capacity:
            capacity = 2 * (self.length + size) + 4096
            grown = realloc(self.arguments, capacity)
            if grown == NULL:
                raise MemoryError
            self.arguments = <uint8_t*>grown
            self.capacity = capacity
        if data == NULL:
            memset(self.arguments + self.length, 0, size)
        else:
            memcpy(self.arguments + self.length, data, size)
        self.length += size
        return 0

    def items(self):
        """Keys and values of the state; made when first asked for."""
        cdef ContentValue* value
        cdef Py_ssize_t index
        if self.decoded is None:
            self.decoded = {}
            for index in range(self.state_count):
                value = self.values + index
                self.decoded[self.keys.string(value.key)] = self.content[value.begin:value.begin + value.length]
        return self.decoded.items()

    def key_table(self):
        """The keys that its state and its transactions name."""
        cdef Py_ssize_t index
        return [self.keys.string(index) for index in range(self.key_count)]

    # --- laying it out ---

    cdef int lay_out(self, Local* local, list entries, bint has_state) except -1:
        """Lay the block out, with its state or without; there is room for it (make_room)."""
        cdef uint32_t* locations = <uint32_t*>malloc((self.key_count + 1) * sizeof(uint32_t))
        cdef ProgramCodes* programs = <ProgramCodes*>calloc(len(entries) + 1, sizeof(ProgramCodes))
        cdef bint is_whole = False
        try:
            if locations == NULL or programs == NULL:
                raise MemoryError
            if [codes for _, codes in entries] != self.codes:
                raise TypeError("its arguments are not of the kinds of its programs' parameters")
            for place, (number, codes) in enumerate(entries):
                programs[place].number = number
                programs[place].count = <uint32_t>len(codes)
                programs[place].codes = <const uint8_t*><bytes>codes
            with nogil:
                is_whole = (
                    self.locate_keys(local, locations) and (not has_state or self.put_state(local, locations))
                    and self.put_rows(local, programs, locations)
                )
            if not is_whole:
                raise MemoryLimitError(memory_limit_message(local))
        finally:
            free(locations)
            free(programs)
        return 0

    cdef bint locate_keys(self, Local* local, uint32_t* locations) noexcept nogil:
        cdef const ColumnView* keys = &self.keys.view
        cdef Ahead ahead
        cdef Py_ssize_t begin = 0
        cdef Py_ssize_t index, end
        while begin < self.key_count:
            end = min(begin + KEYS_AHEAD, self.key_count)
            ahead.count = 0
            for index in range(begin, end):
                announce_key(
                    local, &ahead, keys.data + keys.begins[index], <uint32_t>(keys.begins[index + 1] - keys.begins[index])
                )
            for index in range(begin, end):
                locations[index] = column_key(local, keys, index)
                if locations[index] == 0:
                    return False
            begin = end
        return True

    cdef bint put_state(self, Local* local, const uint32_t* locations) noexcept nogil:
        cdef const ContentValue* value
        cdef Py_ssize_t index
        for index in range(self.state_count):
            value = self.values + index
            if not fill_base(local, locations[value.key], self.data + value.begin, value.length):
                return False
        return True

    cdef bint put_rows(self, Local* local, const ProgramCodes* programs, const uint32_t* locations) noexcept nogil:
        cdef const ContentRow* row
        cdef const ProgramCodes* program
        cdef uint64_t offset
        cdef Py_ssize_t index
        for index in range(self.txn_count):
            row = self.rows + index
            program = programs + row.program
            offset = put_txn(local, <uint32_t>index, program.number, row.gas_limit, self.arguments + row.begin, row.length)
            if offset == 0:
                return False
            locate_arguments(address(local, offset), program, locations)
        return True


cdef struct ProgramCodes:
    uint32_t number
    uint32_t count
    const uint8_t* codes


cdef inline void locate_arguments(uint8_t* at, const ProgramCodes* program, const uint32_t* locations) noexcept nogil:
    """Put the locations of keys where arguments name them by their places."""
    cdef uint64_t* word
    cdef uint32_t* keys
    cdef uint64_t item
    cdef uint32_t index
    for index in range(program.count):
        word = <uint64_t*>at
        if program.codes[index] == KIND_KEY:
            word[0] = locations[word[0]]
            at += 8
        elif program.codes[index] == KIND_U64:
            at += 8
        elif program.codes[index] == KIND_U256:
            at += sizeof(Number)
        elif program.codes[index] == KIND_BYTES:
            at += 8 + ((word[0] + 7) & ~<uint64_t>7)
        elif program.codes[index] == KIND_KEYS:
            keys = <uint32_t*>(at + 8)
            for item in range(word[0]):
                keys[item] = locations[keys[item]]
            at += 8 + ((word[0] * 4 + 7) & ~<uint64_t>7)
        else:
            for item in range(word[0]):
                (<uint64_t*>(at + 8 + item * (8 + sizeof(Number))))[0] = locations[
                    (<uint64_t*>(at + 8 + item * (8 + sizeof(Number))))[0]
                ]
            at += 8 + word[0] * (8 + sizeof(Number))
