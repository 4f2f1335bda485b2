# What a look may find (see watch.pxd). This is the one list of it: Python has its names from here.

cpdef enum Invariant:
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
