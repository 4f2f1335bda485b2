"""Committing at once: a transaction that began when all before it was final has read nothing but what is final.

It need not be validated: the worker that has executed it takes the collector's place, and makes it final. One worker alone
keeps that place for some transactions on end, and executes in order. So the front of a block that offers nothing to
speculate about, or that has one worker, costs about what sequential execution does.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, exchange_sc, fence_sc, load_acquire, load_relaxed, load_sc, store_release, store_sc, unlikely_true,
)
from blockstm.native.memory.layout cimport (
    COMMITTED, Number, OUTCOME_SUCCESS, OUTCOME_UNKNOWN, SPAN_COMMIT, SPAN_EXECUTION, Txn, WORD_ADD, Write, WriteSet,
)
from blockstm.native.memory.local cimport Local, STEP_COMMIT, STEP_STATUS, address, now_ns, step, txn_at
from blockstm.native.instruments.mutants cimport MUTANT_AT_ONCE_ON_ANY_READS, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.models.multi_version.aborting cimport note_publication
from blockstm.native.models.multi_version.collector cimport announce_progress, commit_next, number_below, release_successor
from blockstm.native.models.multi_version.final_writes cimport put_final_writes
from blockstm.native.models.multi_version.guesses cimport learn_from_commit
from blockstm.native.models.multi_version.intents cimport learn_from_writes
from blockstm.native.models.multi_version.pace cimport keep_pace
from blockstm.native.models.multi_version.scheduler cimport raise_to, rewind_validation
from blockstm.native.models.multi_version.state cimport has_waves, own, shared
from blockstm.native.models.outcome cimport list_writes, make_sum, settle, store_read_set, store_receipt, write_set_items
from blockstm.native.models.status cimport pack_status
from blockstm.native.models.waiting cimport resume_waiters


cdef inline bint has_final_reads(Local* local) noexcept nogil:
    """Whether all before the running transaction was final when it began, so that it has read nothing else."""
    if mutant(local, MUTANT_AT_ONCE_ON_ANY_READS):
        return load_acquire[uint64_t](&local.header.commit_index) == local.txn_idx
    return local.slot.reads_are_final


cdef inline bint is_ordinary(Local* local) noexcept nogil:
    """Whether the running transaction, whose program has ended, has to be published and validated as any other: it has
    announced writes, or published any in an incarnation before, and so has places to clear; or its outcome is one that
    the source of the state leaves unknown.
    """
    return local.txn.write_set != 0 or local.slot.intent_count != 0 or local.outcome == OUTCOME_UNKNOWN


cdef inline bint take_place(Local* local) noexcept nogil:
    """Take the collector's place, unless another has it."""
    return load_relaxed[uint32_t](&local.header.collector) == 0 and compare_exchange_sc[uint32_t](
        &local.header.collector, 0, local.worker + 1
    )


cdef inline bint may_commit_at_once(Local* local) noexcept nogil:
    """Whether the running transaction, whose program has ended, may be made final by this worker; then it has taken the
    collector's place.

    Invariant: the transaction is at commit_index, and stays there while it says EXECUTING.
    """
    return has_waves(local) and has_final_reads(local) and not is_ordinary(local) and take_place(local)


cdef inline WriteSet* list_final_writes(Local* local) noexcept nogil:
    """List what the running transaction writes, in values; NULL where the arena is full."""
    cdef WriteSet* write_set
    cdef Write* write
    cdef Number below
    cdef uint64_t record
    cdef uint32_t index
    if local.outcome != OUTCOME_SUCCESS:
        local.write_count = 0
    write_set = list_writes(local)
    for index in range(write_set.count if write_set != NULL and write_set.adds != 0 else 0):
        write = write_set_items(write_set) + index
        if write.kind == WORD_ADD:
            number_below(local, write.location, local.txn_idx, &below)
            record = make_sum(local, write, &below)
            if record == 0:
                return NULL
            settle(write, record)
    return write_set


cdef inline bint make_final(Local* local, uint64_t begin_ns) noexcept nogil:
    """EXECUTING -> COMMITTED, by the executor, in the collector's place; False where the arena is full.

    Order: all that is to be seen of the transaction and the list of its writes, its status, the writes themselves. Then
    follow others, and commit_index, in close_stretch. Invariant: with the status the transaction is final; should the worker
    die before commit_index says so, the next collector shows the writes (see commit_next).
    Memory ordering: the status is stored with release; who waits for the transaction is looked for in close_stretch.
    """
    cdef WriteSet* write_set
    cdef Txn* txn = local.txn
    if not store_read_set(local) or not store_receipt(local):
        return False
    write_set = list_final_writes(local)
    if write_set == NULL:
        return False
    learn_from_writes(local, write_set)
    if local.checks != 0:
        learn_from_commit(local, local.reads, local.read_count)
    store_release[uint64_t](&txn.write_set, <uint64_t>(<uint8_t*>write_set - local.base))
    store_release[uint64_t](&txn.validated, (<uint64_t>local.incarnation << 32) | <uint32_t>-1)
    span_end(local, SPAN_EXECUTION, begin_ns, local.txn_idx, local.incarnation, 0)
    begin_ns = span_begin(local)
    step(local, STEP_STATUS, local.txn_idx)
    store_release[uint64_t](&txn.status, pack_status(COMMITTED, 0, local.incarnation))
    put_final_writes(local, local.txn_idx)
    raise_to(&shared(local).commit_wave, txn.triggered_wave)
    span_end(local, SPAN_COMMIT, begin_ns, local.txn_idx, local.incarnation, 0)
    return True


cdef inline void close_stretch(Local* local, uint32_t first, uint32_t end) noexcept nogil:
    """Move commit_index past the transactions from `first` up to `end`, which this worker has made final; go on committing,
    and give the collector's place up. Has to be followed by commit_ready, see there.

    Invariants: what is not final is validated again, as it may have read what these have replaced; nobody commits anything
    before that is noted. No waiter is forgotten: their statuses come before the looks at their waiters (fence), see
    wait_for; and commit_index before the look at who waits for that, see release_successor.
    """
    cdef Txn* txn
    cdef uint64_t time_ns = now_ns(local)
    cdef uint32_t txn_idx
    for txn_idx in range(first, end):
        txn_at(local, txn_idx).commit_ns = time_ns
    step(local, STEP_COMMIT, end)
    store_sc[uint64_t](&local.header.commit_index, end)
    fence_sc()
    for txn_idx in range(first, end):
        txn = txn_at(local, txn_idx)
        if unlikely_true(load_sc[uint64_t](&txn.waiters) != 0):
            resume_waiters(local, txn_idx)
    if end != first:
        note_publication(local)
        rewind_validation(local, end)
    if end < local.header.txn_count:
        release_successor(local, end)
    while local.header.commit_index < local.header.txn_count and commit_next(local, &time_ns):
        pass
    keep_pace(local, time_ns)
    announce_progress(local)
    exchange_sc[uint32_t](&local.header.collector, 0)
    own(local).may_commit = 1
