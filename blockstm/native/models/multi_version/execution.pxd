"""Running one incarnation of a transaction, and validating one."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fence_sc, fetch_or_sc, load_acquire, load_relaxed, load_sc, store_relaxed, store_release, store_sc,
)
from blockstm.native.memory.layout cimport (
    EXECUTED, EXECUTING, ReadSet, SPAN_ABORT, SPAN_DOOMED, SPAN_EXECUTION, SPAN_OVERTAKEN, SPAN_SUSPENDED,
    SPAN_VALIDATION, SUSPENDED, TXN_AFTER_COMMIT, Txn, WorkerSlot,
)
from blockstm.native.memory.local cimport (
    ABORT_NONE, ABORT_STOPPED, ABORT_SUSPENDED, Local, STEP_STATUS, STEP_WAIT, address, step, txn_at,
)
from blockstm.native.instruments.mutants cimport MUTANT_OWN_VALIDATION_LOST, MUTANT_PROMISE_UNCHECKED, mutant
from blockstm.native.instruments.timeline cimport CAUSE_ESTIMATE, CAUSE_NONE, pack_cause, span_begin, span_end
from blockstm.native.instruments.virtual_time cimport charge_validation
from blockstm.native.models.multi_version.guesses cimport guesses_are_outdated
from blockstm.native.models.multi_version.aborting cimport keep_intents, try_abort
from blockstm.native.models.multi_version.at_once cimport close_stretch, is_ordinary, make_final, may_commit_at_once, take_place
from blockstm.native.models.multi_version.expectations cimport awaited_by, queued_behind
from blockstm.native.models.multi_version.intents cimport withdraw_intents
from blockstm.native.models.multi_version.pace cimport note_program_time, time_program
from blockstm.native.models.multi_version.publication cimport finish_execution
from blockstm.native.models.multi_version.readers cimport is_told
from blockstm.native.models.multi_version.scheduler cimport index_part, wave_part
from blockstm.native.models.multi_version.state cimport DISCIPLINE_PUSH, Own, has_waves, note_surprise, own, shared
from blockstm.native.models.incarnation cimport begin_incarnation, note_running, run_incarnation, run_on_final_reads
from blockstm.native.models.outcome cimport read_set_items
from blockstm.native.models.promises cimport (
    UNDECLARED_IGNORE, UNDECLARED_WAIT, end_undeclared, touched_unpromised, unpromised_write,
)
from blockstm.native.models.status cimport NO_TXN, pack_status, status_incarnation, status_state
from blockstm.native.models.waiting cimport claim_execution, make_ready, resume_waiters, wait_for
from blockstm.native.versions.validation cimport read_set_is_valid


# --- executing ----------------------------------------------------------------------------------

cdef inline void wait_for_commit(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """EXECUTING -> SUSPENDED until all before the transaction is final.

    Invariant: not forgotten. The status is stored (sc) before commit_index is loaded (sc); the collector stores
    the index (sc) before it loads flag and status (sc): release_successor says why that is enough.
    """
    cdef uint64_t suspended = pack_status(SUSPENDED, 0, incarnation)
    step(local, STEP_WAIT, txn_idx)
    txn_at(local, txn_idx).blocker = txn_idx - 1
    store_sc[uint64_t](&txn_at(local, txn_idx).status, suspended)
    if load_sc[uint64_t](&local.header.commit_index) >= txn_idx:
        make_ready(local, txn_idx, suspended)


cdef inline void suspend(Local* local, uint32_t txn_idx, uint32_t incarnation, uint32_t blocker) noexcept nogil:
    """EXECUTING -> SUSPENDED until `blocker` has executed. What was announced stays."""
    store_relaxed[uint64_t](&local.slot.suspensions, local.slot.suspensions + 1)
    own(local).has_waited = 1
    if keep_intents(local, txn_idx):
        wait_for(local, txn_idx, incarnation, blocker)


cdef inline bint must_wait_for_promise(Local* local) noexcept nogil:
    """Look at what the program, which has been run, has touched without a promise. True where it has to run again for it,
    without promises, when all before it is final: it is suspended until then.

    Memory ordering: the flag is set (sc) before the status says SUSPENDED, as after a death (see release_successor).
    """
    cdef uint32_t on_undeclared = shared(local).on_undeclared
    cdef uint32_t location
    if own(local).may_break_promises:
        if local.abort == ABORT_NONE and unpromised_write(local) != 0:
            note_surprise(local)
        return False
    location = touched_unpromised(local)
    if location == 0 or mutant(local, MUTANT_PROMISE_UNCHECKED):
        return False
    if on_undeclared != UNDECLARED_WAIT:
        end_undeclared(local, location, on_undeclared)
        return False
    store_relaxed[uint64_t](&local.slot.aborts, local.slot.aborts + 1)
    fetch_or_sc[uint32_t](&local.txn.flags, TXN_AFTER_COMMIT)
    if keep_intents(local, local.txn_idx):
        wait_for_commit(local, local.txn_idx, local.incarnation)
    return True


cdef inline void execute(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Run a transaction that this worker has claimed until it is executed or suspended.

    An incarnation that turns out to be doomed starts anew at once, as the next incarnation: nothing
    of it was published but intents, which stay.
    """
    cdef WorkerSlot* slot = local.slot
    cdef uint64_t begin_ns, started_ns
    cdef uint32_t blocker
    slot.intent_count = 0
    while True:
        begin_ns = span_begin(local)
        note_running(local, txn_idx, incarnation)
        if load_relaxed[uint32_t](&txn_at(local, txn_idx).flags) & TXN_AFTER_COMMIT and not slot.reads_are_final:
            wait_for_commit(local, txn_idx, incarnation)
            break
        blocker = awaited_by(local, txn_idx, incarnation)
        if blocker != NO_TXN:
            suspend(local, txn_idx, incarnation, blocker)
            span_end(local, SPAN_SUSPENDED, begin_ns, txn_idx, incarnation, pack_cause(CAUSE_ESTIMATE, blocker))
            break
        begin_incarnation(local, txn_idx, incarnation)
        if incarnation != 0 and withdraw_intents(local):
            resume_waiters(local, txn_idx)
        own(local).may_break_promises = (
            shared(local).on_undeclared == UNDECLARED_WAIT
            and slot.reads_are_final and txn_at(local, txn_idx).flags & TXN_AFTER_COMMIT
        )
        started_ns = time_program(local)
        run_incarnation(local)
        if shared(local).on_undeclared != UNDECLARED_IGNORE and must_wait_for_promise(local):
            span_end(local, SPAN_SUSPENDED, begin_ns, txn_idx, incarnation, CAUSE_NONE)
            break
        if local.abort == ABORT_NONE:
            store_relaxed[uint64_t](&slot.executions, slot.executions + 1)
            note_program_time(local, started_ns)
            if may_commit_at_once(local):
                if make_final(local, begin_ns):
                    close_stretch(local, txn_idx, txn_idx + 1)
            elif finish_execution(local):
                span_end(local, SPAN_EXECUTION, begin_ns, txn_idx, incarnation, 0)
                end_execution(local)
            break
        if local.abort == ABORT_STOPPED:
            break
        if local.abort == ABORT_SUSPENDED:
            blocker = queued_behind(local)
            suspend(local, txn_idx, incarnation, blocker)
            span_end(local, SPAN_SUSPENDED, begin_ns, txn_idx, incarnation, pack_cause(CAUSE_ESTIMATE, blocker))
            break
        store_relaxed[uint64_t](&slot.aborts, slot.aborts + 1)
        step(local, STEP_STATUS, txn_idx)
        store_sc[uint64_t](&local.txn.status, pack_status(EXECUTING, local.worker, incarnation + 1))
        span_end(local, SPAN_DOOMED, begin_ns, txn_idx, incarnation, local.cause)
        incarnation += 1
    store_release[uint64_t](&slot.running, 0)


cdef inline void end_execution(Local* local) noexcept nogil:
    """What follows once the status says EXECUTED (sc).

    Invariants: with waves no validation is lost, as whoever moves the validation index past the transaction later sees it
    executed, and else the index seen here is past it: then it is validated here. With push no news is lost, see tell.
    """
    cdef uint64_t packed
    if has_waves(local):
        packed = load_sc[uint64_t](&shared(local).validation_index)
        if index_part(packed) > local.txn_idx and not mutant(local, MUTANT_OWN_VALIDATION_LOST):
            fence_sc()
            validate(local, local.txn_idx, wave_part(packed))
    elif shared(local).discipline == DISCIPLINE_PUSH and is_told(local.txn, local.incarnation):
        try_abort(local, local.txn_idx, local.incarnation)
    else:
        own(local).may_commit = 1


cdef inline bint run_next(Local* local, uint32_t txn_idx, uint32_t incarnation, uint64_t begin_ns) noexcept nogil:
    """Run a transaction that this worker, in the collector's place, has claimed, and make it final; False where it may not be,
    or the block is stopped.
    """
    run_on_final_reads(local, txn_idx, incarnation)
    if local.abort != ABORT_NONE:
        return False
    store_relaxed[uint64_t](&local.slot.executions, local.slot.executions + 1)
    return not is_ordinary(local) and make_final(local, begin_ns)


cdef inline bint execute_in_order(Local* local) noexcept nogil:
    """For a worker alone: run the fresh transactions that it has taken, if they are the next to commit, one after the other,
    and make each final; False where there are none such.

    Invariant: the collector's place is this worker's, so nobody else moves commit_index; all before each of them is final
    when it begins, though commit_index says so only at the end. One that may not be made final here is published and
    validated as any other, after the place is given up.
    """
    cdef Own* mine = own(local)
    cdef uint32_t first = mine.fresh_next
    cdef uint32_t end = first, incarnation = 0
    cdef uint64_t begin_ns = 0
    cdef bint is_left = False       # one was run, and is not final
    if load_relaxed[uint64_t](&local.header.commit_index) != first or not take_place(local):
        return False
    local.slot.intent_count = 0
    while end < mine.fresh_end and not is_left:
        if txn_at(local, end).write_set != 0 or not claim_execution(local, end, &incarnation):
            break
        begin_ns = span_begin(local)
        is_left = not run_next(local, end, incarnation, begin_ns)
        end += not is_left
    mine.fresh_next = end + is_left
    close_stretch(local, first, end)
    if is_left and local.abort == ABORT_NONE and finish_execution(local):
        span_end(local, SPAN_EXECUTION, begin_ns, end, incarnation, 0)
        end_execution(local)
    store_release[uint64_t](&local.slot.running, 0)
    return end != first or is_left


# --- validating ---------------------------------------------------------------------------------

cdef inline void note_validated(Txn* txn, uint32_t incarnation, uint32_t wave) noexcept nogil:
    """Record a passed validation, unless a newer one is recorded."""
    cdef uint64_t passed = (<uint64_t>incarnation << 32) | (wave + 1)
    cdef uint64_t seen = load_relaxed[uint64_t](&txn.validated)
    while seen < passed and not compare_exchange_sc[uint64_t](&txn.validated, seen, passed):
        seen = load_relaxed[uint64_t](&txn.validated)


cdef inline bint still_holds(Local* local, uint32_t txn_idx, ReadSet* read_set, uint32_t* cause) noexcept nogil:
    """Whether a transaction would be told now what it was told; else `cause` says why not, where that is known."""
    if read_set.checks != 0 and guesses_are_outdated(local, txn_idx, read_set_items(read_set), read_set.count):
        cause[0] = CAUSE_NONE
        return False
    return read_set_is_valid(local, txn_idx, read_set_items(read_set), read_set.count, cause)


cdef inline void validate(Local* local, uint32_t txn_idx, uint32_t wave) noexcept nogil:
    """Validate an executed transaction for a wave; abort it where its reads are stale.

    Invariant: `wave` was read before any key is looked at here. The incarnation comes from the status
    read first: what passes or aborts is that incarnation, whatever happens meanwhile.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint64_t status = load_sc[uint64_t](&txn.status)
    cdef ReadSet* read_set
    cdef uint64_t begin_ns
    cdef uint32_t cause
    cdef bint is_mine
    if status_state(status) != EXECUTED:
        return
    begin_ns = span_begin(local)
    read_set = <ReadSet*>address(local, load_acquire[uint64_t](&txn.read_set))
    store_relaxed[uint64_t](&local.slot.validations, local.slot.validations + 1)
    charge_validation(local, txn_idx)
    if still_holds(local, txn_idx, read_set, &cause):
        note_validated(txn, status_incarnation(status), wave)
        own(local).may_commit = 1
        span_end(local, SPAN_VALIDATION, begin_ns, txn_idx, status_incarnation(status), 0)
    else:
        is_mine = try_abort(local, txn_idx, status_incarnation(status))
        span_end(
            local, SPAN_ABORT if is_mine else SPAN_OVERTAKEN, begin_ns, txn_idx, status_incarnation(status), cause
        )
