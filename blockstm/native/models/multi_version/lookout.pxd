"""The lookout: a worker without a task that is awake and looks for one, so that no sleeper has to be called.

Waking a sleeper takes the caller some microseconds, and the sleeper many more to come. Where a block keeps few workers
busy, those that are busy would call one at each fork of a chain, only for another, which spins, to take what there was.
So one of those that spin says that it does, where others sleep, and nobody is called as long as it does. When it finds a
task it says so before it begins, and the next of those that spin takes its place.

Nothing but time depends on it: a task that has been made ready is done by the worker that has made it ready, at the
latest (see has_task). So what is kept here may be stale when it is read.
"""

from libc.stdint cimport uint32_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_relaxed, load_sc, store_sc, unlikely_true
from blockstm.native.memory.local cimport STEP_COUNTER, Local, step
from blockstm.native.models.multi_version.pace cimport is_alone
from blockstm.native.models.multi_version.state cimport own, shared
from blockstm.native.models.waking cimport wake_sleepers

cdef enum:
    LOOKS_BEFORE = 4            # how often a worker has looked in vain until it says so; those that find a task sooner need not


cdef inline void look_out(Local* local) noexcept nogil:
    """This worker has looked for a task in vain. Where none sleeps, there is none that could be called."""
    own(local).looks += 1
    if own(local).looks < LOOKS_BEFORE and (local.virtual_ns == 0 or local.virtual_time != NULL):
        return
    if load_relaxed[uint32_t](&local.header.sleepers) != 0 and load_relaxed[uint32_t](&shared(local).lookout) == 0:
        step(local, STEP_COUNTER, 0)
        compare_exchange_sc[uint32_t](&shared(local).lookout, 0, local.worker + 1)


cdef inline void look_out_no_more(Local* local) noexcept nogil:
    """This worker has found a task, or is about to sleep."""
    if unlikely_true(own(local).looks != 0):
        own(local).looks = 0
        if load_relaxed[uint32_t](&shared(local).lookout) == local.worker + 1:
            step(local, STEP_COUNTER, 0)
            store_sc[uint32_t](&shared(local).lookout, 0)


cdef inline void call_for_help(Local* local) noexcept nogil:
    """There is more to do than this worker will do next: wake a sleeper, unless one that is awake sees it anyhow."""
    if load_sc[uint32_t](&local.header.sleepers) != 0 and load_relaxed[uint32_t](&shared(local).lookout) == 0:
        wake_sleepers(local, 1)


cdef inline void replace_lookout(Local* local) noexcept nogil:
    """For recovery: this worker is dead."""
    compare_exchange_sc[uint32_t](&shared(local).lookout, local.worker + 1, 0)
