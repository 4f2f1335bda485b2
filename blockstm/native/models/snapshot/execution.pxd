"""Executing a transaction on the snapshot of its batch."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_acquire, load_sc, store_relaxed, store_release, store_sc
from blockstm.native.memory.layout cimport (
    EXECUTED, EXECUTING, OUTCOME_SUCCESS, READY, SPAN_EXECUTION, SUSPENDED, WriteSet,
)
from blockstm.native.memory.local cimport (
    ABORT_NONE, Local, STEP_STATUS, STEP_TAKE, step, txn_at,
)
from blockstm.native.instruments.mutants cimport MUTANT_RESERVED_LATE, MUTANT_SENT_BACK_TAKEN_FOR_STRAY, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.models.incarnation cimport run_on_final_reads
from blockstm.native.models.outcome cimport list_writes, store_read_set, store_receipt
from blockstm.native.models.snapshot.reservations cimport reserve_all
from blockstm.native.models.snapshot.state cimport Batch, Member, members
from blockstm.native.models.status cimport NO_TXN, pack_status, status_incarnation, status_state


cdef inline bint finish_execution(Local* local, Batch* batch, uint32_t place) noexcept nogil:
    """EXECUTING -> EXECUTED: list what the transaction wants to write, and reserve it; False where the arena is full.

    Invariant: a worker that sees EXECUTED (acquire) sees list, receipt and reservations.
    """
    cdef WriteSet* write_set
    if not store_read_set(local) or not store_receipt(local):
        return False
    local.txn.write_set = 0
    if local.outcome == OUTCOME_SUCCESS and local.write_count != 0:
        write_set = list_writes(local)
        if write_set == NULL:
            return False
        store_release[uint64_t](&local.txn.write_set, <uint64_t>(<uint8_t*>write_set - local.base))
    if not mutant(local, MUTANT_RESERVED_LATE):
        reserve_all(local, local.txn_idx, batch.number, place)
    step(local, STEP_STATUS, local.txn_idx)
    store_sc[uint64_t](&local.txn.status, pack_status(EXECUTED, 0, local.incarnation))
    if mutant(local, MUTANT_RESERVED_LATE):
        reserve_all(local, local.txn_idx, batch.number, place)
    return True


cdef inline uint32_t place_of(Batch* batch, uint32_t txn_idx) noexcept nogil:
    """The place of a transaction in its batch, which is ascending."""
    cdef uint32_t low = 0, high = batch.count, middle
    while low < high:
        middle = (low + high) // 2
        if members(batch)[middle].txn_idx < txn_idx:
            low = middle + 1
        else:
            high = middle
    return low


cdef inline void execute(Local* local, Batch* batch, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Run a transaction that this worker has claimed. The snapshot does not change under it, so its death counts."""
    cdef uint64_t begin_ns = span_begin(local)
    run_on_final_reads(local, txn_idx, incarnation)
    if local.abort == ABORT_NONE:
        store_relaxed[uint64_t](&local.slot.executions, local.slot.executions + 1)
        if finish_execution(local, batch, place_of(batch, txn_idx)):
            span_end(local, SPAN_EXECUTION, begin_ns, txn_idx, incarnation, 0)
    store_release[uint64_t](&local.slot.running, 0)


cdef inline bint claim(Local* local, const Member* member) noexcept nogil:
    """READY or SUSPENDED -> EXECUTING, of a transaction that was handed out; one compare-and-swap wins.

    Invariant: its incarnation is still the one with which it has come into the batch. Else its worker was taken for dead
    or slow to claim it: it has been run since, and may be sent back for the next batch by now.
    """
    cdef uint64_t* status = &txn_at(local, member.txn_idx).status
    cdef uint64_t seen
    step(local, STEP_STATUS, member.txn_idx)
    seen = load_acquire[uint64_t](status)
    if status_state(seen) != READY and status_state(seen) != SUSPENDED:
        return False
    if status_incarnation(seen) != member.incarnation and not mutant(local, MUTANT_SENT_BACK_TAKEN_FOR_STRAY):
        return False
    return compare_exchange_sc[uint64_t](status, seen, pack_status(EXECUTING, local.worker, status_incarnation(seen)))


cdef inline const Member* take_next(Local* local, Batch* batch) noexcept nogil:
    """The next transaction of a batch that was not handed out; NULL for none. One swap wins."""
    cdef uint32_t place
    while True:
        place = load_sc[uint32_t](&batch.next_place)
        if place >= batch.count:
            return NULL
        step(local, STEP_TAKE, NO_TXN)
        if compare_exchange_sc[uint32_t](&batch.next_place, place, place + 1):
            return members(batch) + place
