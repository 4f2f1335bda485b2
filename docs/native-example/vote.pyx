# distutils: language = c++
# cython: language_level = 3
"""A native program: a voter votes for a candidate, once."""

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uint8_t, uint32_t

from blockstm.native.programs.arguments cimport Arguments, next_key
from blockstm.native.verbs.context cimport (
    OK, OUT_OF_BOUNDS, Value, ctx_add, ctx_charge, ctx_emit, ctx_fail, ctx_read, ctx_revert, ctx_write,
)
from blockstm.native.programs.native_program cimport CAPSULE_NAME
from blockstm.native.memory.layout cimport Bounds, Number
from blockstm.native.memory.local cimport Local
from blockstm.native.memory.number cimport number_maximum, number_set


cdef void vote(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef uint32_t voter, candidate
    cdef Value voted
    cdef Number one
    cdef Bounds bounds
    cdef int code
    arguments.next = data
    voter = next_key(&arguments)        # in the order of the parameters
    candidate = next_key(&arguments)
    if ctx_charge(local, 1000) != OK:   # every verb may say: return at once
        return
    if ctx_read(local, voter, &voted) != OK:
        return
    if voted.present:
        ctx_revert(local, "has voted already", 17)
        return
    if ctx_write(local, voter, <const uint8_t*>b"\x01", 1) != OK:
        return
    number_set(&one, 1)
    number_set(&bounds.minimum, 0)
    number_maximum(&bounds.maximum)
    code = ctx_add(local, candidate, &one, False, &bounds)   # two votes never conflict
    if code == OUT_OF_BOUNDS:
        ctx_fail(local, "the tally is full", 17)
    elif code == OK:
        ctx_emit(local, <const uint8_t*>b"voted", 5)


entry = PyCapsule_New(<void*>vote, CAPSULE_NAME, NULL)
