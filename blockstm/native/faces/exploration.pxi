# What exploration asks of the core: mutants, invariants, the names of keys.

MUTANTS = {name.replace("_", "-"): mutant for name, mutant in names_of(Mutant, "MUTANT_").items()}
STEPS = names_of(StepKind, "STEP_")
STEPS_ON_KEYS = frozenset((STEP_READ, STEP_INTENT, STEP_PUBLISH, STEP_VALIDATE, STEP_BASE, STEP_ORDER, STEP_SLOT))
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


cdef class Observer:
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
        self.arena._detach_snapshots()
        memset(address(&self.local, header.block_begin), 0, self.arena.used_bytes - header.block_begin)

    def separate(self):
        """Give each worker memory of its own at once, so that offsets do not depend on which asks first."""
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
