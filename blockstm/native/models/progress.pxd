"""How far a block is: the committed prefix, and what is told that it has grown."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport fetch_add_sc, futex_wake, load_sc, store_release, store_sc, unlikely_true
from blockstm.native.memory.layout cimport FAILURE_STATE_SOURCE, FAILURE_UNDECLARED, OUTCOME_UNDECLARED, OUTCOME_UNKNOWN, Txn
from blockstm.native.memory.local cimport Local, address, fail_block, txn_at
from blockstm.native.instruments.watch cimport DONE_TOO_EARLY, HOLDS, PREFIX_SHRANK, Watch
from blockstm.native.models.waking cimport wake_sleepers

cdef extern from "<unistd.h>" nogil:
    ssize_t write_fd "write"(int fd, const void* data, size_t count) noexcept


cdef inline uint32_t txn_at_place(Local* local, uint32_t place) noexcept nogil:
    """Which transaction is the one at a place of the order in which the transactions become final."""
    return place if local.header.order == 0 else (<uint32_t*>address(local, local.header.order))[place]


cdef inline void notify(Local* local) noexcept nogil:
    """Wake what waits for the block's progress."""
    cdef uint64_t one = 1
    cdef ssize_t written = 0
    if local.event_fd >= 0:
        written = write_fd(local.event_fd, &one, sizeof(uint64_t))
    if written < 0:
        return


cdef inline void wake_drains(Local* local) noexcept nogil:
    """Wake the drains of what is committed; where none waits, one predictable branch.

    Memory ordering: as tell_progress. A drain sets the wish (sc) before it looks for commits a last time.
    """
    if unlikely_true(load_sc[uint32_t](&local.header.drains_waiting) != 0):
        store_sc[uint32_t](&local.header.drains_waiting, 0)
        fetch_add_sc[uint32_t](&local.header.drain_epoch, 1)
        futex_wake(&local.header.drain_epoch, 0x7FFFFFFF)


cdef inline void say_done(Local* local, uint64_t end_ns) noexcept nogil:
    """The whole block is committed. Invariant: `end_ns` is there before anybody sees `done` (sc)."""
    local.header.end_ns = end_ns
    store_sc[uint32_t](&local.header.done, 1)
    wake_sleepers(local, 0xFFFFFFFF)
    wake_drains(local)
    notify(local)


cdef inline bint never_final(const Txn* txn) noexcept nogil:
    """Whether the block has to fail instead of the transaction becoming final."""
    return txn.outcome == OUTCOME_UNKNOWN or txn.outcome == OUTCOME_UNDECLARED


cdef inline void fail_for(Local* local, uint32_t txn_idx) noexcept nogil:
    """Give the block up for a transaction that never becomes final, with all before it final: what it asked for the source
    of the state cannot tell, or it had promised not to touch it.

    Called for one transaction only, the first such.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    if local.header.failure_reason == 0:
        local.header.failed_txn = txn_idx
        store_release[uint64_t](&local.header.failure_reason, txn.reason)
    fail_block(local, FAILURE_UNDECLARED if txn.outcome == OUTCOME_UNDECLARED else FAILURE_STATE_SOURCE)
    notify(local)


cdef inline void tell_progress(Local* local) noexcept nogil:
    """Wake the drains, and the supervisor where it has asked for the next commit.

    Memory ordering: what was committed is stored (sc, or with a fence after it) before the wish is looked at (sc); the
    supervisor stores its wish (sc) before it looks at the committed prefix again. So one of the two sees the other.
    """
    wake_drains(local)
    if load_sc[uint32_t](&local.header.want_progress) != 0:
        store_sc[uint32_t](&local.header.want_progress, 0)
        notify(local)


cdef inline int judge_prefix(Local* local, Watch* watch) noexcept nogil:
    """Whether the committed prefix is as it must be in every model (see Model.look)."""
    cdef uint64_t commit = local.header.commit_index
    cdef bint shrank = commit < watch.commit_index or commit > local.header.txn_count
    watch.commit_index = commit
    if shrank:
        return PREFIX_SHRANK
    return DONE_TOO_EARLY if local.header.done != 0 and commit != local.header.txn_count else HOLDS
