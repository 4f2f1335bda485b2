"""What is looked for after every step of a controlled run, and what the last look saw.

Each model says in its own words what must hold (see Model.look); what may be found, and what is remembered from look to
look, is one list for all. A look reads the arena and changes nothing. It costs some 20 ns a transaction.
"""

from libc.stdint cimport uint32_t, uint64_t

# What a look may find.
cdef enum:
    HOLDS = 0
    PREFIX_SHRANK = 1           # commit_index went back, or passed what is not committed
    PREFIX_CHANGED = 2          # something about a committed transaction changed
    ILLEGAL_STATUS = 3          # a status changed as it never may
    TWO_EXECUTORS = 4           # an incarnation that runs changed its owner
    INCARNATION_SHRANK = 5
    COMMIT_WITHOUT_WAVE = 6     # committed on a validation older than a rewind that concerns it
    COMMIT_OF_STALE = 7         # committed although its reads did not hold
    COMMIT_OUT_OF_ORDER = 8     # committed before one below it
    ESTIMATE_IN_READ_SET = 9    # an ESTIMATE was read as a value
    COUNTER_SHRANK = 10         # execution_index or the wave went back, or the index without a new wave
    PLACE_CHANGED_HANDS = 11    # a version word belongs to another transaction than before
    DONE_TOO_EARLY = 12         # said to be done before the committed prefix is the whole block
    WAITER_FORGOTTEN = 13       # SUSPENDED for what has come, and nobody is about to resume it

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
