# Kinds of step points (see local.pxd). This is the one list of them: Python has their names from here.

cpdef enum StepKind:
    STEP_START = 0              # none yet: the worker stands before its first step
    STEP_TAKE = 1               # about to take a task
    STEP_READ = 2               # about to read multi-version memory
    STEP_INTENT = 3             # about to announce a write
    STEP_PUBLISH = 4            # about to publish one write
    STEP_STATUS = 5             # about to change a transaction's status
    STEP_COUNTER = 6            # about to change a scheduler counter
    STEP_VALIDATE = 7           # about to validate one read
    STEP_WAIT = 8               # about to register as a waiter, or to resume the waiters
    STEP_COMMIT = 9             # about to commit a transaction
    STEP_IDLE = 10              # found no task
    STEP_WORK = 11              # a poll inside a long-running program
    STEP_SLEEP = 12             # about to sleep until the wake epoch is no longer `what`
    STEP_CLEAN = 13             # no step: the worker holds nothing over but its Local and `what` (state_hash)
    STEP_BASE = 14              # about to publish what the source has said that a key holds before the block
    STEP_REGISTER = 15          # about to show that a key has been read, to be told when it changes
    STEP_PUSH = 16              # about to look for those who have read what has just been published over
    STEP_ORDER = 17             # about to link a key into the list of keys in order
    STEP_SLOT = 18              # about to take the slot of an older version of a key
