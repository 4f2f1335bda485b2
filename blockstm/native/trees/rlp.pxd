"""RLP, as far as the nodes of a trie need it (Yellow Paper, appendix B)."""

from libc.stdint cimport uint8_t
from libcpp.vector cimport vector

cdef struct Item:
    bint is_list
    const uint8_t* start            # of the whole item
    const uint8_t* payload
    const uint8_t* end


# Reads the item at a place. False where it is cut short or not in the one form that RLP allows.
cdef inline bint read_item(const uint8_t* at, const uint8_t* end, Item* item) noexcept nogil:
    cdef size_t length = 0, length_bytes, place
    cdef uint8_t first
    if at >= end:
        return False
    first = at[0]
    item.start = at
    item.is_list = first >= 0xC0
    if first < 0x80:
        item.payload = at
        item.end = at + 1
        return True
    first -= 0xC0 if item.is_list else 0x80
    at += 1
    if first <= 55:
        length = first
    else:
        length_bytes = first - 55
        if length_bytes > 4 or <size_t>(end - at) < length_bytes or at[0] == 0:
            return False
        for place in range(length_bytes):
            length = length << 8 | at[place]
        if length <= 55:
            return False
        at += length_bytes
    if <size_t>(end - at) < length or (not item.is_list and length == 1 and at[0] < 0x80):
        return False
    item.payload = at
    item.end = at + length
    return True


# How many bytes precede a payload of that length.
cdef inline size_t header_bytes(size_t length) noexcept nogil:
    cdef size_t count = 1
    if length > 55:
        while length:
            count += 1
            length >>= 8
    return count


cdef inline size_t string_bytes(const uint8_t* data, size_t length) noexcept nogil:
    return 1 if length == 1 and data[0] < 0x80 else header_bytes(length) + length


cdef inline void write_header(vector[uint8_t]* out, size_t length, uint8_t kind) noexcept nogil:
    cdef size_t shift
    if length <= 55:
        out.push_back(<uint8_t>(kind + length))
        return
    shift = header_bytes(length) - 1
    out.push_back(<uint8_t>(kind + 55 + shift))
    while shift:
        shift -= 1
        out.push_back(<uint8_t>(length >> (8 * shift)))


cdef inline void write_bytes(vector[uint8_t]* out, const uint8_t* data, size_t length) noexcept nogil:
    out.insert(out.end(), data, data + length)


cdef inline void write_string(vector[uint8_t]* out, const uint8_t* data, size_t length) noexcept nogil:
    if length != 1 or data[0] >= 0x80:
        write_header(out, length, 0x80)
    write_bytes(out, data, length)
