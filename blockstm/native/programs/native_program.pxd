"""Native programs: what they are to the core, and the capsules in which they are found."""

from libc.stdint cimport uint8_t, uint32_t

from blockstm.native.memory.local cimport Local

# Returns when done or when a verb says so; its outcome is in the Local.
ctypedef void (*Program)(Local* local, const uint8_t* arguments, uint32_t length) noexcept nogil

cdef enum:
    PROGRAM_IDS_MAX = 65536     # an engine takes a new one for each program that it meets

cdef extern from "blockstm/native/programs/layout_checks.h" nogil:
    const char* CAPSULE_NAME "BLOCKSTM_CAPSULE_NAME"
