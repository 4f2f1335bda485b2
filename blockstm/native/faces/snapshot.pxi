# The result of a block, decoded when looked at.


cdef class Snapshot:
    """What a finished block came to: receipts, reads, writes, state. Made by Arena.snapshot()."""

    cdef object __weakref__
    cdef Arena arena            # keeps the memory mapped while it is looked at
    cdef bytes copied
    cdef Local local
    cdef const Model* model

    def __reduce__(self):
        """Refuse to be pickled or copied."""
        raise UsageError(
            "a result is a view of the memory of the engine, and cannot be pickled or copied: "
            "take what you need of it, as list(result.receipts), dict(result.state) or result.state_root"
        )

    cdef int _look_at(self, const uint8_t* base) except -1:
        self.local.base = <uint8_t*>base
        self.local.header = <Header*>base
        take_up(&self.local, self.model)
        return 0

    cdef int _detach(self, uint64_t used_bytes) except -1:
        """Go on with a copy of the memory: the arena is wanted for the next block."""
        self.copied = PyBytes_FromStringAndSize(<const char*>self.local.base, used_bytes)
        self._look_at(<const uint8_t*>self.copied)
        self.arena = None
        return 0

    cdef Txn* _txn(self, Py_ssize_t txn_idx) except NULL:
        if txn_idx < 0 or txn_idx >= self.local.header.txn_count:
            raise IndexError(f"transaction {txn_idx} is not in a block of {self.local.header.txn_count}")
        return txn_at(&self.local, <uint32_t>txn_idx)

    def __repr__(self):
        """Say how many transactions it shows, and of which memory."""
        return f"<Snapshot of {len(self)} transactions, {'a copy' if self.arena is None else 'of the arena'}>"

    def __len__(self):
        return self.local.header.txn_count

    def status(self, txn_idx):
        """0 success, 1 reverted, 2 failed."""
        return self._txn(txn_idx).outcome

    def gas_used(self, txn_idx):
        """The gas that it has charged."""
        return self._txn(txn_idx).gas_used

    def error(self, txn_idx):
        """Why it was reverted or failed, as one line; None where it was not."""
        cdef Txn* txn = self._txn(txn_idx)
        if txn.reason == 0:
            return None
        return printable(self._record(txn.reason).decode("utf-8", "replace"))

    def traceback(self, txn_idx):
        """Where a Python program failed; None where none did."""
        cdef Txn* txn = self._txn(txn_idx)
        if txn.outcome != OUTCOME_FAILED or txn.events == 0:
            return None
        return self._record(txn.events).decode("utf-8", "replace")

    cdef bytes _record(self, uint64_t offset):
        cdef Record* record = <Record*>address(&self.local, offset)
        return PyBytes_FromStringAndSize(<const char*>record_bytes(record), record.length)

    def events(self, txn_idx):
        """The events that it emitted, in order."""
        cdef Txn* txn = self._txn(txn_idx)
        cdef const uint8_t* place = address(&self.local, txn.events)
        cdef uint32_t length, index
        events = []
        for index in range(txn.event_count):
            memcpy(&length, place, 4)
            events.append(PyBytes_FromStringAndSize(<const char*>place + 4, length))
            place += 4 + length
        return events

    def commit_seconds(self, txn_idx):
        """When it became final, from the start of the block."""
        return (self._txn(txn_idx).commit_ns - self.local.header.start_ns) / 1e9

    def incarnations(self, txn_idx):
        """How many incarnations it had, those given up included."""
        return (self._txn(txn_idx).status >> 32) + 1

    def reads(self, txn_idx):
        """The keys that its final incarnation read from below, with the values: (key, value or None)."""
        cdef Txn* txn = self._txn(txn_idx)
        cdef ReadSet* read_set
        cdef Read* read
        cdef Value value
        cdef uint32_t index
        reads = []
        if txn.read_set == 0:
            return reads
        read_set = <ReadSet*>address(&self.local, txn.read_set)
        for index in range(read_set.count):
            read = read_set_items(read_set) + index
            if read.kind != READ_VERSION and read.kind != READ_SUM:
                continue
            read_value(&self.local, read, &value)
            reads.append((
                self._key(read.location),
                PyBytes_FromStringAndSize(<const char*>value.data, value.length) if value.present else None,
            ))
        return reads

    cdef WriteSet* _write_set(self, txn_idx) except? NULL:
        cdef Txn* txn = self._txn(txn_idx)
        return <WriteSet*>address(&self.local, txn.write_set) if txn.write_set != 0 else NULL

    def writes(self, txn_idx):
        """The keys that its final incarnation wrote, in the order first written: (key, value; None: deleted)."""
        cdef WriteSet* write_set = self._write_set(txn_idx)
        cdef Write* write
        cdef uint32_t index
        writes = []
        if write_set == NULL:
            return writes
        for index in range(write_set.count):
            write = write_set_items(write_set) + index
            if write.kind == WORD_VALUE or write.kind == WORD_DELETE:
                writes.append((
                    self._key(write.location),
                    self._record(write.record) if write.kind == WORD_VALUE else None,
                ))
        return writes

    def adds(self, txn_idx):
        """The keys whose value it does not say, only what it added: (key, signed delta), in order first added."""
        cdef WriteSet* write_set = self._write_set(txn_idx)
        cdef Write* write
        cdef Number delta
        cdef uint32_t index
        adds = []
        if write_set == NULL:
            return adds
        for index in range(write_set.count):
            write = write_set_items(write_set) + index
            if write.kind == WORD_ADD:
                memcpy(&delta, record_bytes(<Record*>address(&self.local, write.record)), sizeof(Number))
                amount = number_to_object(&delta)
                negative = (<Record*>address(&self.local, write.record)).negative != 0
                adds.append((self._key(write.location), -amount if negative else amount))
        return adds

    def execution_seconds(self, txn_idx):
        """How long the program of its final incarnation ran; None where the run was not timed."""
        self._txn(txn_idx)
        if self.local.header.execution_ns == 0:
            return None
        return (<uint64_t*>address(&self.local, self.local.header.execution_ns))[<uint32_t>txn_idx] / 1e9

    cdef bytes _key(self, uint32_t location_ref):
        cdef Location* location = location_at(&self.local, location_ref)
        return PyBytes_FromStringAndSize(<const char*>location.key, location.key_bytes)

    cdef uint64_t _final_word(self, Location* location) noexcept:
        cdef uint64_t word = model_of(&self.local).final_word(&self.local, location)
        return word if word != 0 else location.base

    def state(self):
        """The state after the block, by key."""
        cdef uint32_t level = 0
        cdef uint64_t place, entry, word
        cdef uint64_t* table
        cdef Location* location
        cdef Record* record
        state = {}
        while level < HASH_TABLES_MAX and self.local.header.tables[level] != 0:
            table = <uint64_t*>address(&self.local, self.local.header.tables[level])
            for place in range(table_capacity(&self.local, level)):
                entry = table[place]
                if entry == 0:
                    continue
                location = location_at(&self.local, <uint32_t>entry)
                word = self._final_word(location)
                if word != 0 and word_kind(word) == WORD_VALUE:
                    record = record_of(&self.local, word)
                    state[self._key(<uint32_t>entry)] = PyBytes_FromStringAndSize(
                        <const char*>record_bytes(record), record.length
                    )
            level += 1
        return state

    def counters(self):
        """Totals of the block: executions, validations, aborts, suspensions."""
        cdef WorkerSlot* slot
        cdef uint32_t worker
        totals = {"executions": 0, "validations": 0, "aborts": 0, "suspensions": 0}
        for worker in range(self.local.header.worker_slots):
            slot = slot_at(&self.local, worker)
            totals["executions"] += slot.executions
            totals["validations"] += slot.validations
            totals["aborts"] += slot.aborts
            totals["suspensions"] += slot.suspensions
        return totals

    @property
    def has_timeline(self):
        """Whether the workers have noted what they did when."""
        return self.local.header.timeline_bytes_max != 0

    def spans(self):
        """What each worker noted, in its order: (kind, worker, begin_ns, end_ns, txn_idx, incarnation, why, cause).

        Times count from the start of the block; `why` and `cause` are those of timeline.pxd.
        """
        cdef uint64_t start_ns = self.local.header.start_ns
        cdef uint64_t offset, index
        cdef uint32_t worker
        cdef SpanChunk* chunk
        cdef Span* span
        for worker in range(self.local.header.worker_slots):
            offset = slot_at(&self.local, worker).spans
            while offset != 0:
                # From offsets anew after each span: the memory may have moved meanwhile (see _detach).
                index = 0
                while index < (<SpanChunk*>address(&self.local, offset)).count:
                    span = span_items(<SpanChunk*>address(&self.local, offset)) + index
                    yield (
                        span.kind, worker, span.begin_ns - start_ns, span.end_ns - start_ns, span.txn_idx,
                        span.incarnation, cause_kind(span.cause), cause_txn(span.cause),
                    )
                    index += 1
                offset = (<SpanChunk*>address(&self.local, offset)).next

    def spans_dropped(self):
        """How many spans were not kept for want of memory."""
        cdef uint32_t worker
        dropped = 0
        for worker in range(self.local.header.worker_slots):
            dropped += slot_at(&self.local, worker).spans_dropped
        return dropped

    @property
    def wall_seconds(self):
        """From the block's start to its last commit."""
        return (self.local.header.end_ns - self.local.header.start_ns) / 1e9

    @property
    def arena_bytes(self):
        """Bytes of shared memory that the block used."""
        return self.local.header.bump
