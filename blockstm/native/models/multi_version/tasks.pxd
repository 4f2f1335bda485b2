"""Which task next: of those that are there, the lowest in the preset order."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport load_relaxed, load_sc, prefetch_line, unlikely_true
from blockstm.native.memory.layout cimport Header, Txn
from blockstm.native.memory.local cimport LeadingKeys, Local, address, location_at, now_ns, txn_at
from blockstm.native.models.multi_version.collector cimport commit_ready, may_commit
from blockstm.native.models.multi_version.execution cimport execute, execute_in_order, validate
from blockstm.native.models.ready_set cimport ready_lowest
from blockstm.native.models.multi_version.pace cimport begin_pace, come_in, is_alone, takes_part, withdraw
from blockstm.native.models.multi_version.scheduler cimport (
    front_is_executed, index_part, past_final, take_chunk, take_fresh, take_validations, validations_end,
)
from blockstm.native.models.multi_version.state cimport Own, has_waves, own, shared
from blockstm.native.models.schedule cimport schedule
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.models.waiting cimport take_ready
from blockstm.native.models.waking cimport wake_sleepers
from blockstm.native.instruments.virtual_time cimport charge_look

cdef enum:
    VALIDATIONS_TAKEN_MAX = 8
    FRESH_TAKEN_MAX = 8
    TAKEN_ALONE_MAX = 64        # ... by one worker alone, which keeps nobody waiting
    TAKEN_ALONE_NS = 10000      # ... if they take it less than this
    FRONT_LAG_MAX = 64          # how far executions may run ahead of a validation index that is held up
    SHORT_TXN_NS = 1500         # below this a worker takes more fresh transactions at a time
    LONG_TXN_NS = 4000


cdef inline void adapt_fresh_chunk(Local* local) noexcept nogil:
    """Take more fresh transactions at a time while they are short, so that counters are touched less.

    Long ones are taken singly: a transaction waiting behind a long one would hold others up.
    """
    cdef Own* mine = own(local)
    cdef uint64_t now, each, left
    if mine.fresh_next < mine.fresh_end:
        return
    now = now_ns(local)
    if mine.fresh_started_ns == 0:     # nothing has run yet
        mine.fresh_started_ns = now
        return
    each = (now - mine.fresh_started_ns) // mine.fresh_chunk
    mine.fresh_started_ns = now
    # Being suspended takes no time, and says nothing about how long the transactions are.
    if each > LONG_TXN_NS:
        mine.fresh_chunk = 1
    elif is_alone(local):
        if mine.fresh_chunk < TAKEN_ALONE_MAX and each * mine.fresh_chunk < TAKEN_ALONE_NS // 2:
            mine.fresh_chunk *= 2
    elif mine.fresh_chunk > FRESH_TAKEN_MAX:
        mine.fresh_chunk = FRESH_TAKEN_MAX
    elif each < SHORT_TXN_NS and mine.fresh_chunk < FRESH_TAKEN_MAX and not mine.has_waited:
        mine.fresh_chunk *= 2
    mine.has_waited = 0
    left = local.header.txn_count - load_relaxed[uint64_t](&shared(local).execution_index)
    if left < local.header.active_workers * mine.fresh_chunk * 2 and not is_alone(local):
        mine.fresh_chunk = 1


cdef inline bint validate_front(Local* local, bint skip) noexcept nogil:
    """Validate some transactions at the validation index; False where none can be."""
    cdef uint32_t first, wave, index
    cdef uint32_t count = take_validations(local, VALIDATIONS_TAKEN_MAX, skip, &first, &wave)
    if count == 0:
        return False
    if count == VALIDATIONS_TAKEN_MAX and not is_alone(local) and front_is_executed(local, first + count - 1):
        wake_sleepers(local, 1)
    for index in range(first, first + count):
        validate(local, index, wave)
    return True


cdef inline bint execute_ready(Local* local, uint32_t txn_idx) noexcept nogil:
    """Run a transaction from the ready set, and call for help where there are more."""
    cdef uint32_t incarnation = 0
    if take_ready(local, txn_idx, &incarnation) == NO_TXN:
        return False
    if load_sc[uint32_t](&local.header.sleepers) != 0 and not is_alone(local) and ready_lowest(local) != NO_TXN:
        wake_sleepers(local, 1)
    execute(local, txn_idx, incarnation)
    return True


cdef inline void prefetch_keys(Local* local, uint32_t txn_idx) noexcept nogil:
    """Fetch what the next transaction will touch first: the leading keys of its program."""
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef const LeadingKeys* leading = local.leading_keys + txn.program
    cdef const uint64_t* arguments = <const uint64_t*>address(local, txn.arguments)
    cdef uint32_t keys = leading.count
    cdef uint8_t* location
    while keys > 0:
        keys -= 1
        location = <uint8_t*>location_at(local, <uint32_t>arguments[leading.words[keys]])
        prefetch_line(location)
        prefetch_line(location + 64)


cdef inline void prefetch_fresh(Local* local) noexcept nogil:
    """Fetch ahead for the fresh transactions that follow: the supervisor's core wrote them last."""
    cdef uint32_t next_one = own(local).fresh_next
    if next_one + 2 >= local.header.txn_count or own(local).fresh_chunk == 1 or schedule(local).ranks != 0:
        return
    prefetch_line(txn_at(local, next_one + 2))
    prefetch_line(<uint8_t*>txn_at(local, next_one + 2) + 64)
    prefetch_line(address(local, txn_at(local, next_one + 1).arguments))
    prefetch_keys(local, next_one)


cdef inline bint execute_fresh(Local* local) noexcept nogil:
    cdef uint32_t incarnation = 0
    cdef uint32_t txn_idx
    adapt_fresh_chunk(local)
    if is_alone(local) and has_waves(local) and take_chunk(local) and execute_in_order(local):
        return True
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
    fresh transactions a worker finishes those that it has taken first, and validates them together. Without waves
    there are no validations, and "lowest" is by rank (see schedule). One worker alone validates what others have left
    behind before it goes on, so that it soon comes to execute what is next to commit.
    """
    cdef uint64_t handed_out
    cdef uint32_t front, ready
    if unlikely_true(not takes_part(local)):
        withdraw(local)
        come_in(local)
        return False
    own(local).took_part = 1
    ready = ready_lowest(local)
    charge_look(local)
    if not has_waves(local):
        return execute_ready(local, ready) if ready != NO_TXN else execute_fresh(local)
    front = past_final(local, index_part(load_relaxed[uint64_t](&shared(local).validation_index)))
    handed_out = load_relaxed[uint64_t](&shared(local).execution_index)
    if ready != NO_TXN and ready <= front:
        return execute_ready(local, ready)
    if own(local).fresh_next < own(local).fresh_end and (not is_alone(local) or own(local).fresh_next <= front):
        return execute_fresh(local)
    if validate_front(local, handed_out > front + FRONT_LAG_MAX):
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
    if not takes_part(local):
        return False
    if own(local).fresh_next < own(local).fresh_end or ready_lowest(local) != NO_TXN:
        return True
    if load_sc[uint64_t](&shared(local).execution_index) < header.txn_count:
        return True
    front = past_final(local, index_part(load_sc[uint64_t](&shared(local).validation_index)))
    if has_waves(local) and validations_end(local, front, 1, True) != front:
        return True
    commit = load_sc[uint64_t](&header.commit_index)
    if commit >= header.txn_count or load_sc[uint32_t](&header.collector) != 0:
        return False
    return may_commit(local, <uint32_t>commit)


cdef inline void begin_block(Local* local) noexcept nogil:
    """Forget what belonged to the last block."""
    memset(local.own, 0, sizeof(local.own))
    own(local).fresh_chunk = 1
    begin_pace(local)
    local.reads = NULL
    local.read_capacity = 0


cdef inline void before_sleep(Local* local) noexcept nogil:
    """Have a last look at what may be committed, too."""
    own(local).may_commit = 1


cdef inline void after_task(Local* local) noexcept nogil:
    """Commit what may be committed, where this worker has validated something, or has come to rest."""
    if own(local).may_commit:
        own(local).may_commit = 0
        commit_ready(local)


cdef inline void end_block(Local* local) noexcept nogil:
    """Nothing is held over."""
