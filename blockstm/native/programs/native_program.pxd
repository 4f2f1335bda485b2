"""Native programs: what they are to the core, and the capsules in which those are found that are compiled against it."""

from libc.stdint cimport uint8_t, uint32_t

from blockstm.native.memory.local cimport Local
from blockstm.native.programs.verb_table cimport blockstm_function, blockstm_verbs

# Returns when done or when a verb says so; its outcome is in the Local.
ctypedef void (*Program)(Local* local, const uint8_t* arguments, uint32_t length) noexcept nogil

cdef enum:
    PROGRAM_IDS_MAX = 65536     # an engine takes a new one for each program that it meets

cdef struct ProgramEntry:       # a program as a worker has loaded it
    Program function            # compiled against the core; NULL: against blockstm.h, and all below
    blockstm_function foreign
    const blockstm_verbs* verbs
    const ProgramEntry** callees        # what it may call, by number
    uint32_t callee_count
    # of any native program, to check what it is called with
    uint32_t parameter_count
    const uint8_t* kinds        # of its parameters (arguments)

cdef extern from "blockstm/native/memory/layout_checks.h" nogil:
    const char* CAPSULE_NAME "BLOCKSTM_CAPSULE_NAME"
