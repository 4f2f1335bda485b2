"""Random delays at step points, to shake interleavings out that an idle machine never shows."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport monotonic_ns, spin_pause

cdef extern from "<sched.h>" nogil:
    int sched_yield() noexcept

cdef struct DelayState:
    uint64_t random


cdef inline void delays_open(DelayState* state, uint64_t seed) noexcept nogil:
    state.random = seed * <uint64_t>0x9E3779B97F4A7C15 | 1


cdef inline void delay_at_step(void* opaque, uint32_t kind, uint64_t what) noexcept nogil:
    """Mostly nothing; now and then a pause of up to a few microseconds, or the processor given away."""
    cdef DelayState* state = <DelayState*>opaque
    cdef uint64_t until
    state.random ^= state.random << 13
    state.random ^= state.random >> 7
    state.random ^= state.random << 17
    if state.random & 15 != 0:
        return
    if (state.random >> 4) & 31 == 0:
        sched_yield()
        return
    until = monotonic_ns() + ((state.random >> 9) & 4095)
    while monotonic_ns() < until:
        spin_pause()
