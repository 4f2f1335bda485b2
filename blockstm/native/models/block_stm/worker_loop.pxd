"""The worker loop: take the most urgent task, do it, until the block is done."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, prefetch_line, spin_pause, unlikely_true,
)
from blockstm.native.models.block_stm.collector cimport commit_ready, may_commit
from blockstm.native.models.block_stm.executor cimport execute, validate
from blockstm.native.memory.layout cimport Header, SPAN_SLEEP, Txn
from blockstm.native.memory.local cimport (
    Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_SLEEP, address, location_at, now_ns, step, txn_at,
)
from blockstm.native.instruments.mutants cimport MUTANT_SLEEPER_COUNTED_LATE, mutant
from blockstm.native.models.block_stm.scheduler cimport (
    NO_TXN, front_is_executed, index_part, ready_lowest, take_fresh, take_ready, take_validations, validations_end,
    wake_sleepers,
)
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge, charge_look

cdef enum:
    VALIDATIONS_TAKEN_MAX = 8
    FRESH_TAKEN_MAX = 8
    FRONT_LAG_MAX = 64          # how far executions may run ahead of a validation index that is held up
    SPINS_BEFORE_SLEEP = 100
    PAUSES_LOG2_MAX = 5
    SLEEP_NS = 1000000000
    SHORT_TXN_NS = 1500         # below this a worker takes more fresh transactions at a time
    LONG_TXN_NS = 4000


cdef inline void adapt_fresh_chunk(Local* local) noexcept nogil:
    """Take more fresh transactions at a time while they are short, so that counters are touched less.

    Long ones are taken singly: a transaction waiting behind a long one would hold others up.
    """
    cdef uint64_t now, each
    cdef uint64_t left
    if local.fresh_next < local.fresh_end:
        return
    now = now_ns(local)
    if local.fresh_started_ns == 0:     # nothing has run yet
        local.fresh_started_ns = now
        return
    each = (now - local.fresh_started_ns) // local.fresh_chunk
    local.fresh_started_ns = now
    # Being suspended takes no time, and says nothing about how long the transactions are.
    if each > LONG_TXN_NS:
        local.fresh_chunk = 1
    elif each < SHORT_TXN_NS and local.fresh_chunk < FRESH_TAKEN_MAX and not local.has_waited:
        local.fresh_chunk *= 2
    local.has_waited = 0
    left = local.header.txn_count - load_relaxed[uint64_t](&local.header.execution_index)
    if left < local.header.active_workers * local.fresh_chunk * 2:
        local.fresh_chunk = 1


cdef inline bint leave(Local* local) noexcept nogil:
    return load_acquire[uint32_t](&local.header.done) != 0 or load_relaxed[uint32_t](&local.header.stop) != 0


cdef inline bint validate_front(Local* local, bint skip) noexcept nogil:
    """Validate some transactions at the validation index; False where none can be."""
    cdef uint32_t first, wave, index
    cdef uint32_t count = take_validations(local, VALIDATIONS_TAKEN_MAX, skip, &first, &wave)
    if count == 0:
        return False
    if count == VALIDATIONS_TAKEN_MAX and front_is_executed(local, first + count - 1):
        wake_sleepers(local, 1)
    for index in range(first, first + count):
        validate(local, index, wave)
    return True


cdef inline bint execute_ready(Local* local, uint32_t txn_idx) noexcept nogil:
    """Run a transaction from the ready set, and call for help where there are more."""
    cdef uint32_t incarnation = 0
    if take_ready(local, txn_idx, &incarnation) == NO_TXN:
        return False
    if load_sc[uint32_t](&local.header.sleepers) != 0 and ready_lowest(local) != NO_TXN:
        wake_sleepers(local, 1)
    execute(local, txn_idx, incarnation)
    return True


cdef inline void prefetch_keys(Local* local, uint32_t txn_idx) noexcept nogil:
    """Fetch what the next transaction will touch first: its keys, where its program's come first."""
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint32_t keys = local.leading_keys[txn.program]
    cdef const uint64_t* arguments = <const uint64_t*>address(local, txn.arguments)
    cdef uint8_t* location
    while keys > 0:
        keys -= 1
        location = <uint8_t*>location_at(local, <uint32_t>arguments[keys])
        prefetch_line(location)
        prefetch_line(location + 64)


cdef inline void prefetch_fresh(Local* local) noexcept nogil:
    """Fetch ahead for the fresh transactions that follow: the supervisor's core wrote them last."""
    cdef uint32_t next_one = local.fresh_next
    if next_one + 2 >= local.header.txn_count or local.fresh_chunk == 1:
        return
    prefetch_line(txn_at(local, next_one + 2))
    prefetch_line(<uint8_t*>txn_at(local, next_one + 2) + 64)
    prefetch_line(address(local, txn_at(local, next_one + 1).arguments))
    prefetch_keys(local, next_one)


cdef inline bint execute_fresh(Local* local) noexcept nogil:
    cdef uint32_t incarnation = 0
    cdef uint32_t txn_idx
    adapt_fresh_chunk(local)
    txn_idx = take_fresh(local, &incarnation)
    if txn_idx == NO_TXN:
        return False
    prefetch_fresh(local)
    execute(local, txn_idx, incarnation)
    return True


cdef inline bint do_task(Local* local) noexcept nogil:
    """Do the task that is lowest in the preset order; False where there is none.

    The lowest executable transaction is never behind a higher one for long: re-executions come first
    where they are below the validation index, then validations, then fresh transactions. Of short
    fresh transactions a worker finishes those that it has taken first, and validates them together.
    """
    cdef Header* header = local.header
    cdef uint64_t front = load_relaxed[uint64_t](&header.validation_index)
    cdef uint64_t handed_out = load_relaxed[uint64_t](&header.execution_index)
    cdef uint32_t ready = ready_lowest(local)
    charge_look(local)
    if ready != NO_TXN and ready <= index_part(front):
        return execute_ready(local, ready)
    if local.fresh_next < local.fresh_end:
        return execute_fresh(local)
    if validate_front(local, handed_out > index_part(front) + FRONT_LAG_MAX):
        return True
    if ready != NO_TXN:
        return execute_ready(local, ready)
    if execute_fresh(local):
        return True
    return validate_front(local, True)


cdef inline bint has_task(Local* local) noexcept nogil:
    """Whether there is anything to do, for a worker about to sleep."""
    cdef Header* header = local.header
    cdef uint64_t commit
    cdef uint32_t front
    if leave(local) or ready_lowest(local) != NO_TXN:
        return True
    if load_sc[uint64_t](&header.execution_index) < header.txn_count:
        return True
    front = index_part(load_sc[uint64_t](&header.validation_index))
    if validations_end(local, front, 1, True) != front:
        return True
    commit = load_sc[uint64_t](&header.commit_index)
    if commit >= header.txn_count or load_sc[uint32_t](&header.collector) != 0:
        return False
    return may_commit(local, <uint32_t>commit)


cdef inline void rest(Local* local, uint32_t* spins) noexcept nogil:
    """Spin briefly, then sleep until someone has a task to share.

    Invariant: see wake_sleepers. The epoch is read before the last look for tasks, so a wake-up
    between the look and the sleep makes the sleep return at once.
    Memory ordering: the count comes before the look (fence), whose loads are not all sc.
    """
    cdef Header* header = local.header
    cdef uint32_t epoch, pause, pauses
    cdef uint64_t begin_ns
    cdef bint sleepy
    step(local, STEP_IDLE, 0)
    spins[0] += 1
    if spins[0] < SPINS_BEFORE_SLEEP and (local.virtual_ns == 0 or local.virtual_time != NULL):
        # Looking costs the others: each look takes cache lines from those who change them.
        pauses = 1 << (spins[0] if spins[0] < PAUSES_LOG2_MAX else PAUSES_LOG2_MAX)
        if unlikely_true(local.virtual_time != NULL):
            charge(local, COST_PAUSE, pauses)
            return
        for pause in range(pauses):
            spin_pause()
        return
    local.may_commit = 1
    epoch = load_sc[uint32_t](&header.wake_epoch)
    step(local, STEP_COUNTER, 0)
    if mutant(local, MUTANT_SLEEPER_COUNTED_LATE):
        sleepy = not has_task(local)
        step(local, STEP_COUNTER, 0)
        fetch_add_sc[uint32_t](&header.sleepers, 1)
    else:
        fetch_add_sc[uint32_t](&header.sleepers, 1)
        fence_sc()
        step(local, STEP_COUNTER, 0)
        sleepy = not has_task(local)
    if sleepy:
        begin_ns = span_begin(local)
        if local.virtual_ns == 0:
            futex_wait(&header.wake_epoch, epoch, SLEEP_NS)
        else:
            step(local, STEP_SLEEP, epoch)
        span_end(local, SPAN_SLEEP, begin_ns, NO_TXN, 0, 0)
    fetch_add_sc[uint32_t](&header.sleepers, <uint32_t>-1)
    spins[0] = 0


cdef inline void begin_block(Local* local) noexcept nogil:
    """Forget what belonged to the last block."""
    local.fresh_next = 0
    local.fresh_end = 0
    local.fresh_chunk = 1
    local.fresh_started_ns = 0
    local.has_waited = 0
    local.may_commit = 0
    local.reads = NULL
    local.read_capacity = 0


cdef inline void work_on_block(Local* local) noexcept nogil:
    """Take part in a block until it is done or stopped."""
    cdef uint32_t spins = 0
    begin_block(local)
    while True:
        step(local, STEP_CLEAN, spins)
        if leave(local):
            return
        if do_task(local):
            spins = 0
        else:
            rest(local, &spins)
        if local.may_commit:
            local.may_commit = 0
            commit_ready(local)
