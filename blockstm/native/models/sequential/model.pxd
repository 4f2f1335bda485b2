"""The sequential model, as Model asks for it."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, unlikely_true,
)
from blockstm.native.memory.layout cimport Header, Location, SPAN_SLEEP, Write
from blockstm.native.memory.local cimport Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_SLEEP, Touched, step
from blockstm.native.instruments.mutants cimport MUTANT_SLEEPER_COUNTED_LATE, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge
from blockstm.native.instruments.watch cimport HOLDS, Watch
from blockstm.native.models.deaths cimport transaction_of
from blockstm.native.models.progress cimport judge_prefix
from blockstm.native.models.sequential.in_order cimport (
    after_task, before_sleep, begin_block, do_task, end_block, find_in_order, has_task, may_scan, restart,
)
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.verbs.model cimport Model
from blockstm.native.versions.multi_version cimport Found

include "../worker_loop.pxi"


cdef inline bint lay_out(Local* local) noexcept nogil:
    """All that the model keeps stands in locations and in the one worker's own memory."""
    return True


cdef inline bint believes_add(Local* local, uint32_t location) noexcept nogil:
    """What is below is final."""
    return False


cdef inline void expect_write(Local* local, Touched* touched, bint waits) noexcept nogil:
    """No other transaction would wait for it."""


cdef inline bint may_go_on(Local* local) noexcept nogil:
    """What was read is final."""
    return True


cdef inline bint is_doomed(Local* local, uint32_t worker) noexcept nogil:
    """As may_go_on."""
    return False


cdef inline uint64_t final_word(Local* local, Location* location) noexcept nogil:
    """The current word."""
    return location.slots[0]


cdef inline uint64_t settled_add(Local* local, const Write* write) noexcept nogil:
    """What apply_writes has noted."""
    return write.place


cdef inline int look_at_waiters(Local* local, Watch* watch) noexcept nogil:
    """No transaction waits."""
    return HOLDS


cdef inline void sequential_model(Model* model) noexcept nogil:
    """Fill in the table."""
    model.lay_out = lay_out
    model.work = work_on_block
    model.find = find_in_order
    model.may_scan = may_scan
    model.believes_add = believes_add
    model.expect_write = expect_write
    model.may_go_on = may_go_on
    model.is_doomed = is_doomed
    model.died_running = transaction_of
    model.recover = restart
    model.final_word = final_word
    model.settled_add = settled_add
    model.look = judge_prefix
    model.look_at_waiters = look_at_waiters
