"""The arguments of a native program, as the loader lays them out in the arena.

One after the other, each aligned to 8 bytes: a key as its location (uint32 in 8 bytes); keys as a
count (uint64) and locations (uint32 each, padded); a u64; a u256 as four limbs, least significant
first; adds as a count and, each, a location (in 8 bytes) and a u256; bytes as a count and the bytes, padded.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.layout cimport Number

# The kinds of parameters (programs/parameters.py).
cdef enum:
    KIND_KEY = 0
    KIND_KEYS = 1
    KIND_U64 = 2
    KIND_U256 = 3
    KIND_ADDS = 4
    KIND_BYTES = 5

cdef struct Arguments:
    const uint8_t* next


cdef inline uint64_t next_u64(Arguments* arguments) noexcept nogil:
    cdef uint64_t value
    memcpy(&value, arguments.next, 8)
    arguments.next += 8
    return value


cdef inline uint32_t next_key(Arguments* arguments) noexcept nogil:
    """The location of a key."""
    return <uint32_t>next_u64(arguments)


cdef inline void next_u256(Arguments* arguments, Number* out) noexcept nogil:
    memcpy(out, arguments.next, sizeof(Number))
    arguments.next += sizeof(Number)


cdef inline const uint32_t* next_keys(Arguments* arguments, uint64_t* count) noexcept nogil:
    """The locations of a list of keys, valid as long as the arguments."""
    cdef const uint32_t* keys
    count[0] = next_u64(arguments)
    keys = <const uint32_t*>arguments.next
    arguments.next += (count[0] * 4 + 7) & ~<uint64_t>7
    return keys


cdef inline const uint8_t* next_bytes(Arguments* arguments, uint64_t* count) noexcept nogil:
    """A byte string, valid as long as the arguments."""
    cdef const uint8_t* data
    count[0] = next_u64(arguments)
    data = arguments.next
    arguments.next += (count[0] + 7) & ~<uint64_t>7
    return data


cdef inline void skip_adds(Arguments* arguments) noexcept nogil:
    cdef uint64_t count = next_u64(arguments)
    arguments.next += count * (8 + sizeof(Number))
