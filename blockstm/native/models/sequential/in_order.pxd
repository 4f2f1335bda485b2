"""The sequential model: one transaction after the other on plain state, no versions, no validation.

What parallel execution is measured against. The programs and their verbs are the same. One worker takes part.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport fetch_add_sc, store_release, store_sc, unlikely_true
from blockstm.native.memory.layout cimport COMMITTED, HASH_TABLES_MAX, OUTCOME_SUCCESS, SPAN_EXECUTION, WriteSet
from blockstm.native.memory.local cimport ABORT_NONE, Local, address, now_ns, txn_at
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport charge_in_order
from blockstm.native.models.in_place cimport apply_write, find_in_place, settle_write_set, word_in_place
from blockstm.native.models.incarnation cimport begin_incarnation, note_running, run_timed
from blockstm.native.models.outcome cimport list_writes, store_read_set, store_receipt, write_set_items
from blockstm.native.models.progress cimport fail_for, never_final, say_done, tell_progress, txn_at_place
from blockstm.native.models.promises cimport (
    UNDECLARED_ABORT_BLOCK, UNDECLARED_FAIL, end_undeclared, may_know, refuse_scan,
    touched_unpromised,
)
from blockstm.native.models.status cimport pack_status
from blockstm.native.versions.key_table cimport table_capacity
from blockstm.native.versions.multi_version cimport FOUND_UNDECLARED, Found

cdef enum:
    OPTION_ON_UNDECLARED = 0    # places in Header.model_options
    OPTION_REFUSES_SCANS = 1
    TIMES_SHARED_MAX = 8        # short transactions share one reading of the clock
    SHORT_NS = 1500

cdef struct Own:
    uint64_t last_ns            # when the last transaction of those below `noted` was done
    uint32_t next_txn           # a place in the order
    uint32_t noted              # transactions below are final
    uint32_t shared             # how many share a reading of the clock


cdef inline Own* own(Local* local) noexcept nogil:
    return <Own*>local.own


cdef inline uint32_t on_undeclared(Local* local) noexcept nogil:
    """What follows a touch that was not declared, as an option of the model: the reference of a model with promises."""
    return <uint32_t>local.header.model_options[OPTION_ON_UNDECLARED]


cdef inline bint keeps_to_promises(Local* local) noexcept nogil:
    """Whether a transaction must touch nothing else."""
    return on_undeclared(local) == UNDECLARED_FAIL or on_undeclared(local) == UNDECLARED_ABORT_BLOCK


cdef inline void find_in_order(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    """What a key holds now; where that matters, of one that the running transaction has promised to look at."""
    find_in_place(local, location, found)
    if unlikely_true(keeps_to_promises(local)) and not may_know(local, location, adds_max, found):
        found.kind = FOUND_UNDECLARED


cdef inline bint may_scan(Local* local) noexcept nogil:
    """Whether ranges can be scanned, as an option of the model: the reference of one that locks keys cannot."""
    return not local.header.model_options[OPTION_REFUSES_SCANS] or refuse_scan(local)


cdef inline bint apply_writes(Local* local) noexcept nogil:
    """Put the pending writes into the state; False where the arena is full.

    Invariant: without a list the transaction has written nothing. A list from before a worker's death (see restart) goes.
    The list is complete before it shows (release): a drain may be looking at the one before the death.
    """
    cdef WriteSet* write_set
    cdef uint32_t index
    store_release[uint64_t](&local.txn.write_set, 0)
    if local.outcome != OUTCOME_SUCCESS or local.write_count == 0:
        return True
    write_set = list_writes(local)
    if write_set == NULL or not settle_write_set(local, write_set):
        return False
    for index in range(write_set.count):
        apply_write(local, local.txn_idx, write_set_items(write_set) + index)
    store_release[uint64_t](&local.txn.write_set, <uint64_t>(<uint8_t*>write_set - local.base))
    return True


cdef inline bint run_in_order(Local* local, uint32_t txn_idx) noexcept nogil:
    """Run one transaction to its end; False where the block is stopped."""
    cdef uint64_t begin_ns = span_begin(local)
    cdef uint32_t location
    note_running(local, txn_idx, 0)
    local.slot.reads_are_final = 1
    begin_incarnation(local, txn_idx, 0)
    run_timed(local)
    if unlikely_true(keeps_to_promises(local)):
        location = touched_unpromised(local)
        if location != 0:
            end_undeclared(local, location, on_undeclared(local))
    if local.abort != ABORT_NONE:
        return False
    local.slot.executions += 1
    charge_in_order(local)
    if not store_read_set(local) or not store_receipt(local) or not apply_writes(local):
        return False
    if unlikely_true(never_final(local.txn)):
        fail_for(local, txn_idx)
        return False
    local.txn.status = pack_status(COMMITTED, 0, 0)
    span_end(local, SPAN_EXECUTION, begin_ns, txn_idx, 0, 0)
    return True


cdef inline void note_times(Local* local, uint32_t end, uint64_t time_ns) noexcept nogil:
    """Make the transactions below `end` final, as of now."""
    cdef Own* mine = own(local)
    cdef uint32_t place
    for place in range(mine.noted, end):
        txn_at(local, txn_at_place(local, place)).commit_ns = time_ns
    mine.noted = end
    store_sc[uint64_t](&local.header.commit_index, end)
    if end == local.header.txn_count:
        say_done(local, time_ns)
    else:
        tell_progress(local)


cdef inline void begin_block(Local* local) noexcept nogil:
    """Forget what belonged to the last block."""
    memset(local.own, 0, sizeof(local.own))
    own(local).last_ns = now_ns(local)
    own(local).shared = 1
    local.reads = NULL
    local.read_capacity = 0


cdef inline bint do_task(Local* local) noexcept nogil:
    """Run the next transaction. Short ones read the clock every few, so that it costs them little."""
    cdef Own* mine = own(local)
    cdef uint64_t time_ns
    if not run_in_order(local, txn_at_place(local, mine.next_txn)):
        return False
    mine.next_txn += 1
    if mine.next_txn - mine.noted == mine.shared or mine.next_txn == local.header.txn_count:
        time_ns = now_ns(local)
        mine.shared = TIMES_SHARED_MAX if time_ns - mine.last_ns < SHORT_NS * mine.shared else 1
        mine.last_ns = time_ns
        note_times(local, mine.next_txn, time_ns)
    return True


cdef inline bint has_task(Local* local) noexcept nogil:
    """There is always a next transaction, until the block is done or stopped."""
    return True


cdef inline void before_sleep(Local* local) noexcept nogil:
    """Nothing is looked for again."""


cdef inline void after_task(Local* local) noexcept nogil:
    """Nothing follows."""


cdef inline void end_block(Local* local) noexcept nogil:
    """No transaction runs."""
    store_release[uint64_t](&local.slot.running, 0)


cdef inline void restart(Local* local) noexcept nogil:
    """Put the state back to what it was before the block, to start again: see Model.recover."""
    cdef uint32_t level = 0
    cdef uint64_t place, entry
    cdef uint64_t* table
    while level < HASH_TABLES_MAX and local.header.tables[level] != 0:
        table = <uint64_t*>address(local, local.header.tables[level])
        for place in range(table_capacity(local, level)):
            entry = table[place]
            if entry != 0:
                word_in_place(local, <uint32_t>entry)[0] = 0
        level += 1
    fetch_add_sc[uint32_t](&local.header.restarts, 1)
    store_sc[uint64_t](&local.header.commit_index, 0)
    store_release[uint64_t](&local.slot.running, 0)
