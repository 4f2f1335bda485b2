"""What the model keeps: the batch that is executed or committed now, and what its transactions have reserved."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from blockstm.native.memory.allocation cimport take_bytes
from blockstm.native.memory.atomics cimport load_acquire, load_relaxed, load_sc, store_relaxed
from blockstm.native.memory.layout cimport COMMITTED, EXECUTED
from blockstm.native.memory.local cimport Local, address, txn_at
from blockstm.native.models.schedule cimport Schedule
from blockstm.native.models.status cimport status_incarnation, status_state

cdef struct Member:             # a transaction of a batch
    uint32_t txn_idx
    uint32_t incarnation        # ... with which it has come into it

cdef struct Batch:              # one snapshot; it does not move, and what it lists does not change
    uint32_t number             # from 1
    uint32_t count
    uint32_t next_place         # the first that was not handed out
    uint32_t executed           # those below have been executed; a hint
    uint32_t first_fresh        # the first transaction that was in no batch yet
    uint32_t _pad
    uint64_t order              # offset of uint32[count]: its places, in the order in which they commit; 0 = not decided
    uint32_t ordered            # how many do, unless an add does not stay within its bounds
    uint32_t applied            # how many of them have been dealt with
    # Member[count], ascending by transaction, follow

cdef struct Shared:
    Schedule schedule           # first, see models/schedule; the ready set has those that have to be executed again
    uint64_t batch              # offset of the Batch
    uint32_t batch_size
    uint32_t reorders


cdef inline Shared* shared(Local* local) noexcept nogil:
    return <Shared*>local.model_state


cdef inline Batch* batch_now(Local* local) noexcept nogil:
    """The batch of now. Memory ordering: it shows (sc) once it is complete."""
    return <Batch*>address(local, load_sc[uint64_t](&shared(local).batch))


cdef inline Member* members(Batch* batch) noexcept nogil:
    return <Member*>(batch + 1)


cdef inline void add_member(Local* local, Batch* batch, uint32_t txn_idx) noexcept nogil:
    members(batch)[batch.count].txn_idx = txn_idx
    members(batch)[batch.count].incarnation = status_incarnation(txn_at(local, txn_idx).status)
    batch.count += 1


cdef inline bint is_executed(Local* local, Batch* batch) noexcept nogil:
    """Whether all of a batch has been executed. Those that have stay so until it is committed."""
    cdef uint32_t place = load_relaxed[uint32_t](&batch.executed)
    cdef uint32_t state
    while place < batch.count:
        state = status_state(load_acquire[uint64_t](&txn_at(local, members(batch)[place].txn_idx).status))
        if state != EXECUTED and state != COMMITTED:
            break
        place += 1
    store_relaxed[uint32_t](&batch.executed, place)
    return place == batch.count


cdef inline uint64_t make_batch(Local* local, Batch* before, uint32_t number) noexcept nogil:
    """The next batch: what the last one has not committed, then fresh transactions; 0 where the arena is full.

    It does not show yet. Invariant: made again by the successor of a collector that died, it is the same.
    """
    cdef uint32_t room = shared(local).batch_size
    cdef uint32_t place, txn_idx
    cdef uint64_t offset
    cdef Batch* batch
    if before != NULL and before.count > room:
        room = before.count
    if room > local.header.txn_count:
        room = local.header.txn_count
    offset = take_bytes(local, (sizeof(Batch) + room * sizeof(Member) + 7) & ~<uint64_t>7)
    if offset == 0:
        return 0
    batch = <Batch*>address(local, offset)
    memset(batch, 0, sizeof(Batch))
    batch.number = number
    for place in range(before.count if before != NULL else 0):
        txn_idx = members(before)[place].txn_idx
        if status_state(txn_at(local, txn_idx).status) != COMMITTED:
            add_member(local, batch, txn_idx)
    batch.first_fresh = before.first_fresh if before != NULL else 0
    while batch.count < room and batch.first_fresh < local.header.txn_count:
        add_member(local, batch, batch.first_fresh)
        batch.first_fresh += 1
    return offset
