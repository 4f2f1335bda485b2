"""The timeline: what each worker did when, kept where a run asks for it (Header.timeline_bytes_max).

Each worker has a list of *spans* of its own, in chunks linked by offsets. A run that does not ask pays one
predictable branch at each place that could be noted: an incarnation, a validation, a commit, a sleep; none for
each read. Noting is no step: under the virtual clock a run is the same with a timeline and without.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport fetch_add_sc, store_release, unlikely_true
from blockstm.native.memory.layout cimport SPANS_A_CHUNK, Span, SpanChunk, WorkerSlot
from blockstm.native.memory.allocation cimport take_if_it_fits
from blockstm.native.memory.local cimport Local, address, now_ns

# Why a read is stale. A cause is one of these and the transaction that it lies with (its txn_idx).
cdef enum:
    CAUSE_NONE = 0              # not known, or none
    CAUSE_VERSION = 1           # there is a version that was not there
    CAUSE_GONE = 2              # the version that was read is not there any more
    CAUSE_ESTIMATE = 3          # what its last writer wrote is not to be relied on, or still to come
    CAUSE_TXN_BITS = 24


cdef inline uint32_t pack_cause(uint32_t kind, uint32_t txn_idx) noexcept nogil:
    return (kind << CAUSE_TXN_BITS) | txn_idx


cdef inline uint32_t cause_kind(uint32_t cause) noexcept nogil:
    return cause >> CAUSE_TXN_BITS


cdef inline uint32_t cause_txn(uint32_t cause) noexcept nogil:
    return cause & ((<uint32_t>1 << CAUSE_TXN_BITS) - 1)


cdef inline Span* span_items(SpanChunk* chunk) noexcept nogil:
    return <Span*>(<uint8_t*>chunk + sizeof(SpanChunk))


cdef inline uint64_t take_span_chunk(Local* local) noexcept nogil:
    """Memory for more spans: its offset, or 0 where the timeline's share of the arena is used up.

    Invariant: noting never fails the block: take_bytes would move the end of the arena past the limit.
    """
    cdef uint64_t size = sizeof(SpanChunk) + SPANS_A_CHUNK * sizeof(Span)
    if fetch_add_sc[uint64_t](&local.header.timeline_bytes, size) + size > local.header.timeline_bytes_max:
        return 0
    return take_if_it_fits(local, size)


cdef inline SpanChunk* chunk_with_room(Local* local) noexcept nogil:
    """Where this worker's next span goes; NULL where there is no memory for it, and then for none after it.

    Invariant: a chunk is empty and ends the list before the list leads to it. A worker that dies between the
    two links loses an empty chunk, no span.
    """
    cdef WorkerSlot* slot = local.slot
    cdef SpanChunk* last = NULL
    cdef SpanChunk* added
    cdef uint64_t offset
    if slot.last_spans != 0:
        last = <SpanChunk*>address(local, slot.last_spans)
        if last.count < SPANS_A_CHUNK:
            return last
    offset = take_span_chunk(local) if slot.spans_dropped == 0 else 0
    if offset == 0:
        return NULL
    added = <SpanChunk*>address(local, offset)
    added.next = 0
    added.count = 0
    store_release[uint64_t](&slot.spans if last == NULL else &last.next, offset)
    store_release[uint64_t](&slot.last_spans, offset)
    return added


cdef inline void append_span(
    Local* local, uint32_t kind, uint64_t begin_ns, uint32_t txn_idx, uint32_t incarnation, uint32_t cause
) noexcept nogil:
    """Note what ends now.

    Invariant: only the worker itself appends to its slot's list; once it is dead and reaped, recovery in its
    name, and then the worker that takes its place. A span is whole before the count includes it (release), so of
    a worker that is killed here nothing half written shows: the next span takes its place.
    """
    cdef SpanChunk* chunk = chunk_with_room(local)
    cdef Span* span
    if chunk == NULL:
        local.slot.spans_dropped += 1
        return
    span = span_items(chunk) + chunk.count
    span.begin_ns = begin_ns
    span.end_ns = now_ns(local)
    span.kind = kind
    span.txn_idx = txn_idx
    span.incarnation = incarnation
    span.cause = cause
    store_release[uint64_t](&chunk.count, chunk.count + 1)


cdef inline uint64_t span_begin(Local* local) noexcept nogil:
    """The time, where a timeline is wanted; else 0, for one predictable branch."""
    if unlikely_true(local.header.timeline_bytes_max != 0):
        return now_ns(local)
    return 0


cdef inline void span_end(
    Local* local, uint32_t kind, uint64_t begin_ns, uint32_t txn_idx, uint32_t incarnation, uint32_t cause
) noexcept nogil:
    """Note what began at `begin_ns` (see span_begin) and ends now; where that is 0, one predictable branch."""
    if unlikely_true(begin_ns != 0):
        append_span(local, kind, begin_ns, txn_idx, incarnation, cause)
