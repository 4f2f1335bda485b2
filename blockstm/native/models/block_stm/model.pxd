"""Block-STM, as Model asks for it (Gelashvili et al., PPoPP 2023; the differences stand in docs/architecture.md)."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport (
    fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, unlikely_true,
)
from blockstm.native.memory.layout cimport Header, LINE_PAIR_BYTES, Location, SPAN_SLEEP, Write
from blockstm.native.memory.allocation cimport take_bytes
from blockstm.native.memory.local cimport Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_SLEEP, address, step
from blockstm.native.instruments.mutants cimport MUTANT_SLEEPER_COUNTED_LATE, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge
from blockstm.native.models.block_stm.dooming cimport is_doomed, may_go_on
from blockstm.native.models.block_stm.guesses cimport believes_add
from blockstm.native.models.block_stm.intents cimport expect_write
from blockstm.native.models.block_stm.invariants cimport look, look_at_waiters
from blockstm.native.models.block_stm.recovery cimport died_running, recover
from blockstm.native.models.block_stm.state cimport Shared
from blockstm.native.models.block_stm.tasks cimport (
    after_task, before_sleep, begin_block, do_task, end_block, has_task,
)
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.verbs.model cimport Model
from blockstm.native.versions.multi_version cimport Found, find, newest_below, offset_of

include "../worker_loop.pxi"

cdef enum:                      # places in Header.model_options
    OPTION_INTENTS = 0
    READY_LEVELS = 3


cdef inline uint64_t take_zeroed_lines(Local* local, uint64_t size) noexcept nogil:
    """Zeroed bytes on cache lines of their own; 0 where the arena is full."""
    cdef uint64_t offset = take_bytes(local, size + 2 * LINE_PAIR_BYTES)
    if offset == 0:
        return 0
    offset = (offset + LINE_PAIR_BYTES - 1) & ~<uint64_t>(LINE_PAIR_BYTES - 1)
    memset(address(local, offset), 0, size)
    return offset


cdef inline bint lay_out(Local* local) noexcept nogil:
    """The counters, and a ready set for all transactions."""
    cdef Header* header = local.header
    cdef uint64_t words = header.txn_count
    cdef int level
    cdef Shared* shared
    header.model_state = take_zeroed_lines(local, sizeof(Shared))
    if header.model_state == 0:
        return False
    shared = <Shared*>address(local, header.model_state)
    shared.has_intents = header.model_options[OPTION_INTENTS]
    for level in range(READY_LEVELS):
        words = words // 64 + 1
        shared.ready[level] = take_zeroed_lines(local, words * 8)
        if shared.ready[level] == 0:
            return False
    return True


cdef inline void find_below(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    """The newest version below the running transaction."""
    find(local, location, local.txn_idx, adds_max, found)


cdef inline uint64_t settled_add(Local* local, const Write* write) noexcept nogil:
    """The word of an add is that of a value once the collector has settled it."""
    return offset_of(load_acquire[uint64_t](<uint64_t*>address(local, write.place)))


cdef inline uint64_t final_word(Local* local, Location* location) noexcept nogil:
    """The newest version of all."""
    return newest_below(local, location, local.header.txn_count)


cdef inline void block_stm_model(Model* model) noexcept nogil:
    """Fill in the table."""
    model.lay_out = lay_out
    model.work = work_on_block
    model.find = find_below
    model.believes_add = believes_add
    model.expect_write = expect_write
    model.may_go_on = may_go_on
    model.is_doomed = is_doomed
    model.died_running = died_running
    model.recover = recover
    model.final_word = final_word
    model.settled_add = settled_add
    model.look = look
    model.look_at_waiters = look_at_waiters
