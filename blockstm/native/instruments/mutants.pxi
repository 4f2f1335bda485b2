# The mutants (see mutants.pxd). This is the one list of them: Python has its names from here.

cpdef enum Mutant:
    MUTANT_WAITER_LOST = 1              # a waiter does not look whether its writer has finished meanwhile
    MUTANT_WAITERS_TAKEN_EARLY = 2      # the waiters are resumed before the status says EXECUTED
    MUTANT_ESTIMATES_FORGOTTEN = 3      # an abort leaves the values of the aborted incarnation
    MUTANT_ABORT_WITHOUT_REWIND = 4     # an abort does not move the validation index back
    MUTANT_NEW_PLACE_UNNOTICED = 5      # a write to a new place does not move the validation index back
    MUTANT_WAVE_AFTER_STATUS = 6        # the validation index is moved back after the status has changed
    MUTANT_VALUES_COMPARED = 7          # validation compares values, not versions
    MUTANT_COMMIT_WITHOUT_WAVE = 8      # a validation of any wave is enough for a commit
    MUTANT_STATUS_BEFORE_WRITES = 9     # the status says EXECUTED before the writes are published
    MUTANT_LEFTOVERS_KEPT = 10          # what only an earlier incarnation wrote stays
    MUTANT_OWN_VALIDATION_LOST = 11     # nobody validates what the validation index has passed while it ran
    MUTANT_ESTIMATE_READ = 12           # an ESTIMATE is read as a value
    MUTANT_ADD_AS_WRITE = 13            # an add is settled as if it were a write of its delta
    MUTANT_BOUNDS_UNCHECKED = 14        # a commit does not check how adds were guessed
    MUTANT_READY_BIT_LOST = 15          # a summary bit of the ready set is cleared over a new member
    MUTANT_SLEEPER_COUNTED_LATE = 16    # a sleeper counts itself after its last look for tasks
    MUTANT_RECOVERY_WITHOUT_WRITES = 17         # recovery forgets what was half published
    MUTANT_RECOVERY_WITHOUT_VALIDATIONS = 18    # recovery forgets the validations that were taken
    MUTANT_RECOVERY_WITHOUT_COLLECTOR = 19      # recovery does not give the collector's place up
    MUTANT_RECOVERY_WITHOUT_WAITERS = 20        # recovery forgets a list of waiters that was taken
    MUTANT_SUCCESSOR_FORGOTTEN = 21     # a commit does not release the one that waits for it after a death
    MUTANT_CLAIM_WITHOUT_SWAP = 22      # a transaction is claimed by a look and a store
    MUTANT_INCARNATION_RESTARTED = 23   # an aborted transaction runs again as its first incarnation
    MUTANT_REWIND_IN_SAME_WAVE = 24     # the validation index is moved back without a new wave
    MUTANT_TWO_COLLECTORS = 25          # a collector does not look whether there is one
    MUTANT_COMMIT_OUT_OF_ORDER = 26     # a validated transaction is committed before the one below it
    MUTANT_PLACE_CLAIMED_TWICE = 27     # a free version word is claimed by a look and a store
    MUTANT_DONE_BY_INDICES = 28         # the block is done when both indices are through
    MUTANT_INDEX_BEFORE_STATUS = 29     # commit_index passes a transaction before its status says COMMITTED
