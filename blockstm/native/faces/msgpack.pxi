# Reading msgpack: what rows of block files consist of. A function says False where something else stands there.

cdef enum:
    MSGPACK_NIL = 0xC0

cdef struct Cursor:             # in msgpack; `end` is not passed
    const uint8_t* next
    const uint8_t* end


cdef inline bint read_big_endian(Cursor* at, uint32_t size, uint64_t* out) noexcept nogil:
    cdef uint32_t place
    if at.end - at.next < <int64_t>size:
        return False
    out[0] = 0
    for place in range(size):
        out[0] = out[0] << 8 | at.next[place]
    at.next += size
    return True


cdef inline bint read_head(
    Cursor* at, uint8_t short_first, uint8_t short_count, uint8_t long_first, uint32_t sizes, uint64_t* out
) noexcept nogil:
    """Read what begins with one of `short_count` codes, which hold a small number, or with one of `sizes` codes from
    `long_first` on, upon which a number of 1, 2, 4 or 8 bytes follows; with two codes it is one of 2 or 4 bytes.
    """
    cdef uint8_t code
    if at.next >= at.end:
        return False
    code = at.next[0]
    if code >= short_first and code - short_first < short_count:
        out[0] = code - short_first
        at.next += 1
        return True
    if code < long_first or code - long_first >= <int>sizes:
        return False
    at.next += 1
    return read_big_endian(at, 1 << (code - long_first + (sizes == 2)), out)


cdef inline bint read_unsigned(Cursor* at, uint64_t* out) noexcept nogil:
    return read_head(at, 0, 0x80, 0xCC, 4, out)


cdef inline bint read_array_head(Cursor* at, uint64_t* out) noexcept nogil:
    return read_head(at, 0x90, 16, 0xDC, 2, out)


cdef inline bint read_map_head(Cursor* at, uint64_t* out) noexcept nogil:
    return read_head(at, 0x80, 16, 0xDE, 2, out)


cdef inline bint read_binary(Cursor* at, uint64_t length_max, const uint8_t** data, uint64_t* length) noexcept nogil:
    if not read_head(at, 0, 0, 0xC4, 3, length) or length[0] > length_max or <uint64_t>(at.end - at.next) < length[0]:
        return False
    data[0] = at.next
    at.next += length[0]
    return True


cdef inline bint read_number(Cursor* at, Number* out) noexcept nogil:
    """Read a u256 as rows hold it: an int, or bytes where it is over 64 bits."""
    cdef uint64_t small, length
    cdef const uint8_t* digits
    if read_unsigned(at, &small):
        number_set(out, small)
        return True
    return (
        read_binary(at, 32, &digits, &length) and length > 8 and digits[0] != 0
        and number_decode(digits, <uint32_t>length, out)
    )


cdef inline bint skip_nil(Cursor* at) noexcept nogil:
    if at.next >= at.end or at.next[0] != MSGPACK_NIL:
        return False
    at.next += 1
    return True
