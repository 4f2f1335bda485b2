"""Mutants: known ways to break the protocol, to prove that exploration would notice.

`Local.mutant` is 0 in worker processes; only the controlled runtime sets it (VirtualWorker.mutant). Each is
switched on at one place of the core, which behaves as if one step had been forgotten or misplaced.
"""

from libc.stdint cimport uint32_t

from blockstm.native.memory.atomics cimport unlikely_true
from blockstm.native.memory.local cimport Local

include "mutants.pxi"


cdef inline bint mutant(Local* local, uint32_t which) noexcept nogil:
    """Whether that mutant is on. Under the real clock: one predictable branch."""
    return unlikely_true(local.mutant == which)
