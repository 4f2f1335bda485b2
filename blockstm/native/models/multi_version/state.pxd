"""What these models keep: for all workers behind Header.model_state, for each worker in Local.own.

They differ in their *discipline*, in how they see to it that what a transaction has read is what it should have read:
it is validated after (waves), it is told when that has changed (push), or it was promised what it would access, and waited
(promises). All else is the same for each, so it exists once.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport store_sc
from blockstm.native.memory.local cimport Local
from blockstm.native.models.schedule cimport Schedule

cdef enum:
    DISCIPLINE_WAVES = 0        # see scheduler
    DISCIPLINE_PUSH = 1         # see readers
    DISCIPLINE_PROMISES = 2     # see promises

# How a model changes the number of workers that take part.
cdef enum:
    ADAPTS_NEVER = 0
    ADAPTS_BY_CLOCK = 1         # as it sees what is faster
    ADAPTS_BY_COMMITS = 2       # and more: each time that one transaction, or so many more, have become final

cdef struct Pace:               # of the collector, see pace; a multiple of LINE_PAIR_BYTES
    uint64_t begin_ns           # when the window began
    uint64_t first              # commit_index then
    uint64_t work_ns            # what workers had noted then of the times of programs
    uint64_t timed              # ... and of how many
    uint64_t settled_ns         # while `settling`: from when on things are measured
    uint64_t settled_at         # ... and from which commit_index on
    uint64_t alone_ns           # what a transaction took one worker in the last window; 0 = not known yet
    uint64_t all_ns             # ... what it took all
    uint64_t compared_ns        # alone_ns when the ways were compared last
    uint64_t next_try_ns        # when the other way is tried again
    uint64_t try_after_ns       # how long it is until then after a try that failed
    uint32_t is_try             # the other way is being tried
    uint32_t settling           # the way has just changed
    uint64_t _pad[4]

cdef struct Shared:             # each group that workers change on a pair of cache lines of its own
    Schedule schedule           # first, see models/schedule
    uint64_t readers            # with push: offset of uint64[reader_mask + 1], lists of Readers
    uint32_t reader_mask
    uint32_t discipline
    uint32_t has_intents        # whether writes are announced (see intents)
    uint32_t compares_values    # with push: a version that holds the value that was read is as good (see readers)
    uint32_t on_undeclared      # with promises: what follows a touch outside of them (see promises)
    uint32_t doubts_hints       # with hints: too many claims have come to nothing (see expectations)
    uint32_t has_surprises      # ... and whether the collector has to validate, as something has changed that others
                                # may have read already (see note_surprise)
    uint32_t adapts             # whether it changes how many workers take part, ADAPTS_NEVER or the like (see pace)
    uint32_t alone              # the worker that takes part alone, + 1; 0 = all do
    uint32_t _pad0
    uint64_t _pad1[5]
    uint64_t execution_index    # the lowest rank that was never handed out
    uint64_t _pad2[15]
    uint64_t validation_index   # wave in the high half, index in the low
    uint64_t _pad3[15]
    uint32_t commit_wave        # the newest wave noted for all that is not final, or at what is
    uint32_t _pad4[31]
    uint32_t claims_kept        # of the first claims: which were followed by a write
    uint32_t claims_cleared     # ... and which came to nothing
    uint32_t _pad5[30]
    Pace pace

cdef struct Own:
    uint64_t fresh_started_ns
    # Fresh transactions taken but not begun.
    uint32_t fresh_next
    uint32_t fresh_end
    uint32_t fresh_chunk
    uint32_t has_waited         # a transaction was suspended since then
    uint32_t may_commit         # something may have become ready to commit since it last tried
    uint32_t took_part          # it did when it looked for a task last
    uint32_t may_break_promises # the running transaction may touch whatever it wants
    uint32_t queued_at          # the leading key at which the running transaction has met an ESTIMATE; 0 = none


cdef inline Shared* shared(Local* local) noexcept nogil:
    return <Shared*>local.model_state


cdef inline Own* own(Local* local) noexcept nogil:
    return <Own*>local.own


cdef inline bint has_waves(Local* local) noexcept nogil:
    """Whether read sets are validated after, in waves."""
    return shared(local).discipline == DISCIPLINE_WAVES


cdef inline void note_surprise(Local* local) noexcept nogil:
    """With promises: have the collector validate from here on. A transaction has written what it had not promised; or
    an incarnation is taken back that others may have read from, be it that its worker died in the midst of its
    publication, or that an add was guessed wrongly.

    Memory ordering: noted (sc) before any of that shows, so before anything that has read it can be committed.
    """
    if shared(local).discipline == DISCIPLINE_PROMISES:
        store_sc[uint32_t](&shared(local).has_surprises, 1)
