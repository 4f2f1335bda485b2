"""What is looked for after every step of a controlled run, and what the last look saw.

Each model says in its own words what must hold (see Model.look); what may be found, and what is remembered from look to
look, is one list for all. A look reads the arena and changes nothing. It costs some 20 ns a transaction.
"""

from libc.stdint cimport uint32_t, uint64_t

include "invariants.pxi"

cdef enum:
    WATCHED_COUNTERS_MAX = 4

cdef struct WatchedTxn:
    uint64_t status
    uint64_t digest             # of what is final about it; 0 while it is not

cdef struct Watch:
    WatchedTxn* txns
    uint64_t counters[WATCHED_COUNTERS_MAX]     # those of the model
    uint64_t commit_index
    uint32_t culprit            # the transaction that the last finding is about
