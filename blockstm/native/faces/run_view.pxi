# A run as the core left it, looked at where it lies: in the arena.

cdef struct Outcome:            # of one transaction
    uint64_t gas_used
    uint64_t commit_ns          # from the start of the block
    uint32_t outcome
    uint32_t incarnations
    uint32_t event_count
    const uint8_t* events       # event_count times: uint32 length, bytes
    Value reason                # why it was reverted or failed
    Value traceback             # where a Python program failed

cdef struct Totals:
    uint64_t wall_ns
    uint64_t end_ns             # of the monotonic clock
    uint64_t arena_bytes
    uint64_t executions
    uint64_t validations
    uint64_t aborts
    uint64_t suspensions
    uint64_t spans_dropped
    uint32_t worker_slots
    bint is_timed
    bint has_timeline

cdef struct TableWalk:          # a place in the hash tables
    uint32_t level
    uint64_t place


cdef class RunView:
    """What a run came to. What is handed out points into the memory that is looked at; keep none of it."""

    cdef uint32_t txn_count

    cdef int totals(self, Totals* out) except -1:
        raise NotImplementedError

    cdef int outcome(self, uint32_t txn_idx, Outcome* out) except -1:
        raise NotImplementedError

    cdef list reads(self, uint32_t txn_idx):
        raise NotImplementedError

    cdef list predicates(self, uint32_t txn_idx):
        raise NotImplementedError

    cdef list writes(self, uint32_t txn_idx):
        raise NotImplementedError

    cdef list adds(self, uint32_t txn_idx):
        raise NotImplementedError

    cdef list bounded_adds(self, uint32_t txn_idx):
        """The keys that it has added to without knowing them, those of refused adds among them."""
        raise NotImplementedError

    cdef dict changes(self):
        raise NotImplementedError

    cdef uint64_t execution_ns(self, uint32_t txn_idx) except? 0:
        """Only of a run that was timed."""
        raise NotImplementedError

    cdef list order(self):
        """The transactions in the order in which they became final, of those that have; None: as preset."""
        raise NotImplementedError

    cdef uint32_t txn_at(self, uint32_t place) noexcept:
        """The transaction at a place of that order."""
        return place

    cdef bint span(self, uint32_t worker, uint64_t position, Span* out) except -1:
        """The span that a worker has noted at a position, its times from the start of the block; False for none."""
        raise NotImplementedError


cdef void set_value(Value* value, const uint8_t* data, uint32_t length) noexcept:
    value.present = True
    value.data = data
    value.length = length


cdef object value_to_object(const Value* value):
    """The bytes of a value; None for an absent one."""
    return PyBytes_FromStringAndSize(<const char*>value.data, value.length) if value.present else None


cdef bytes key_at(Local* local, uint32_t location_ref):
    cdef Location* location = location_at(local, location_ref)
    return PyBytes_FromStringAndSize(<const char*>location.key, location.key_bytes)


cdef Record* record_at(Local* local, uint64_t offset) noexcept:
    return <Record*>address(local, offset)


cdef bytes record_to_bytes(Record* record):
    return PyBytes_FromStringAndSize(<const char*>record_bytes(record), record.length)


cdef uint32_t next_location(Local* local, TableWalk* walk) noexcept:
    """The location of another key of the block, each once; 0 after the last. The walk begins zeroed."""
    cdef uint64_t* table
    cdef uint64_t entry
    while walk.level < HASH_TABLES_MAX and local.header.tables[walk.level] != 0:
        table = <uint64_t*>address(local, local.header.tables[walk.level])
        while walk.place < table_capacity(local, walk.level):
            entry = table[walk.place]
            walk.place += 1
            if entry != 0:
                return <uint32_t>entry
        walk.level += 1
        walk.place = 0
    return 0


cdef void read_outcome(Local* local, uint32_t txn_idx, Outcome* out) noexcept:
    """How a transaction ended that is final."""
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef Record* record
    memset(out, 0, sizeof(Outcome))
    out.gas_used = txn.gas_used
    out.commit_ns = txn.commit_ns - local.header.start_ns
    out.outcome = txn.outcome
    out.incarnations = <uint32_t>(txn.status >> 32) + 1
    out.event_count = txn.event_count
    out.events = address(local, txn.events)
    if txn.reason != 0:
        record = record_at(local, txn.reason)
        set_value(&out.reason, record_bytes(record), record.length)
    if txn.outcome == OUTCOME_FAILED and txn.events != 0:
        record = record_at(local, txn.events)
        set_value(&out.traceback, record_bytes(record), record.length)


cdef list events_of(const Outcome* outcome):
    """The events of a transaction, in order."""
    cdef const uint8_t* place = outcome.events
    cdef uint32_t length, index
    cdef list events = []
    for index in range(outcome.event_count):
        memcpy(&length, place, 4)
        events.append(PyBytes_FromStringAndSize(<const char*>place + 4, length))
        place += 4 + length
    return events


cdef object error_of(const Outcome* outcome):
    """Why a transaction was reverted or failed, as one line; None where it was not."""
    reason = value_to_object(&outcome.reason)
    return None if reason is None else printable(reason.decode("utf-8", "replace"))


cdef bint is_change(uint64_t word) noexcept:
    return word != 0 and (word_kind(word) == WORD_VALUE or word_kind(word) == WORD_DELETE)


cdef class ArenaView(RunView):
    """A run in the arena, which may be going on still: of what is final the truth shows already."""

    cdef Arena arena            # keeps the memory mapped while it is looked at
    cdef Local local
    # The chunk of spans looked at last, and the position of its first span.
    cdef uint32_t chunk_worker
    cdef uint64_t chunk
    cdef uint64_t chunk_first

    @staticmethod
    cdef ArenaView of(Arena arena):
        cdef ArenaView view = ArenaView.__new__(ArenaView)
        view.arena = arena
        view.local.base = arena.base
        view.local.header = <Header*>arena.base
        if arena.model != NULL:
            take_up(&view.local, arena.model)
        view.txn_count = view.local.header.txn_count
        return view

    cdef int totals(self, Totals* out) except -1:
        cdef Header* header = self.local.header
        cdef WorkerSlot* slot
        cdef uint32_t worker
        memset(out, 0, sizeof(Totals))
        out.wall_ns = header.end_ns - header.start_ns
        out.end_ns = header.end_ns
        out.arena_bytes = header.bump - header.block_begin + bookkeeping_bytes(header.worker_slots)
        out.worker_slots = header.worker_slots
        out.is_timed = header.execution_ns != 0
        out.has_timeline = header.timeline_bytes_max != 0
        for worker in range(header.worker_slots):
            slot = slot_at(&self.local, worker)
            out.executions += slot.executions
            out.validations += slot.validations
            out.aborts += slot.aborts
            out.suspensions += slot.suspensions
            out.spans_dropped += slot.spans_dropped
        return 0

    cdef int outcome(self, uint32_t txn_idx, Outcome* out) except -1:
        read_outcome(&self.local, txn_idx, out)
        return 0

    cdef ReadSet* read_set(self, uint32_t txn_idx) noexcept:
        """NULL of a transaction that has not been executed."""
        cdef uint64_t offset = txn_at(&self.local, txn_idx).read_set
        return <ReadSet*>address(&self.local, offset) if offset != 0 else NULL

    cdef WriteSet* write_set(self, uint32_t txn_idx) noexcept:
        cdef uint64_t offset = txn_at(&self.local, txn_idx).write_set
        return <WriteSet*>address(&self.local, offset) if offset != 0 else NULL

    cdef list reads(self, uint32_t txn_idx):
        cdef ReadSet* read_set = self.read_set(txn_idx)
        cdef Read* read
        cdef Value value
        cdef uint32_t index
        cdef list reads = []
        for index in range(read_set.count if read_set != NULL else 0):
            read = read_set_items(read_set) + index
            if is_value_read(read):
                read_value(&self.local, read, &value)
                reads.append((key_at(&self.local, read.location), value_to_object(&value)))
        return reads

    cdef list predicates(self, uint32_t txn_idx):
        cdef ReadSet* read_set = self.read_set(txn_idx)
        cdef Read* read
        cdef uint32_t index
        cdef list predicates = []
        for index in range(read_set.count if read_set != NULL else 0):
            read = read_set_items(read_set) + index
            if is_predicate(read):
                predicates.append((predicate_key(&self.local, read), encoded_predicate(&self.local, read)))
        return predicates

    cdef list writes(self, uint32_t txn_idx):
        cdef WriteSet* write_set = self.write_set(txn_idx)
        cdef Write* write
        cdef uint32_t index
        cdef list writes = []
        for index in range(write_set.count if write_set != NULL else 0):
            write = write_set_items(write_set) + index
            if write.kind == WORD_VALUE:
                writes.append((
                    key_at(&self.local, write.location), record_to_bytes(record_at(&self.local, write.record))
                ))
            elif write.kind == WORD_DELETE:
                writes.append((key_at(&self.local, write.location), None))
        return writes

    cdef list adds(self, uint32_t txn_idx):
        cdef WriteSet* write_set = self.write_set(txn_idx)
        cdef Write* write
        cdef Number delta
        cdef uint32_t index
        cdef list adds = []
        for index in range(write_set.count if write_set != NULL else 0):
            write = write_set_items(write_set) + index
            if write.kind == WORD_ADD:
                memcpy(&delta, record_bytes(record_at(&self.local, write.record)), sizeof(Number))
                amount = number_to_object(&delta)
                negative = record_at(&self.local, write.record).negative != 0
                adds.append((key_at(&self.local, write.location), -amount if negative else amount))
        return adds

    cdef list bounded_adds(self, uint32_t txn_idx):
        cdef ReadSet* read_set = self.read_set(txn_idx)
        cdef Read* read
        cdef uint32_t index
        cdef list keys = []
        for index in range(read_set.count if read_set != NULL else 0):
            read = read_set_items(read_set) + index
            if read.kind == READ_WITHIN or read.kind == READ_OUTSIDE:
                keys.append(key_at(&self.local, read.location))
        return keys

    cdef dict changes(self):
        cdef TableWalk walk
        cdef uint32_t location
        cdef uint64_t word
        cdef dict changes = {}
        memset(&walk, 0, sizeof(TableWalk))
        while True:
            location = next_location(&self.local, &walk)
            if location == 0:
                return changes
            word = model_of(&self.local).final_word(&self.local, location_at(&self.local, location))
            if is_change(word):
                changes[key_at(&self.local, location)] = (
                    record_to_bytes(record_of(&self.local, word)) if word_kind(word) == WORD_VALUE else None
                )

    cdef uint64_t execution_ns(self, uint32_t txn_idx) except? 0:
        return (<uint64_t*>address(&self.local, self.local.header.execution_ns))[txn_idx]

    cdef list order(self):
        cdef uint32_t place
        if self.local.header.order == 0:
            return None
        return [
            self.txn_at(place) for place in range(load_acquire[uint64_t](&self.local.header.commit_index))
        ]

    cdef uint32_t txn_at(self, uint32_t place) noexcept:
        return txn_at_place(&self.local, place)

    cdef bint span(self, uint32_t worker, uint64_t position, Span* out) except -1:
        cdef uint64_t start_ns = self.local.header.start_ns
        cdef SpanChunk* chunk
        if worker != self.chunk_worker or position < self.chunk_first or self.chunk == 0:
            self.chunk_worker = worker
            self.chunk = slot_at(&self.local, worker).spans
            self.chunk_first = 0
        while self.chunk != 0:
            chunk = <SpanChunk*>address(&self.local, self.chunk)
            if position - self.chunk_first < chunk.count:
                out[0] = span_items(chunk)[position - self.chunk_first]
                out.begin_ns -= start_ns
                out.end_ns -= start_ns
                return True
            if chunk.next == 0:
                return False
            self.chunk = chunk.next
            self.chunk_first += chunk.count
        return False
