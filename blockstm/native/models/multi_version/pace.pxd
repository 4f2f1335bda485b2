"""How many workers take part: all of them, or one alone, whichever makes more transactions final (the model `auto`).

What speculation gains is measured. One worker alone executes in order and commits at once (see at_once), so its time for a
transaction is about what sequential execution takes. A block begins with one, and goes over to all when its transactions
turn out to be long enough to be shared out. The time for each commit is measured in *windows*, and compared with the
other way's: as measured there, or, of transactions that are long, as their programs took. The way that seems better is
tried, and left again where it is not; each try that fails doubles the time to the next.

Nothing but time depends on any of this, so what is kept here may be read while it changes.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, load_relaxed, load_sc, store_relaxed, store_sc
from blockstm.native.memory.layout cimport READY, WorkerSlot
from blockstm.native.memory.local cimport Local, STEP_COUNTER, now_ns, slot_at, step, txn_at
from blockstm.native.instruments.mutants cimport MUTANT_TAKEN_KEPT, mutant
from blockstm.native.models.multi_version.state cimport (
    ADAPTS_BY_CLOCK, ADAPTS_BY_COMMITS, ADAPTS_NEVER, Own, Pace, Shared, own, shared,
)
from blockstm.native.models.ready_set cimport ready_add
from blockstm.native.models.schedule cimport txn_of_rank
from blockstm.native.models.status cimport status_state
from blockstm.native.models.waking cimport wake_sleepers

cdef enum:
    FIRST_LOOK_NS = 10000       # how long one worker is alone at first, until it is known how long transactions are
    STUCK_NS = 20000            # ... or has been at one transaction, until others come in
    LATE_NS = 1000000           # ... or has not begun
    SHARED_OUT_NS = 800         # transactions that take one worker this long, divided by the workers, are shared out at once
    WINDOW_NS = 50000           # the shortest window
    WAKE_NS = 60000             # how long sleeping workers are given to get going, or one to come past what others have done
    START_NS = 15000            # ... and those that only look for a task
    ALONE_COMMITS_MIN = 4       # the fewest commits in a window of one worker
    ALL_COMMITS_MIN = 32        # ... of all
    TRUSTED_NS = 10000          # of programs that take longer, their times say enough
    LOSS_MAX = 3                # a try is given up early that takes so many times as long, after LOSS_NS
    LOSS_NS = 30000
    LOSS_COMMITS_MIN = 8        # ... and so many commits, as those that one worker has measured may have been short by chance
    TRY_AFTER_NS = 1000000      # how long a way is kept, at first, until the other is tried
    TRY_SHORT_AFTER_NS = 4000000        # ... where transactions take one worker less than SHORT_NS: many would lose much
    SHORT_NS = 1000
    TRY_AFTER_NS_MAX = 256000000


# --- who takes part -----------------------------------------------------------------------------

cdef inline bint is_alone(Local* local) noexcept nogil:
    """Whether one worker takes part."""
    return load_relaxed[uint32_t](&shared(local).alone) != 0


cdef inline bint takes_part(Local* local) noexcept nogil:
    """Whether this worker does. Memory ordering: sc, as one that is to take part again may be about to sleep."""
    cdef uint32_t alone = load_sc[uint32_t](&shared(local).alone)
    return alone == 0 or alone == local.worker + 1


cdef inline void withdraw(Local* local) noexcept nogil:
    """Leave what this worker has taken, and will not run, and what it has executed last, to those that take part.

    Invariants: see ready_add; should the worker die at that, recovery puts them into the set. Workers that
    sleep for lack of a task are woken after these show (see wake_sleepers).
    """
    cdef Own* mine = own(local)
    cdef uint32_t txn_idx
    if not mine.took_part or mutant(local, MUTANT_TAKEN_KEPT):
        return
    mine.took_part = 0
    while mine.fresh_next < mine.fresh_end:
        txn_idx = txn_of_rank(local, mine.fresh_next)
        mine.fresh_next += 1
        if status_state(load_sc[uint64_t](&txn_at(local, txn_idx).status)) == READY:
            ready_add(local, txn_idx)
    wake_sleepers(local, 0xFFFFFFFF)


cdef inline void begin_window(Local* local, uint64_t time_ns) noexcept nogil:
    """Measure from now on."""
    cdef Pace* pace = &shared(local).pace
    pace.settling = 0
    pace.first = load_relaxed[uint64_t](&local.header.commit_index)
    worked(local, &pace.work_ns, &pace.timed)
    store_relaxed[uint64_t](&pace.begin_ns, time_ns)


cdef inline void worked(Local* local, uint64_t* work_ns, uint64_t* timed) noexcept nogil:
    """How long the programs of transactions have taken since the engine started, and of how many, as far as they are timed."""
    cdef WorkerSlot* slot
    cdef uint32_t worker
    work_ns[0] = 0
    timed[0] = 0
    for worker in range(local.header.first_worker, local.header.first_worker + local.header.active_workers):
        slot = slot_at(local, worker)
        work_ns[0] += load_relaxed[uint64_t](&slot.work_ns)
        timed[0] += load_relaxed[uint64_t](&slot.timed)


cdef inline uint64_t time_program(Local* local) noexcept nogil:
    """When a program begins, where it is to be known how long it takes: while all take part, of transactions that are long
    enough to be taken singly; else 0.
    """
    if shared(local).adapts != ADAPTS_BY_CLOCK or is_alone(local) or own(local).fresh_chunk != 1:
        return 0
    return now_ns(local)


cdef inline void note_program_time(Local* local, uint64_t started_ns) noexcept nogil:
    """Note how long a program took that has ended, where it is timed."""
    if started_ns != 0:
        store_relaxed[uint64_t](&local.slot.work_ns, local.slot.work_ns + now_ns(local) - started_ns)
        store_relaxed[uint64_t](&local.slot.timed, local.slot.timed + 1)


cdef inline void change_ways(Local* local, uint64_t time_ns) noexcept nogil:
    """Let all workers take part where one did, and the other way round: then it is this worker that is alone.

    Invariant: none sleeps through it (see wake_sleepers). What comes first after it is not measured: all need time to get
    going, and one finds transactions that others have executed already.
    """
    cdef Pace* pace = &shared(local).pace
    cdef bint was_alone = is_alone(local)
    begin_window(local, time_ns)
    pace.settling = 1
    pace.settled_at = load_relaxed[uint64_t](&shared(local).execution_index)
    if was_alone and load_relaxed[uint32_t](&local.header.sleepers) == 0:
        pace.settled_ns = time_ns + START_NS
    else:
        pace.settled_ns = time_ns + WAKE_NS
    step(local, STEP_COUNTER, 0)
    store_sc[uint32_t](&shared(local).alone, 0 if was_alone else local.worker + 1)
    if was_alone:
        wake_sleepers(local, 0xFFFFFFFF)


cdef inline void take_part_all(Local* local) noexcept nogil:
    """Let all workers take part, as the one that was alone may be dead, and another slot may have taken its place."""
    if load_sc[uint32_t](&shared(local).alone) != 0:
        store_sc[uint32_t](&shared(local).alone, 0)
        wake_sleepers(local, 0xFFFFFFFF)


cdef inline void come_in(Local* local) noexcept nogil:
    """For a worker that does not take part: let all do, where the block has begun with a transaction that is long, or the
    worker that should begin does not.
    """
    cdef Pace* pace = &shared(local).pace
    cdef uint64_t due_ns = load_relaxed[uint64_t](&pace.begin_ns) + STUCK_NS
    if pace.alone_ns != 0 or load_relaxed[uint64_t](&local.header.commit_index) != 0:
        return
    if due_ns == STUCK_NS:
        due_ns = local.header.start_ns + LATE_NS
    if now_ns(local) > due_ns and compare_exchange_sc[uint32_t](
        &shared(local).alone, local.header.first_worker + 1, 0
    ):
        pace.settled_ns = due_ns + START_NS
        pace.settling = 1
        wake_sleepers(local, 0xFFFFFFFF)


# --- which way is better ------------------------------------------------------------------------

cdef inline void lay_out_pace(Local* local, Shared* shared, uint32_t adapts) noexcept nogil:
    """How many workers take part, before any does: one, where that may change."""
    shared.adapts = adapts
    if adapts != ADAPTS_NEVER or local.header.active_workers == 1:
        shared.alone = local.header.first_worker + 1
    shared.pace.try_after_ns = TRY_SHORT_AFTER_NS


cdef inline void begin_pace(Local* local) noexcept nogil:
    """Measure from when the worker begins that is alone at first."""
    if shared(local).adapts == ADAPTS_BY_CLOCK and takes_part(local) and shared(local).pace.begin_ns == 0:
        begin_window(local, now_ns(local))


cdef inline bint is_measured(Local* local, uint64_t time_ns) noexcept nogil:
    """Whether the window has come to its end."""
    cdef Pace* pace = &shared(local).pace
    cdef uint64_t commits = load_relaxed[uint64_t](&local.header.commit_index) - pace.first
    if (
        pace.is_try and not is_alone(local) and commits >= LOSS_COMMITS_MIN
        and time_ns > pace.begin_ns + LOSS_NS + LOSS_MAX * commits * pace.alone_ns
    ):
        return True
    if pace.settling:
        if time_ns >= pace.settled_ns or (
            is_alone(local) and load_relaxed[uint64_t](&local.header.commit_index) >= pace.settled_at
        ):
            begin_window(local, time_ns)
        return False
    if is_alone(local):
        return time_ns >= pace.begin_ns + (FIRST_LOOK_NS if pace.alone_ns == 0 else WINDOW_NS) and (
            pace.alone_ns == 0 or commits >= ALONE_COMMITS_MIN
        )
    return time_ns >= pace.begin_ns + WINDOW_NS and commits >= ALL_COMMITS_MIN


cdef inline void try_other(Local* local, uint64_t time_ns) noexcept nogil:
    """Go the other way, to see whether it is better."""
    shared(local).pace.is_try = 1
    change_ways(local, time_ns)


cdef inline void stay(Local* local, uint64_t time_ns) noexcept nogil:
    """The way that was tried is better."""
    cdef Pace* pace = &shared(local).pace
    pace.is_try = 0
    pace.try_after_ns = TRY_AFTER_NS if pace.alone_ns > SHORT_NS else TRY_SHORT_AFTER_NS
    pace.next_try_ns = time_ns + pace.try_after_ns
    begin_window(local, time_ns)


cdef inline void go_back(Local* local, uint64_t time_ns) noexcept nogil:
    """The way that was tried is not better: return, and try it less often."""
    cdef Pace* pace = &shared(local).pace
    pace.is_try = 0
    pace.next_try_ns = time_ns + pace.try_after_ns
    if pace.try_after_ns < TRY_AFTER_NS_MAX:
        pace.try_after_ns *= 2
    change_ways(local, time_ns)


cdef inline void judge_alone(Local* local, uint64_t each_ns, uint64_t time_ns) noexcept nogil:
    """What follows a window of one worker."""
    cdef Pace* pace = &shared(local).pace
    cdef bint are_long = each_ns * local.header.active_workers > SHARED_OUT_NS and each_ns > 2 * pace.compared_ns
    if pace.alone_ns == 0:
        pace.try_after_ns = TRY_AFTER_NS if each_ns > SHORT_NS else TRY_SHORT_AFTER_NS
        pace.next_try_ns = time_ns + pace.try_after_ns
    pace.alone_ns = each_ns
    if pace.is_try:
        pace.compared_ns = each_ns
        if each_ns < pace.all_ns:
            stay(local, time_ns)
        else:
            go_back(local, time_ns)
    elif are_long or time_ns >= pace.next_try_ns:
        try_other(local, time_ns)
    else:
        begin_window(local, time_ns)


cdef inline uint64_t alone_would_take_ns(Local* local) noexcept nogil:
    """How long one worker would take for each transaction of the window of all: what programs take, if they are long. If not,
    that is the most, as a program takes longer where others change what it reads; or what one worker took last, if less.
    """
    cdef Pace* pace = &shared(local).pace
    cdef uint64_t work_ns, timed
    worked(local, &work_ns, &timed)
    if timed == pace.timed:
        return pace.alone_ns
    work_ns = (work_ns - pace.work_ns) // (timed - pace.timed)
    return work_ns if pace.alone_ns == 0 or work_ns < pace.alone_ns or work_ns > TRUSTED_NS else pace.alone_ns


cdef inline void judge_all(Local* local, uint64_t each_ns, uint64_t time_ns) noexcept nogil:
    """What follows a window of all workers. A gain that is clear needs no try of the other way."""
    cdef Pace* pace = &shared(local).pace
    cdef uint64_t alone_ns = alone_would_take_ns(local)
    cdef bint is_worse
    if pace.is_try:
        pace.compared_ns = alone_ns
        pace.all_ns = each_ns
        if each_ns < alone_ns:
            stay(local, time_ns)
        else:
            go_back(local, time_ns)
        return
    # All commit in bursts: what one window says does not count for much, the less the fewer commits there are.
    pace.all_ns = (3 * pace.all_ns + each_ns) // 4 if pace.all_ns != 0 else each_ns
    if alone_ns > TRUSTED_NS:
        is_worse = 4 * pace.all_ns > 5 * alone_ns
    else:
        is_worse = pace.all_ns >= alone_ns or (time_ns >= pace.next_try_ns and 4 * pace.all_ns > 3 * alone_ns)
    if is_worse and alone_ns != 0:
        try_other(local, time_ns)
    else:
        begin_window(local, time_ns)


cdef inline void keep_pace(Local* local, uint64_t time_ns) noexcept nogil:
    """Look whether another way would be better, after a commit at that time. Called in the collector's place."""
    cdef Pace* pace = &shared(local).pace
    cdef uint64_t commits, each_ns
    if shared(local).adapts == ADAPTS_NEVER:
        return
    commits = load_relaxed[uint64_t](&local.header.commit_index) - pace.first
    if shared(local).adapts != ADAPTS_BY_CLOCK:
        if commits > shared(local).adapts - ADAPTS_BY_COMMITS:
            change_ways(local, time_ns)
        return
    if not is_measured(local, time_ns):
        return
    each_ns = (time_ns - pace.begin_ns) // (commits if commits != 0 else 1)
    if is_alone(local):
        judge_alone(local, each_ns, time_ns)
    else:
        judge_all(local, each_ns, time_ns)
