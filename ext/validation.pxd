"""Validation: would the transaction read now what it has read?"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from layout cimport READ_SUM, READ_VERSION, Read, Record
from local cimport Local, STEP_VALIDATE, step
from multiversion cimport (
    FOUND_ABSENT, FOUND_ESTIMATE, FOUND_SUM, FOUND_VALUE, Found, find, record_bytes, record_of,
)
from number cimport number_encode


cdef inline bint same_sum(Local* local, const Read* read, const Found* found) noexcept nogil:
    """Whether the adds below still come to the number that was read.

    Adds are compared by what they come to, since the collector turns each into a plain value as it
    commits; an ESTIMATE among them has been ruled out by find().
    """
    cdef uint8_t digits[32]
    cdef Record* seen = record_of(local, read.word)
    cdef Record* now
    if found.kind == FOUND_SUM:
        return number_encode(&found.sum, digits) == seen.length and memcmp(
            digits, record_bytes(seen), seen.length
        ) == 0
    if found.kind != FOUND_VALUE:
        return False
    now = record_of(local, found.word)
    return now.length == seen.length and memcmp(record_bytes(now), record_bytes(seen), seen.length) == 0


cdef inline bint read_set_is_valid(
    Local* local, uint32_t txn_idx, const Read* reads, uint32_t count
) noexcept nogil:
    """Whether each key still holds the version read, and none is an ESTIMATE.

    Versions are compared, never values: an equal value by another incarnation may be about to change.
    Checks of adds (READ_WITHIN, READ_OUTSIDE) are the collector's, when all below is final.
    """
    cdef Found found
    cdef uint32_t index
    for index in range(count):
        if reads[index].kind != READ_VERSION and reads[index].kind != READ_SUM:
            continue
        step(local, STEP_VALIDATE, reads[index].location)
        find(local, reads[index].location, txn_idx, 0xFFFFFFFF, &found)
        if found.kind == FOUND_ESTIMATE:
            return False
        if reads[index].kind == READ_SUM:
            if not same_sum(local, reads + index, &found):
                return False
        elif (found.kind != FOUND_VALUE and found.kind != FOUND_ABSENT) or found.word != reads[index].word:
            return False
    return True
