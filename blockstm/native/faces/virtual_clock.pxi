# The virtual clock: virtual workers whose steps cost modelled time; the one whose time is lowest goes next.

cdef enum:
    SLEEP_VIRTUAL_NS = 1000000000   # the longest that a worker sleeps (see rest)

COST_NAMES = tuple(names_of(Cost, "COST_"))[:COST_PROGRAM]  # the price of the last, 1 ns a ns, is no user's to set

LINE_NAMES = ("execution index", "validation index", "commit index", "sleepers", "keys", "transactions", "readers")


cdef void take_turns(void* state, uint32_t kind, uint64_t what) noexcept nogil:
    """The step hook under the virtual clock: charge for the step, and wait until all that are earlier are past it.

    Invariant: a step takes effect when no other worker's time is lower. So all happens in the order of
    the times, and a run is a function of the block and the costs.
    """
    cdef VirtualTime* time = <VirtualTime*>state
    cdef Clock* clock = time.clock
    cdef Local* local = time.local
    cdef bint sleeps
    if kind == STEP_CLEAN:
        return
    charge_step(local, kind, what)
    sleeps = kind == STEP_SLEEP and load_sc[uint32_t](&local.header.wake_epoch) == <uint32_t>what
    if sleeps:
        clock.sleepers[clock.sleeper_count] = local
        clock.sleeper_count += 1
    elif clock.heap_count == 0 or is_before(local, clock.heap[0]):
        return
    else:
        heap_push(clock, local)
    hand_on(clock, local)


cdef void hand_on(Clock* clock, Local* local) noexcept with gil:
    """Let the next worker run; returns when it is the turn of the one that calls."""
    (<VirtualClock>clock.scheduler)._hand_on(local)


cdef class VirtualClock:
    """Virtual workers that share their process, each with a time of its own.

    Arguments:
        workers: with their programs set; worker i has slot i.
        costs: what each kind of work costs, in ns, by its name (COST_NAMES).
        make_greenlet: makes a greenlet that calls a function when it is first switched to; its parent is the
            greenlet that makes it.
    """

    cdef Clock clock
    cdef VirtualTime* times
    cdef list workers
    cdef list greenlets
    cdef object make_greenlet
    cdef object program_ns
    cdef object source
    cdef readonly uint64_t switches

    def __cinit__(self, list workers, costs, make_greenlet):
        cdef uint32_t count = <uint32_t>len(workers)
        cdef uint32_t index
        cdef Worker worker
        self.workers = workers
        self.make_greenlet = make_greenlet
        self.clock.scheduler = <void*>self
        self.times = <VirtualTime*>calloc(count, sizeof(VirtualTime))
        self.clock.heap = <Local**>calloc(count, sizeof(Local*))
        self.clock.sleepers = <Local**>calloc(count, sizeof(Local*))
        if self.times == NULL or self.clock.heap == NULL or self.clock.sleepers == NULL:
            raise MemoryError
        for index, name in enumerate(COST_NAMES):
            self.clock.costs[index] = costs[name]
        self.clock.costs[<uint32_t>COST_PROGRAM] = 1.0
        for index in range(count):
            worker = workers[index]
            self.times[index].clock = &self.clock
            self.times[index].local = &worker.local

    def __dealloc__(self):
        free(self.times)
        free(self.clock.heap)
        free(self.clock.sleepers)
        free(self.clock.lines)
        free(self.clock.source.free_ns)

    @property
    def counts(self):
        """How often each kind of work was charged in the last run, by its name."""
        return {name: self.clock.counts[cost] for cost, name in enumerate(COST_NAMES)}

    @property
    def transfers(self):
        """How often a core fetched cache lines of each kind from another in the last run."""
        return {name: self.clock.transfers[kind] for kind, name in enumerate(LINE_NAMES)}

    @property
    def charged_ns(self):
        """All that was charged in the last run."""
        return sum(self.clock.counts[cost] * self.clock.costs[cost] for cost in range(COSTS))

    @property
    def source_use(self):
        """What the source did in the last run: reads that were not answered from memory, how long they took, and how
        long workers waited for them; both taken together, in ns.
        """
        return self.clock.source.reads, self.clock.source.busy_ns, self.clock.source.wait_ns

    def run(self, uint32_t active, program_ns=None, source=None):
        """Run the block that has been started, on the first `active` workers.

        Arguments:
            active: how many take part.
            program_ns: bytes of one uint64 a transaction: how long its program runs; None to go by rounds
                and gas.
            source: what reading the state before the block takes; None where it is in memory. Bytes of one uint64
                an entry: how long reading it takes, in ns. Then, for the keys that are in them, bytes of one uint64
                each: their hashes, ascending, and their entries. Then how many reads are under way at once at most,
                and the least time between the beginnings of two, in ns.
        """
        cdef uint32_t index
        cdef Worker worker
        cdef list begin_ns = self._when_woken(active)
        self._reset(program_ns)
        self._set_source(source)
        self.greenlets = []
        for index in range(active):
            worker = self.workers[index]
            worker.local.virtual_time = &self.times[index]
            begin_virtually(&worker.local, begin_ns[index])
            worker.local.step_hook = take_turns
            worker.local.step_state = &self.times[index]
            self.greenlets.append(self.make_greenlet(worker.run_virtually))
            heap_push(&self.clock, &worker.local)
        try:
            while self.clock.heap_count > 0 or self.clock.sleeper_count > 0:
                self.greenlets[self._next()].switch()
        finally:
            for index in range(active):
                worker = self.workers[index]
                worker.local.step_hook = NULL
                worker.local.virtual_time = NULL
                worker.local.virtual_ns = 0
            self.greenlets = []

    cdef list _when_woken(self, uint32_t active):
        """When each worker begins with a block before which all sleep: see wake_to_block."""
        cdef double call_ns = self.clock.costs[<uint32_t>COST_WAKE_CALL]
        cdef double wake_up_ns = self.clock.costs[<uint32_t>COST_WAKE_UP]
        cdef list begin_ns = [0.0] * active
        cdef list wakers = [(1.0, -1)]      # from when on each can wake another: the supervisor, and workers
        for index in range(active):
            free_ns, waker = heappop(wakers)
            free_ns += call_ns
            heappush(wakers, (free_ns, waker))
            if waker >= 0:
                begin_ns[waker] = free_ns
            begin_ns[index] = free_ns + wake_up_ns
            if index > 0:                   # the first does not help
                heappush(wakers, (begin_ns[index], index))
        return begin_ns

    cdef int _reset(self, program_ns) except -1:
        cdef uint32_t index
        self.program_ns = program_ns
        self.clock.program_ns = NULL
        if program_ns is not None:
            self.clock.program_ns = <const uint64_t*><const char*>program_ns
        self.clock.heap_count = 0
        self.clock.sleeper_count = 0
        self.clock.line_count = 0
        self.switches = 0
        memset(self.clock.counts, 0, sizeof(self.clock.counts))
        memset(self.clock.transfers, 0, sizeof(self.clock.transfers))
        free(self.clock.lines)
        self.clock.lines = <Line*>calloc(1024, sizeof(Line))
        self.clock.line_mask = 1023 if self.clock.lines != NULL else 0
        if self.clock.lines == NULL:
            raise MemoryError
        for index in range(<uint32_t>len(self.workers)):
            self.times[index].fraction = 0
            self.times[index].first_touched = 0
            self.times[index].is_stated = False
            self.times[index].validated_key = 0
        return 0

    cdef int _set_source(self, source) except -1:
        cdef Source* device = &self.clock.source
        free(device.free_ns)
        memset(device, 0, sizeof(Source))
        self.source = source
        if source is None:
            return 0
        latencies_ns, hashes, entries, depth, gap_ns = source
        if not latencies_ns or len(hashes) != len(entries) or depth < 1:
            raise ValueError("a source has entries, each key an entry, and its queue a place")
        device.free_ns = <double*>calloc(<size_t>depth, sizeof(double))
        if device.free_ns == NULL:
            raise MemoryError
        device.depth = depth
        device.gap_ns = gap_ns
        device.latencies_ns = <const uint64_t*><const char*>latencies_ns
        device.latency_count = <uint64_t>len(latencies_ns) // sizeof(uint64_t)
        device.hashes = <const uint64_t*><const char*>hashes
        device.entries = <const uint64_t*><const char*>entries
        device.hash_count = <uint64_t>len(hashes) // sizeof(uint64_t)
        return 0

    cdef uint32_t _next(self):
        """Whose turn it is. Where all sleep, the first to sleep wakes by itself."""
        if self.clock.heap_count == 0:
            wake_first(&self.clock, self.clock.sleepers[0].virtual_ns + SLEEP_VIRTUAL_NS)
        return heap_pop(&self.clock).worker

    cdef void _hand_on(self, Local* local) noexcept:
        cdef uint32_t following = self._next()
        self.switches += 1
        if following != local.worker:
            self.greenlets[following].switch()
