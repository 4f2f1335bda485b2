"""The collaborative scheduler: which transaction runs or is validated next (Block-STM, section 3).

Fresh transactions are handed out in order by `execution_index`, which only grows. Transactions that
must run again stand in the *ready set*, a bitmap searched for its lowest member. `validation_index`
follows the executed prefix; its high half is the *wave*, counted up whenever it is moved back. Where the discipline
has no waves, it stays 0.

Waves (as in Aptos' rolling commit): what may make the reads of all transactions from t on stale moves
the index back to t in a new wave and notes the wave at t (`triggered_wave`). A transaction commits
only once a validation of its current incarnation passed that began in the newest wave noted at or
before it.

There is no count of active tasks: a block is done when its committed prefix is the whole block, which
no delay between taking a task and counting it can make true too early.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fence_sc, fetch_add_sc, load_acquire, load_relaxed, load_sc, unlikely_true,
)
from blockstm.native.memory.layout cimport COMMITTED, EXECUTED
from blockstm.native.memory.local cimport STEP_COUNTER, STEP_TAKE, Local, step, txn_at
from blockstm.native.models.multi_version.state cimport Own, has_waves, own, shared
from blockstm.native.models.schedule cimport txn_of_rank
from blockstm.native.models.status cimport NO_TXN, status_state
from blockstm.native.models.waiting cimport claim_execution
from blockstm.native.instruments.mutants cimport MUTANT_RECOVERY_WITHOUT_VALIDATIONS, MUTANT_REWIND_IN_SAME_WAVE, mutant

cdef enum:
    TRIED_AHEAD = 4             # for each worker, transactions that may be handed out before they are committed
    SKIPPED_MAX = 64            # how far a validation may be taken past transactions that still run


# --- the validation index and its waves ---------------------------------------------------------

cdef inline uint32_t index_part(uint64_t packed) noexcept nogil:
    return <uint32_t>packed


cdef inline uint32_t wave_part(uint64_t packed) noexcept nogil:
    return <uint32_t>(packed >> 32)


cdef inline void raise_to(uint32_t* place, uint32_t value) noexcept nogil:
    cdef uint32_t seen = load_relaxed[uint32_t](place)
    while seen < value and not compare_exchange_sc[uint32_t](place, seen, value):
        seen = load_relaxed[uint32_t](place)


cdef inline void rewind_validation(Local* local, uint32_t target) noexcept nogil:
    """All from `target` on must be validated again: move the index back to it in a new wave.

    Where the index has not passed `target` nothing was validated in this wave, and whoever takes it
    will see what the caller has published before: no new wave is needed.
    Invariant: called before the status of the transaction below `target` leaves EXECUTING or
    ABORTING, so that it cannot commit before its wave is noted.
    Memory ordering: what the caller has published comes before the look at the index (fence). Else the
    index could be seen where it was, pass `target`, and the key be validated, all before the write shows.
    """
    cdef uint64_t packed
    cdef uint32_t waves = 0 if mutant(local, MUTANT_REWIND_IN_SAME_WAVE) else 1
    if target >= local.header.txn_count or not has_waves(local):
        return
    fence_sc()
    while True:
        step(local, STEP_COUNTER, target)
        packed = load_sc[uint64_t](&shared(local).validation_index)
        if index_part(packed) <= target:
            return
        if compare_exchange_sc[uint64_t](
            &shared(local).validation_index, packed,
            (<uint64_t>(wave_part(packed) + waves) << 32) | target,
        ):
            step(local, STEP_COUNTER, target)
            raise_to(&txn_at(local, target).triggered_wave, wave_part(packed) + waves)
            return


cdef inline void rewind_all(Local* local) noexcept nogil:
    """All that is not final must be validated again, for recovery.

    A dead worker may have taken validations that nobody else will do, and it may have moved the index
    back without noting the wave: others rely on the note where they find the index moved back already.
    Invariant: the wave is noted for all (in commit_wave) before the index moves, so whoever relies on
    it finds it noted. It cannot be noted at a transaction: that one might commit just now.
    """
    cdef uint64_t packed
    cdef uint32_t target
    while has_waves(local):
        packed = load_sc[uint64_t](&shared(local).validation_index)
        if mutant(local, MUTANT_RECOVERY_WITHOUT_VALIDATIONS):
            return
        raise_to(&shared(local).commit_wave, wave_part(packed) + 1)
        step(local, STEP_COUNTER, 0)
        target = <uint32_t>load_sc[uint64_t](&local.header.commit_index)
        if target > index_part(packed):
            target = index_part(packed)
        if compare_exchange_sc[uint64_t](
            &shared(local).validation_index, packed, (<uint64_t>(wave_part(packed) + 1) << 32) | target
        ):
            return


# --- taking tasks -------------------------------------------------------------------------------

cdef inline bint take_chunk(Local* local) noexcept nogil:
    """See to it that this worker has taken fresh transactions, `fresh_chunk` of them where it has none left. It runs them in
    order. False where all were handed out, or enough are for a try of all workers (see pace): what they have begun in vain
    another would have to clean up.
    """
    cdef Own* mine = own(local)
    cdef uint64_t start
    if mine.fresh_next < mine.fresh_end:
        return True
    start = load_relaxed[uint64_t](&shared(local).execution_index)
    if start >= local.header.txn_count:
        return False
    if unlikely_true(shared(local).pace.is_try) and start > (
        load_relaxed[uint64_t](&local.header.commit_index) + TRIED_AHEAD * local.header.active_workers
    ):
        return False
    step(local, STEP_TAKE, NO_TXN)
    start = fetch_add_sc[uint64_t](&shared(local).execution_index, mine.fresh_chunk)
    if start >= local.header.txn_count:
        return False
    mine.fresh_next = <uint32_t>start
    mine.fresh_end = <uint32_t>(start + mine.fresh_chunk)
    if mine.fresh_end > local.header.txn_count:
        mine.fresh_end = local.header.txn_count
    return True


cdef inline uint32_t take_fresh(Local* local, uint32_t* incarnation) noexcept nogil:
    """Take the next transaction that was never executed; NO_TXN where all were handed out."""
    cdef Own* mine = own(local)
    cdef uint32_t txn_idx
    while take_chunk(local):
        txn_idx = txn_of_rank(local, mine.fresh_next)
        mine.fresh_next += 1
        if claim_execution(local, txn_idx, incarnation):
            return txn_idx
    return NO_TXN


cdef inline bint front_is_executed(Local* local, uint32_t index) noexcept nogil:
    cdef uint32_t state = status_state(load_acquire[uint64_t](&txn_at(local, index).status))
    return state == EXECUTED or state == COMMITTED


cdef inline uint32_t next_executed(Local* local, uint32_t index, uint32_t end) noexcept nogil:
    """The first executed transaction from `index` on, `end` where there is none below it."""
    while index < end and not front_is_executed(local, index):
        index += 1
    return index


cdef inline uint32_t validations_end(Local* local, uint32_t index, uint32_t limit, bint skip) noexcept nogil:
    """Up to where transactions can be taken for validation from `index` on; `index` where none can.

    Without `skip`, only those that have been executed: the index does not pass one that runs, so a
    first execution never has to move it back. With `skip`, some that are not executed may be passed
    over to get at one that is; they validate themselves when they finish (see end_execution).
    """
    cdef uint64_t handed_out = load_sc[uint64_t](&shared(local).execution_index)
    cdef uint32_t end, start
    if handed_out > local.header.txn_count:
        handed_out = local.header.txn_count
    if index >= handed_out:
        return index
    end = <uint32_t>handed_out
    start = index
    if skip:
        if end - index > SKIPPED_MAX:
            end = index + SKIPPED_MAX
        start = next_executed(local, index, end)
        if start == end:
            return index
        end = <uint32_t>handed_out
    if end - start > limit:
        end = start + limit
    while start < end and front_is_executed(local, start):
        start += 1
    return start


cdef inline uint32_t past_final(Local* local, uint32_t index) noexcept nogil:
    """The index, or that of the first transaction that is not final, if that is higher."""
    cdef uint32_t commit = <uint32_t>load_relaxed[uint64_t](&local.header.commit_index)
    return index if index > commit else commit


cdef inline uint32_t take_validations(
    Local* local, uint32_t limit, bint skip, uint32_t* first, uint32_t* wave
) noexcept nogil:
    """Take transactions from the validation index on (see validations_end); how many. Those that are final are passed over.

    Invariant: the wave comes from the same word as the index, read before any validation begins.
    """
    cdef uint64_t packed
    cdef uint32_t index, end
    while True:
        packed = load_sc[uint64_t](&shared(local).validation_index)
        index = past_final(local, index_part(packed))
        end = validations_end(local, index, limit, skip)
        if end == index:
            return 0
        step(local, STEP_TAKE, index)
        if compare_exchange_sc[uint64_t](
            &shared(local).validation_index, packed, (<uint64_t>wave_part(packed) << 32) | end
        ):
            fence_sc()
            first[0] = index
            wave[0] = wave_part(packed)
            return end - index
