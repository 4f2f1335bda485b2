# The result of a block, decoded when looked at.


class Overlaid:
    """The items of a source, but for what is known better."""

    __slots__ = ("_known", "_source")

    def __init__(self, source, known):
        self._source = source
        self._known = known

    def items(self):
        values = dict(self._source.items())
        values.update(self._known)
        return [(key, value) for key, value in values.items() if value is not None]


cdef object overlaid(source, known):
    """What tells the state before a block of that source, where these values are known better."""
    return Overlaid(source, known) if known and hasattr(source, "items") else source


cdef class Snapshot:
    """What a finished block came to: receipts, reads, writes, state. Made by Arena.snapshot()."""

    cdef object __weakref__
    cdef RunView view           # the arena, until it is wanted for the next block; then what was kept of it
    cdef object before          # the state before the block, as the block holds it
    cdef tuple before_keys      # the keys that it names by their places here; None if it holds the keys themselves

    def __reduce__(self):
        """Refuse to be pickled or copied."""
        raise UsageError(
            "a result is a view of the memory of the engine, and cannot be pickled or copied: "
            "take what you need of it, as list(result.receipts), dict(result.state) or result.state_root"
        )

    cdef RunView _view(self):
        if self.view is None:
            raise EngineError(
                "there was not the memory to keep this result when the next block was executed: "
                "take what you need of a result before, or keep fewer"
            )
        return self.view

    cdef int _outcome(self, Py_ssize_t txn_idx, Outcome* out) except -1:
        return self._view().outcome(self._index(txn_idx), out)

    cdef uint32_t _index(self, Py_ssize_t txn_idx) except? 0:
        if txn_idx < 0 or txn_idx >= self._view().txn_count:
            raise IndexError(f"transaction {txn_idx} is not in a block of {self._view().txn_count}")
        return <uint32_t>txn_idx

    def __repr__(self):
        """Say how many transactions it shows, and of which memory."""
        return f"<Snapshot of {len(self)} transactions, {'of the arena' if isinstance(self.view, ArenaView) else 'kept'}>"

    def __len__(self):
        return self._view().txn_count

    def status(self, txn_idx):
        """0 success, 1 reverted, 2 failed."""
        cdef Outcome outcome
        self._outcome(txn_idx, &outcome)
        return outcome.outcome

    def gas_used(self, txn_idx):
        """The gas that it has charged."""
        cdef Outcome outcome
        self._outcome(txn_idx, &outcome)
        return outcome.gas_used

    def error(self, txn_idx):
        """Why it was reverted or failed, as one line; None where it was not."""
        cdef Outcome outcome
        self._outcome(txn_idx, &outcome)
        return error_of(&outcome)

    def traceback(self, txn_idx):
        """Where a Python program failed; None where none did."""
        cdef Outcome outcome
        self._outcome(txn_idx, &outcome)
        traceback = value_to_object(&outcome.traceback)
        return None if traceback is None else traceback.decode("utf-8", "replace")

    def events(self, txn_idx):
        """The events that it emitted, in order."""
        cdef Outcome outcome
        self._outcome(txn_idx, &outcome)
        return events_of(&outcome)

    def commit_seconds(self, txn_idx):
        """When it became final, from the start of the block."""
        cdef Outcome outcome
        self._outcome(txn_idx, &outcome)
        return outcome.commit_ns / 1e9

    def incarnations(self, txn_idx):
        """How many incarnations it had, those given up included."""
        cdef Outcome outcome
        self._outcome(txn_idx, &outcome)
        return outcome.incarnations

    def reads(self, txn_idx):
        """The keys that its final incarnation read from below, with the values: (key, value or None)."""
        return self._view().reads(self._index(txn_idx))

    def predicates(self, txn_idx):
        """What its final incarnation asked about keys without reading them: (key, as results/predicates.py decodes)."""
        return self._view().predicates(self._index(txn_idx))

    def writes(self, txn_idx):
        """The keys that its final incarnation wrote, in the order first written: (key, value; None: deleted)."""
        return self._view().writes(self._index(txn_idx))

    def adds(self, txn_idx):
        """The keys whose value it does not say, only what it added: (key, signed delta), in order first added."""
        return self._view().adds(self._index(txn_idx))

    def bounded_adds(self, txn_idx):
        """The keys that it added to without knowing them, those of refused adds among them.

        Raises:
            EngineError: the arena has been wanted for another block since.
        """
        return self._view().bounded_adds(self._index(txn_idx))

    def execution_seconds(self, txn_idx):
        """How long the program of its final incarnation ran; None where the run was not timed."""
        cdef uint32_t index = self._index(txn_idx)
        return self._view().execution_ns(index) / 1e9 if self._totals().is_timed else None

    def order(self):
        """The transactions in the order in which they became final, of those that have; None: as preset."""
        return self._view().order()

    def txn_at(self, place):
        """The transaction that became final as the one at that place."""
        return self._view().txn_at(self._index(place))

    def changes(self):
        """The final value of each key that the block has written: None where it was deleted."""
        return self._view().changes()

    def state(self):
        """The state after the block, by key."""
        cdef tuple keys = self.before_keys
        cdef dict state
        if not hasattr(self.before, "items"):
            raise UsageError(
                "the state before the block is asked of a source that cannot list it, so the state after it cannot "
                "be told: use changes, or give the source a method items()"
            )
        state = (
            dict(self.before.items()) if keys is None else {keys[place]: value for place, value in self.before.items()}
        )
        for key, value in self._view().changes().items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        return state

    cdef Totals _totals(self) except *:
        cdef Totals totals
        self._view().totals(&totals)
        return totals

    def counters(self):
        """Totals of the block: executions, validations, aborts, suspensions."""
        cdef Totals totals = self._totals()
        return {
            "executions": totals.executions,
            "validations": totals.validations,
            "aborts": totals.aborts,
            "suspensions": totals.suspensions,
        }

    @property
    def has_timeline(self):
        """Whether the workers have noted what they did when."""
        return self._totals().has_timeline

    def spans(self):
        """What each worker noted, in its order: (kind, worker, begin_ns, end_ns, txn_idx, incarnation, why, cause).

        Times count from the start of the block; `why` and `cause` are those of timeline.pxd.
        """
        cdef uint64_t position
        cdef uint32_t worker
        cdef Span span
        for worker in range(self._totals().worker_slots):
            position = 0
            while self._view().span(worker, position, &span):  # the view may be another one after each span
                position += 1
                yield (
                    span.kind, worker, span.begin_ns, span.end_ns, span.txn_idx, span.incarnation,
                    cause_kind(span.cause), cause_txn(span.cause),
                )

    def spans_dropped(self):
        """How many spans were not kept for lack of memory."""
        return self._totals().spans_dropped

    @property
    def wall_seconds(self):
        """From the block's start to its last commit."""
        return self._totals().wall_ns / 1e9

    @property
    def end_ns(self):
        """When its last commit was, by the monotonic clock."""
        return self._totals().end_ns

    @property
    def arena_bytes(self):
        """Bytes of shared memory that the block used."""
        return self._totals().arena_bytes
