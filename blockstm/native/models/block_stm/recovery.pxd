"""Recovery: what the supervisor does in the name of a worker that died.

The protocol is lock-free: a worker can stop between any two instructions and the others go on. What
it held is found in shared memory (statuses that name it as owner, the collector's place, the write
set's list, the intents in its slot), and each is brought to an end as the worker itself could have
done, while the others run. Everything here may be done again if the supervisor starts over.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fetch_or_sc, load_acquire, load_sc, store_release, store_sc,
)
from blockstm.native.models.block_stm.collector cimport announce_progress, commit_ready
from blockstm.native.versions.key_table cimport table_capacity
from blockstm.native.memory.layout cimport (
    ABORTING, DEATHS_MAX, EXECUTING, HASH_TABLES_MAX, MODEL_SEQUENTIAL, READY, SUSPENDED, TXN_AFTER_COMMIT,
    Txn,
)
from blockstm.native.memory.local cimport Local, address, location_at, txn_at
from blockstm.native.versions.multi_version cimport make_record
from blockstm.native.instruments.mutants cimport (
    MUTANT_RECOVERY_WITHOUT_COLLECTOR, MUTANT_RECOVERY_WITHOUT_WAITERS, MUTANT_RECOVERY_WITHOUT_WRITES, mutant,
)
from blockstm.native.models.block_stm.publication cimport finish_abort, keep_intents
from blockstm.native.models.block_stm.scheduler cimport (
    NO_TXN, make_ready, ready_add, rewind_all, status_incarnation, status_owner, status_state,
    wake_sleepers,
)


cdef inline void condemn(Local* local, uint32_t txn_idx, const uint8_t* reason, uint32_t length) noexcept nogil:
    """Let a transaction fail for that reason instead of running it again."""
    cdef uint64_t record = make_record(local, reason, length, 0)
    if record != 0:
        store_release[uint64_t](&txn_at(local, txn_idx).condemned, record)


cdef inline uint32_t died_running(Local* local) noexcept nogil:
    """The transaction whose program the dead worker of this slot was running, NO_TXN for none."""
    cdef uint64_t running = load_acquire[uint64_t](&local.slot.running)
    cdef uint32_t txn_idx = <uint32_t>(running >> 32) - 1
    cdef uint64_t status
    if running == 0:
        return NO_TXN
    status = load_acquire[uint64_t](&txn_at(local, txn_idx).status)
    if local.header.model != MODEL_SEQUENTIAL and (
        status_state(status) != EXECUTING or status_owner(status) != local.worker
    ):
        return NO_TXN
    return txn_idx


cdef inline void count_death(Local* local) noexcept nogil:
    """Hold the death of this slot's worker against the transaction that it ran, if it did run one.

    A death on reads that may be stale is not the transaction's fault: it only has to wait, from now
    on, until all before it is final. One on final reads is, and the third condemns it.
    Memory ordering: the flag is set (sc) before the transaction becomes READY again (see release_successor).
    """
    cdef uint32_t txn_idx = died_running(local)
    cdef Txn* txn
    if txn_idx == NO_TXN:
        return
    txn = txn_at(local, txn_idx)
    fetch_or_sc[uint32_t](&txn.flags, TXN_AFTER_COMMIT)
    if local.slot.reads_are_final:
        txn.deaths += 1
        if txn.deaths >= DEATHS_MAX:
            condemn(local, txn_idx, <const uint8_t*>"worker died", 11)


cdef inline void abort_owned(Local* local) noexcept nogil:
    """Abort what the dead worker was executing or aborting; put strays back into the ready set.

    A transaction that is READY may have lost its place in the set (taken out, not yet claimed), or
    have been handed out as fresh and never begun. Adding it again is harmless: one claim wins.
    """
    cdef uint32_t txn_idx, state
    cdef uint64_t status
    cdef uint64_t handed_out = load_sc[uint64_t](&local.header.execution_index)
    if handed_out > local.header.txn_count:
        handed_out = local.header.txn_count
    for txn_idx in range(<uint32_t>handed_out):
        status = load_acquire[uint64_t](&txn_at(local, txn_idx).status)
        state = status_state(status)
        if (state == EXECUTING or state == ABORTING) and status_owner(status) == local.worker:
            if state == EXECUTING:
                keep_intents(local, txn_idx)
                if mutant(local, MUTANT_RECOVERY_WITHOUT_WRITES):
                    txn_at(local, txn_idx).write_set = 0
            finish_abort(local, txn_idx, status_incarnation(status))
        elif state == READY:
            ready_add(local, txn_idx)


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


cdef inline void recover_block_stm(Local* local) noexcept nogil:
    """Bring all that the dead worker of this slot had begun to an end.

    Order matters twice: validation is rewound first, so that nothing commits on what the worker left
    half done; the collector's place is given up before somebody tries to commit. The worker may have died
    between the last commit and saying that the block is done.
    """
    rewind_all(local)
    abort_owned(local)
    if not mutant(local, MUTANT_RECOVERY_WITHOUT_WAITERS):
        resume_all(local)
    if not mutant(local, MUTANT_RECOVERY_WITHOUT_COLLECTOR):
        compare_exchange_sc[uint32_t](&local.header.collector, local.worker + 1, 0)
    commit_ready(local)
    if load_sc[uint64_t](&local.header.commit_index) == local.header.txn_count:
        announce_progress(local)
    store_release[uint64_t](&local.slot.running, 0)
    wake_sleepers(local, 0xFFFFFFFF)


cdef inline void restart_in_order(Local* local) noexcept nogil:
    """Put the state back to what it was before the block, for the sequential model to start again."""
    cdef uint32_t level = 0
    cdef uint64_t place, entry
    cdef uint64_t* table
    while level < HASH_TABLES_MAX and local.header.tables[level] != 0:
        table = <uint64_t*>address(local, local.header.tables[level])
        for place in range(table_capacity(local, level)):
            entry = table[place]
            if entry != 0:
                location_at(local, <uint32_t>entry).slots[0] = 0
        level += 1
    store_sc[uint64_t](&local.header.commit_index, 0)
    store_release[uint64_t](&local.slot.running, 0)


cdef inline void recover(Local* local) noexcept nogil:
    """Recover from the death of this slot's worker, which has been reaped.

    It may have died between saying that the block is over and waking those who sleep.
    """
    if local.header.done or local.header.stop:
        store_release[uint64_t](&local.slot.running, 0)
        wake_sleepers(local, 0xFFFFFFFF)
    elif local.header.model == MODEL_SEQUENTIAL:
        restart_in_order(local)
    else:
        recover_block_stm(local)
    store_release[uint32_t](&local.slot.left_epoch, local.slot.run_epoch)
