"""Predicates: what a program asks of a key without its value, so that only another answer is a conflict.

Both are answered by sight, as reads are: at an ESTIMATE the transaction waits. What is recorded is the question and its
answer, and validation asks again. Each stands for itself: in an incarnation that is in vain they need not agree with
what is read of the key.
"""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.layout cimport (
    Bounds, Number, READ_ABSENT, READ_CHECKED_OUTSIDE, READ_CHECKED_WITHIN, READ_PRESENT,
)
from blockstm.native.memory.local cimport Local, TOLD_ABSENT, TOLD_PRESENT, Touched, address
from blockstm.native.memory.number cimport number_is_within
from blockstm.native.verbs.model cimport ADDS_CHECKED, ADDS_EXISTENCE, model_of
from blockstm.native.verbs.reads cimport append_read, is_answer
from blockstm.native.verbs.touched cimport ABSENT, GIVE_UP, OK, OUT_OF_BOUNDS
from blockstm.native.versions.multi_version cimport Found, found_is_present, found_number


cdef inline int exists_below(Local* local, Touched* touched) noexcept nogil:
    """Whether earlier transactions left a value at a key: OK or ABSENT. Asked once an incarnation, and recorded.

    An add leaves a value, whatever is below it; so adds are not summed.
    """
    cdef Found found
    cdef bint present
    if touched.read_index == TOLD_PRESENT:
        return OK
    if touched.read_index == TOLD_ABSENT:
        return ABSENT
    model_of(local).find(local, touched.location, ADDS_EXISTENCE, &found)
    if not is_answer(local, touched.location, &found):
        return GIVE_UP
    present = found_is_present(&found)
    if not append_read(local, touched.location, READ_PRESENT if present else READ_ABSENT, found.word):
        return GIVE_UP
    touched.read_index = TOLD_PRESENT if present else TOLD_ABSENT
    return OK if present else ABSENT


cdef inline int check_below(Local* local, Touched* touched, const Bounds* bounds) noexcept nogil:
    """Whether the number that earlier transactions left at a key lies within bounds: OK or OUT_OF_BOUNDS; recorded."""
    cdef Found found
    cdef Number number
    cdef bint within
    cdef uint64_t offset
    model_of(local).find(local, touched.location, ADDS_CHECKED, &found)
    if not is_answer(local, touched.location, &found):
        return GIVE_UP
    within = found_number(local, &found, &number) and number_is_within(&number, bounds)
    offset = allocate(local, sizeof(Bounds))
    if offset == 0:
        return GIVE_UP
    memcpy(address(local, offset), bounds, sizeof(Bounds))
    if not append_read(
        local, touched.location, READ_CHECKED_WITHIN if within else READ_CHECKED_OUTSIDE, offset
    ):
        return GIVE_UP
    return OK if within else OUT_OF_BOUNDS
