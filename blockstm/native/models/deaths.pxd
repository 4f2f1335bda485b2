"""What the death of a worker means for the transaction that it ran, in whatever model."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport fetch_or_sc, load_acquire, store_release, store_sc
from blockstm.native.memory.layout cimport DEATHS_MAX, TXN_AFTER_COMMIT, Txn
from blockstm.native.memory.local cimport Local, txn_at
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.models.waking cimport wake_sleepers, wake_to_block
from blockstm.native.versions.multi_version cimport make_record
from blockstm.native.verbs.model cimport model_of


cdef inline void condemn(Local* local, uint32_t txn_idx, const uint8_t* reason, uint32_t length) noexcept nogil:
    """Let a transaction fail for that reason instead of running it again."""
    cdef uint64_t record = make_record(local, reason, length, 0)
    if record != 0:
        store_release[uint64_t](&txn_at(local, txn_idx).condemned, record)


cdef inline uint32_t transaction_of(Local* local) noexcept nogil:
    """The transaction that the slot of this worker says it runs, NO_TXN for none."""
    return <uint32_t>(load_acquire[uint64_t](&local.slot.running) >> 32) - 1


cdef inline void count_death(Local* local) noexcept nogil:
    """Hold the death of this slot's worker against the transaction that it ran, if it did run one.

    A death on reads that may be stale is not the transaction's fault: it only has to wait, from now
    on, until all before it is final. One on final reads is, and the third condemns it.
    Memory ordering: the flag is set (sc) before the transaction becomes READY again (see release_successor).
    """
    cdef uint32_t txn_idx = model_of(local).died_running(local)
    cdef Txn* txn
    if txn_idx == NO_TXN:
        return
    txn = txn_at(local, txn_idx)
    fetch_or_sc[uint32_t](&txn.flags, TXN_AFTER_COMMIT)
    if local.slot.reads_are_final:
        txn.deaths += 1
        if txn.deaths >= DEATHS_MAX:
            condemn(local, txn_idx, <const uint8_t*>"worker died", 11)


cdef inline void recover(Local* local) noexcept nogil:
    """Recover from the death of this slot's worker, which has been reaped.

    It may have died between saying that the block is over and waking those that sleep; or between saying that it wakes
    another to the block and doing so.
    """
    store_sc[uint32_t](&local.header.woken, 0)
    wake_to_block(local)
    if local.header.done or local.header.stop:
        store_release[uint64_t](&local.slot.running, 0)
        wake_sleepers(local, 0xFFFFFFFF)
    else:
        model_of(local).recover(local)
    store_release[uint32_t](&local.slot.left_epoch, local.slot.run_epoch)
