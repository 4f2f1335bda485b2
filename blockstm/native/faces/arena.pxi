# The arena as Python sees it: the memory file, its mapping, and the supervisor's hand on the block.

cdef extern from "<sys/mman.h>" nogil:
    void* mmap(void* address, size_t length, int protection, int flags, int fd, long offset) noexcept
    int munmap(void* address, size_t length) noexcept
    int madvise(void* address, size_t length, int advice) noexcept
    enum:
        PROT_READ, PROT_WRITE, MAP_SHARED, MAP_NORESERVE, MADV_DONTFORK

cdef extern from "<fcntl.h>" nogil:
    int fallocate(int fd, int mode, long offset, long length) noexcept
    enum:
        FALLOC_FL_PUNCH_HOLE, FALLOC_FL_KEEP_SIZE

cdef enum:
    MAGIC = 0x5354534B434F4C42


cdef dict found_models = {}
"""The capsules that have been looked up, by where they are."""


cdef const Model* find_model(bytes entry) except NULL:
    """The model behind `module:attribute`."""
    cdef object capsule = found_models.get(entry)
    if capsule is None:
        module, _, attribute = entry.decode().partition(":")
        capsule = getattr(importlib.import_module(module), attribute)
        if not PyCapsule_IsValid(capsule, MODEL_CAPSULE_NAME):
            raise EngineError(
                f"{entry.decode()} holds no model of execution for this version of blockstm "
                f"({MODEL_CAPSULE_NAME.decode()}): compile it again with blockstm.include_directory()"
            )
        found_models[entry] = capsule
    return <const Model*>PyCapsule_GetPointer(capsule, MODEL_CAPSULE_NAME)


cdef class Arena:
    """The shared memory that a pool of workers executes blocks in.

    Arguments:
        memory_limit_bytes: how large it may grow; memory is taken page by page as it is used.
        worker_slots: how many workers may share it.
        hash_seed: seed of the key table's hash; with the same seed, blocks are laid out the same.
        regions: how many blocks it has room for; with one, none can be prepared, and a result that is in use is copied
            when the next block is laid out.

    Raises:
        MemoryLimitError: not even the bookkeeping of the workers fits into the limit.
        EngineError: the system gives no memory file of that size.
    """

    cdef Local local            # the supervisor's own view, in the slot after the last worker's
    cdef Local* dead            # views of the workers' slots, for recovery
    cdef const Model* model     # of the block that was started last
    cdef uint8_t* base
    cdef uint64_t size
    cdef readonly int fd
    cdef int lock_fd            # of the owner: says as long as it is open that there is an engine
    cdef bint owner
    cdef list regions           # Region
    cdef Region region          # of the block that is laid out
    cdef LaidOut prepared       # the next block, if it is laid out already
    cdef object memory_lock     # held while a block is laid out, or the memory is given back
    cdef object before          # the state before the block that is laid out, as the block holds it
    cdef tuple before_keys      # the keys that it names by their places here; None if it holds the keys themselves
    cdef dict first_seen

    def __cinit__(self):
        self.fd = -1
        self.lock_fd = -1
        self.base = NULL
        self.dead = NULL
        self.first_seen = {}
        self.regions = []
        self.memory_lock = threading.RLock()

    def __init__(self, memory_limit_bytes, worker_slots, hash_seed=0, regions=1):
        cdef uint64_t begin = bookkeeping_bytes(worker_slots)
        cdef uint64_t room, size
        if memory_limit_bytes < begin + PAGE_BYTES:
            raise MemoryLimitError(
                f"a memory limit of {memory_limit_bytes} bytes does not hold {worker_slots} workers: "
                f"raise it to {begin + (1 << 20)} or more"
            )
        room = memory_limit_bytes - begin
        size = memory_limit_bytes if regions == 1 else begin + regions * (room + begin + 2 * PAGE_BYTES)
        self.owner = True
        try:
            # A program that prints must never write into it, though the standard descriptors may be closed.
            self.fd = above_standard(os.memfd_create("blockstm", os.MFD_CLOEXEC))
            os.ftruncate(self.fd, size)
            self.lock_fd = above_standard(os.open(f"/proc/self/fd/{self.fd}", os.O_RDWR | os.O_CLOEXEC))
            try_lock(self.lock_fd, ENGINE_LOCK)
        except OSError as error:
            self._close_file()
            raise EngineError(
                f"the system gives no memory file of {size} bytes: {error.strerror}; lower the memory "
                "limit, or raise the limits on file sizes (ulimit -f) and on open files (ulimit -n)"
            ) from error
        try:
            self._map(size)
        except BaseException:
            self._close_file()
            raise
        header = <Header*>self.base
        header.magic = MAGIC
        header.limit_bytes = memory_limit_bytes
        header.block_begin = begin
        header.slots = slots_begin()
        header.worker_slots = worker_slots
        header.hash_seed = hash_seed
        header.bump = begin
        header.done = 1
        local_open(&self.local, self.base, worker_slots, -1)
        self.dead = <Local*>calloc(worker_slots, sizeof(Local))
        if self.dead == NULL:
            raise MemoryError
        for worker in range(worker_slots):
            local_open(&self.dead[worker], self.base, worker, -1)
        self.regions = [Region(begin, memory_limit_bytes, 0)]
        while len(self.regions) < regions:
            begin = (last_end_of(self.regions) + PAGE_BYTES - 1) & ~<uint64_t>(PAGE_BYTES - 1)
            self.regions.append(Region(begin, begin + room, 0))
        begin = last_end_of(self.regions)
        for region in self.regions if regions > 1 else []:
            begin = (begin + PAGE_BYTES - 1) & ~<uint64_t>(PAGE_BYTES - 1)
            (<Region>region).copy = begin
            begin += bookkeeping_bytes(worker_slots)
        self.region = self.regions[0]

    @staticmethod
    def attach(int fd):
        """Map the arena behind a file descriptor that was inherited, as a worker."""
        cdef Arena arena = Arena.__new__(Arena)
        arena.owner = False
        arena.fd = fd
        arena._map(os.fstat(fd).st_size)
        arena.keep_from_forks()
        if (<Header*>arena.base).magic != MAGIC:
            raise EngineError("the inherited file is no arena: start workers through Engine")
        return arena

    cdef int _map(self, uint64_t size) except -1:
        cdef void* mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, self.fd, 0)
        if mapped == <void*>-1:
            raise MemoryLimitError(f"{size} bytes of shared memory cannot be reserved: lower the memory limit")
        self.base = <uint8_t*>mapped
        self.size = size
        return 0

    def keep_from_forks(self):
        """Let forks of this process have no part in the arena.

        A program may fork behind Python's back. What it forks must not go on with the block: it ends where it first
        touches the arena.
        """
        madvise(self.base, self.size, MADV_DONTFORK)

    def __repr__(self):
        """Say how large it is, and how much of it the block uses."""
        if self.base == NULL:
            return "<Arena, closed>"
        return f"<Arena of {self.memory_limit_bytes:,} bytes, {self.used_bytes:,} used>"

    cdef Header* _header(self) except NULL:
        if self.base == NULL:
            raise EngineError("the arena is closed: make a new engine")
        return <Header*>self.base

    def __dealloc__(self):
        self._release()

    cdef void _release(self) noexcept:
        cdef uint32_t worker
        if self.dead != NULL:
            for worker in range((<Header*>self.base).worker_slots):
                local_close(&self.dead[worker])
            free(self.dead)
            self.dead = NULL
            local_close(&self.local)
        if self.base != NULL:
            munmap(self.base, self.size)
            self.base = NULL

    def close(self):
        """Give the memory back. A snapshot that is still in use keeps what it holds."""
        cdef Region region
        with self.memory_lock:
            if self.base == NULL:
                return
            self.prepared = None
            for region in self.regions:
                region.detach()
            self._release()
            self._close_file()

    cdef int _close_file(self) except -1:
        if self.owner and self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
        if self.lock_fd >= 0:
            os.close(self.lock_fd)
            self.lock_fd = -1
        return 0

    # --- the block ---

    def lay_out(
        self, Py_ssize_t txn_count, programs, keys, state, rows, double rounds_per_gas=1.0, source=None, ordered=(),
        known=None,
    ):
        """Lay a block out in the arena, ready to be started once.

        Arguments:
            txn_count: how many transactions it has.
            programs: for each of its programs the number, and the kinds of its parameters.
            keys: its keys, if rows and state name them by their places here; None if they hold the keys themselves.
            state: values by key before the first transaction; None: all of it is asked of the source.
            rows: for each transaction, what begins with the place of its program in `programs`, its arguments
                (bytes where they are encoded), and its gas limit or None.
            rounds_per_gas: rounds of work that `trace` does for each unit of recorded gas.
            source: what workers ask for the values that are not in `state`; None: those keys are absent.
            ordered: prefixes of the keys that will be scanned.
            known: values by key that are in no need of asking, nor true in `state`; None for an absent key.

        Raises:
            MemoryLimitError: the block does not fit.
            EngineError: a row is not as it must be, or the system does not take memory back that the last block has
                used. The arena takes the next block.
        """
        cdef Header* header = self._header()
        cdef LaidOut laid_out
        self._claim(header)
        try:
            with self.memory_lock:
                laid_out = self._laid_out(
                    self._region_for_next(), txn_count, programs, keys, state, rows, source, ordered, known
                )
                self._take_up(laid_out)
            header.rounds_per_gas = rounds_per_gas
        except BaseException:
            header.done = header.stop = 1
            raise
        finally:
            self._unclaim(header)

    @property
    def block_number(self):
        """How many blocks it has taken, that which it holds included."""
        return self._header().block_number >> 1

    @property
    def can_prepare(self):
        """Whether it has room for a block beside the one that is executed."""
        return len(self.regions) > 1

    def prepare(self, Py_ssize_t txn_count, programs, keys, state, rows, source=None, ordered=(), known=None):
        """Lay out the next block while workers execute the last one; `take_prepared` makes it the block of the arena.

        Any thread may call it. Where one is prepared already, it is forgotten.

        Arguments:
            programs: the kinds of the parameters of each.
            txn_count, keys, state, rows, source, ordered, known: as for `lay_out`.

        Raises:
            as `lay_out` does; the arena takes the next block, and the one that is executed goes on.
        """
        cdef Region region
        with self.memory_lock:
            self._header()
            self.prepared = None
            region = self._region_beside()
            numbered = [(place, kinds) for place, kinds in enumerate(programs)]
            self.prepared = self._laid_out(region, txn_count, numbered, keys, state, rows, source, ordered, known)

    def take_prepared(self, numbers, double rounds_per_gas=1.0):
        """Make the prepared block the block of the arena, as `lay_out` does; no worker may be in the last one.

        Arguments:
            numbers: for each of its programs the number.
            rounds_per_gas: as for `lay_out`.
        """
        cdef Header* header = self._header()
        cdef LaidOut prepared = self.prepared
        if prepared is None:
            raise EngineError("no block is prepared: lay one out")
        self._claim(header)
        try:
            with self.memory_lock:
                self.prepared = None
                prepared.renumber(list(numbers))
                self._take_up(prepared)
            header.rounds_per_gas = rounds_per_gas
        finally:
            self._unclaim(header)

    cdef LaidOut _laid_out(
        self, Region region, Py_ssize_t txn_count, programs, keys, state, rows, source, ordered, known
    ):
        """Lay a block out in a region; what was there is gone, whatever comes of it."""
        cdef list entries = [(number, parameter_codes(kinds)) for number, kinds in programs]
        cdef LaidOut laid_out
        region.detach()
        if region is self.region:
            region.touch(self._header().bump)
        if self.owner:
            region.give_back(self.fd)
        laid_out = LaidOut.begin(self._header(), region)
        laid_out.fill(txn_count, entries, keys, state, rows, source, ordered, known)
        return laid_out

    cdef int _take_up(self, LaidOut laid_out) except -1:
        """Make a block that is laid out the block of the arena."""
        cdef Header* header = self._header()
        cdef Region region
        if laid_out.region is not self.region:
            self.region.touch(header.bump)
            self.region.settle(header)
        for region in self.regions:
            is_prepared = self.prepared is not None and region is self.prepared.region
            if region is not laid_out.region and not is_prepared and not region.in_use():
                region.give_back(self.fd)
        self._reset(header)
        laid_out.take_up(header, self.local.slot)
        self.region = laid_out.region
        self.before = laid_out.before
        self.before_keys = laid_out.before_keys
        return 0

    cdef Region _region_for_next(self):
        """The region of the last block, unless results of that are in use, and there is another."""
        return self._region_beside() if self.region.in_use() and len(self.regions) > 1 else self.region

    cdef Region _region_beside(self):
        """A region beside those of the last block and of the prepared one, best one of which no result is in use."""
        cdef list others = [
            region for region in self.regions
            if region is not self.region and (self.prepared is None or region is not self.prepared.region)
        ]
        for region in others:
            if not (<Region>region).in_use():
                return region
        return others[0]

    cdef bint _is_drained(self, Header* header) except -1:
        """Whether no drain that is alive still drains the block in the arena."""
        cdef uint64_t number = load_sc[uint64_t](&header.block_number) & ~<uint64_t>1
        cdef int index
        for index in range(DRAINS_MAX):
            if load_sc[uint32_t](&header.drains[index].attached) == 0:
                continue
            if load_sc[uint64_t](&header.drains[index].finished) >= number:
                continue
            if is_locked(self.lock_fd, DRAIN_LOCKS + index):    # else it has died
                return False
        return True

    def wait_for_drains(self, double seconds):
        """Whether no drain drains the block in the arena any more; waits for that for at most so long."""
        cdef Header* header = self._header()
        cdef uint32_t epoch = load_sc[uint32_t](&header.drain_epoch)
        cdef uint64_t timeout_ns = <uint64_t>(seconds * 1e9)
        if self._is_drained(header):
            return True
        with nogil:
            futex_wait(&header.drain_epoch, epoch, timeout_ns)
        return self._is_drained(header)

    cdef int _claim(self, Header* header) except -1:
        """Take the arena for another block: returns when the last one is not drained any more, an odd number (see Drainage)."""
        while True:
            while not self.wait_for_drains(0.02):
                pass
            store_sc[uint64_t](&header.block_number, header.block_number + 1)
            if self._is_drained(header):
                return 0
            store_sc[uint64_t](&header.block_number, header.block_number - 1)

    cdef int _unclaim(self, Header* header) except -1:
        """Say that the block in the arena is there."""
        store_sc[uint64_t](&header.block_number, header.block_number + 1)
        wake_drains_and_engine(header)
        return 0

    cdef void _reset(self, Header* header) noexcept:
        cdef uint32_t worker
        cdef WorkerSlot* slot
        for worker in range(header.worker_slots + 1):
            slot = slot_at(&self.local, worker)
            slot.published = 0
            slot.chunk_tip = 0
            slot.chunk_end = 0
            slot.running = 0
            slot.live_read_count = 0
            slot.intent_count = 0
            slot.executions = 0
            slot.validations = 0
            slot.aborts = 0
            slot.suspensions = 0
            slot.spans = 0
            slot.last_spans = 0
            slot.spans_dropped = 0
        header.done = 0
        header.stop = 0
        header.failure = FAILURE_NONE
        header.want_progress = 0
        header.wake_epoch = 0
        header.sleepers = 0         # nobody is in a block; one that died asleep may have been counted still
        header.commit_index = 0
        header.collector = 0
        header.model_state = 0
        header.preparation = 0
        header.order = 0
        header.start_ns = 0
        header.end_ns = 0
        header.execution_ns = 0
        header.timeline_bytes_max = 0
        header.timeline_bytes = 0
        header.failure_reason = 0
        self.local.abort = ABORT_NONE
        self.local.scratch.length = 0
        self.first_seen.clear()

    def start(
        self,
        model,
        uint32_t active_workers,
        bint timed=False,
        uint64_t start_ns=0,
        bint timeline=False,
        uint32_t first_worker=0,
        preparation=None,
    ):
        """Start the loaded block: `active_workers` workers take part, from `first_worker` on.

        Arguments:
            model: a blockstm.models.Model: where its capsule is, and its options.
            active_workers: how many take part.
            timed: whether to measure how long each transaction runs.
            start_ns: the time of the start under a controlled clock; 0 for now.
            timeline: whether workers note what they do when, in at most an eighth of the memory limit.
            first_worker: the slot of the first of them; those of the others follow.
            preparation: a blockstm.models.Preparation: what is known of the transactions before; None: nothing.

        Raises:
            MemoryLimitError: there is no room for the times, the preparation, or for what the model keeps.
            EngineError: there is no such model in this process.
        """
        cdef Header* header = self._header()
        cdef uint32_t worker
        if timed:
            header.execution_ns = take_zeroed(&self.local, header.txn_count * <uint64_t>8)
        if timeline:
            header.timeline_bytes_max = memory_limit_of(header) // TIMELINE_SHARE
        if preparation is not None:
            lay_out_preparation(&self.local, preparation)
        header.active_workers = active_workers
        header.first_worker = first_worker
        self._lay_out_model(model)
        header.start_ns = monotonic_ns() if start_ns == 0 else start_ns
        if header.txn_count == 0:
            header.end_ns = header.start_ns
            store_sc[uint32_t](&header.done, 1)
            return
        header.woken = 0
        for worker in range(first_worker, first_worker + active_workers):
            fetch_add_sc[uint32_t](&slot_at(&self.local, worker).run_epoch, 1)
        wake_to_block(&self.local)

    cdef int _lay_out_model(self, model) except -1:
        """Have the model lay out what it keeps, and say in the arena which it is."""
        cdef Header* header = self._header()
        cdef bytes entry = model.entry.encode()
        cdef Record* record
        cdef uint32_t worker
        cdef int place
        self.model = find_model(entry)
        for place in range(MODEL_OPTIONS_MAX):
            header.model_options[place] = 0
        for place, option in enumerate(model.options()):
            if place == MODEL_OPTIONS_MAX:
                raise EngineError(f"model {model} has more than {MODEL_OPTIONS_MAX} options")
            header.model_options[place] = option
        header.model = take_bytes(&self.local, (sizeof(Record) + len(entry) + 7) & ~<uint64_t>7)
        if header.model == 0:
            raise MemoryLimitError(memory_limit_message(&self.local))
        record = <Record*>address(&self.local, header.model)
        record.length = <uint32_t>len(entry)
        memcpy(record_bytes(record), <const uint8_t*>entry, record.length)
        if not self.model.lay_out(&self.local):
            raise MemoryLimitError(memory_limit_message(&self.local))
        take_up(&self.local, self.model)
        for worker in range(header.worker_slots):
            take_up(&self.dead[worker], self.model)
        return 0

    def activate(self, uint32_t worker):
        """Let a worker take part in the running block, or call it back after it was replaced."""
        cdef WorkerSlot* slot
        self._header()
        slot = slot_at(&self.local, worker)
        fetch_add_sc[uint32_t](&slot.run_epoch, 1)
        futex_wake(&slot.run_epoch, 1)

    def is_done(self):
        """Whether the block is complete."""
        return load_sc[uint32_t](&self._header().done) != 0

    def committed(self):
        """The length of the committed prefix."""
        return load_sc[uint64_t](&self._header().commit_index)

    def failure(self):
        """Why the block cannot be completed: 0, or a FAILURE_ number."""
        return load_sc[uint32_t](&self._header().failure)

    def failed_txn(self):
        """The transaction for which the block failed, where it is one."""
        return self._header().failed_txn

    def failure_reason(self):
        """What a transaction has done that the block fails for: FAILURE_STATE_SOURCE, FAILURE_UNDECLARED."""
        cdef uint64_t record = load_acquire[uint64_t](&self._header().failure_reason)
        return printable(record_to_bytes(record_at(&self.local, record)).decode("utf-8", "replace"))

    def stop(self):
        """Let the workers leave the block unfinished."""
        store_sc[uint32_t](&self._header().stop, 1)
        wake_sleepers(&self.local, 0xFFFFFFFF)
        wake_drains_and_engine(self._header())

    def is_idle(self):
        """Whether no worker is in the block any more."""
        cdef uint32_t worker
        cdef WorkerSlot* slot
        for worker in range(self._header().worker_slots):
            slot = slot_at(&self.local, worker)
            if load_sc[uint32_t](&slot.left_epoch) != load_sc[uint32_t](&slot.run_epoch):
                return False
        return True

    def want_progress(self):
        """Ask for one write to the event descriptor at the next commit."""
        store_sc[uint32_t](&self._header().want_progress, 1)

    def shutdown(self):
        """Let every Worker.wait() return False."""
        cdef Header* header = self._header()
        cdef uint32_t worker
        store_sc[uint32_t](&header.shutdown, 1)
        wake_drains_and_engine(header)
        for worker in range(header.worker_slots):
            self.activate(worker)

    @property
    def memory_limit_bytes(self):
        return memory_limit_of(self._header())

    @property
    def used_bytes(self):
        """Bytes of the arena that the block uses, bookkeeping included."""
        return used_bytes_of(self._header())

    @property
    def program_version(self):
        """A number that the pool counts up when it sends programs; workers compare it with what they hold."""
        return self._header().program_version

    @program_version.setter
    def program_version(self, uint32_t version):
        store_sc[uint32_t](&self._header().program_version, version)

    @property
    def delay_seed(self):
        """Not 0: workers delay themselves at random at step points (for stress tests)."""
        return self._header().delay_seed

    @delay_seed.setter
    def delay_seed(self, uint32_t seed):
        self._header().delay_seed = seed

    # --- supervision ---

    def running(self, uint32_t worker):
        """What a worker runs: (txn_idx, incarnation, seconds since first asked, reads are final), or None."""
        cdef WorkerSlot* slot
        cdef uint64_t now, running
        self._header()
        slot = slot_at(&self.local, worker)
        running = load_sc[uint64_t](&slot.running)
        now = monotonic_ns()
        if running == 0:
            self.first_seen.pop(worker, None)
            return None
        seen = self.first_seen.get(worker)
        if seen is None or seen[0] != running:
            seen = self.first_seen[worker] = (running, now)
        return (running >> 32) - 1, running & 0xFFFFFFFF, (now - seen[1]) / 1e9, slot.reads_are_final != 0

    def is_doomed(self, uint32_t worker):
        """Whether the incarnation that a worker runs has read something that is stale by now."""
        self._header()
        return self.model != NULL and self.model.is_doomed(&self.local, worker)

    def recover(self, uint32_t worker):
        """Put right what a worker that died (and was reaped) has left undone.

        Its death counts against the transaction that it ran, where all before that was final; the
        third makes it a failed receipt, "worker died".
        """
        self._header()
        self.first_seen.pop(worker, None)
        if self.model == NULL or not self._took_part(worker):
            return
        count_death(&self.dead[worker])
        recover(&self.dead[worker])

    def expire(self, uint32_t worker, str reason):
        """As recover(), for a worker that was killed because its transaction ran past the time limit.

        Arguments:
            worker: its slot.
            reason: what the transaction's receipt will say.
        """
        cdef bytes text = reason.encode()
        cdef uint32_t txn_idx
        self._header()
        self.first_seen.pop(worker, None)
        if self.model == NULL or not self._took_part(worker):
            return
        txn_idx = self.model.died_running(&self.dead[worker])
        if txn_idx != NO_TXN:
            condemn(&self.dead[worker], txn_idx, <const uint8_t*>text, <uint32_t>len(text))
        recover(&self.dead[worker])

    cdef bint _took_part(self, uint32_t worker):
        cdef WorkerSlot* slot = slot_at(&self.local, worker)
        return load_sc[uint32_t](&slot.left_epoch) != load_sc[uint32_t](&slot.run_epoch)

    # --- the result ---

    def snapshot(self):
        """What the finished block came to. Reads the arena until the next load(), then what it has kept of it."""
        cdef Snapshot snapshot = Snapshot.__new__(Snapshot)
        self._header()
        snapshot.view = ArenaView.of(self)
        snapshot.before = self.before
        snapshot.before_keys = self.before_keys
        self.region.snapshots.append(weakref.ref(snapshot))
        return snapshot

    cdef int _detach_snapshots(self) except -1:
        """Let the snapshots that are still in use go on without the arena, which is wanted for something else."""
        self.region.detach()
        return 0
