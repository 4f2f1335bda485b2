"""Recovery: what the supervisor does in the name of a worker that died.

The protocol is lock-free: a worker can stop between any two instructions and the others go on. What
it held is found in shared memory (statuses that name it as owner, the collector's place, the write
set's list, the intents in its slot), and each is brought to an end as the worker itself could have
done, while the others run. Everything here may be done again if the supervisor starts over.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_acquire, load_sc, store_release
from blockstm.native.memory.layout cimport ABORTING, EXECUTED, EXECUTING, READY, SUSPENDED
from blockstm.native.memory.local cimport Local, txn_at
from blockstm.native.instruments.mutants cimport (
    MUTANT_NEWS_LOST, MUTANT_RECOVERY_WITHOUT_COLLECTOR, MUTANT_RECOVERY_WITHOUT_WAITERS, MUTANT_RECOVERY_WITHOUT_WRITES, mutant,
)
from blockstm.native.models.multi_version.collector cimport announce_progress, commit_ready
from blockstm.native.models.multi_version.aborting cimport finish_abort, keep_intents, try_abort
from blockstm.native.models.multi_version.pace cimport take_part_all
from blockstm.native.models.multi_version.readers cimport is_told
from blockstm.native.models.ready_set cimport ready_add
from blockstm.native.models.multi_version.scheduler cimport rewind_all
from blockstm.native.models.multi_version.state cimport DISCIPLINE_PUSH, note_surprise, shared
from blockstm.native.models.deaths cimport transaction_of
from blockstm.native.models.schedule cimport txn_of_rank
from blockstm.native.models.status cimport NO_TXN, status_incarnation, status_owner, status_state
from blockstm.native.models.waiting cimport make_ready
from blockstm.native.models.waking cimport wake_sleepers


cdef inline uint32_t died_running(Local* local) noexcept nogil:
    """The transaction whose program the dead worker of this slot was running, NO_TXN for none."""
    cdef uint32_t txn_idx = transaction_of(local)
    cdef uint64_t status
    if txn_idx == NO_TXN:
        return NO_TXN
    status = load_acquire[uint64_t](&txn_at(local, txn_idx).status)
    return txn_idx if status_state(status) == EXECUTING and status_owner(status) == local.worker else NO_TXN


cdef inline void abort_owned(Local* local) noexcept nogil:
    """Abort what the dead worker was executing or aborting, or about to; put strays back into the ready set.

    A transaction that is READY may have lost its place in the set (taken out, not yet claimed), or
    have been handed out as fresh and never begun. Adding it again is harmless: one claim wins.
    """
    cdef uint32_t rank, txn_idx, state
    cdef uint64_t status
    cdef uint64_t handed_out = load_sc[uint64_t](&shared(local).execution_index)
    if handed_out > local.header.txn_count:
        handed_out = local.header.txn_count
    for rank in range(<uint32_t>handed_out):
        txn_idx = txn_of_rank(local, rank)
        status = load_acquire[uint64_t](&txn_at(local, txn_idx).status)
        state = status_state(status)
        if (state == EXECUTING or state == ABORTING) and status_owner(status) == local.worker:
            note_surprise(local)
            if state == EXECUTING:
                keep_intents(local, txn_idx)
                if mutant(local, MUTANT_RECOVERY_WITHOUT_WRITES):
                    txn_at(local, txn_idx).write_set = 0
            finish_abort(local, txn_idx, status_incarnation(status))
        elif state == READY:
            ready_add(local, txn_idx)
        elif state == EXECUTED and shared(local).discipline == DISCIPLINE_PUSH and not mutant(local, MUTANT_NEWS_LOST):
            # The worker may have died between the mark and the abort, be it its own transaction or another's.
            if is_told(txn_at(local, txn_idx), status_incarnation(status)):
                try_abort(local, txn_idx, status_incarnation(status))


cdef inline void resume_all(Local* local) noexcept nogil:
    """Make every waiter ready: the dead worker may have taken a list of them and not got through it.

    One that still has to wait finds out and waits again.
    """
    cdef uint32_t txn_idx
    cdef uint64_t status
    for txn_idx in range(local.header.txn_count):
        status = load_sc[uint64_t](&txn_at(local, txn_idx).status)
        if status_state(status) == SUSPENDED:
            make_ready(local, txn_idx, status)


cdef inline void recover(Local* local) noexcept nogil:
    """Bring all that the dead worker of this slot had begun to an end.

    Order matters twice: validation is rewound first, so that nothing commits on what the worker left
    half done; the collector's place is given up before anything tries to commit. The worker may have died
    between the last commit and saying that the block is done.
    """
    take_part_all(local)
    rewind_all(local)
    abort_owned(local)
    if not mutant(local, MUTANT_RECOVERY_WITHOUT_WAITERS):
        resume_all(local)
    if not mutant(local, MUTANT_RECOVERY_WITHOUT_COLLECTOR):
        compare_exchange_sc[uint32_t](&local.header.collector, local.worker + 1, 0)
    commit_ready(local)
    take_part_all(local)        # a commit in its name may have left the dead worker alone
    if load_sc[uint64_t](&local.header.commit_index) == local.header.txn_count:
        announce_progress(local)
    store_release[uint64_t](&local.slot.running, 0)
    wake_sleepers(local, 0xFFFFFFFF)
