"""Intents: announcing that a transaction will write what it reads, so that others wait instead of working in vain.

Whether it will is foreseen. Of an incarnation that follows a finished one, all is known: what that one wrote stands there as
ESTIMATEs, and nothing else is announced. Of another, each key tells what the last transaction of the same program did that
read it, as a branch predictor of one bit does: a price that one program sets is no reason for those that trade at it to
wait for each other.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport fetch_and_sc, fetch_or_sc, load_acquire, load_relaxed, store_release
from blockstm.native.memory.layout cimport (
    INTENTS_MAX, LOCATION_READ_MODIFY_WRITE, LOCATION_WRITER, LOCATION_WRITERS, Location, WORD_INTENT, WORD_TOMBSTONE,
    Write, WriteSet,
)
from blockstm.native.memory.local cimport LeadingKeys, Local, STEP_INTENT, Touched, address, location_at, step
from blockstm.native.instruments.mutants cimport MUTANT_WITHDRAWN_PLACE_FREED, mutant
from blockstm.native.models.multi_version.pace cimport is_alone
from blockstm.native.models.multi_version.state cimport own, shared
from blockstm.native.models.outcome cimport write_set_items
from blockstm.native.models.promises cimport accesses_of
from blockstm.native.verbs.touched cimport touch, touched_already
from blockstm.native.versions.multi_version cimport claim_place, pack_word, word_kind


# --- foreseeing ---------------------------------------------------------------------------------

cdef inline uint32_t writer_flag(Local* local) noexcept nogil:
    """The flag, at a location, of the running transaction's program. Programs that share one are taken for the same."""
    return <uint32_t>LOCATION_WRITER << (local.txn.program % LOCATION_WRITERS)


cdef inline bint will_write(Local* local, uint32_t location) noexcept nogil:
    """Whether the running transaction is foreseen to write a key that it reads, and nothing of it stands there yet."""
    return local.txn.read_set == 0 and load_relaxed[uint32_t](&location_at(local, location).flags) & writer_flag(local)


cdef inline void learn_written(Local* local, uint32_t location) noexcept nogil:
    """Note at a key that the running transaction has read it and writes it.

    Invariant, here and below: only what is announced, and so who waits for whom, depends on it. The flags change when
    what is foreseen does, so that readers of a key do not take its cache line from each other.
    """
    cdef Location* place = location_at(local, location)
    cdef uint32_t flags = LOCATION_READ_MODIFY_WRITE | writer_flag(local)
    if load_relaxed[uint32_t](&place.flags) & flags != flags:
        fetch_or_sc[uint32_t](&place.flags, flags)


cdef inline void learn_from_writes(Local* local, WriteSet* write_set) noexcept nogil:
    """Note at each key of a final list, if the running transaction has read it, that it writes it."""
    cdef uint32_t flags = LOCATION_READ_MODIFY_WRITE | writer_flag(local)
    cdef uint32_t index, location
    cdef Touched* touched
    for index in range(write_set.count):
        location = write_set_items(write_set)[index].location
        if load_relaxed[uint32_t](&location_at(local, location).flags) & flags != flags:
            touched = touched_already(local, location)
            if touched != NULL and touched.read_index >= 0:
                learn_written(local, location)


cdef inline void learn_unwritten(Local* local, uint32_t location) noexcept nogil:
    """Note at a key that the running transaction has announced to write it, and does not."""
    cdef Location* place = location_at(local, location)
    if load_relaxed[uint32_t](&place.flags) & writer_flag(local):
        fetch_and_sc[uint32_t](&place.flags, ~writer_flag(local))


# --- announcing ---------------------------------------------------------------------------------

cdef inline void announce_intent(Local* local, Touched* touched) noexcept nogil:
    """Mark a key that the running transaction is foreseen to write as about to be written by it.

    Later transactions that read the key then wait instead of working on a value that will be stale.
    Short transactions (see adapt_fresh_chunk) do not: running one in vain costs less than waiting.
    Invariant: an intent never held a value, so nobody has read through it: it needs no validation
    when it comes or goes. It is noted in the slot before it shows, for recovery.
    """
    cdef uint64_t word
    if touched.place != 0 or own(local).fresh_chunk > 1 or local.slot.intent_count >= INTENTS_MAX:
        return
    if not shared(local).has_intents or is_alone(local) or not will_write(local, touched.location):
        return
    store_release[uint32_t](&local.slot.intents[local.slot.intent_count], touched.location)
    store_release[uint32_t](&local.slot.intent_count, local.slot.intent_count + 1)
    step(local, STEP_INTENT, touched.location)
    touched.place = claim_place(local, touched.location, local.txn_idx)
    if touched.place == 0:
        return
    word = load_acquire[uint64_t](<uint64_t*>address(local, touched.place))
    if word == 0 or word_kind(word) == WORD_TOMBSTONE:
        store_release[uint64_t](
            <uint64_t*>address(local, touched.place), pack_word(WORD_INTENT, local.txn_idx, 0)
        )


cdef inline bint withdraw_intents(Local* local) noexcept nogil:
    """Take back what a transaction that is about to run again has announced, and is not foreseen to write any more.

    Those after it may have queued up behind it in vain; True where some may have, and are to be resumed. Invariants: its
    executor only changes the words, which never held a value (see announce_intent), as no incarnation was finished; what
    stands in the list by a hint stays. The places stay its own, and in its list. A transaction that has seen an
    intent that goes just now, and waits, is resumed when this one has executed.
    """
    cdef WriteSet* write_set
    cdef Write* write
    cdef uint32_t index, known
    cdef bint withdrawn = False
    if local.txn.read_set != 0 or local.txn.write_set == 0 or accesses_of(local, local.txn_idx, &known) != NULL:
        return False
    write_set = <WriteSet*>address(local, local.txn.write_set)
    for index in range(write_set.leftover):
        write = write_set_items(write_set) + index
        if will_write(local, write.location) or (
            word_kind(load_relaxed[uint64_t](<uint64_t*>address(local, write.place))) != WORD_INTENT
        ):
            continue
        step(local, STEP_INTENT, write.location)
        store_release[uint64_t](
            <uint64_t*>address(local, write.place),
            0 if mutant(local, MUTANT_WITHDRAWN_PLACE_FREED) else pack_word(WORD_TOMBSTONE, local.txn_idx, 0),
        )
        withdrawn = True
    return withdrawn


cdef inline void queue_up(Local* local, uint32_t waits_at) noexcept nogil:
    """Announce the leading keys of a native program, for a transaction that has to wait before it got to them.

    Those after it then queue up behind it instead of behind the one that it waits for. Others may have done so just now:
    where it waits at such a key, it looks again (see queued_behind).
    """
    cdef const LeadingKeys* leading = local.leading_keys + local.txn.program
    cdef const uint64_t* arguments = <const uint64_t*>address(local, local.txn.arguments)
    cdef uint32_t keys = leading.count
    cdef uint32_t location
    cdef Touched* touched
    while keys > 0:
        keys -= 1
        location = <uint32_t>arguments[leading.words[keys]]
        if location == waits_at:
            own(local).queued_at = location
        if location_at(local, location).flags & LOCATION_READ_MODIFY_WRITE:
            touched = touch(local, location)
            if touched != NULL:
                announce_intent(local, touched)


cdef inline void expect_write(Local* local, Touched* touched, bint waits) noexcept nogil:
    """See Model.expect_write."""
    cdef uint32_t location = touched.location
    announce_intent(local, touched)
    if waits:
        queue_up(local, location)
