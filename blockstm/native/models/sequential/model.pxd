"""The sequential model, as Model asks for it."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, unlikely_true,
)
from blockstm.native.memory.layout cimport Header, SPAN_SLEEP
from blockstm.native.memory.local cimport Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_SLEEP, step
from blockstm.native.instruments.mutants cimport MUTANT_SLEEPER_COUNTED_LATE, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge
from blockstm.native.instruments.watch cimport HOLDS, Watch
from blockstm.native.models.deaths cimport transaction_of
from blockstm.native.models.in_place cimport fill_in_place
from blockstm.native.models.sequential.in_order cimport (
    after_task, before_sleep, begin_block, do_task, end_block, find_in_order, has_task, may_scan, restart,
)
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.verbs.model cimport Model


include "../worker_loop.pxi"


cdef inline bint lay_out(Local* local) noexcept nogil:
    """All that the model keeps stands in locations and in the one worker's own memory."""
    return True


cdef inline int look_at_waiters(Local* local, Watch* watch) noexcept nogil:
    """No transaction waits."""
    return HOLDS


cdef inline void sequential_model(Model* model) noexcept nogil:
    """Fill in the table."""
    fill_in_place(model)
    model.lay_out = lay_out
    model.work = work_on_block
    model.find = find_in_order
    model.may_scan = may_scan
    model.died_running = transaction_of
    model.recover = restart
    model.look_at_waiters = look_at_waiters
