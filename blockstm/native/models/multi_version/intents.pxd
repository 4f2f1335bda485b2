"""Intents: announcing that a transaction will write what it reads, so that others wait instead of working in vain."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport load_acquire, store_release
from blockstm.native.memory.layout cimport INTENTS_MAX, LOCATION_READ_MODIFY_WRITE, WORD_INTENT, WORD_TOMBSTONE
from blockstm.native.memory.local cimport LeadingKeys, Local, STEP_INTENT, Touched, address, location_at, step
from blockstm.native.models.multi_version.state cimport own, shared
from blockstm.native.verbs.touched cimport touch
from blockstm.native.versions.multi_version cimport claim_place, pack_word, word_kind


cdef inline void announce_intent(Local* local, Touched* touched) noexcept nogil:
    """Mark a key that is usually read and then written as about to be written by this transaction.

    Later transactions that read the key then wait instead of working on a value that will be stale.
    Short transactions (see adapt_fresh_chunk) do not: running one in vain costs less than waiting.
    Invariant: an intent never held a value, so nobody has read through it: it needs no validation
    when it comes or goes. It is noted in the slot before it shows, for recovery.
    """
    cdef uint64_t word
    if touched.place != 0 or own(local).fresh_chunk > 1 or local.slot.intent_count >= INTENTS_MAX:
        return
    if not shared(local).has_intents:
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
