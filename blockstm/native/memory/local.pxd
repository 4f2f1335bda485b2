"""What one worker keeps for itself: its view of the arena and the transaction that it runs.

Everything here is private memory of one process (or of one virtual worker); nothing is shared,
so nothing is atomic. Functions of the core take a `Local*` first.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t, int32_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from blockstm.native.memory.atomics cimport compare_exchange_sc, monotonic_ns, store_sc, unlikely_true
from blockstm.native.memory.layout cimport FAILURE_NONE, Header, Location, Read, Txn, WorkerSlot

# Why the running incarnation is given up.
cdef enum:
    ABORT_NONE = 0
    ABORT_SUSPENDED = 1         # it read an ESTIMATE
    ABORT_DOOMED = 2            # something that it read is stale
    ABORT_STOPPED = 3           # the block is being stopped, or the arena is full
    ABORT_UNKNOWN = 4           # the source of the state cannot tell what it asked for
    ABORT_UNDECLARED = 5        # it reads what it has promised not to; `blocker` is the location

include "steps.pxi"

cdef enum:
    OWN_WORDS = 8

# What Touched.read_index says where it is no place in the read set.
cdef enum:
    NOT_READ = -1
    TOLD_ABSENT = -2            # not read, but told that it is absent below (ctx_exists)
    TOLD_PRESENT = -3           # ... that it is present

ctypedef void (*StepHook)(void* state, uint32_t kind, uint64_t what) noexcept nogil

cdef struct Local

# Asks the source of the state for what a location holds before the block: its word, which is not 0, with a record
# in this worker's memory; 0 where the arena is full.
ctypedef uint64_t (*AskSource)(Local* local, uint32_t location) noexcept nogil

cdef struct Touched:            # a key that the running transaction has read or written
    uint32_t epoch
    uint32_t location
    int32_t read_index          # negative: not read from below (NOT_READ, TOLD_ABSENT, TOLD_PRESENT)
    int32_t write_index         # -1: not written
    uint64_t place              # offset of its version word once claimed, else 0

cdef struct PendingWrite:       # a write of the running transaction, not yet published
    uint32_t location
    uint32_t kind
    uint32_t length
    uint32_t negative
    uint64_t data               # offset in Local.scratch
    uint64_t place

cdef struct Undo:               # how to take back one change of a pending write
    uint32_t touched
    uint32_t write_index
    uint32_t created
    PendingWrite before

cdef struct Bytes:              # a growing buffer
    uint8_t* data
    uint64_t length
    uint64_t capacity

cdef struct Retired:            # what a buffer held before it moved; programs may still point into it
    Retired* next
    uint8_t* data

cdef enum:
    LEADING_KEYS_MAX = 8

cdef struct LeadingKeys:        # of a native program: where in its arguments those keys stand that it most likely writes
    uint32_t count
    uint32_t words[LEADING_KEYS_MAX]    # in words of 8 bytes

cdef struct Local:
    uint8_t* base
    Header* header
    WorkerSlot* slot
    StepHook step_hook          # NULL under the real clock
    void* step_state
    uint32_t worker
    int event_fd
    void* programs              # ProgramEntry[], by program id (native_program)
    LeadingKeys* leading_keys   # by program id
    void* python                # what runs Python programs, NULL where none can run
    AskSource ask_source        # NULL where there is no source to ask
    uint64_t virtual_ns         # the time under a controlled clock, 0 under the real one
    void* virtual_time          # VirtualTime under the virtual clock, else NULL
    # the model of the block, and what it keeps
    const void* model           # Model (see model_of); NULL before the first block
    void* model_state           # for all workers: Header.model_state
    uint64_t own[OWN_WORDS]     # for this worker, in whatever structure the model has
    uint32_t mutant             # how the protocol is broken on purpose, 0 under the real clock (mutants)
    # the running transaction
    Txn* txn
    uint32_t txn_idx
    uint32_t incarnation
    uint32_t abort
    uint32_t blocker
    uint32_t cause              # why it is doomed (see timeline)
    uint32_t outcome
    uint32_t closed             # 1 once the outcome is decided: verbs fail
    uint32_t checks
    uint64_t published_seen
    uint64_t gas_used
    uint64_t gas_limit
    Read* reads
    uint32_t read_count
    uint32_t read_capacity
    # which keys it has touched
    Touched* touched
    uint32_t touched_mask
    uint32_t touched_count
    uint32_t touched_epoch
    Bytes writes                # PendingWrite[]
    uint32_t write_count
    uint32_t depth              # open savepoints
    Bytes scratch               # values written; stays where it is until the incarnation ends (reserve_in_place)
    Retired* retired
    Bytes events
    uint32_t event_count
    Bytes reason
    Bytes undo                  # Undo[]
    Bytes savepoints            # Savepoint[], by depth: those that programs have opened through blockstm.h
    Bytes scanned               # ScanKey[], of the scan that is under way


cdef inline void step(Local* local, uint32_t kind, uint64_t what) noexcept nogil:
    """Announce a step. Under the real clock: one predictable branch."""
    if unlikely_true(local.step_hook != NULL):
        local.step_hook(local.step_state, kind, what)


cdef inline uint64_t now_ns(Local* local) noexcept nogil:
    return monotonic_ns() if local.virtual_ns == 0 else local.virtual_ns


cdef inline uint8_t* address(Local* local, uint64_t offset) noexcept nogil:
    return local.base + offset


cdef inline Txn* txn_at(Local* local, uint32_t txn_idx) noexcept nogil:
    return <Txn*>(local.base + local.header.txns) + txn_idx


cdef inline Location* location_at(Local* local, uint32_t location) noexcept nogil:
    return <Location*>(local.base + <uint64_t>location * 64)


cdef inline WorkerSlot* slot_at(Local* local, uint32_t worker) noexcept nogil:
    return <WorkerSlot*>(local.base + local.header.slots) + worker


cdef inline void fail_block(Local* local, uint32_t failure) noexcept nogil:
    """Give the whole block up. The first failure stays; workers leave at their next task.

    Sleepers are not woken here. The supervisor looks for a failure at least every tick while the block is
    not done, and then stops the block (Arena.stop), which wakes them; so does recovery of a worker that dies
    meanwhile. Under the virtual clock, where there is no supervisor, sleepers wake by themselves when all sleep.
    """
    compare_exchange_sc[uint32_t](&local.header.failure, FAILURE_NONE, failure)
    store_sc[uint32_t](&local.header.stop, 1)
    local.abort = ABORT_STOPPED


cdef inline void release_retired(Local* local) noexcept nogil:
    """Give back what buffers held before they moved: no program runs that may point there."""
    cdef Retired* retired
    while unlikely_true(local.retired != NULL):
        retired = local.retired
        local.retired = retired.next
        free(retired.data)
        free(retired)


cdef inline void local_open(Local* local, uint8_t* base, uint32_t worker, int event_fd) noexcept nogil:
    """Make a zeroed Local the view of worker slot `worker`."""
    local.base = base
    local.header = <Header*>base
    local.worker = worker
    local.slot = slot_at(local, worker)
    local.event_fd = event_fd
    local.touched_mask = 63
    local.touched = <Touched*>calloc(64, sizeof(Touched))
    local.touched_epoch = 0


cdef inline void local_close(Local* local) noexcept nogil:
    release_retired(local)
    free(local.touched)
    free(local.writes.data)
    free(local.scratch.data)
    free(local.events.data)
    free(local.reason.data)
    free(local.undo.data)
    free(local.savepoints.data)
    free(local.scanned.data)
    memset(local, 0, sizeof(Local))
