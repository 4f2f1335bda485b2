# Draining: another thread reads what is committed while the block runs, from this process or another one.

cdef extern from "<unistd.h>" nogil:
    int close_fd "close"(int fd) noexcept

cdef uint64_t DRAIN_LOOK_NS = 20000000     # how long to sleep at most before looking again which are still there


cdef class Drainage:
    """A mapping of an arena from which committed write sets are read in order.

    What is read is final: a transaction below commit_index has its write set, and in the place of its adds values
    (see settle_adds). Under the sequential model a worker's death takes the index back to 0, and all is executed again,
    to the same end: `restarts` is counted up before, so what was read in the meantime is read again.

    Arguments:
        fd: a descriptor of the arena's memory file; it stays the caller's.

    Raises:
        EngineError: it is none, its engine is gone, or DRAINS_MAX others are attached.
    """

    cdef Local local
    cdef uint64_t size
    cdef int fd                 # of its own: locks go by opened file
    cdef DrainSlot* slot
    cdef uint64_t taken_up      # the block_number whose model `local` has

    def __cinit__(self, int fd):
        cdef void* mapped
        self.fd = -1
        try:
            self.fd = above_standard(os.open(f"/proc/self/fd/{fd}", os.O_RDWR | os.O_CLOEXEC))
            self.size = os.fstat(self.fd).st_size
        except OSError as error:
            raise EngineError(f"descriptor {fd} is not open here ({error.strerror}): let this process inherit it") from error
        mapped = mmap(NULL, self.size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, self.fd, 0)
        if mapped == <void*>-1:
            raise EngineError(f"descriptor {fd} cannot be mapped: give the drain_descriptor of an engine")
        self.local.base = <uint8_t*>mapped
        self.local.header = <Header*>mapped
        if self.size < sizeof(Header) or self.local.header.magic != MAGIC:
            raise EngineError(f"descriptor {fd} is not that of an engine: give its drain_descriptor")
        self._take_slot()
        self._register()

    def __dealloc__(self):
        self._release()

    cdef int _take_slot(self) except -1:
        """Take a free slot: it belongs to the holder of its lock. The system gives back the locks of the dead."""
        cdef int index
        for index in range(DRAINS_MAX):
            if try_lock(self.fd, DRAIN_LOCKS + index):
                self.slot = &self.local.header.drains[index]
                return 0
        raise EngineError(f"{DRAINS_MAX} drains are attached to this engine already: close one")

    cdef void _register(self) noexcept:
        """Let the engine wait for this drain, from the block on that is in the arena.

        Invariant: the engine does not lay out a block over one that this drain has not finished. It makes the number
        odd, and then looks for drains that have not finished (see Arena._claim); this one shows itself, and then looks
        whether the number is still the same (all sc). So one of the two sees the other, and stands back.
        """
        cdef Header* header = self.local.header
        cdef uint64_t number
        while True:
            number = load_sc[uint64_t](&header.block_number)
            if number & 1 == 0:
                store_sc[uint64_t](&self.slot.finished, number - 2 if number != 0 else 0)
                store_sc[uint32_t](&self.slot.attached, 1)
                if load_sc[uint64_t](&header.block_number) == number:
                    return
                store_sc[uint32_t](&self.slot.attached, 0)
            self.wait(load_sc[uint32_t](&header.drain_epoch))

    cdef void _release(self) noexcept:
        if self.slot != NULL:
            store_sc[uint32_t](&self.slot.attached, 0)
            wake_drains_and_engine(self.local.header)
            self.slot = NULL
        if self.local.base != NULL:
            munmap(self.local.base, self.size)
            self.local.base = NULL
        if self.fd >= 0:
            close_fd(self.fd)
            self.fd = -1

    def close(self):
        """Let go of the arena."""
        self._release()

    cdef Header* _header(self) except NULL:
        if self.local.base == NULL:
            raise EngineError("the drain is closed: attach another one")
        return self.local.header

    @property
    def block(self):
        """The number of the block in the arena that this drain has not finished; 0: there is none yet."""
        cdef Header* header = self._header()
        cdef uint64_t number = load_sc[uint64_t](&header.block_number)
        return number >> 1 if number & 1 == 0 and number != self.slot.finished else 0

    @property
    def txn_count(self):
        """How many transactions the block has."""
        return self._header().txn_count

    @property
    def is_given_up(self):
        """Whether the block will not go on."""
        cdef Header* header = self._header()
        return load_sc[uint32_t](&header.stop) != 0 or load_sc[uint32_t](&header.failure) != 0

    @property
    def is_over(self):
        """Whether there will be no other block: the engine is closed, or gone."""
        cdef Header* header = self._header()
        return load_sc[uint32_t](&header.shutdown) != 0 or not is_locked(self.fd, ENGINE_LOCK)

    @property
    def epoch(self):
        """For `wait`: to be asked for before looking for what is awaited."""
        cdef Header* header = self._header()
        cdef uint32_t epoch = load_sc[uint32_t](&header.drain_epoch)
        store_sc[uint32_t](&header.drains_waiting, 1)
        return epoch

    def wait(self, uint32_t epoch):
        """Sleep until something has happened since `epoch`, 20 ms at most."""
        cdef Header* header = self._header()
        with nogil:
            futex_wait(&header.drain_epoch, epoch, DRAIN_LOOK_NS)

    def changes(self, uint64_t first, uint64_t end):
        """What transactions from `first` up to `end` have each changed; of those only that are committed.

        Raises:
            EngineError: the model of the block is not to be found in this process.

        Returns: dicts of keys and values (None: deleted), in the order first written.
        """
        cdef Header* header = self._header()
        cdef uint32_t restarts = load_sc[uint32_t](&header.restarts)
        cdef uint64_t committed = min(end, load_sc[uint64_t](&header.commit_index))
        cdef uint64_t place
        cdef list changes
        if committed <= first:
            return []
        self._take_up_model()
        changes = [self._changes_of(txn_at_place(&self.local, <uint32_t>place)) for place in range(first, committed)]
        return changes if load_sc[uint32_t](&header.restarts) == restarts else []

    def merged(self, uint64_t first, uint64_t end):
        """What transactions from `first` up to `end` have changed together, and how many of them are committed.

        Returns: that number, and a dict of keys and values (None: deleted).

        Raises:
            EngineError: as `changes`.
        """
        cdef Header* header = self._header()
        cdef uint32_t restarts = load_sc[uint32_t](&header.restarts)
        cdef uint64_t committed = min(end, load_sc[uint64_t](&header.commit_index))
        cdef uint64_t place
        cdef dict merged = {}
        if committed <= first:
            return 0, merged
        self._take_up_model()
        for place in range(first, committed):
            self._add_changes(txn_at_place(&self.local, <uint32_t>place), merged)
        if load_sc[uint32_t](&header.restarts) != restarts:
            return 0, {}
        return committed - first, merged

    cdef int _take_up_model(self) except -1:
        """Find the model of the block, which has been started. Invariant: the engine does not start another meanwhile."""
        if self.taken_up != self.local.header.block_number:
            take_up(&self.local, find_model(record_to_bytes(record_at(&self.local, self.local.header.model))))
            self.taken_up = self.local.header.block_number
        return 0

    cdef dict _changes_of(self, uint32_t txn_idx):
        cdef dict changes = {}
        self._add_changes(txn_idx, changes)
        return changes

    cdef int _add_changes(self, uint32_t txn_idx, dict changes) except -1:
        """Put what a transaction has changed into `changes`."""
        cdef uint64_t offset = load_acquire[uint64_t](&txn_at(&self.local, txn_idx).write_set)
        cdef WriteSet* write_set = <WriteSet*>address(&self.local, offset)
        cdef Write* write
        cdef Record* record
        cdef uint32_t index
        for index in range(write_set.count if offset != 0 else 0):
            write = write_set_items(write_set) + index
            if write.kind == WORD_DELETE:
                changes[key_at(&self.local, write.location)] = None
                continue
            record = record_at(&self.local, write.record if write.kind == WORD_VALUE else settled_value(write))
            changes[key_at(&self.local, write.location)] = record_to_bytes(record)
        return 0

    def outcomes(self):
        """How each transaction of the block has ended, in the preset order; None before the block is done.

        All may have been drained before: the sequential model may still begin anew then, to come to the same.

        Returns: tuples of status (0 success, 1 reverted, 2 failed), gas used, error or None, events.
        """
        cdef Header* header = self._header()
        cdef Outcome outcome
        cdef uint32_t txn_idx
        cdef list outcomes = []
        if load_sc[uint32_t](&header.done) == 0 or load_sc[uint64_t](&header.commit_index) != header.txn_count:
            return None
        for txn_idx in range(header.txn_count):
            read_outcome(&self.local, txn_idx, &outcome)
            outcomes.append((outcome.outcome, outcome.gas_used, error_of(&outcome), events_of(&outcome)))
        return outcomes

    def finish(self):
        """Let the engine have the memory of the block that is in the arena."""
        cdef Header* header = self._header()
        store_sc[uint64_t](&self.slot.finished, load_sc[uint64_t](&header.block_number))
        wake_drains_and_engine(header)
