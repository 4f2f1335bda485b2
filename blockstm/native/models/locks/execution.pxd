"""Running a transaction when those before it have given its locks back, and making it final in the order of the locks.

A transaction runs once, on what is there: whoever could change it waits. What it writes goes into the state in place.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, exchange_sc, fence_sc, load_acquire, load_relaxed, load_sc, store_relaxed, store_release, store_sc,
)
from blockstm.native.memory.layout cimport (
    COMMITTED, EXECUTED, Header, OUTCOME_SUCCESS, SPAN_COMMIT, SPAN_EXECUTION, SPAN_SUSPENDED, Txn, WriteSet,
)
from blockstm.native.memory.local cimport (
    ABORT_NONE, Local, STEP_COMMIT, STEP_PUBLISH, STEP_STATUS, address, now_ns, step, txn_at,
)
from blockstm.native.instruments.mutants cimport (
    MUTANT_LOCK_NOT_AWAITED, MUTANT_LOCK_OF_READER_NOT_AWAITED, MUTANT_LOCKS_GIVEN_BACK_EARLY, mutant,
)
from blockstm.native.instruments.timeline cimport CAUSE_VERSION, pack_cause, span_begin, span_end
from blockstm.native.models.in_place cimport apply_write, settle_write_set
from blockstm.native.models.incarnation cimport run_on_final_reads
from blockstm.native.models.locks.state cimport AFTER_READER, own, shared
from blockstm.native.models.outcome cimport list_writes, store_read_set, store_receipt, write_set_items
from blockstm.native.models.progress cimport fail_for, never_final, say_done, tell_progress, txn_at_place
from blockstm.native.models.promises cimport end_undeclared, touched_unpromised
from blockstm.native.models.status cimport NO_TXN, pack_status, status_incarnation, status_state
from blockstm.native.models.waiting cimport resume_waiters, wait_for
from blockstm.native.models.waking cimport wake_sleepers


cdef inline uint32_t holder_before(Local* local, uint32_t txn_idx) noexcept nogil:
    """A transaction that still holds a lock that this one needs; NO_TXN for none."""
    cdef const uint32_t* begins = <const uint32_t*>address(local, shared(local).before_begins)
    cdef const uint32_t* before = <const uint32_t*>address(local, shared(local).before)
    cdef uint32_t index = begins[local.header.txn_count + txn_idx]
    cdef uint32_t other, state
    while index > begins[txn_idx]:
        index -= 1
        other = before[index] & ~<uint32_t>AFTER_READER
        if before[index] & AFTER_READER and mutant(local, MUTANT_LOCK_OF_READER_NOT_AWAITED):
            continue
        if not before[index] & AFTER_READER and mutant(local, MUTANT_LOCK_NOT_AWAITED):
            continue
        state = status_state(load_acquire[uint64_t](&txn_at(local, other).status))
        if state != EXECUTED and state != COMMITTED:
            return other
    return NO_TXN


cdef inline void apply_and_end(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """EXECUTING -> EXECUTED: put what the transaction lists into the state, and give its locks back.

    Invariant: nobody else looks at these keys before the status says EXECUTED. All of it may be done again, so that the
    supervisor can do it for a worker that died in the midst of it.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef WriteSet* write_set
    cdef uint32_t index
    cdef bint is_awaited
    if txn.write_set != 0:
        write_set = <WriteSet*>address(local, txn.write_set)
        for index in range(write_set.count):
            if index == 1 and mutant(local, MUTANT_LOCKS_GIVEN_BACK_EARLY):
                store_sc[uint64_t](&txn.status, pack_status(EXECUTED, 0, incarnation))
            step(local, STEP_PUBLISH, write_set_items(write_set)[index].location)
            apply_write(local, txn_idx, write_set_items(write_set) + index)
    step(local, STEP_STATUS, txn_idx)
    store_sc[uint64_t](&txn.status, pack_status(EXECUTED, 0, incarnation))
    is_awaited = load_sc[uint64_t](&txn.waiters) != 0
    resume_waiters(local, txn_idx)
    if is_awaited:
        wake_sleepers(local, 0xFFFFFFFF)    # the lane of each has one owner


cdef inline bint finish_execution(Local* local) noexcept nogil:
    """List what the transaction writes, then apply it; False where the arena is full.

    Invariant: a list that shows (release) is whole and settled, and receipt and read set are there: from then on the
    transaction is not run again, only finished.
    """
    cdef WriteSet* write_set
    if not store_read_set(local) or not store_receipt(local):
        return False
    if local.outcome == OUTCOME_SUCCESS and local.write_count != 0:
        write_set = list_writes(local)
        if write_set == NULL or not settle_write_set(local, write_set):
            return False
        store_release[uint64_t](&local.txn.write_set, <uint64_t>(<uint8_t*>write_set - local.base))
    apply_and_end(local, local.txn_idx, local.incarnation)
    return True


cdef inline void execute(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Run a transaction that this worker has claimed, or let it wait for one that holds its locks.

    What it reads is final in its value, so the death of its worker is held against it.
    """
    cdef uint64_t begin_ns = span_begin(local)
    cdef uint32_t holder = holder_before(local, txn_idx)
    cdef uint32_t location
    if holder != NO_TXN:
        store_relaxed[uint64_t](&local.slot.suspensions, local.slot.suspensions + 1)
        wait_for(local, txn_idx, incarnation, holder)
        span_end(local, SPAN_SUSPENDED, begin_ns, txn_idx, incarnation, pack_cause(CAUSE_VERSION, holder))
        return
    run_on_final_reads(local, txn_idx, incarnation)
    location = touched_unpromised(local)
    if location != 0:
        end_undeclared(local, location, shared(local).on_undeclared)
    if local.abort == ABORT_NONE:
        store_relaxed[uint64_t](&local.slot.executions, local.slot.executions + 1)
        if finish_execution(local):
            span_end(local, SPAN_EXECUTION, begin_ns, txn_idx, incarnation, 0)
            own(local).may_commit = 1
    store_release[uint64_t](&local.slot.running, 0)


# --- in order -----------------------------------------------------------------------------------

cdef inline bint may_commit(Local* local, uint64_t place) noexcept nogil:
    """Whether the transaction at a place of the order has been executed."""
    cdef uint64_t status = load_acquire[uint64_t](&txn_at(local, txn_at_place(local, <uint32_t>place)).status)
    return status_state(status) == EXECUTED or status_state(status) == COMMITTED


cdef inline bint commit_next(Local* local, uint64_t time_ns) noexcept nogil:
    """Make the transaction at commit_index final; False where it never will be.

    A collector that dies in between is followed by one that finds the status COMMITTED at the index, and does the rest.
    """
    cdef uint64_t place = local.header.commit_index
    cdef uint32_t txn_idx = txn_at_place(local, <uint32_t>place)
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint64_t begin_ns = span_begin(local)
    cdef uint32_t incarnation = status_incarnation(load_acquire[uint64_t](&txn.status))
    step(local, STEP_COMMIT, txn_idx)
    store_sc[uint64_t](&txn.status, pack_status(COMMITTED, 0, incarnation))
    if never_final(txn):
        fail_for(local, txn_idx)
        return False
    txn.commit_ns = time_ns
    span_end(local, SPAN_COMMIT, begin_ns, txn_idx, incarnation, 0)
    store_sc[uint64_t](&local.header.commit_index, place + 1)
    return True


cdef inline void commit_ready(Local* local) noexcept nogil:
    """Make all final that has been executed in order, unless another worker is at it.

    Invariant: none is left behind. An executor stores the status (sc) before it looks at commit_index and tries for the
    collector's place (sc); the collector gives the place up (sc) before it looks at statuses again.
    """
    cdef Header* header = local.header
    cdef uint64_t first, time_ns
    while load_relaxed[uint32_t](&header.stop) == 0:
        first = load_sc[uint64_t](&header.commit_index)
        if first >= header.txn_count or not may_commit(local, first):
            return
        if not compare_exchange_sc[uint32_t](&header.collector, 0, local.worker + 1):
            return
        first = header.commit_index
        time_ns = now_ns(local)
        while header.commit_index < header.txn_count and may_commit(local, header.commit_index):
            if not commit_next(local, time_ns):
                break
        if header.commit_index != first:
            fence_sc()          # what was committed shows before the wish for progress is looked at
            if header.commit_index == header.txn_count:
                say_done(local, now_ns(local))
            else:
                tell_progress(local)
        exchange_sc[uint32_t](&header.collector, 0)
