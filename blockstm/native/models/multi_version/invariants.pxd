"""The protocol's invariants, checked from outside after every step of a controlled run (see watch)."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.layout cimport (
    ABORTING, COMMITTED, EXECUTED, EXECUTING, READ_VERSION, READY, Read, ReadSet, SUSPENDED, TXN_AFTER_COMMIT, Txn, Write,
    WriteSet,
)
from blockstm.native.memory.local cimport Local, address, txn_at
from blockstm.native.versions.multi_version cimport Found, find, pack_word, word_is_estimate, word_txn
from blockstm.native.instruments.watch cimport (
    COMMIT_OF_STALE, COMMIT_OUT_OF_ORDER, COMMIT_WITHOUT_WAVE, COUNTER_SHRANK, ESTIMATE_IN_READ_SET, HOLDS,
    ILLEGAL_STATUS, INCARNATION_SHRANK, PLACE_CHANGED_HANDS, PREFIX_CHANGED, PREFIX_SHRANK, TWO_EXECUTORS,
    WAITER_FORGOTTEN, Watch, WatchedTxn,
)
from blockstm.native.models.multi_version.readers cimport holds_same_value
from blockstm.native.models.multi_version.scheduler cimport index_part, wave_part
from blockstm.native.models.multi_version.state cimport has_waves, shared
from blockstm.native.models.outcome cimport is_settled, read_set_items, write_set_items
from blockstm.native.models.progress cimport judge_prefix
from blockstm.native.models.status cimport status_incarnation, status_owner, status_state
from blockstm.native.verbs.model cimport ADDS_READ
from blockstm.native.versions.validation cimport read_set_is_valid, wrong_check

cdef enum:                      # places in Watch.counters
    WATCHED_EXECUTION_INDEX = 0
    WATCHED_VALIDATION_INDEX = 1


cdef inline bint is_legal(uint64_t before, uint64_t after) noexcept nogil:
    """Whether one step may take a status from `before` to `after` (see scheduler, publication, recovery)."""
    cdef uint32_t old = status_state(before)
    cdef uint32_t new = status_state(after)
    if status_incarnation(after) == status_incarnation(before) + 1:
        if new == EXECUTING:
            return old == EXECUTING and status_owner(before) == status_owner(after)
        return new == READY and (old == SUSPENDED or old == ABORTING or old == EXECUTING)
    if old == READY:
        return new == EXECUTING
    if old == EXECUTING:
        return new == EXECUTED or new == SUSPENDED or new == COMMITTED
    return old == EXECUTED and (new == ABORTING or new == COMMITTED)


cdef inline int judge_change(uint64_t before, uint64_t after) noexcept nogil:
    """What is wrong with a change of status, HOLDS where nothing is."""
    if status_incarnation(after) < status_incarnation(before):
        return INCARNATION_SHRANK
    if status_state(before) == COMMITTED:
        return PREFIX_CHANGED
    if (
        status_state(before) == EXECUTING and status_state(after) == EXECUTING
        and status_owner(before) != status_owner(after)
    ):
        return TWO_EXECUTORS
    return HOLDS if is_legal(before, after) else ILLEGAL_STATUS


cdef inline uint64_t mixed(uint64_t digest, uint64_t word) noexcept nogil:
    digest = (digest ^ word) * <uint64_t>0x9E3779B97F4A7C15
    return digest ^ (digest >> 29)


cdef inline uint64_t digest_of_final(Local* local, uint32_t txn_idx) noexcept nogil:
    """A digest of what must not change any more about a transaction below commit_index; never 0."""
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef WriteSet* write_set
    cdef uint64_t digest = mixed(mixed(mixed(txn.status, txn.read_set), txn.write_set), txn.gas_used)
    cdef uint32_t index
    digest = mixed(mixed(digest, txn.reason), (<uint64_t>txn.event_count << 32) | txn.outcome)
    if txn.write_set != 0:
        write_set = <WriteSet*>address(local, txn.write_set)
        for index in range(write_set.count):
            digest = mixed(mixed(digest, write_set_items(write_set)[index].place), write_set_items(write_set)[index].record)
    return digest | 1


cdef inline int judge_final_words(Local* local, uint32_t txn_idx) noexcept nogil:
    """Whether what a final transaction has written still stands where its list says."""
    cdef WriteSet* write_set = <WriteSet*>address(local, txn_at(local, txn_idx).write_set)
    cdef Write* write
    cdef uint64_t word
    cdef uint32_t index
    for index in range(write_set.count if txn_at(local, txn_idx).write_set != 0 else 0):
        write = write_set_items(write_set) + index
        if is_settled(write):
            continue
        word = (<uint64_t*>address(local, write.place))[0]
        if word_txn(word) == txn_idx and word != pack_word(write.kind, txn_idx, write.record):
            return PREFIX_CHANGED
    return HOLDS


cdef inline bint has_estimate(Local* local, uint32_t txn_idx) noexcept nogil:
    cdef ReadSet* read_set = <ReadSet*>address(local, txn_at(local, txn_idx).read_set)
    cdef Read* reads = read_set_items(read_set)
    cdef uint32_t index
    for index in range(read_set.count):
        if reads[index].kind == READ_VERSION and word_is_estimate(reads[index].word):
            return True
    return False


cdef inline bint values_hold(Local* local, uint32_t txn_idx, ReadSet* read_set) noexcept nogil:
    """Whether each version that was read, and is there no more, has been followed by one with the same value."""
    cdef Read* read
    cdef Found found
    cdef uint32_t index, cause
    for index in range(read_set.count):
        read = read_set_items(read_set) + index
        if read_set_is_valid(local, txn_idx, read, 1, &cause):
            continue
        find(local, read.location, txn_idx, ADDS_READ, &found)
        if read.kind != READ_VERSION or not holds_same_value(local, read.word, &found):
            return False
    return True


cdef inline int judge_commit(Local* local, uint32_t txn_idx) noexcept nogil:
    """What is wrong with the commit that this step made.

    Not asked is the wave that recovery notes for all (commit_wave): it may rise while a collector is between its
    check and its commit, and concerns what was not final when it rose.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef ReadSet* read_set = <ReadSet*>address(local, txn.read_set)
    cdef uint32_t below, cause
    if txn_idx != 0 and status_state(txn_at(local, txn_idx - 1).status) != COMMITTED:
        return COMMIT_OUT_OF_ORDER
    for below in range(txn_idx + 1 if has_waves(local) else 0):
        if <uint32_t>txn.validated <= txn_at(local, below).triggered_wave:
            return COMMIT_WITHOUT_WAVE
    if has_waves(local) and <uint32_t>(txn.validated >> 32) != status_incarnation(txn.status):
        return COMMIT_WITHOUT_WAVE
    if not read_set_is_valid(local, txn_idx, read_set_items(read_set), read_set.count, &cause) and not (
        shared(local).compares_values and values_hold(local, txn_idx, read_set)
    ):
        return COMMIT_OF_STALE
    if wrong_check(local, txn_idx, read_set_items(read_set), read_set.count, NULL) != NULL:
        return COMMIT_OF_STALE
    return HOLDS


cdef inline int judge_txn(Local* local, Watch* watch, uint32_t txn_idx) noexcept nogil:
    """Look at one transaction."""
    cdef WatchedTxn* watched = watch.txns + txn_idx
    cdef uint64_t status = txn_at(local, txn_idx).status
    cdef uint64_t before = watched.status
    cdef uint64_t digest
    cdef int finding
    if status != before:
        watched.status = status
        finding = judge_change(before, status)
        if finding != HOLDS:
            return finding
        if status_state(status) == EXECUTED and has_estimate(local, txn_idx):
            return ESTIMATE_IN_READ_SET
        if status_state(status) == COMMITTED:
            finding = judge_commit(local, txn_idx)
            if finding != HOLDS:
                return finding
    if txn_idx < local.header.commit_index:
        if status_state(status) != COMMITTED:
            return PREFIX_SHRANK
        digest = digest_of_final(local, txn_idx)
        if watched.digest != 0 and watched.digest != digest:
            return PREFIX_CHANGED
        watched.digest = digest
        return judge_final_words(local, txn_idx)
    return HOLDS


cdef inline int judge_places(Local* local, uint32_t txn_idx) noexcept nogil:
    """Whether the version words that a transaction's list names are its own; or, of a final one, have been taken by one after
    it (see claim_superseded and put_in_slot).
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef WriteSet* write_set
    cdef uint64_t word
    cdef uint32_t index
    if txn.write_set == 0:
        return HOLDS
    write_set = <WriteSet*>address(local, txn.write_set)
    for index in range(write_set.count + write_set.leftover):
        if is_settled(write_set_items(write_set) + index):
            continue
        word = (<uint64_t*>address(local, write_set_items(write_set)[index].place))[0]
        if word == 0 or word_txn(word) == txn_idx:
            continue
        if status_state(txn.status) != COMMITTED or word_txn(word) < txn_idx:
            return PLACE_CHANGED_HANDS
    return HOLDS


cdef inline int judge_counters(Local* local, Watch* watch) noexcept nogil:
    """Look at the scheduler's counters, and at the committed prefix."""
    cdef uint64_t execution = shared(local).execution_index
    cdef uint64_t validation = shared(local).validation_index
    cdef uint64_t before = watch.counters[WATCHED_VALIDATION_INDEX]
    cdef bint shrank = execution < watch.counters[WATCHED_EXECUTION_INDEX] or wave_part(validation) < wave_part(before)
    cdef int finding = judge_prefix(local, watch)
    if wave_part(validation) == wave_part(before) and index_part(validation) < index_part(before):
        shrank = True
    watch.counters[WATCHED_EXECUTION_INDEX] = execution
    watch.counters[WATCHED_VALIDATION_INDEX] = validation
    if finding != HOLDS:
        return finding
    return COUNTER_SHRANK if shrank else HOLDS


cdef inline int look(Local* local, Watch* watch) noexcept nogil:
    """What the step since the last look has broken, HOLDS where nothing; `culprit` says of which transaction."""
    cdef uint32_t txn_idx
    cdef int finding = judge_counters(local, watch)
    watch.culprit = <uint32_t>local.header.commit_index
    if finding != HOLDS:
        return finding
    for txn_idx in range(local.header.txn_count):
        watch.culprit = txn_idx
        finding = judge_txn(local, watch, txn_idx)
        if finding == HOLDS:
            finding = judge_places(local, txn_idx)
        if finding != HOLDS:
            return finding
    return HOLDS


cdef inline int look_at_waiters(Local* local, Watch* watch) noexcept nogil:
    """Whether no waiter is forgotten, asked when every worker is idle or asleep, so that none holds a list of waiters.

    A transaction that then waits for an executed one, or after a death for a commit that has been, waits for ever.
    """
    cdef uint32_t txn_idx, state
    cdef Txn* txn
    if local.header.stop != 0:
        return HOLDS
    for txn_idx in range(local.header.txn_count):
        txn = txn_at(local, txn_idx)
        if status_state(txn.status) != SUSPENDED:
            continue
        watch.culprit = txn_idx
        state = status_state(txn_at(local, txn.blocker).status)
        if txn.flags & TXN_AFTER_COMMIT:
            if local.header.commit_index >= txn_idx:
                return WAITER_FORGOTTEN
        elif state == EXECUTED or state == COMMITTED:
            return WAITER_FORGOTTEN
    return HOLDS
