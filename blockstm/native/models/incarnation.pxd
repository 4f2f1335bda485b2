"""Running one incarnation of a transaction, in whatever model."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport load_acquire, store_release, unlikely_true
from blockstm.native.memory.layout cimport OUTCOME_FAILED, OUTCOME_SUCCESS, OUTCOME_UNKNOWN, Record, Txn, WorkerSlot
from blockstm.native.memory.local cimport (
    ABORT_NONE, ABORT_UNKNOWN, STEP_CLEAN, Local, Touched, address, now_ns, release_retired, step, txn_at,
)
from blockstm.native.instruments.virtual_time cimport charge_execution
from blockstm.native.programs.c_interface cimport run_entry
from blockstm.native.programs.native_program cimport ProgramEntry
from blockstm.native.verbs.context cimport decide
from blockstm.native.verbs.work cimport work_as_recorded, work_for_gas
from blockstm.native.versions.multi_version cimport record_bytes, record_of


cdef inline void begin_incarnation(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Clear what the last transaction left in private memory."""
    local.txn = txn_at(local, txn_idx)
    local.txn_idx = txn_idx
    local.incarnation = incarnation
    local.abort = ABORT_NONE
    local.closed = 0
    local.outcome = OUTCOME_SUCCESS
    local.checks = 0
    local.gas_used = 0
    local.gas_limit = local.txn.gas_limit
    local.published_seen = <uint64_t>-1
    local.read_count = 0
    local.touched_count = 0
    local.touched_epoch += 1
    if local.touched_epoch == 0:
        memset(local.touched, 0, (local.touched_mask + 1) * sizeof(Touched))
        local.touched_epoch = 1
    local.write_count = 0
    local.depth = 0
    local.scratch.length = 0
    release_retired(local)
    local.events.length = 0
    local.event_count = 0
    local.reason.length = 0
    local.undo.length = 0


cdef inline void run_program(Local* local) noexcept nogil:
    """Run the program of the transaction, or fail one that is not run any more."""
    cdef Txn* txn = local.txn
    cdef const ProgramEntry* entry
    cdef Record* why
    if txn.condemned != 0:
        why = <Record*>address(local, txn.condemned)
        decide(local, OUTCOME_FAILED, record_bytes(why), why.length)
        return
    entry = <ProgramEntry*>local.programs + txn.program
    run_entry(local, entry, address(local, txn.arguments), txn.arguments_bytes, 0)
    if unlikely_true(local.virtual_time != NULL):
        if entry.function == NULL:
            work_for_gas(local)
        work_as_recorded(local)


cdef inline void end_unknown(Local* local) noexcept nogil:
    """Let an incarnation that has asked for what the source of the state cannot tell end without writes.

    It is published and validated as any other. If it is the final one, the block fails for the reason that stands in
    the word that it has read last (see fail_for_source).
    """
    cdef Record* why = record_of(local, local.reads[local.read_count - 1].word)
    local.abort = ABORT_NONE
    local.event_count = 0
    local.events.length = 0
    decide(local, OUTCOME_UNKNOWN, record_bytes(why), why.length)


cdef inline void run_timed(Local* local) noexcept nogil:
    """Run the program, and note how long it took where the block is timed; else one predictable branch.

    Invariant: what stands there at the end is the time of the final incarnation. A transaction has one
    executor at a time, which stores the time before it gives the transaction away by its status (sc), so
    the stores of its incarnations follow each other in their order.
    """
    cdef uint64_t times = local.header.execution_ns
    cdef uint64_t started_ns = 0
    if unlikely_true(times != 0):
        started_ns = now_ns(local)
    run_program(local)
    if unlikely_true(local.abort == ABORT_UNKNOWN):
        end_unknown(local)
    if unlikely_true(times != 0):
        (<uint64_t*>address(local, times))[local.txn_idx] = now_ns(local) - started_ns


cdef inline void note_running(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Say in the slot what this worker runs, for the supervisor's eyes."""
    cdef WorkerSlot* slot = local.slot
    store_release[uint32_t](&slot.live_read_count, 0)
    slot.reads_are_final = load_acquire[uint64_t](&local.header.commit_index) == txn_idx
    store_release[uint64_t](&slot.running, (<uint64_t>(txn_idx + 1) << 32) | incarnation)


cdef inline void run_incarnation(Local* local) noexcept nogil:
    """Run the program of an incarnation that has begun: a clean point, as it holds nothing over yet."""
    step(local, STEP_CLEAN, (<uint64_t>(local.txn_idx + 1) << 32) | local.incarnation)
    charge_execution(local)
    run_timed(local)


cdef inline void run_on_final_reads(Local* local, uint32_t txn_idx, uint32_t incarnation) noexcept nogil:
    """Run a transaction that this worker has claimed, whose reads are final whatever commit_index says: so the death of the
    worker is held against it.
    """
    note_running(local, txn_idx, incarnation)
    local.slot.reads_are_final = 1
    begin_incarnation(local, txn_idx, incarnation)
    run_incarnation(local)
