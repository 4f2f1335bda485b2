"""Unsigned 256-bit numbers as they stand in state: big-endian bytes without leading zeros."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from blockstm.native.memory.atomics cimport big_endian, highest_bit, known_at_most
from blockstm.native.memory.layout cimport Bounds, Number


cdef inline void number_set(Number* out, uint64_t low) noexcept nogil:
    out.limb[0] = low
    out.limb[1] = 0
    out.limb[2] = 0
    out.limb[3] = 0


cdef inline void number_maximum(Number* out) noexcept nogil:
    memset(out, 0xFF, sizeof(Number))


cdef inline bint number_decode(const uint8_t* data, uint32_t length, Number* out) noexcept nogil:
    """Read big-endian bytes (leading zeros allowed); False where they are more than 32."""
    cdef uint64_t word
    cdef int limb = 0
    number_set(out, 0)
    if length > 32:
        return False
    while length >= 8:
        length -= 8
        memcpy(&word, data + length, 8)
        out.limb[limb] = big_endian(word)
        limb += 1
    word = 0
    while length > 0:
        word = (word << 8) | data[0]
        data += 1
        length -= 1
    if word != 0:
        out.limb[limb] = word
    return True


cdef inline uint32_t number_encode(const Number* number, uint8_t* out) noexcept nogil:
    """Write the shortest big-endian form (zero is empty); the count of bytes. `out` has room for 32."""
    cdef int limb = 3
    cdef uint32_t top, length
    cdef uint64_t word
    while limb > 0 and number.limb[limb] == 0:
        limb -= 1
    if number.limb[limb] == 0:
        return 0
    top = (highest_bit(number.limb[limb]) >> 3) + 1
    word = big_endian(number.limb[limb] << (64 - 8 * top))
    memcpy(out, &word, 8)
    length = top
    while limb > 0:
        limb -= 1
        word = big_endian(number.limb[limb])
        memcpy(out + length, &word, 8)
        length += 8
    return known_at_most(length, 32)


cdef inline int number_compare(const Number* a, const Number* b) noexcept nogil:
    cdef int limb = 3
    while limb >= 0:
        if a.limb[limb] != b.limb[limb]:
            return 1 if a.limb[limb] > b.limb[limb] else -1
        limb -= 1
    return 0


cdef inline bint number_add(Number* a, const Number* b) noexcept nogil:
    """a += b modulo 2**256; True on overflow."""
    cdef uint64_t carry = 0, partial, total
    cdef int limb
    for limb in range(4):
        partial = a.limb[limb] + carry
        carry = 1 if partial < carry else 0
        total = partial + b.limb[limb]
        if total < partial:
            carry = 1
        a.limb[limb] = total
    return carry != 0


cdef inline bint number_subtract(Number* a, const Number* b) noexcept nogil:
    """a -= b modulo 2**256; True on underflow."""
    cdef uint64_t borrow = 0, partial, total
    cdef int limb
    for limb in range(4):
        partial = a.limb[limb] - borrow
        borrow = 1 if partial > a.limb[limb] else 0
        total = partial - b.limb[limb]
        if total > partial:
            borrow = 1
        a.limb[limb] = total
    return borrow != 0


cdef inline bint number_is_zero(const Number* a) noexcept nogil:
    return (a.limb[0] | a.limb[1] | a.limb[2] | a.limb[3]) == 0


cdef inline bint number_is_within(const Number* a, const Bounds* bounds) noexcept nogil:
    return number_compare(a, &bounds.minimum) >= 0 and number_compare(a, &bounds.maximum) <= 0


cdef inline bint signed_add(
    Number* a, bint a_negative, const Number* b, bint b_negative, bint* sum_negative
) noexcept nogil:
    """a += b for sign-and-magnitude numbers; False where the magnitude passes 2**256 - 1."""
    cdef Number larger
    if a_negative == b_negative:
        sum_negative[0] = a_negative
        return not number_add(a, b)
    if number_compare(a, b) >= 0:
        number_subtract(a, b)
        sum_negative[0] = a_negative and not number_is_zero(a)
        return True
    larger = b[0]
    number_subtract(&larger, a)
    a[0] = larger
    sum_negative[0] = b_negative
    return True


cdef inline void apply_delta(Number* a, const Number* delta, bint negative) noexcept nogil:
    """a += delta modulo 2**256."""
    if negative:
        number_subtract(a, delta)
    else:
        number_add(a, delta)
