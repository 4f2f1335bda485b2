# What is kept of a run when the arena is wanted for the next block: what its result holds, and no more.
#
# A moving collection: what transactions and final words refer to is copied once, wherever it is referred to from.
# A location's flags and a value record's sign, which nobody needs any more, say where the copy lies. References
# are offsets in units of 8 bytes; 0 is none.

cdef extern from *:
    void* PyMem_RawRealloc(void* memory, size_t size) noexcept
    void PyMem_RawFree(void* memory) noexcept

cdef struct KeptTxn:
    uint64_t gas_used
    uint64_t commit_ns
    uint32_t outcome
    uint32_t incarnations
    uint32_t event_count
    uint32_t events             # reference of event_count times: uint32 length, bytes
    uint32_t reason             # references of a KeptBytes each
    uint32_t traceback
    uint32_t reads              # references of a KeptList each
    uint32_t writes

cdef struct KeptBytes:
    uint32_t length
    # the bytes follow

cdef struct KeptList:           # of keys with values
    uint32_t count
    uint32_t others             # so many follow upon those: of what was written, adds: keys with deltas, a byte for the
                                # sign and digits; of what was read, predicates: keys with what encodes them
    # KeptPair[count + others] follows

cdef struct KeptPair:           # references of a KeptBytes each
    uint32_t key
    uint32_t value              # 0: absent


cdef class KeptView(RunView):
    """A run that has been taken out of the arena, in memory of its own. Of transactions that never became final
    nothing is kept.
    """

    cdef Totals kept_totals
    cdef uint8_t* data
    cdef uint64_t length
    cdef uint64_t capacity
    cdef list places            # see RunView.order
    cdef uint64_t txns          # offset of KeptTxn[txn_count]
    cdef uint64_t times         # offset of uint64[txn_count]; 0: the run was not timed
    cdef uint64_t spans         # offset of Span[], worker by worker
    cdef uint64_t span_begins   # offset of uint64[worker_slots + 1]: which of them are a worker's
    cdef uint32_t changed       # reference of a KeptList

    def __dealloc__(self):
        PyMem_RawFree(self.data)

    @staticmethod
    cdef KeptView of(ArenaView view):
        """Take a run out of the arena, which must be used for nothing but the next block from then on.

        Raises:
            MemoryError: there is not the memory to keep it.
        """
        cdef KeptView kept = KeptView.__new__(KeptView)
        kept.txn_count = view.txn_count
        kept.places = view.order()
        kept.length = 8             # so that no reference is 0
        view.totals(&kept.kept_totals)
        kept.keep_changes(view)
        kept.keep_txns(view)
        kept.keep_times(view)
        kept.keep_spans(view)
        kept.resize(kept.length)
        return kept

    # --- taking ---

    cdef int resize(self, uint64_t capacity) except -1:
        cdef void* moved = PyMem_RawRealloc(self.data, capacity)
        if moved == NULL:
            raise MemoryError(f"there are not {capacity} bytes of memory to keep the result of the last block")
        self.data = <uint8_t*>moved
        self.capacity = capacity
        return 0

    cdef uint64_t take(self, uint64_t size) except 0:
        """Room for `size` bytes: its offset, a multiple of 8. What was taken before may move."""
        cdef uint64_t offset = self.length
        self.length += (size + 7) & ~<uint64_t>7
        if self.length >> 3 > 0xFFFFFFFF:
            raise MemoryError("the result of the last block is too large to be kept: over 32 GiB")
        if self.length > self.capacity:
            self.resize(self.length * 2 if self.length > 4096 else 8192)
        return offset

    cdef uint32_t keep_block(self, const uint8_t* data, uint64_t size) except 0:
        cdef uint64_t offset = self.take(size)
        memcpy(self.data + offset, data, size)
        return <uint32_t>(offset >> 3)

    cdef uint32_t keep_bytes(self, const uint8_t* data, uint32_t length) except 0:
        cdef uint64_t offset = self.take(sizeof(KeptBytes) + length)
        (<KeptBytes*>(self.data + offset)).length = length
        if length != 0:         # no bytes may come from nowhere, which memcpy does not allow
            memcpy(self.data + offset + sizeof(KeptBytes), data, length)
        return <uint32_t>(offset >> 3)

    cdef uint32_t keep_key(self, Location* location) except 0:
        """Keep a key once: its flags tell where from then on (keep_changes has cleared all flags)."""
        if location.flags == 0:
            location.flags = self.keep_bytes(location.key, location.key_bytes)
        return location.flags

    cdef uint32_t keep_record(self, Record* record) except 0:
        """Keep the record of a value once: its sign, which values do not have, tells where from then on."""
        if record.negative == 0:
            record.negative = self.keep_bytes(record_bytes(record), record.length)
        return record.negative

    cdef uint32_t keep_word(self, Local* local, uint64_t word) except? 0:
        if word == 0 or word_kind(word) == WORD_DELETE:
            return 0
        return self.keep_record(record_of(local, word))

    cdef uint32_t keep_delta(self, Record* record) except 0:
        cdef uint8_t signed_digits[33]
        cdef Number delta
        memcpy(&delta, record_bytes(record), sizeof(Number))
        signed_digits[0] = record.negative != 0
        return self.keep_bytes(signed_digits, 1 + number_encode(&delta, signed_digits + 1))

    cdef uint64_t take_list(self, uint32_t count, uint32_t others) except 0:
        cdef uint64_t offset = self.take(sizeof(KeptList) + (<uint64_t>count + others) * sizeof(KeptPair))
        (<KeptList*>(self.data + offset)).count = count
        (<KeptList*>(self.data + offset)).others = others
        return offset

    cdef void set_pair(self, uint64_t kept_list, uint32_t index, uint32_t key, uint32_t value) noexcept:
        cdef KeptPair* pair = <KeptPair*>(self.data + kept_list + sizeof(KeptList)) + index
        pair.key = key
        pair.value = value

    cdef int keep_changes(self, ArenaView view) except -1:
        cdef Local* local = &view.local
        cdef TableWalk walk
        cdef uint32_t count = 0
        cdef uint32_t index = 0
        cdef uint32_t key, location
        cdef uint64_t kept_list, word
        memset(&walk, 0, sizeof(TableWalk))
        while True:
            location = next_location(local, &walk)
            if location == 0:
                break
            location_at(local, location).flags = 0
            count += is_change(model_of(local).final_word(local, location_at(local, location)))
        kept_list = self.take_list(count, 0)
        memset(&walk, 0, sizeof(TableWalk))
        while index < count:
            location = next_location(local, &walk)
            word = model_of(local).final_word(local, location_at(local, location))
            if is_change(word):
                key = self.keep_key(location_at(local, location))
                self.set_pair(kept_list, index, key, self.keep_word(local, word))
                index += 1
        self.changed = <uint32_t>(kept_list >> 3)
        return 0

    cdef int keep_txns(self, ArenaView view) except -1:
        cdef uint64_t committed = load_sc[uint64_t](&view.local.header.commit_index)
        cdef uint32_t txn_idx
        cdef KeptTxn txn
        self.txns = self.take(<uint64_t>self.txn_count * sizeof(KeptTxn))
        memset(self.data + self.txns, 0, <uint64_t>self.txn_count * sizeof(KeptTxn))
        for txn_idx in range(<uint32_t>committed):
            self.keep_outcome(view, txn_idx, &txn)
            txn.reads = self.keep_reads(view, txn_idx)
            txn.writes = self.keep_writes(view, txn_idx)
            (<KeptTxn*>(self.data + self.txns))[txn_idx] = txn
        return 0

    cdef int keep_outcome(self, ArenaView view, uint32_t txn_idx, KeptTxn* txn) except -1:
        cdef Outcome outcome
        cdef uint64_t size = 0
        cdef uint32_t length, event
        view.outcome(txn_idx, &outcome)
        memset(txn, 0, sizeof(KeptTxn))
        txn.gas_used = outcome.gas_used
        txn.commit_ns = outcome.commit_ns
        txn.outcome = outcome.outcome
        txn.incarnations = outcome.incarnations
        txn.event_count = outcome.event_count
        if outcome.reason.present:
            txn.reason = self.keep_bytes(outcome.reason.data, outcome.reason.length)
        if outcome.traceback.present:
            txn.traceback = self.keep_bytes(outcome.traceback.data, outcome.traceback.length)
        if outcome.event_count != 0:
            for event in range(outcome.event_count):
                memcpy(&length, outcome.events + size, sizeof(uint32_t))
                size += sizeof(uint32_t) + length
            txn.events = self.keep_block(outcome.events, size)
        return 0

    cdef uint32_t keep_predicate_key(self, Local* local, const Read* read) except 0:
        if read.kind == READ_SCAN:
            return self.keep_bytes(NULL, 0)
        return self.keep_key(location_at(local, read.location))

    cdef uint32_t keep_reads(self, ArenaView view, uint32_t txn_idx) except? 0:
        cdef ReadSet* read_set = view.read_set(txn_idx)
        cdef Read* read
        cdef uint64_t kept_list
        cdef uint32_t key, index
        cdef uint32_t count = 0
        cdef uint32_t predicates = 0
        cdef bytes encoded
        if read_set == NULL or read_set.count == 0:
            return 0
        for index in range(read_set.count):
            count += is_value_read(read_set_items(read_set) + index)
            predicates += is_predicate(read_set_items(read_set) + index)
        kept_list = self.take_list(count, predicates)
        predicates = count
        count = 0
        for index in range(read_set.count):
            read = read_set_items(read_set) + index
            if is_value_read(read):
                key = self.keep_key(location_at(&view.local, read.location))
                self.set_pair(kept_list, count, key, self.keep_word(&view.local, read.word))
                count += 1
            elif is_predicate(read):
                key = self.keep_predicate_key(&view.local, read)
                encoded = encoded_predicate(&view.local, read)
                self.set_pair(
                    kept_list, predicates, key, self.keep_bytes(<const uint8_t*>encoded, <uint32_t>len(encoded))
                )
                predicates += 1
        return <uint32_t>(kept_list >> 3)

    cdef uint32_t keep_writes(self, ArenaView view, uint32_t txn_idx) except? 0:
        cdef WriteSet* write_set = view.write_set(txn_idx)
        cdef Write* write
        cdef uint64_t kept_list
        cdef uint32_t key, value, index
        cdef uint32_t count = 0
        cdef uint32_t adds = 0
        if write_set == NULL or write_set.count == 0:
            return 0
        for index in range(write_set.count):
            adds += write_set_items(write_set)[index].kind == WORD_ADD
        kept_list = self.take_list(write_set.count - adds, adds)
        adds = write_set.count - adds
        for index in range(write_set.count):
            write = write_set_items(write_set) + index
            key = self.keep_key(location_at(&view.local, write.location))
            if write.kind == WORD_ADD:
                self.set_pair(kept_list, adds, key, self.keep_delta(record_at(&view.local, write.record)))
                adds += 1
            else:
                value = self.keep_record(record_at(&view.local, write.record)) if write.kind == WORD_VALUE else 0
                self.set_pair(kept_list, count, key, value)
                count += 1
        return <uint32_t>(kept_list >> 3)

    cdef int keep_times(self, ArenaView view) except -1:
        cdef uint64_t size = <uint64_t>self.txn_count * sizeof(uint64_t)
        if self.kept_totals.is_timed:
            self.times = self.take(size)
            memcpy(self.data + self.times, address(&view.local, view.local.header.execution_ns), size)
        return 0

    cdef int keep_spans(self, ArenaView view) except -1:
        cdef uint32_t worker
        cdef uint64_t count, offset, place
        cdef Span span
        if not self.kept_totals.has_timeline:
            return 0
        self.span_begins = self.take((self.kept_totals.worker_slots + 1) * sizeof(uint64_t))
        self.spans = self.length
        count = 0
        for worker in range(self.kept_totals.worker_slots):
            (<uint64_t*>(self.data + self.span_begins))[worker] = count
            place = 0
            while view.span(worker, place, &span):
                offset = self.take(sizeof(Span))
                (<Span*>(self.data + offset))[0] = span
                place += 1
            count += place
        (<uint64_t*>(self.data + self.span_begins))[self.kept_totals.worker_slots] = count
        return 0

    # --- looking ---

    cdef int totals(self, Totals* out) except -1:
        out[0] = self.kept_totals
        return 0

    cdef const uint8_t* at(self, uint32_t reference) noexcept:
        return self.data + (<uint64_t>reference << 3)

    cdef void value(self, uint32_t reference, Value* out) noexcept:
        cdef const uint8_t* place = self.at(reference)
        out.present = reference != 0
        out.length = (<const KeptBytes*>place).length if out.present else 0
        out.data = place + sizeof(KeptBytes)

    cdef object bytes_at(self, uint32_t reference):
        cdef Value value
        self.value(reference, &value)
        return value_to_object(&value)

    cdef list bounded_adds(self, uint32_t txn_idx):
        raise EngineError("which adds were refused is told only until the engine takes its next block")

    cdef list order(self):
        return self.places

    cdef uint32_t txn_at(self, uint32_t place) noexcept:
        return place if self.places is None else self.places[place]

    cdef int outcome(self, uint32_t txn_idx, Outcome* out) except -1:
        cdef const KeptTxn* txn = <const KeptTxn*>(self.data + self.txns) + txn_idx
        out.gas_used = txn.gas_used
        out.commit_ns = txn.commit_ns
        out.outcome = txn.outcome
        out.incarnations = txn.incarnations
        out.event_count = txn.event_count
        out.events = self.at(txn.events)
        self.value(txn.reason, &out.reason)
        self.value(txn.traceback, &out.traceback)
        return 0

    cdef list pairs(self, uint32_t reference, bint others=False):
        """The keys and values of a list; or of the others that follow upon those."""
        cdef const KeptList* kept_list = <const KeptList*>self.at(reference)
        cdef const KeptPair* pair = <const KeptPair*>(self.at(reference) + sizeof(KeptList))
        cdef uint32_t index
        if reference == 0:
            return []
        return [
            (self.bytes_at(pair[index].key), self.bytes_at(pair[index].value))
            for index in (
                range(kept_list.count, kept_list.count + kept_list.others) if others else range(kept_list.count)
            )
        ]

    cdef list reads(self, uint32_t txn_idx):
        return self.pairs((<const KeptTxn*>(self.data + self.txns))[txn_idx].reads)

    cdef list predicates(self, uint32_t txn_idx):
        return self.pairs((<const KeptTxn*>(self.data + self.txns))[txn_idx].reads, True)

    cdef list writes(self, uint32_t txn_idx):
        return self.pairs((<const KeptTxn*>(self.data + self.txns))[txn_idx].writes)

    cdef list adds(self, uint32_t txn_idx):
        cdef uint32_t reference = (<const KeptTxn*>(self.data + self.txns))[txn_idx].writes
        return [
            (key, -int.from_bytes(delta[1:], "big") if delta[0] else int.from_bytes(delta[1:], "big"))
            for key, delta in self.pairs(reference, True)
        ]

    cdef dict changes(self):
        return dict(self.pairs(self.changed))

    cdef uint64_t execution_ns(self, uint32_t txn_idx) except? 0:
        return (<const uint64_t*>(self.data + self.times))[txn_idx]

    cdef bint span(self, uint32_t worker, uint64_t position, Span* out) except -1:
        cdef const uint64_t* begins = <const uint64_t*>(self.data + self.span_begins)
        if position >= begins[worker + 1] - begins[worker]:
            return False
        out[0] = (<const Span*>(self.data + self.spans))[begins[worker] + position]
        return True
