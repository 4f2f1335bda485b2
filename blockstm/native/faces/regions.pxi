# The memory of blocks: regions of the same size, each for one block. A result that is in use stays where it is while
# the next block takes another region; and a block can be laid out in one while workers execute that of another.

cdef enum:
    PAGE_BYTES = 4096
    RETAINED_BYTES = 64 << 20   # memory of a region that is kept for its next block


cdef uint64_t bookkeeping_bytes(uint32_t worker_slots) noexcept:
    """What stands before the first region: the header and the workers' slots."""
    cdef uint64_t size = slots_begin() + (<uint64_t>worker_slots + 1) * sizeof(WorkerSlot)
    return (size + PAGE_BYTES - 1) & ~<uint64_t>(PAGE_BYTES - 1)


cdef uint64_t slots_begin() noexcept:
    return (sizeof(Header) + 127) & ~<uint64_t>127


cdef uint64_t memory_limit_of(const Header* header) noexcept:
    """The limit that the arena was made with: what a block may take, the bookkeeping included."""
    return header.limit_bytes - header.block_begin + bookkeeping_bytes(header.worker_slots)


cdef uint64_t used_bytes_of(const Header* header) noexcept:
    """What the block takes, the bookkeeping included."""
    return min(header.bump, header.limit_bytes) - header.block_begin + bookkeeping_bytes(header.worker_slots)


cdef class Region:
    """A part of the arena's memory that holds one block.

    Arguments:
        begin, end: where it lies.
        copy: where header and slots are kept while results of its block are in use and another block is executed.
    """

    cdef uint64_t begin
    cdef uint64_t end
    cdef uint64_t copy
    cdef uint64_t touched       # up to where its pages were used since the system has had them back last
    cdef list snapshots         # weak references to those of its block

    def __cinit__(self, uint64_t begin, uint64_t end, uint64_t copy):
        self.begin = self.touched = begin
        self.end = end
        self.copy = copy
        self.snapshots = []

    cdef list in_use(self):
        """The snapshots of its block that are in use."""
        return [snapshot for reference in self.snapshots if (snapshot := reference()) is not None]

    cdef void touch(self, uint64_t end) noexcept:
        """Note that its pages are used up to there."""
        self.touched = max(self.touched, min(end, self.end))

    cdef int give_back(self, int fd) except -1:
        """Return pages that only a larger block needs to the system."""
        cdef uint64_t kept = self.begin + RETAINED_BYTES
        if kept >= self.touched:
            return 0
        if fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kept, self.end - kept) != 0:
            raise EngineError("the system does not take shared memory back: use a new engine for small blocks")
        self.touched = kept
        return 0

    cdef int settle(self, Header* header) except -1:
        """Let the snapshots in use go on where they are, though the header is wanted for another region's block."""
        cdef list used = self.in_use()
        cdef uint8_t* base = <uint8_t*>header
        cdef Header* copy = <Header*>(base + self.copy)
        cdef Snapshot snapshot
        self.snapshots = [weakref.ref(each) for each in used]
        if not used:
            return 0
        memcpy(copy, base, bookkeeping_bytes(header.worker_slots))
        copy.slots += self.copy
        for snapshot in used:
            (<ArenaView>snapshot.view).local.header = copy
        return 0

    cdef int detach(self) except -1:
        """Let the snapshots in use go on without the region, which is wanted for another block."""
        cdef list used = self.in_use()
        cdef Snapshot snapshot
        cdef ArenaView view
        cdef KeptView kept
        self.snapshots = []
        if not used:
            return 0
        view = (<Snapshot>used[0]).view
        for snapshot in used:
            snapshot.view = None        # should there not be the memory
        kept = KeptView.of(view)
        for snapshot in used:
            snapshot.view = kept
        return 0


cdef uint64_t last_end_of(list regions) except 0:
    return (<Region>regions[len(regions) - 1]).end


cdef class LaidOut:
    """A block that is laid out in a region, to be taken up by the arena.

    It has a header and a slot of its own, so the block that workers execute meanwhile is not disturbed.
    """

    cdef Region region
    cdef Local local
    cdef Header header
    cdef WorkerSlot slot
    cdef object before          # the state before the block, as the block holds it
    cdef tuple before_keys      # the keys that it names by their places here; None if it holds the keys themselves

    def __dealloc__(self):
        free(self.local.scratch.data)

    @staticmethod
    cdef LaidOut begin(Header* header, Region region):
        """Begin with an empty region."""
        cdef LaidOut laid_out = LaidOut.__new__(LaidOut)
        cdef Header* own = &laid_out.header
        cdef int level
        own[0] = header[0]
        for level in range(HASH_TABLES_MAX):
            own.tables[level] = 0
        own.failure = FAILURE_NONE
        own.key_order = 0
        own.block_begin = own.bump = region.begin
        own.limit_bytes = region.end
        laid_out.region = region
        laid_out.local.base = <uint8_t*>header
        laid_out.local.header = own
        laid_out.local.slot = &laid_out.slot
        laid_out.local.worker = own.worker_slots
        return laid_out

    cdef int fill(self, Py_ssize_t txn_count, list programs, keys, state, rows, source, ordered, known) except -1:
        """Lay a block out; for the arguments see Arena.lay_out."""
        try:
            lay_out_rows(&self.local, txn_count, programs, keys, state, rows)
            set_known(&self.local, known)
            put_keys_in_order(&self.local, ordered)
        except (IndexError, OverflowError, TypeError) as error:
            raise EngineError(
                f"a row of the block is not as its file's reader made it ({error}): load the block from its file again"
            ) from error
        finally:
            self.region.touch(self.header.bump)
        self.header.has_source = source is not None
        self.before = state if source is None else overlaid(source, known)
        self.before_keys = keys
        return 0

    cdef int renumber(self, list numbers) except -1:
        """Give the programs, which are known by their places so far, their numbers."""
        cdef uint32_t txn_idx
        cdef Txn* txn
        if numbers == list(range(len(numbers))):
            return 0
        for txn_idx in range(self.header.txn_count):
            txn = txn_at(&self.local, txn_idx)
            txn.program = numbers[txn.program]
        return 0

    cdef void take_up(self, Header* header, WorkerSlot* slot) noexcept:
        """Make it the block of the arena, of which header and slots say nothing of another block any more."""
        cdef int level
        cdef Header* own = &self.header
        header.txn_count = own.txn_count
        header.tree_levels = own.tree_levels
        header.txns = own.txns
        for level in range(HASH_TABLES_MAX):
            header.tables[level] = own.tables[level]
        header.table_capacity = own.table_capacity
        header.key_order = own.key_order
        header.has_source = own.has_source
        header.block_begin = own.block_begin
        header.limit_bytes = own.limit_bytes
        header.bump = own.bump
        slot.chunk_tip = self.slot.chunk_tip
        slot.chunk_end = self.slot.chunk_end
