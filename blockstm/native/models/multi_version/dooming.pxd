"""Early end of the doomed: an incarnation that has run for a while validates itself, and so does the supervisor for it."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.instruments.timeline cimport CAUSE_NONE
from blockstm.native.memory.atomics cimport load_acquire, load_relaxed, load_sc
from blockstm.native.memory.layout cimport Read, WorkerSlot
from blockstm.native.memory.local cimport ABORT_DOOMED, Local, address, slot_at, txn_at
from blockstm.native.models.multi_version.guesses cimport learn_from_refusal
from blockstm.native.models.multi_version.readers cimport is_told
from blockstm.native.models.multi_version.state cimport DISCIPLINE_PUSH, shared
from blockstm.native.versions.validation cimport read_set_is_valid, wrong_check


cdef inline uint64_t published_by_others(Local* local) noexcept nogil:
    """A number that changes whenever another worker publishes or aborts."""
    cdef uint64_t total = 0
    cdef uint32_t worker
    for worker in range(local.header.worker_slots):
        if worker != local.worker:
            total += load_relaxed[uint64_t](&slot_at(local, worker).published)
    return total


cdef inline bint is_told_wrong(Local* local) noexcept nogil:
    """Whether all below is final by now, and an add turns out to have been guessed wrongly.

    A program that goes on for ever because of it would never get to the collector's check.
    """
    cdef const Read* check
    if local.slot.reads_are_final or load_acquire[uint64_t](&local.header.commit_index) != local.txn_idx:
        return False
    check = wrong_check(local, local.txn_idx, local.reads, local.read_count, NULL)
    if check == NULL:
        return False
    learn_from_refusal(local, check)
    return True


cdef inline bint reads_hold(
    Local* local, uint32_t txn_idx, uint32_t incarnation, const Read* reads, uint32_t count, uint32_t* cause
) noexcept nogil:
    """Whether nothing that an incarnation has read is stale. One that is told has to ask, once all below is final, only
    for what it is not told of; that a value may have another version by then costs it at most one start.
    """
    if shared(local).discipline == DISCIPLINE_PUSH:
        if is_told(txn_at(local, txn_idx), incarnation):
            return False
        if load_acquire[uint64_t](&local.header.commit_index) != txn_idx:
            return True
    return read_set_is_valid(local, txn_idx, reads, count, cause)


cdef inline bint may_go_on(Local* local) noexcept nogil:
    """Whether nothing that the running incarnation has read is stale.

    Costs one load a worker where nothing was published since the last time. A hint only: a stale read that it misses
    is found by validation.
    """
    cdef uint64_t seen = published_by_others(local)
    local.cause = CAUSE_NONE
    if seen != local.published_seen:
        local.published_seen = seen
        if not reads_hold(local, local.txn_idx, local.incarnation, local.reads, local.read_count, &local.cause):
            local.abort = ABORT_DOOMED
            return False
    if local.checks != 0 and is_told_wrong(local):
        local.cause = CAUSE_NONE
        local.abort = ABORT_DOOMED
        return False
    return True


cdef inline bint is_doomed(Local* local, uint32_t worker) noexcept nogil:
    """Whether the incarnation that a worker runs has read something that is stale by now.

    Asked by the supervisor while the worker goes on. Invariant: True is about the incarnation that runs still when
    the answer is given; the slot says so before and after (sc).
    """
    cdef WorkerSlot* slot = slot_at(local, worker)
    cdef uint64_t running = load_sc[uint64_t](&slot.running)
    cdef uint32_t count = load_acquire[uint32_t](&slot.live_read_count)
    cdef uint64_t reads_at = load_acquire[uint64_t](&slot.live_reads)
    cdef uint32_t txn_idx, cause
    cdef const Read* reads
    cdef bint valid
    if running == 0 or count == 0:
        return False
    txn_idx = <uint32_t>(running >> 32) - 1
    reads = <const Read*>address(local, reads_at)
    valid = reads_hold(local, txn_idx, <uint32_t>running, reads, count, &cause)
    if valid and load_acquire[uint64_t](&local.header.commit_index) == txn_idx:
        valid = wrong_check(local, txn_idx, reads, count, NULL) == NULL
    return not valid and load_sc[uint64_t](&slot.running) == running
