"""The collector: the rolling commit, in the preset order.

Whichever worker finds the next transaction ready to commit becomes the collector for a moment.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, exchange_sc, fence_sc, load_acquire, load_relaxed, load_sc, store_release, store_sc,
    unlikely_true,
)
from blockstm.native.memory.layout cimport (
    COMMITTED, EXECUTED, Header, Number, READ_PRESENT, Read, ReadSet, SPAN_COMMIT, SPAN_REFUSAL, SUSPENDED,
    TXN_AFTER_COMMIT, Txn, WORD_ADD, WORD_VALUE, Write, WriteSet,
)
from blockstm.native.memory.local cimport Local, STEP_COMMIT, STEP_PUBLISH, address, now_ns, step, txn_at
from blockstm.native.versions.multi_version cimport Found, find, found_number, offset_of, pack_word, word_kind
from blockstm.native.instruments.mutants cimport (
    MUTANT_ADD_AS_WRITE, MUTANT_BOUNDS_UNCHECKED, MUTANT_SURPRISE_UNNOTICED, MUTANT_COMMIT_OUT_OF_ORDER, MUTANT_COMMIT_WITHOUT_WAVE,
    MUTANT_DONE_BY_INDICES, MUTANT_FINAL_WRITES_HALF_SHOWN, MUTANT_INDEX_BEFORE_STATUS, MUTANT_SUCCESSOR_FORGOTTEN,
    MUTANT_TWO_COLLECTORS, mutant,
)
from blockstm.native.memory.number cimport number_set
from blockstm.native.models.multi_version.final_writes cimport put_final_writes
from blockstm.native.models.multi_version.guesses cimport learn_from_commit, learn_from_refusal
from blockstm.native.models.multi_version.aborting cimport note_publication, try_abort
from blockstm.native.models.multi_version.pace cimport keep_pace
from blockstm.native.models.multi_version.readers cimport is_told
from blockstm.native.models.multi_version.scheduler cimport index_part, raise_to, rewind_validation
from blockstm.native.models.multi_version.state cimport DISCIPLINE_PUSH, has_waves, note_surprise, shared
from blockstm.native.models.outcome cimport is_settled, make_sum, read_set_items, settle, write_set_items
from blockstm.native.models.progress cimport fail_for, never_final, say_done, tell_progress
from blockstm.native.models.status cimport pack_status, status_incarnation, status_state
from blockstm.native.models.waiting cimport make_ready
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.versions.validation cimport Sums, known_sum, read_set_is_valid, wrong_check


cdef inline bint settle_adds(Local* local, uint32_t txn_idx, const Sums* sums) noexcept nogil:
    """Turn the adds of a committed transaction into values; False where the arena is full.

    So nobody sums further down than the last committed transaction. Invariant: the sum does not
    change; doing it twice (after a collector died) changes nothing: an add whose word is a value already only has to
    be said to be settled. What the check of an add has found below is not looked for again.
    """
    cdef WriteSet* write_set = <WriteSet*>address(local, txn_at(local, txn_idx).write_set)
    cdef Write* write
    cdef uint64_t* place
    cdef uint64_t word, record
    cdef Number below
    cdef uint32_t index
    if write_set.adds == 0:
        return True
    for index in range(write_set.count):
        write = write_set_items(write_set) + index
        if write.kind != WORD_ADD or is_settled(write):
            continue
        place = <uint64_t*>address(local, write.place)
        word = load_relaxed[uint64_t](place)
        record = offset_of(word)
        if word_kind(word) == WORD_ADD:
            if not known_sum(sums, write.location, &below):
                number_below(local, write.location, txn_idx, &below)
            if mutant(local, MUTANT_ADD_AS_WRITE):
                number_set(&below, 0)
            record = make_sum(local, write, &below)
            if record == 0:
                return False
            step(local, STEP_PUBLISH, write.location)
            store_release[uint64_t](place, pack_word(WORD_VALUE, txn_idx, record))
        settle(write, record)
    return True


cdef inline void number_below(Local* local, uint32_t location, uint32_t txn_idx, Number* out) noexcept nogil:
    """The number that a key holds below a transaction, with all below it final; 0 for what is none."""
    cdef Found found
    find(local, location, txn_idx, 0xFFFFFFFF, &found)
    if not found_number(local, &found, out):
        number_set(out, 0)


cdef inline bint may_commit(Local* local, uint32_t txn_idx) noexcept nogil:
    """Whether a validation of the current incarnation passed in the newest wave that concerns it; without waves, whether it
    has been executed, and not told that it read something stale.

    Exact for the transaction at commit_index: all below is final, so nothing moves validation back to
    it any more, and once true it stays so unless a stale validator aborts it.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint64_t status = load_acquire[uint64_t](&txn.status)
    cdef uint64_t validated
    if status_state(status) != EXECUTED:
        return status_state(status) == COMMITTED
    if not has_waves(local):
        return shared(local).discipline != DISCIPLINE_PUSH or not is_told(txn, status_incarnation(status))
    validated = load_sc[uint64_t](&txn.validated)
    if mutant(local, MUTANT_COMMIT_WITHOUT_WAVE):
        return validated != 0 and <uint32_t>(validated >> 32) == status_incarnation(status)
    return (
        <uint32_t>(validated >> 32) == status_incarnation(status)
        and <uint32_t>validated > load_acquire[uint32_t](&txn.triggered_wave)
        and <uint32_t>validated > load_relaxed[uint32_t](&shared(local).commit_wave)
    )


cdef inline bint is_for_workers(Local* local, uint32_t txn_idx) noexcept nogil:
    """Whether to commit a transaction may take what this worker cannot ask for: the supervisor, in the name of a dead
    one, leaves those with adds to the workers where the state has a source. Idle workers look for them (has_task).
    """
    if local.header.has_source == 0 or local.ask_source != NULL:
        return False
    return (<ReadSet*>address(local, load_acquire[uint64_t](&txn_at(local, txn_idx).read_set))).checks != 0


cdef inline bint predicates_hold(Local* local, uint32_t txn_idx, ReadSet* read_set, uint32_t* cause) noexcept nogil:
    """Whether what a transaction has only asked about would be answered the same; all below is final."""
    cdef Read* reads = read_set_items(read_set)
    cdef uint32_t index
    for index in range(read_set.count):
        if reads[index].kind >= READ_PRESENT and not read_set_is_valid(local, txn_idx, reads + index, 1, cause):
            return False
    return True


cdef inline bint commit_next(Local* local, uint64_t* time_ns) noexcept nogil:
    """Commit the next transaction where it may be; False where it may not.

    Invariant: the committed prefix never changes. Order: the status (EXECUTED -> COMMITTED), its adds,
    the index. A collector that dies in between is followed by one that finds the status COMMITTED at
    the index and does the rest, which begins with the writes where they come after the status (see commit_at_once). The span of a commit comes before the index, so that none is missing; the
    one that does the rest may note it again. A transaction whose outcome the source of the state leaves unknown ends
    the block once its status says that it stays so.
    """
    cdef Header* header = local.header
    cdef uint32_t txn_idx = <uint32_t>header.commit_index
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef ReadSet* read_set
    cdef const Read* check = NULL
    cdef Sums sums
    cdef uint64_t status
    cdef uint64_t begin_ns = span_begin(local)
    cdef uint32_t cause
    if load_relaxed[uint32_t](&header.stop) != 0:
        return False
    sums.count = 0
    if status_state(load_acquire[uint64_t](&txn.status)) != COMMITTED:
        if not may_commit(local, txn_idx) or is_for_workers(local, txn_idx):
            return False
        status = load_acquire[uint64_t](&txn.status)
        read_set = <ReadSet*>address(local, txn.read_set)
        if read_set.checks != 0 and not mutant(local, MUTANT_BOUNDS_UNCHECKED):
            check = wrong_check(local, txn_idx, read_set_items(read_set), read_set.count, &sums)
        if shared(local).discipline == DISCIPLINE_PUSH and not predicates_hold(local, txn_idx, read_set, &cause):
            if try_abort(local, txn_idx, status_incarnation(status)):
                span_end(local, SPAN_REFUSAL, begin_ns, txn_idx, status_incarnation(status), cause)
            return False
        if (
            load_sc[uint32_t](&shared(local).has_surprises) != 0
            and not mutant(local, MUTANT_SURPRISE_UNNOTICED)
            and not read_set_is_valid(local, txn_idx, read_set_items(read_set), read_set.count, &cause)
        ):
            if try_abort(local, txn_idx, status_incarnation(status)):
                span_end(local, SPAN_REFUSAL, begin_ns, txn_idx, status_incarnation(status), cause)
            return False
        if check != NULL:
            learn_from_refusal(local, check)
            note_surprise(local)
            if try_abort(local, txn_idx, status_incarnation(status)):
                span_end(local, SPAN_REFUSAL, begin_ns, txn_idx, status_incarnation(status), 0)
            return False
        if read_set.checks != 0:
            learn_from_commit(local, read_set_items(read_set), read_set.count)
        if mutant(local, MUTANT_INDEX_BEFORE_STATUS):
            store_release[uint64_t](&header.commit_index, txn_idx + 1)
        step(local, STEP_COMMIT, txn_idx)
        if status_state(status) != EXECUTED or not compare_exchange_sc[uint64_t](
            &txn.status, status, pack_status(COMMITTED, 0, status_incarnation(status))
        ):
            return False
    elif (<WriteSet*>address(local, txn.write_set)).is_final and not mutant(local, MUTANT_FINAL_WRITES_HALF_SHOWN):
        put_final_writes(local, txn_idx)
        note_publication(local)
        rewind_validation(local, txn_idx + 1)
    if unlikely_true(never_final(txn)):
        fail_for(local, txn_idx)
        return False
    if not settle_adds(local, txn_idx, &sums):
        return False
    raise_to(&shared(local).commit_wave, txn.triggered_wave)
    if time_ns[0] == 0:
        time_ns[0] = now_ns(local)
    txn.commit_ns = time_ns[0]
    span_end(local, SPAN_COMMIT, begin_ns, txn_idx, status_incarnation(load_relaxed[uint64_t](&txn.status)), 0)
    store_sc[uint64_t](&header.commit_index, txn_idx + 1)
    if txn_idx + 1 < header.txn_count:
        release_successor(local, txn_idx + 1)
    return True


cdef inline void release_successor(Local* local, uint32_t txn_idx) noexcept nogil:
    """Let a transaction run that waits until all before it is final (see wait_for_commit).

    Called after commit_index says so. Invariant: none that waits is forgotten. All of the following are sc, so
    there is one order of them in the eyes of all:

        collector:   stores commit_index;  loads the flag;  loads the status
        supervisor:  sets the flag, then makes the transaction READY (see count_death)
        worker:      claims it, stores SUSPENDED;  loads commit_index (see wait_for_commit)

    If the collector's load of the flag comes before the flag, or its load of the status before SUSPENDED, then its
    store of commit_index comes before the worker's load, and the worker resumes the transaction itself.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef uint64_t status
    if not load_sc[uint32_t](&txn.flags) & TXN_AFTER_COMMIT or mutant(local, MUTANT_SUCCESSOR_FORGOTTEN):
        return
    status = load_sc[uint64_t](&txn.status)
    if status_state(status) == SUSPENDED:
        make_ready(local, txn_idx, status)


cdef inline void announce_progress(Local* local) noexcept nogil:
    """Tell the supervisor, and at the end everybody, how far the block is."""
    cdef Header* header = local.header
    fence_sc()          # what was committed shows before the wish for progress is looked at
    if header.commit_index == header.txn_count or (
        mutant(local, MUTANT_DONE_BY_INDICES) and index_part(shared(local).validation_index) >= header.txn_count
    ):
        say_done(local, now_ns(local))
    else:
        tell_progress(local)


cdef inline void commit_second(Local* local, uint32_t txn_idx) noexcept nogil:
    """What must not be (see mutants): commit a transaction before the one below it."""
    cdef uint64_t status
    if txn_idx >= local.header.txn_count or not may_commit(local, txn_idx):
        return
    status = load_acquire[uint64_t](&txn_at(local, txn_idx).status)
    store_sc[uint64_t](&txn_at(local, txn_idx).status, pack_status(COMMITTED, 0, status_incarnation(status)))


cdef inline void commit_ready(Local* local) noexcept nogil:
    """Commit all that may be committed, unless another worker is at it.

    Invariant: no committable transaction is left behind. A validator stores its result (sc) before it loads
    commit_index and tries for the collector's place (sc, also where it fails); the collector stores commit_index
    and gives the place up (sc) before it loads results again (sc). So where the validator finds the transaction
    not at commit_index, or the place taken, the collector has not looked for the last time, and finds the result.
    """
    cdef Header* header = local.header
    cdef uint64_t first, time_ns
    while load_relaxed[uint32_t](&header.stop) == 0:
        first = load_sc[uint64_t](&header.commit_index)
        if mutant(local, MUTANT_COMMIT_OUT_OF_ORDER):
            commit_second(local, <uint32_t>first + 1)
        if first >= header.txn_count or not may_commit(local, <uint32_t>first) or is_for_workers(local, <uint32_t>first):
            return
        if not compare_exchange_sc[uint32_t](&header.collector, 0, local.worker + 1) and not mutant(
            local, MUTANT_TWO_COLLECTORS
        ):
            return
        time_ns = 0
        first = header.commit_index
        while header.commit_index < header.txn_count and commit_next(local, &time_ns):
            pass
        if header.commit_index != first:
            keep_pace(local, time_ns)
            announce_progress(local)
        exchange_sc[uint32_t](&header.collector, 0)
