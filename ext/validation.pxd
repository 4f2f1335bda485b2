"""Validation: would the transaction read now what it has read?"""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

from layout cimport Bounds, Number, READ_OUTSIDE, READ_SUM, READ_VERSION, READ_WITHIN, Read, Record, WORD_VALUE
from local cimport Local, STEP_VALIDATE, address, step
from multiversion cimport (
    FOUND_ABSENT, FOUND_ESTIMATE, FOUND_INVALID, FOUND_SUM, FOUND_VALUE, Found, base_number, find, record_bytes,
    record_of, word_kind,
)
from mutants cimport MUTANT_VALUES_COMPARED, mutant
from number cimport number_compare, number_encode


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


cdef inline bint same_value(Local* local, const Read* read, const Found* found) noexcept nogil:
    """What a validation by value would ask (see mutants): whether another version holds the same bytes."""
    cdef Record* seen = record_of(local, read.word)
    cdef Record* now = record_of(local, found.word)
    if found.kind != FOUND_VALUE or word_kind(read.word) != WORD_VALUE:
        return False
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
            if mutant(local, MUTANT_VALUES_COMPARED) and same_value(local, reads + index, &found):
                continue
            return False
    return True


cdef inline bint check_holds(Local* local, uint32_t txn_idx, const Read* read) noexcept nogil:
    """Whether what is below an add still lies where the program was told. All below is final."""
    cdef Found found
    cdef Number number
    cdef Bounds bounds
    cdef bint within
    find(local, read.location, txn_idx, 0xFFFFFFFF, &found)
    if found.kind == FOUND_SUM:
        number = found.sum
        within = True
    else:
        within = found.kind != FOUND_INVALID and base_number(local, found.word, &number)
    memcpy(&bounds, address(local, read.word), sizeof(Bounds))
    if within:
        within = (
            number_compare(&number, &bounds.minimum) >= 0 and number_compare(&number, &bounds.maximum) <= 0
        )
    return within == (read.kind == READ_WITHIN)


cdef inline bint checks_hold(Local* local, uint32_t txn_idx, const Read* reads, uint32_t count) noexcept nogil:
    """Whether all that the program was told about its adds is so. Asked when all below is final."""
    cdef uint32_t index
    for index in range(count):
        if (reads[index].kind == READ_WITHIN or reads[index].kind == READ_OUTSIDE) and not check_holds(
            local, txn_idx, reads + index
        ):
            return False
    return True
