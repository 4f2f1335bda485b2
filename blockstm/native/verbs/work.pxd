"""Long work in a program: doing it, or letting it pass under the virtual clock; giving up what is doomed."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport keep, load_relaxed, unlikely_true
from blockstm.native.memory.local cimport ABORT_NONE, ABORT_STOPPED, Local, STEP_WORK, step
from blockstm.native.verbs.model cimport model_of
from blockstm.native.instruments.virtual_time cimport (
    COST_GAS, COST_PROGRAM, COST_ROUND, VirtualTime, charge, cost_ns, time_of, works_by_rounds,
)

cdef enum:
    POLL_ROUNDS = 1024          # rounds of work between two polls
    MODELLED_POLLS_MAX = 1024   # polls of one transaction under the virtual clock
    MODELLED_UNITS_MAX = 10000000000000     # ... and its rounds or ns: times must not overflow


cdef inline bint poll(Local* local) noexcept nogil:
    """Whether the incarnation may go on: not stopped, and nothing that it read is known to be stale."""
    if local.abort != ABORT_NONE:
        return False
    step(local, STEP_WORK, local.txn_idx)
    if load_relaxed[uint32_t](&local.header.stop) != 0:
        local.abort = ABORT_STOPPED
        return False
    return model_of(local).may_go_on(local)


cdef inline uint64_t whole_units(double units) noexcept nogil:
    """A number of units, which may be any, as the nearest integer that there is."""
    if not units > 0:
        return 0
    return <uint64_t>units if units < 18446744073709551616.0 else <uint64_t>-1


cdef inline void work_in_model(Local* local, uint64_t units, uint32_t cost) noexcept nogil:
    """Under the virtual clock: let the time of rounds, or of ns, pass, polling as do_work does.

    Very long work is polled more seldom, so that it costs the simulation no more than MODELLED_POLLS_MAX polls.
    """
    cdef uint64_t batch, step_units
    if units > MODELLED_UNITS_MAX:
        units = MODELLED_UNITS_MAX
    step_units = units // MODELLED_POLLS_MAX
    if step_units < POLL_ROUNDS:
        step_units = POLL_ROUNDS
    while units > 0:
        batch = units if units < step_units else step_units
        charge(local, cost, <double>batch)
        units -= batch
        if units > 0 and not poll(local):
            return


cdef inline void work_as_recorded(Local* local) noexcept nogil:
    """Under the virtual clock: let the time pass that the program of this transaction took when it was recorded."""
    if not works_by_rounds(local) and local.abort == ABORT_NONE:
        work_in_model(local, time_of(local).clock.program_ns[local.txn_idx], COST_PROGRAM)


cdef inline void work_as_stated(Local* local, uint64_t rounds) noexcept nogil:
    """Under the virtual clock: let the time pass that a program says it takes, instead of that of its gas."""
    time_of(local).is_stated = True
    if works_by_rounds(local):
        work_in_model(local, rounds, COST_ROUND)


cdef inline void work_for_gas(Local* local) noexcept nogil:
    """Under the virtual clock: let the time pass that the gas of a program stands for, where it has not said its time."""
    cdef VirtualTime* time = time_of(local)
    cdef bint is_stated = time.is_stated
    time.is_stated = False
    if not is_stated and works_by_rounds(local) and local.abort == ABORT_NONE:
        work_in_model(local, whole_units(<double>local.gas_used * cost_ns(time, COST_GAS)), COST_PROGRAM)


cdef inline uint64_t do_work(Local* local, uint64_t rounds) noexcept nogil:
    """Rounds of a 64-bit mixing function (about 1 ns each), polling now and then.

    Each round depends on the one before, so they cannot be run side by side or dropped.
    """
    cdef uint64_t mixed = rounds
    cdef uint64_t batch, done
    if unlikely_true(local.virtual_time != NULL):
        if works_by_rounds(local):
            work_in_model(local, rounds, COST_ROUND)
        return mixed
    while rounds > 0:
        batch = rounds if rounds < POLL_ROUNDS else POLL_ROUNDS
        for done in range(batch):
            mixed = (mixed ^ done) * <uint64_t>0x9E3779B97F4A7C15
        keep(mixed)
        rounds -= batch
        if rounds > 0 and not poll(local):
            return mixed
    return mixed
