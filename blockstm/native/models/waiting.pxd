"""Waiting for another transaction, and claiming one that is ready: what models share that have several workers."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, exchange_sc, load_acquire, load_sc, store_sc
from blockstm.native.memory.layout cimport COMMITTED, EXECUTED, EXECUTING, READY, SUSPENDED, Txn, Waiter
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport STEP_STATUS, STEP_TAKE, STEP_WAIT, Local, address, step, txn_at
from blockstm.native.models.ready_set cimport ready_add, ready_remove
from blockstm.native.models.status cimport NO_TXN, pack_status, status_incarnation, status_state
from blockstm.native.instruments.mutants cimport MUTANT_CLAIM_WITHOUT_SWAP, MUTANT_WAITER_LOST, mutant


cdef inline bint make_ready(Local* local, uint32_t txn_idx, uint64_t status) noexcept nogil:
    """SUSPENDED -> READY with the next incarnation, by the worker that is first; True for that one."""
    step(local, STEP_STATUS, txn_idx)
    if not compare_exchange_sc[uint64_t](
        &txn_at(local, txn_idx).status, status, pack_status(READY, 0, status_incarnation(status) + 1)
    ):
        return False
    ready_add(local, txn_idx)
    return True


cdef inline void wait_for(Local* local, uint32_t txn_idx, uint32_t incarnation, uint32_t blocker) noexcept nogil:
    """EXECUTING -> SUSPENDED until `blocker` has executed.

    Invariant: no waiter is forgotten. The waiter is pushed (sc) before the blocker's status is read;
    the blocker's status says EXECUTED (sc) before its list is taken. So one of the two sees the
    other; where both do, the compare-and-swap in make_ready lets one win. The list is never closed:
    each time the blocker finishes it is taken anew.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef Txn* other = txn_at(local, blocker)
    cdef uint64_t suspended = pack_status(SUSPENDED, 0, incarnation)
    cdef uint64_t head, offset
    cdef uint32_t state
    cdef Waiter* waiter
    offset = allocate(local, sizeof(Waiter))
    if offset == 0:
        return
    waiter = <Waiter*>address(local, offset)
    waiter.txn_idx = txn_idx
    waiter.incarnation = incarnation
    txn.blocker = blocker
    step(local, STEP_WAIT, txn_idx)
    store_sc[uint64_t](&txn.status, suspended)
    while True:
        step(local, STEP_WAIT, blocker)
        head = load_acquire[uint64_t](&other.waiters)
        waiter.next = head
        if compare_exchange_sc[uint64_t](&other.waiters, head, offset):
            break
    state = status_state(load_sc[uint64_t](&other.status))
    if (state == EXECUTED or state == COMMITTED) and not mutant(local, MUTANT_WAITER_LOST):
        make_ready(local, txn_idx, suspended)


cdef inline void resume_waiters(Local* local, uint32_t txn_idx) noexcept nogil:
    """Make all that wait for txn_idx ready. Called after its status says EXECUTED (see wait_for)."""
    cdef uint64_t offset
    cdef Waiter* waiter
    step(local, STEP_WAIT, txn_idx)
    if load_sc[uint64_t](&txn_at(local, txn_idx).waiters) == 0:
        return
    offset = exchange_sc[uint64_t](&txn_at(local, txn_idx).waiters, 0)
    while offset != 0:
        waiter = <Waiter*>address(local, offset)
        offset = waiter.next
        make_ready(local, waiter.txn_idx, pack_status(SUSPENDED, 0, waiter.incarnation))


cdef inline bint claim_execution(Local* local, uint32_t txn_idx, uint32_t* incarnation) noexcept nogil:
    """READY -> EXECUTING, owned by this worker. Invariant: one executor per version (one CAS wins)."""
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint64_t status
    step(local, STEP_STATUS, txn_idx)
    status = load_acquire[uint64_t](&txn.status)
    if status_state(status) != READY:
        return False
    incarnation[0] = status_incarnation(status)
    if mutant(local, MUTANT_CLAIM_WITHOUT_SWAP):
        step(local, STEP_STATUS, txn_idx)
        store_sc[uint64_t](&txn.status, pack_status(EXECUTING, local.worker, incarnation[0]))
        return True
    return compare_exchange_sc[uint64_t](
        &txn.status, status, pack_status(EXECUTING, local.worker, incarnation[0])
    )


cdef inline uint32_t take_ready(Local* local, uint32_t txn_idx, uint32_t* incarnation) noexcept nogil:
    """Take a member of the ready set for execution; NO_TXN where another was faster.

    Invariant: the bit goes before the status changes. A worker that dies between the two leaves a
    READY transaction outside the set, which recovery puts back.
    """
    step(local, STEP_TAKE, txn_idx)
    ready_remove(local, txn_idx)
    if claim_execution(local, txn_idx, incarnation):
        return txn_idx
    return NO_TXN
