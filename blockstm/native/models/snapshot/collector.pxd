"""Committing a batch that has been executed: who commits, in which order, and the next batch.

One worker does it, the collector, while the others wait. Each step may be done again: a collector that dies is followed by
one that finds how far it has come.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, exchange_sc, fence_sc, load_acquire, load_relaxed, load_sc, store_release, store_sc,
)
from blockstm.native.memory.allocation cimport take_bytes
from blockstm.native.memory.layout cimport (
    Bounds, COMMITTED, EXECUTED, Header, Number, READ_OUTSIDE, READ_SCAN, READ_WITHIN, Read, ReadSet, SPAN_COMMIT,
    SPAN_REFUSAL, SUSPENDED, Txn, WriteSet,
)
from blockstm.native.memory.local cimport Local, STEP_COMMIT, STEP_PUBLISH, STEP_STATUS, address, now_ns, step, txn_at
from blockstm.native.memory.number cimport number_compare
from blockstm.native.instruments.mutants cimport (
    MUTANT_BATCH_ADD_UNCHECKED, MUTANT_COMMIT_APPLIED_TWICE, MUTANT_READ_CONFLICT_IGNORED,
    MUTANT_REORDERED_BOTH_WAYS, mutant,
)
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.models.in_place cimport apply_write, find_in_place, settle_write_set
from blockstm.native.models.outcome cimport read_set_items, write_set_items
from blockstm.native.models.progress cimport fail_for, never_final, say_done, tell_progress
from blockstm.native.models.snapshot.reservations cimport Scans, reads_after_write, writes_after
from blockstm.native.models.snapshot.state cimport Batch, batch_now, is_executed, make_batch, members, shared
from blockstm.native.models.status cimport pack_status, status_incarnation, status_state
from blockstm.native.models.waking cimport wake_sleepers
from blockstm.native.versions.multi_version cimport FOUND_BROKEN, FOUND_UNKNOWN, Found, base_number

cdef enum:
    SETTLED = 1                 # in WriteSet.leftover: the adds of the list have been added up


cdef inline void order_batch(
    Local* local, Batch* batch, const Scans* scans, uint32_t* order, uint32_t* ordered
) noexcept nogil:
    """Decide which places of a batch commit, and in which order.

    Those that commit without a conflict do so in their order. With reordering, those that have read what earlier ones
    write, and write nothing that earlier ones have read, go before all of these, the last first. That is a serial order: a
    transaction that has read a key goes before the one that writes it. If the reader comes later in the batch, it is one
    of those that go before, as it has read what an earlier one writes; and if the writer is one of them, too, it comes
    after, as the later is first. If the writer comes later, it writes what an earlier one has read, so it is none of
    those, and stays behind. (Of two that write a key at most one commits.)
    """
    cdef uint32_t count = 0
    cdef uint32_t place
    cdef bint after_write
    for place in range(batch.count):
        place = batch.count - 1 - place
        if not shared(local).reorders or not reads_after_write(local, members(batch)[place].txn_idx, batch.number, place):
            continue
        if writes_after(local, scans, members(batch)[place].txn_idx, batch.number, place, False):
            continue
        if mutant(local, MUTANT_REORDERED_BOTH_WAYS) or not writes_after(
            local, scans, members(batch)[place].txn_idx, batch.number, place, True
        ):
            order[count] = place
            count += 1
    for place in range(batch.count):
        after_write = reads_after_write(local, members(batch)[place].txn_idx, batch.number, place)
        if after_write and not mutant(local, MUTANT_READ_CONFLICT_IGNORED):
            continue
        if not writes_after(local, scans, members(batch)[place].txn_idx, batch.number, place, False):
            order[count] = place
            count += 1
    ordered[0] = count


cdef inline uint32_t count_scans(Local* local, Batch* batch, Scans* scans) noexcept nogil:
    """How many scans the transactions of a batch have made; they are listed where `scans` has room."""
    cdef uint32_t count = 0
    cdef uint32_t place, index
    cdef ReadSet* read_set
    for place in range(batch.count):
        read_set = <ReadSet*>address(local, txn_at(local, members(batch)[place].txn_idx).read_set)
        for index in range(read_set.count):
            if read_set_items(read_set)[index].kind != READ_SCAN:
                continue
            if scans != NULL:
                scans.places[count] = place
                scans.offsets[count] = read_set_items(read_set)[index].word
            count += 1
    return count


cdef inline bint list_scans(Local* local, Batch* batch, Scans* scans) noexcept nogil:
    """List the scans of a batch; False where the arena is full."""
    cdef uint64_t offset
    memset(scans, 0, sizeof(Scans))
    scans.count = count_scans(local, batch, NULL)
    if scans.count == 0:
        return True
    offset = take_bytes(local, scans.count * <uint64_t>(2 * sizeof(uint64_t)))
    if offset == 0:
        return False
    scans.offsets = <uint64_t*>address(local, offset)
    scans.places = <uint32_t*>(scans.offsets + scans.count)
    count_scans(local, batch, scans)
    return True


cdef inline bint decide(Local* local, Batch* batch) noexcept nogil:
    """Decide a batch, where nobody has; False where the arena is full.

    Invariant: what was decided stays: it shows (release) once it is complete, and before anything is committed.
    """
    cdef uint64_t offset
    cdef Scans scans
    if batch.order != 0:
        return True
    offset = take_bytes(local, (batch.count * sizeof(uint32_t) * 2 + 7) & ~<uint64_t>7)
    if offset == 0 or not list_scans(local, batch, &scans):
        return False
    order_batch(local, batch, &scans, <uint32_t*>address(local, offset), &batch.ordered)
    store_release[uint64_t](&batch.order, offset)
    return True


cdef inline bint adds_hold(Local* local, const Txn* txn) noexcept nogil:
    """Whether each add is within bounds, or not, as the transaction was told by the snapshot."""
    cdef ReadSet* read_set = <ReadSet*>address(local, txn.read_set)
    cdef Read* read
    cdef Bounds* bounds
    cdef Found found
    cdef Number number
    cdef uint32_t index
    cdef bint within
    for index in range(read_set.count):
        read = read_set_items(read_set) + index
        if read.kind != READ_WITHIN and read.kind != READ_OUTSIDE:
            continue
        find_in_place(local, read.location, &found)
        if found.kind == FOUND_UNKNOWN or found.kind == FOUND_BROKEN:
            continue            # the snapshot has told: it is asked for what stands before the block only
        bounds = <Bounds*>address(local, read.word)
        within = base_number(local, found.word, &number) and (
            number_compare(&number, &bounds.minimum) >= 0 and number_compare(&number, &bounds.maximum) <= 0
        )
        if within != (read.kind == READ_WITHIN):
            return False
    return True


cdef inline bint apply(Local* local, uint32_t txn_idx) noexcept nogil:
    """Put what a transaction lists into the state; False where the arena is full.

    Invariant: the adds are added up once, before any of the list is in the state, and the list says so.
    """
    cdef WriteSet* write_set
    cdef uint32_t index
    if txn_at(local, txn_idx).write_set == 0:
        return True
    write_set = <WriteSet*>address(local, txn_at(local, txn_idx).write_set)
    if write_set.leftover != SETTLED or mutant(local, MUTANT_COMMIT_APPLIED_TWICE):
        if not settle_write_set(local, write_set):
            return False
        store_release[uint32_t](&write_set.leftover, SETTLED)
    for index in range(write_set.count):
        step(local, STEP_PUBLISH, write_set_items(write_set)[index].location)
        apply_write(local, txn_idx, write_set_items(write_set) + index)
    return True


cdef inline bint commit_one(Local* local, uint32_t txn_idx, uint64_t time_ns) noexcept nogil:
    """Commit a transaction, unless an add does not stay within its bounds; False where the block cannot go on.

    Order: its place in Header.order, its writes, the status (EXECUTED -> COMMITTED), commit_index.
    """
    cdef Txn* txn = txn_at(local, txn_idx)
    cdef Header* header = local.header
    cdef uint64_t begin_ns = span_begin(local)
    cdef uint64_t status = load_acquire[uint64_t](&txn.status)
    cdef uint64_t place = header.commit_index
    if status_state(status) != COMMITTED:
        if txn.write_set == 0 or (<WriteSet*>address(local, txn.write_set)).leftover != SETTLED:
            if not adds_hold(local, txn) and not mutant(local, MUTANT_BATCH_ADD_UNCHECKED):
                span_end(local, SPAN_REFUSAL, begin_ns, txn_idx, status_incarnation(status), 0)
                return True
        if never_final(txn):
            fail_for(local, txn_idx)
            return False
        (<uint32_t*>address(local, header.order))[place] = txn_idx
        if not apply(local, txn_idx):
            return False
        txn.commit_ns = time_ns
        step(local, STEP_COMMIT, txn_idx)
        store_sc[uint64_t](&txn.status, pack_status(COMMITTED, 0, status_incarnation(status)))
    elif place != 0 and (<uint32_t*>address(local, header.order))[place - 1] == txn_idx:
        return True             # a collector has died just before it noted that it had dealt with it
    span_end(local, SPAN_COMMIT, begin_ns, txn_idx, status_incarnation(status), 0)
    store_sc[uint64_t](&header.commit_index, place + 1)
    return True


cdef inline bint commit_ordered(Local* local, Batch* batch) noexcept nogil:
    """Commit what was decided, as far as it goes; False where the block cannot go on."""
    cdef const uint32_t* order = <const uint32_t*>address(local, batch.order)
    cdef uint64_t time_ns = now_ns(local)
    while batch.applied < batch.ordered:
        if load_relaxed[uint32_t](&local.header.stop) != 0:
            return False
        if not commit_one(local, members(batch)[order[batch.applied]].txn_idx, time_ns):
            return False
        store_release[uint32_t](&batch.applied, batch.applied + 1)
    return True


cdef inline void send_back(Local* local, Batch* batch) noexcept nogil:
    """EXECUTED -> SUSPENDED with the next incarnation, for what has not been committed: until the next batch is there.

    Invariant: it is not READY, so nobody takes it who has it from the ready set, where recovery may just be putting it.
    """
    cdef uint32_t place
    cdef uint64_t status
    cdef Txn* txn
    for place in range(batch.count):
        txn = txn_at(local, members(batch)[place].txn_idx)
        status = load_acquire[uint64_t](&txn.status)
        if status_state(status) == EXECUTED:
            local.slot.aborts += 1
            txn.write_set = 0
            step(local, STEP_STATUS, members(batch)[place].txn_idx)
            store_sc[uint64_t](&txn.status, pack_status(SUSPENDED, 0, status_incarnation(status) + 1))


cdef inline bint end_batch(Local* local) noexcept nogil:
    """Commit the batch that has been executed, and let the next one begin; False where there is none to commit.

    Invariant: nobody executes while a batch is committed: all of it has been executed, and the next one does not show yet.
    The first of a batch always commits, unless others do: so the block comes to its end.
    """
    cdef Header* header = local.header
    cdef Batch* batch = batch_now(local)
    cdef uint64_t following
    if header.commit_index == header.txn_count or load_relaxed[uint32_t](&header.stop) != 0:
        return False
    if not is_executed(local, batch) or not decide(local, batch) or not commit_ordered(local, batch):
        return False
    fence_sc()                  # what was committed shows before the wish for progress is looked at
    if header.commit_index == header.txn_count:
        say_done(local, now_ns(local))
        return False
    send_back(local, batch)
    following = make_batch(local, batch, batch.number + 1)
    if following == 0:
        return False
    store_sc[uint64_t](&shared(local).batch, following)
    tell_progress(local)
    wake_sleepers(local, 0xFFFFFFFF)
    return True


cdef inline bint can_end_batch(Local* local) noexcept nogil:
    """Whether there is a batch to be committed, and nobody at it."""
    return (
        load_sc[uint64_t](&local.header.commit_index) < local.header.txn_count
        and load_sc[uint32_t](&local.header.collector) == 0 and is_executed(local, batch_now(local))
    )


cdef inline void collect(Local* local) noexcept nogil:
    """Commit batches that have been executed, unless another worker is at it.

    Invariant: none is left behind. An executor stores the status (sc) before it looks whether all have been executed, and
    tries for the collector's place (sc); the collector gives the place up (sc) before it looks again.
    """
    while load_relaxed[uint32_t](&local.header.stop) == 0 and can_end_batch(local):
        if not compare_exchange_sc[uint32_t](&local.header.collector, 0, local.worker + 1):
            return
        end_batch(local)
        exchange_sc[uint32_t](&local.header.collector, 0)
