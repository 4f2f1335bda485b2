"""Locks, as Model asks for it: a scheduler has decided who takes them in which order (models/lock_scheduling in Python)."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, store_release,
    store_sc, unlikely_true,
)
from blockstm.native.memory.layout cimport (
    COMMITTED, EXECUTED, EXECUTING, Header, Preparation, READY, SPAN_SLEEP, SUSPENDED,
)
from blockstm.native.memory.local cimport (
    Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_READ, STEP_SLEEP, STEP_STATUS, address, now_ns, step, txn_at,
)
from blockstm.native.instruments.mutants cimport (
    MUTANT_HALF_APPLIED_RUN_AGAIN, MUTANT_LANE_KEPT_BY_DEAD, MUTANT_SLEEPER_COUNTED_LATE, mutant,
)
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge, charge_look
from blockstm.native.instruments.watch cimport HOLDS, WAITER_FORGOTTEN, Watch
from blockstm.native.models.deaths cimport transaction_of
from blockstm.native.models.in_place cimport fill_in_place, find_in_place
from blockstm.native.models.locks.conflicts cimport lay_out_conflicts, take_numbers
from blockstm.native.models.locks.execution cimport apply_and_end, commit_ready, execute, may_commit
from blockstm.native.models.locks.state cimport Shared, has_free_lane, own, owner_of, shared, take_lane
from blockstm.native.models.progress cimport say_done
from blockstm.native.models.promises cimport may_find, preparation_of, refuse_scan
from blockstm.native.models.ready_set cimport ready_add, ready_lowest_from
from blockstm.native.models.schedule cimport lay_out_schedule
from blockstm.native.models.status cimport NO_TXN, pack_status, status_incarnation, status_owner, status_state
from blockstm.native.models.waiting cimport make_ready, take_ready
from blockstm.native.models.waking cimport wake_sleepers
from blockstm.native.verbs.model cimport Model
from blockstm.native.versions.multi_version cimport FOUND_UNDECLARED, Found

cdef enum:                      # place in Header.model_options
    OPTION_ON_UNDECLARED = 0


cdef inline bint lay_out(Local* local) noexcept nogil:
    """Lanes, whom each transaction waits for, and all transactions in the ready set."""
    cdef Shared* shared = <Shared*>lay_out_schedule(local, sizeof(Shared))
    cdef const Preparation* known = preparation_of(local)
    cdef uint32_t txn_idx
    if shared == NULL or known == NULL or not lay_out_conflicts(local, shared):
        return False
    shared.on_undeclared = <uint32_t>local.header.model_options[OPTION_ON_UNDECLARED]
    shared.lanes = known.lanes
    shared.lane_count = known.lane_count
    shared.owners = take_numbers(local, known.lane_count)
    if shared.owners == 0:
        return False
    local.model_state = shared
    for txn_idx in range(local.header.txn_count):
        ready_add(local, txn_idx)
    return True


# --- which task next ----------------------------------------------------------------------------

cdef inline uint32_t lowest_of_lane(Local* local) noexcept nogil:
    """The first transaction of this worker's lane that can be tried; NO_TXN for none."""
    cdef const uint32_t* begins = <const uint32_t*>address(local, shared(local).lanes)
    cdef uint32_t lane = own(local).lane
    return ready_lowest_from(local, begins[lane - 1], begins[lane]) if lane != 0 else NO_TXN


cdef inline void begin_block(Local* local) noexcept nogil:
    """Forget what belonged to the last block."""
    memset(local.own, 0, sizeof(local.own))
    local.reads = NULL
    local.read_capacity = 0


cdef inline bint do_task(Local* local) noexcept nogil:
    """Try the next transaction of this worker's lane; False where there is none."""
    cdef uint32_t incarnation = 0
    cdef uint32_t txn_idx
    charge_look(local)
    if not take_lane(local):
        return False
    txn_idx = lowest_of_lane(local)
    if txn_idx == NO_TXN:
        return False
    if take_ready(local, txn_idx, &incarnation) == NO_TXN:
        return True
    execute(local, txn_idx, incarnation)
    return True


cdef inline bint has_task(Local* local) noexcept nogil:
    """Whether there is anything to do, for a worker about to sleep."""
    cdef uint64_t commit
    if own(local).lane == 0 and has_free_lane(local):
        return True
    if lowest_of_lane(local) != NO_TXN:
        return True
    commit = load_sc[uint64_t](&local.header.commit_index)
    if commit >= local.header.txn_count or load_sc[uint32_t](&local.header.collector) != 0:
        return False
    return may_commit(local, commit)


cdef inline void before_sleep(Local* local) noexcept nogil:
    """Have a last look at what may be committed, too."""
    own(local).may_commit = 1


cdef inline void after_task(Local* local) noexcept nogil:
    """Commit what may be committed."""
    if own(local).may_commit:
        own(local).may_commit = 0
        commit_ready(local)


cdef inline void end_block(Local* local) noexcept nogil:
    """Nothing is held over."""


include "../worker_loop.pxi"


# --- what verbs ask -----------------------------------------------------------------------------

cdef inline void find_locked(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    """What a key holds now, of one whose lock the running transaction holds."""
    if not may_find(local, location, adds_max):
        found.kind = FOUND_UNDECLARED
        return
    step(local, STEP_READ, location)
    find_in_place(local, location, found)


cdef inline bint may_scan(Local* local) noexcept nogil:
    """Keys are locked, and no ranges: another could insert a key there meanwhile."""
    return refuse_scan(local)


# --- deaths -------------------------------------------------------------------------------------

cdef inline uint32_t died_running(Local* local) noexcept nogil:
    """The transaction whose program the dead worker of this slot was running, NO_TXN for none."""
    cdef uint32_t txn_idx = transaction_of(local)
    cdef uint64_t status
    if txn_idx == NO_TXN or txn_at(local, txn_idx).write_set != 0:
        return NO_TXN
    status = load_acquire[uint64_t](&txn_at(local, txn_idx).status)
    return txn_idx if status_state(status) == EXECUTING and status_owner(status) == local.worker else NO_TXN


cdef inline void end_owned(Local* local, uint32_t txn_idx, uint64_t status) noexcept nogil:
    """Finish what the dead worker of this slot was applying, or let the transaction run again: nothing of it shows."""
    if txn_at(local, txn_idx).write_set != 0 and not mutant(local, MUTANT_HALF_APPLIED_RUN_AGAIN):
        apply_and_end(local, txn_idx, status_incarnation(status))
        return
    txn_at(local, txn_idx).write_set = 0
    step(local, STEP_STATUS, txn_idx)
    store_sc[uint64_t](&txn_at(local, txn_idx).status, pack_status(READY, 0, status_incarnation(status) + 1))
    ready_add(local, txn_idx)


cdef inline void recover(Local* local) noexcept nogil:
    """Bring all that the dead worker of this slot had begun to an end.

    Strays are put back into the ready set, and whoever waits is made ready, as in other models: one that still has to wait
    finds out and waits again. Its lane is given up last, so that whoever takes it finds all of that.
    """
    cdef uint32_t txn_idx, lane
    cdef uint64_t status
    for txn_idx in range(local.header.txn_count):
        status = load_sc[uint64_t](&txn_at(local, txn_idx).status)
        if status_state(status) == EXECUTING and status_owner(status) == local.worker:
            end_owned(local, txn_idx, status)
        elif status_state(status) == READY:
            ready_add(local, txn_idx)
    for txn_idx in range(local.header.txn_count):
        status = load_sc[uint64_t](&txn_at(local, txn_idx).status)
        if status_state(status) == SUSPENDED:
            make_ready(local, txn_idx, status)
    for lane in range(shared(local).lane_count):
        if not mutant(local, MUTANT_LANE_KEPT_BY_DEAD):
            compare_exchange_sc[uint32_t](owner_of(local, lane), local.worker + 1, 0)
    compare_exchange_sc[uint32_t](&local.header.collector, local.worker + 1, 0)
    commit_ready(local)
    if load_sc[uint64_t](&local.header.commit_index) == local.header.txn_count:
        say_done(local, now_ns(local))
    store_release[uint64_t](&local.slot.running, 0)
    wake_sleepers(local, 0xFFFFFFFF)


cdef inline int look_at_waiters(Local* local, Watch* watch) noexcept nogil:
    """Whether a transaction waits for one that has been executed, asked when every worker is idle or asleep."""
    cdef uint32_t txn_idx, state
    if local.header.stop != 0:
        return HOLDS
    for txn_idx in range(local.header.txn_count):
        if status_state(txn_at(local, txn_idx).status) == SUSPENDED:
            state = status_state(txn_at(local, txn_at(local, txn_idx).blocker).status)
            watch.culprit = txn_idx
            if state == EXECUTED or state == COMMITTED:
                return WAITER_FORGOTTEN
    return HOLDS


cdef inline void locks_model(Model* model) noexcept nogil:
    """Fill in the table."""
    fill_in_place(model)
    model.lay_out = lay_out
    model.work = work_on_block
    model.find = find_locked
    model.may_scan = may_scan
    model.died_running = died_running
    model.recover = recover
    model.look_at_waiters = look_at_waiters
