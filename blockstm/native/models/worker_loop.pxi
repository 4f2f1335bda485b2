# The worker loop, included by each model, so that it is compiled for each with all that it calls inlined.
#
# What includes it has, from its own modules:
#   begin_block(local)       forget what belonged to the last block
#   do_task(local)           do the most urgent task; False where there is none
#   has_task(local)          whether there is anything to do, for a worker about to sleep
#   before_sleep(local)      it has found nothing for a while
#   after_task(local)        what follows a look for tasks, whether one was done or not
#   end_block(local)         the block is done or stopped
# and cimports from the rest of the core:
#   memory.atomics           fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, unlikely_true
#   memory.layout            Header, SPAN_SLEEP
#   memory.local             Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_SLEEP, step
#   instruments              MUTANT_SLEEPER_COUNTED_LATE, mutant, span_begin, span_end, COST_PAUSE, charge
#   models.status            NO_TXN

cdef enum:
    SPINS_BEFORE_SLEEP = 100
    PAUSES_LOG2_MAX = 5
    SLEEP_NS = 1000000000


cdef inline bint leave(Local* local) noexcept nogil:
    return load_acquire[uint32_t](&local.header.done) != 0 or load_relaxed[uint32_t](&local.header.stop) != 0


cdef inline void rest(Local* local, uint32_t* spins) noexcept nogil:
    """Spin briefly, then sleep until someone has a task to share.

    Invariant: see wake_sleepers. The epoch is read before the last look for tasks, so a wake-up
    between the look and the sleep makes the sleep return at once.
    Memory ordering: the count comes before the look (fence), whose loads are not all sc.
    """
    cdef Header* header = local.header
    cdef uint32_t epoch, pause, pauses
    cdef uint64_t begin_ns
    cdef bint sleepy
    step(local, STEP_IDLE, 0)
    spins[0] += 1
    if spins[0] < SPINS_BEFORE_SLEEP and (local.virtual_ns == 0 or local.virtual_time != NULL):
        # Looking costs the others: each look takes cache lines from those that change them.
        pauses = 1 << (spins[0] if spins[0] < PAUSES_LOG2_MAX else PAUSES_LOG2_MAX)
        if unlikely_true(local.virtual_time != NULL):
            charge(local, COST_PAUSE, pauses)
            return
        for pause in range(pauses):
            spin_pause()
        return
    before_sleep(local)
    epoch = load_sc[uint32_t](&header.wake_epoch)
    step(local, STEP_COUNTER, 0)
    if mutant(local, MUTANT_SLEEPER_COUNTED_LATE):
        sleepy = not (leave(local) or has_task(local))
        step(local, STEP_COUNTER, 0)
        fetch_add_sc[uint32_t](&header.sleepers, 1)
    else:
        fetch_add_sc[uint32_t](&header.sleepers, 1)
        fence_sc()
        step(local, STEP_COUNTER, 0)
        sleepy = not (leave(local) or has_task(local))
    if sleepy:
        begin_ns = span_begin(local)
        if local.virtual_ns == 0:
            futex_wait(&header.wake_epoch, epoch, SLEEP_NS)
        else:
            step(local, STEP_SLEEP, epoch)
        span_end(local, SPAN_SLEEP, begin_ns, NO_TXN, 0, 0)
    fetch_add_sc[uint32_t](&header.sleepers, <uint32_t>-1)
    spins[0] = 0


cdef inline void work_on_block(Local* local) noexcept nogil:
    """Take part in a block until it is done or stopped."""
    cdef uint32_t spins = 0
    begin_block(local)
    while True:
        step(local, STEP_CLEAN, spins)
        if leave(local):
            break
        if do_task(local):
            spins = 0
        else:
            rest(local, &spins)
        after_task(local)
    end_block(local)
