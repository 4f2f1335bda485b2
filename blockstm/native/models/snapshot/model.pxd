"""Batches on a snapshot, as Model asks for it (Aria: Lu, Yu, Cao, Madden, VLDB 2020)."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, store_release,
    store_sc, unlikely_true,
)
from blockstm.native.memory.layout cimport EXECUTING, Header, READY, SPAN_SLEEP, SUSPENDED
from blockstm.native.memory.local cimport (
    Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_READ, STEP_SLEEP, STEP_STATUS, now_ns, step, txn_at,
)
from blockstm.native.instruments.mutants cimport MUTANT_SLEEPER_COUNTED_LATE, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge, charge_look
from blockstm.native.instruments.watch cimport HOLDS, Watch
from blockstm.native.models.deaths cimport transaction_of
from blockstm.native.models.in_place cimport fill_in_place, find_in_place
from blockstm.native.models.progress cimport say_done
from blockstm.native.models.ready_set cimport ready_add, ready_lowest
from blockstm.native.models.schedule cimport lay_out_schedule, take_zeroed_lines
from blockstm.native.models.snapshot.collector cimport can_end_batch, collect
from blockstm.native.models.snapshot.execution cimport claim, execute, take_next
from blockstm.native.models.snapshot.state cimport Batch, Member, Shared, batch_now, make_batch, members, shared
from blockstm.native.models.status cimport NO_TXN, pack_status, status_incarnation, status_owner, status_state
from blockstm.native.models.waiting cimport make_ready, take_ready
from blockstm.native.models.waking cimport wake_sleepers
from blockstm.native.verbs.model cimport Model
from blockstm.native.versions.multi_version cimport Found

cdef enum:                      # places in Header.model_options
    OPTION_REORDERS = 0
    OPTION_BATCH_SIZE = 1


cdef inline bint lay_out(Local* local) noexcept nogil:
    """The order that comes out, and the first batch."""
    cdef Shared* shared = <Shared*>lay_out_schedule(local, sizeof(Shared))
    if shared == NULL:
        return False
    shared.reorders = <uint32_t>local.header.model_options[OPTION_REORDERS]
    shared.batch_size = <uint32_t>local.header.model_options[OPTION_BATCH_SIZE]
    local.header.order = take_zeroed_lines(local, local.header.txn_count * <uint64_t>sizeof(uint32_t))
    local.model_state = shared
    shared.batch = make_batch(local, NULL, 1)
    return local.header.order != 0 and shared.batch != 0


# --- which task next ----------------------------------------------------------------------------

cdef inline void begin_block(Local* local) noexcept nogil:
    """Forget what belonged to the last block."""
    memset(local.own, 0, sizeof(local.own))
    local.reads = NULL
    local.read_capacity = 0


cdef inline bint do_task(Local* local) noexcept nogil:
    """Execute a transaction of the batch; False where there is none left to execute.

    Invariant: what is executed is of the batch that was looked at: until it has been, that batch cannot be committed.
    """
    cdef Batch* batch = batch_now(local)
    cdef const Member* member
    cdef uint32_t incarnation = 0
    cdef uint32_t txn_idx = ready_lowest(local)
    charge_look(local)
    if txn_idx != NO_TXN:
        if take_ready(local, txn_idx, &incarnation) != NO_TXN:
            execute(local, batch_now(local), txn_idx, incarnation)
        return True
    member = take_next(local, batch)
    if member == NULL:
        return False
    if claim(local, member):
        execute(local, batch, member.txn_idx, status_incarnation(txn_at(local, member.txn_idx).status))
    return True


cdef inline bint has_task(Local* local) noexcept nogil:
    """Whether there is anything to do, for a worker about to sleep."""
    cdef Batch* batch = batch_now(local)
    return load_sc[uint32_t](&batch.next_place) < batch.count or ready_lowest(local) != NO_TXN or can_end_batch(local)


cdef inline void before_sleep(Local* local) noexcept nogil:
    """What may be committed is looked at after each task."""


cdef inline void after_task(Local* local) noexcept nogil:
    """Commit the batch, if that was the last of it."""
    collect(local)


cdef inline void end_block(Local* local) noexcept nogil:
    """Nothing is held over."""


include "../worker_loop.pxi"


# --- what verbs ask -----------------------------------------------------------------------------

cdef inline void find_in_snapshot(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    """What a key held before the batch."""
    step(local, STEP_READ, location)
    find_in_place(local, location, found)


cdef inline bint may_scan(Local* local) noexcept nogil:
    """Which keys have values does not change under a scan, either."""
    return True


# --- deaths -------------------------------------------------------------------------------------

cdef inline uint32_t died_running(Local* local) noexcept nogil:
    """The transaction whose program the dead worker of this slot was running, NO_TXN for none."""
    cdef uint32_t txn_idx = transaction_of(local)
    cdef uint64_t status
    if txn_idx == NO_TXN:
        return NO_TXN
    status = load_acquire[uint64_t](&txn_at(local, txn_idx).status)
    return txn_idx if status_state(status) == EXECUTING and status_owner(status) == local.worker else NO_TXN


cdef inline bint is_undecided(Local* local, Batch* batch) noexcept nogil:
    """Whether no transaction of a batch has been sent back yet. Memory ordering: that follows the decision (sc)."""
    return load_sc[uint64_t](&batch.order) == 0


cdef inline void recover(Local* local) noexcept nogil:
    """Let what the dead worker of this slot was executing be executed again, and what it was collecting be collected.

    A transaction of the batch that was handed out and does not run may be a stray, which nobody is about to claim; but not
    once the batch is decided, when it is one that has been sent back for the next. It reserves the same again, unless it
    is not run any more: then a reservation is left that can only hold others up.
    """
    cdef Batch* batch = batch_now(local)
    cdef uint32_t place, txn_idx
    cdef uint64_t status
    for place in range(batch.count):
        txn_idx = members(batch)[place].txn_idx
        status = load_sc[uint64_t](&txn_at(local, txn_idx).status)
        if status_state(status) == EXECUTING and status_owner(status) == local.worker:
            step(local, STEP_STATUS, txn_idx)
            store_sc[uint64_t](&txn_at(local, txn_idx).status, pack_status(READY, 0, status_incarnation(status) + 1))
            ready_add(local, txn_idx)
        elif place < load_sc[uint32_t](&batch.next_place) and is_undecided(local, batch):
            if status_state(status) == READY:
                ready_add(local, txn_idx)
            elif status_state(status) == SUSPENDED:
                make_ready(local, txn_idx, status)
    compare_exchange_sc[uint32_t](&local.header.collector, local.worker + 1, 0)
    collect(local)
    if load_sc[uint64_t](&local.header.commit_index) == local.header.txn_count:
        say_done(local, now_ns(local))
    store_release[uint64_t](&local.slot.running, 0)
    wake_sleepers(local, 0xFFFFFFFF)


cdef inline int look_at_waiters(Local* local, Watch* watch) noexcept nogil:
    """No transaction waits for another."""
    return HOLDS


cdef inline void snapshot_model(Model* model) noexcept nogil:
    """Fill in the table."""
    fill_in_place(model)
    model.lay_out = lay_out
    model.work = work_on_block
    model.find = find_in_snapshot
    model.may_scan = may_scan
    model.died_running = died_running
    model.recover = recover
    model.look_at_waiters = look_at_waiters
