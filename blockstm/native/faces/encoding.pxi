# Native programs' arguments: from Python objects to the layout that arguments.pxd reads.

cdef dict KIND_CODES = {
    "key": KIND_KEY, "keys": KIND_KEYS, "u64": KIND_U64, "u256": KIND_U256, "adds": KIND_ADDS, "bytes": KIND_BYTES,
}


cdef enum:
    ARGUMENTS_LENGTH_MAX = 0x7FFFFFFF   # of one transaction, as programs get them: a 32-bit number


cdef bytes parameter_codes(kinds):
    """The kinds of a program's parameters, one byte each."""
    return bytes([KIND_CODES[kind] for kind in kinds])


cdef object integer_of(object value, str what):
    """What a program gave as a number, as an int, by the rule for arguments (parameters.as_integer)."""
    cdef object integer = value if type(value) is int else as_integer(value)
    if integer is None:
        raise TypeError(f"{what} is {shown(value)}, {type_shown(value)}; give an int")
    return integer


cdef int number_from_object(object value, Number* out) except -1:
    """An unsigned number given as an int or as big-endian bytes; both have been checked to be that."""
    cdef bytes digits
    cdef uint64_t small
    number_set(out, 0)
    if type(value) is bytes:
        digits = value
    else:
        if 0 <= value <= 0xFFFFFFFFFFFFFFFF:
            small = value
            number_set(out, small)
            return 0
        if value.bit_length() > 256:
            raise LimitError(f"a number is over 256 bits: {shown(value)}; keep it below 2**256")
        digits = value.to_bytes(32, "big")
    if not number_decode(<const uint8_t*>digits, <uint32_t>len(digits), out):
        raise LimitError(f"a number is over 256 bits: {shown(value)}; keep it below 2**256")
    return 0


cdef tuple bounds_from_objects(object minimum, object maximum, Bounds* out):
    """Bounds that a program gave; returns them as ints."""
    minimum = integer_of(minimum, "the minimum")
    maximum = integer_of(maximum, "the maximum")
    if minimum < 0 or maximum < minimum:
        raise LimitError(f"bounds {shown(minimum)}..{shown(maximum)} are not within 0..2**256 - 1")
    number_from_object(minimum, &out.minimum)
    number_from_object(maximum, &out.maximum)
    return minimum, maximum


cdef object number_to_object(const Number* number):
    """An unsigned number as an int."""
    cdef uint8_t digits[32]
    cdef uint32_t length = number_encode(number, digits)
    return int.from_bytes(PyBytes_FromStringAndSize(<const char*>digits, length), "big")


cdef struct Locations:          # of the keys that the rows of a packed block name by their numbers
    uint32_t* items
    uint64_t count


cdef uint32_t locate(Local* local, object key, const Locations* locations) except 0:
    """The location of a key given as bytes or, where `locations` is there, as an index into it."""
    cdef bytes name
    cdef uint32_t location
    cdef uint64_t index
    if locations != NULL:
        index = key
        if index >= locations.count:
            raise IndexError(f"key {index} of {locations.count}")
        return locations.items[index]
    name = key
    if len(name) > KEY_BYTES_MAX:  # a location has room for no more
        raise LimitError(f"a key is {len(name)} bytes long; a key has at most {KEY_BYTES_MAX} bytes: use a hash of it")
    location = find_or_insert(local, <const uint8_t*>name, <uint32_t>len(name))
    if location == 0:
        raise MemoryLimitError(memory_limit_message(local))
    return location


cdef object memory_limit_message(Local* local):
    return over_memory_limit("the block", memory_limit_of(local.header))


cdef int put_u64(Local* local, Bytes* out, uint64_t value) except -1:
    if not append(local, out, &value, 8):
        raise MemoryLimitError(memory_limit_message(local))
    return 0


cdef int put_keys(Local* local, Bytes* out, object keys, const Locations* locations) except -1:
    cdef uint32_t location
    cdef uint64_t padding = 0
    put_u64(local, out, len(keys))
    for key in keys:
        location = locate(local, key, locations)
        if not append(local, out, &location, 4):
            raise MemoryLimitError(memory_limit_message(local))
    if len(keys) % 2 and not append(local, out, &padding, 4):
        raise MemoryLimitError(memory_limit_message(local))
    return 0


cdef int put_bytes(Local* local, Bytes* out, bytes value) except -1:
    cdef uint64_t padding = 0
    put_u64(local, out, len(value))
    put_encoded(local, out, value)
    if len(value) % 8 and not append(local, out, &padding, 8 - len(value) % 8):
        raise MemoryLimitError(memory_limit_message(local))
    return 0


cdef int put_number(Local* local, Bytes* out, object value) except -1:
    cdef Number number
    number_from_object(value, &number)
    if not append(local, out, &number, sizeof(Number)):
        raise MemoryLimitError(memory_limit_message(local))
    return 0


@cython.boundscheck(True)
cdef int put_adds(Local* local, Bytes* out, object adds, const Locations* locations) except -1:
    cdef Py_ssize_t index
    if locations == NULL:
        adds = [part for pair in adds.items() for part in pair]
    put_u64(local, out, len(adds) // 2)
    for index in range(0, len(adds), 2):
        put_u64(local, out, locate(local, adds[index], locations))
        put_number(local, out, adds[index + 1])
    return 0


@cython.boundscheck(True)
cdef int put_arguments(
    Local* local, Bytes* out, bytes codes, object arguments, const Locations* locations
) except -1:
    """Append a native program's arguments; with `locations`, keys are indexes into it."""
    cdef const uint8_t* code = <const uint8_t*>codes
    cdef Py_ssize_t index
    for index in range(len(codes)):
        argument = arguments[index]
        if code[index] == KIND_KEY:
            put_u64(local, out, locate(local, argument, locations))
        elif code[index] == KIND_KEYS:
            put_keys(local, out, argument, locations)
        elif code[index] == KIND_U64:
            put_u64(local, out, int.from_bytes(argument, "big") if type(argument) is bytes else argument)
        elif code[index] == KIND_U256:
            put_number(local, out, argument)
        elif code[index] == KIND_BYTES:
            put_bytes(local, out, argument)
        else:
            put_adds(local, out, argument, locations)
    if out.length > ARGUMENTS_LENGTH_MAX:
        raise LimitError(
            f"the arguments of a transaction take {out.length} bytes; the limit is {ARGUMENTS_LENGTH_MAX}: "
            "put large data into the state"
        )
    return 0
