# What calibration measures directly: how long a pause and a wake-up take.

cdef enum:
    PAUSES_TIMED = 100000
    TIMED_SLEEP_NS = 1000000000


def pause_ns():
    """How long one pause of a spinning worker takes, in ns."""
    cdef uint64_t begin_ns
    cdef int pause
    with nogil:
        begin_ns = monotonic_ns()
        for pause in range(PAUSES_TIMED):
            spin_pause()
        begin_ns = monotonic_ns() - begin_ns
    return begin_ns / <double>PAUSES_TIMED


cdef class WakeUpTimer:
    """Times one wake-up: one thread calls sleep(), another wake() a little later."""

    cdef uint32_t word
    cdef readonly uint64_t called_ns    # the caller begins
    cdef readonly uint64_t returned_ns  # the caller goes on
    cdef readonly uint64_t woken_ns     # the sleeper goes on

    def sleep(self):
        """Sleep until woken."""
        with nogil:
            while load_sc[uint32_t](&self.word) == 0:
                futex_wait(&self.word, 0, TIMED_SLEEP_NS)
            self.woken_ns = monotonic_ns()

    def wake(self):
        """Wake the sleeper."""
        with nogil:
            self.called_ns = monotonic_ns()
            store_sc[uint32_t](&self.word, 1)
            futex_wake(&self.word, 1)
            self.returned_ns = monotonic_ns()
