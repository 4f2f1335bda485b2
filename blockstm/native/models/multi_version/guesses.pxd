"""Guesses about adds: whether an add stays within its bounds, before all below it is final.

The collector checks each guess when all below is final, so a wrong one costs an abort and nothing else. Two can be made:
what is seen below is what will be there (*sight*), or what is still missing below will make the add possible (*belief*:
then the transaction looks at nobody, and depends on nobody). A chain of payments, each of which needs the nonce that the
one before it leaves, wants belief; payments from an account that is empty want sight. Which it is, each key learns, as a
branch predictor does, in two bits: it starts with belief, and goes over to sight when belief was wrong three times on
end. Sight that was wrong ends at once, as all those above that have looked at the same are wrong with it.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport compare_exchange_sc, fetch_and_sc, load_acquire, load_relaxed
from blockstm.native.memory.layout cimport LOCATION_DOUBT, LOCATION_DOUBT_ONE, Location, READ_OUTSIDE, READ_WITHIN, Read
from blockstm.native.memory.local cimport Local, location_at


cdef inline uint32_t doubt_about(const Location* location) noexcept nogil:
    """How often belief was wrong on end; LOCATION_DOUBT where sight is used."""
    return load_relaxed[uint32_t](&location.flags) & LOCATION_DOUBT


cdef inline bint believes_add(Local* local, uint32_t location) noexcept nogil:
    """See Model.believes_add: whether something below is not final yet, and the key is not doubted.

    Memory ordering: where commit_index says that all below is final (acquire), sight is exact; so it is where a worker has
    made all below final itself (see execute_in_order). The doubt may be old.
    """
    return (
        not local.slot.reads_are_final
        and load_acquire[uint64_t](&local.header.commit_index) != local.txn_idx
        and doubt_about(location_at(local, location)) != LOCATION_DOUBT
    )


cdef inline void learn_from_refusal(Local* local, const Read* check) noexcept nogil:
    """Note at a key that a guess about an add to it was wrong; the check says what was guessed.

    Invariant: nothing but the number of aborts depends on doubts, so a lost one harms nobody. It is the collector who
    writes them, one at a time, or a worker whose transaction is the next to commit.
    """
    cdef Location* location = location_at(local, check.location)
    cdef uint32_t flags
    if check.kind != READ_WITHIN:
        fetch_and_sc[uint32_t](&location.flags, ~<uint32_t>LOCATION_DOUBT)
    else:
        flags = load_relaxed[uint32_t](&location.flags)
        if flags & LOCATION_DOUBT != LOCATION_DOUBT:
            compare_exchange_sc[uint32_t](&location.flags, flags, flags + LOCATION_DOUBT_ONE)


cdef inline void learn_from_commit(Local* local, const Read* reads, uint32_t count) noexcept nogil:
    """Forget doubts about keys whose adds were believed rightly. For the invariant see learn_from_refusal."""
    cdef Location* location
    cdef uint32_t index, doubt
    for index in range(count):
        if reads[index].kind != READ_WITHIN:
            continue
        location = location_at(local, reads[index].location)
        doubt = doubt_about(location)
        if doubt != 0 and doubt != LOCATION_DOUBT:
            fetch_and_sc[uint32_t](&location.flags, ~<uint32_t>LOCATION_DOUBT)


cdef inline bint guesses_are_outdated(Local* local, uint32_t txn_idx, const Read* reads, uint32_t count) noexcept nogil:
    """Whether an executed transaction was told that an add is out of bounds by sight, which is not used there any more.

    So those that were wrong together run again at once, and not one after the other as each comes to the collector.
    Invariant: where all below is final the answer is no, so that an exact guess stays. A transaction is aborted for
    this at most once for each time that the collector ends sight at a key: the block does come to its end.
    """
    cdef uint32_t index
    if load_acquire[uint64_t](&local.header.commit_index) >= txn_idx:
        return False
    for index in range(count):
        if (
            reads[index].kind == READ_OUTSIDE
            and doubt_about(location_at(local, reads[index].location)) != LOCATION_DOUBT
        ):
            return True
    return False
