# What exploration asks of the core: mutants, invariants, the names of keys.

MUTANTS = {
    "waiter-lost": MUTANT_WAITER_LOST,
    "waiters-taken-early": MUTANT_WAITERS_TAKEN_EARLY,
    "estimates-forgotten": MUTANT_ESTIMATES_FORGOTTEN,
    "abort-without-rewind": MUTANT_ABORT_WITHOUT_REWIND,
    "new-place-unnoticed": MUTANT_NEW_PLACE_UNNOTICED,
    "wave-after-status": MUTANT_WAVE_AFTER_STATUS,
    "values-compared": MUTANT_VALUES_COMPARED,
    "commit-without-wave": MUTANT_COMMIT_WITHOUT_WAVE,
    "status-before-writes": MUTANT_STATUS_BEFORE_WRITES,
    "leftovers-kept": MUTANT_LEFTOVERS_KEPT,
    "own-validation-lost": MUTANT_OWN_VALIDATION_LOST,
    "estimate-read": MUTANT_ESTIMATE_READ,
    "add-as-write": MUTANT_ADD_AS_WRITE,
    "bounds-unchecked": MUTANT_BOUNDS_UNCHECKED,
    "ready-bit-lost": MUTANT_READY_BIT_LOST,
    "sleeper-counted-late": MUTANT_SLEEPER_COUNTED_LATE,
    "recovery-without-writes": MUTANT_RECOVERY_WITHOUT_WRITES,
    "recovery-without-validations": MUTANT_RECOVERY_WITHOUT_VALIDATIONS,
    "recovery-without-collector": MUTANT_RECOVERY_WITHOUT_COLLECTOR,
    "recovery-without-waiters": MUTANT_RECOVERY_WITHOUT_WAITERS,
    "successor-forgotten": MUTANT_SUCCESSOR_FORGOTTEN,
    "claim-without-swap": MUTANT_CLAIM_WITHOUT_SWAP,
    "incarnation-restarted": MUTANT_INCARNATION_RESTARTED,
    "rewind-in-same-wave": MUTANT_REWIND_IN_SAME_WAVE,
    "two-collectors": MUTANT_TWO_COLLECTORS,
    "commit-out-of-order": MUTANT_COMMIT_OUT_OF_ORDER,
    "place-claimed-twice": MUTANT_PLACE_CLAIMED_TWICE,
    "done-by-indices": MUTANT_DONE_BY_INDICES,
    "index-before-status": MUTANT_INDEX_BEFORE_STATUS,
}

STEP_NAMES = {
    0: "start", STEP_TAKE: "take", STEP_READ: "read", STEP_INTENT: "intent", STEP_PUBLISH: "publish",
    STEP_STATUS: "status", STEP_COUNTER: "counter", STEP_VALIDATE: "validate", STEP_WAIT: "wait",
    STEP_COMMIT: "commit", IDLE: "idle", STEP_WORK: "work", SLEEP: "sleep",
}
STEPS_ON_KEYS = frozenset((STEP_READ, STEP_INTENT, STEP_PUBLISH, STEP_VALIDATE))
STEPS_ON_TXNS = frozenset((STEP_TAKE, STEP_STATUS, STEP_WAIT, STEP_COMMIT, STEP_WORK))

INVARIANTS = {
    PREFIX_SHRANK: "the committed prefix shrank, or passed what is not committed",
    PREFIX_CHANGED: "something about a committed transaction changed",
    ILLEGAL_STATUS: "a status changed as it never may",
    TWO_EXECUTORS: "two workers run one incarnation",
    INCARNATION_SHRANK: "an incarnation number went back",
    COMMIT_WITHOUT_WAVE: "committed on a validation older than a rewind that concerns it",
    COMMIT_OF_STALE: "committed although its reads did not hold",
    COMMIT_OUT_OF_ORDER: "committed before one below it",
    ESTIMATE_IN_READ_SET: "an ESTIMATE was read as a value",
    COUNTER_SHRANK: "a scheduler counter went back",
    PLACE_CHANGED_HANDS: "a version word changed hands",
    DONE_TOO_EARLY: "the block is said to be done and is not committed",
    WAITER_FORGOTTEN: "it waits, what it waits for has come, and nobody is about to resume it",
}


cdef class Probe:
    """Looks at the arena of a controlled run from outside.

    Arguments:
        arena: the arena, with its block loaded and started by the time of begin().
    """

    cdef Arena arena
    cdef Local local            # without a step hook: looking is no step
    cdef Watch watch
    cdef uint64_t shared

    def __cinit__(self, Arena arena not None):
        self.arena = arena
        self.local.base = arena.base
        self.local.header = <Header*>arena.base
        self.local.worker = self.local.header.worker_slots
        self.local.slot = slot_at(&self.local, self.local.worker)

    def __dealloc__(self):
        free(self.watch.txns)

    def begin(self):
        """Start to watch a block that has just been loaded."""
        cdef uint32_t count = self.local.header.txn_count
        if self.arena.model != NULL:
            take_up(&self.local, self.arena.model)
        free(self.watch.txns)
        memset(&self.watch, 0, sizeof(Watch))
        self.watch.txns = <WatchedTxn*>calloc(count + 1, sizeof(WatchedTxn))
        if self.watch.txns == NULL:
            raise MemoryError

    def clear(self):
        """Make the memory of the last block zero, before a block is loaded whose states are to be told apart."""
        cdef Header* header = self.local.header
        memset(address(&self.local, header.block_begin), 0, self.arena.used_bytes - header.block_begin)

    def separate(self):
        """Give each worker memory of its own at once, so that offsets do not depend on who asks first."""
        cdef uint32_t worker
        cdef WorkerSlot* slot
        for worker in range(self.local.header.worker_slots):
            slot = slot_at(&self.local, worker)
            slot.chunk_tip = take_bytes(&self.local, CHUNK_BYTES)
            slot.chunk_end = slot.chunk_tip + CHUNK_BYTES if slot.chunk_tip != 0 else 0

    def remember(self):
        """Take in what is shared, as it is now."""
        self.shared = hash_shared(&self.local)

    def show(self, VirtualWorker chosen not None):
        """Note that a worker goes on, and finds what was taken in last."""
        chosen.history = mix(chosen.history, self.shared)

    def state(self, workers):
        """A number for what was taken in last and for where the workers stand: equal numbers mean equal states.

        Arguments:
            workers: the virtual workers that have not left the block, in the order of their slots.
        """
        cdef uint64_t state = self.shared
        cdef VirtualWorker worker
        for worker in workers:
            state = mix(mix(state, worker.worker.local.worker), worker.history)
            state = mix(mix(state, worker.kind), worker.what)
        return state

    def look(self):
        """What the step since the last look has broken: 0 for nothing, else a key of INVARIANTS."""
        return model_of(&self.local).look(&self.local, &self.watch)

    def look_at_waiters(self):
        """As look(), for when every worker is idle or asleep: has one forgotten a transaction that waits?"""
        return model_of(&self.local).look_at_waiters(&self.local, &self.watch)

    @property
    def culprit(self):
        """The transaction that the last finding is about."""
        return self.watch.culprit

    def key(self, uint64_t location):
        """The key that a step names as what it touches."""
        cdef Location* place = location_at(&self.local, <uint32_t>location)
        return PyBytes_FromStringAndSize(<const char*>place.key, place.key_bytes)
