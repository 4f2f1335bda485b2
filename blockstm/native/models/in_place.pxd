"""State in place: one current word for each key, as models have that keep no versions. It is the first slot of the location."""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.instruments.virtual_time cimport charge_source
from blockstm.native.memory.atomics cimport load_acquire, store_release, unlikely_true
from blockstm.native.memory.layout cimport Location, Number, WORD_ADD, WORD_DELETE, WORD_VALUE, Write, WriteSet
from blockstm.native.memory.local cimport Local, Touched, location_at
from blockstm.native.memory.number cimport number_set
from blockstm.native.models.outcome cimport make_sum, settle, settled_value, write_set_items
from blockstm.native.models.progress cimport judge_prefix
from blockstm.native.verbs.model cimport Model
from blockstm.native.versions.multi_version cimport (
    FOUND_ABSENT, FOUND_VALUE, Found, base_number, is_unknown, pack_word, word_kind,
)


cdef inline uint64_t* word_in_place(Local* local, uint32_t location) noexcept nogil:
    """Where the current word of a key is; 0 until the block has written it."""
    return &location_at(local, location).slots[0]


cdef inline void find_in_place(Local* local, uint32_t location, Found* found) noexcept nogil:
    """What a key holds now. Memory ordering: a word is stored with release after its record."""
    cdef uint64_t word = load_acquire[uint64_t](word_in_place(local, location))
    if word == 0:
        charge_source(local, location)
        word = location_at(local, location).base
        if unlikely_true(local.header.has_source != 0) and is_unknown(local, location, &word, found):
            return
    found.word = word
    found.kind = FOUND_ABSENT if word == 0 or word_kind(word) == WORD_DELETE else FOUND_VALUE


cdef inline bint settle_write_set(Local* local, WriteSet* write_set) noexcept nogil:
    """Add up what the adds of a list come to now; False where the arena is full.

    Invariant: until the list is applied, doing it twice changes nothing.
    """
    cdef Found found
    cdef Number number
    cdef Write* write
    cdef uint64_t record
    cdef uint32_t index
    for index in range(write_set.count if write_set.adds != 0 else 0):
        write = write_set_items(write_set) + index
        if write.kind != WORD_ADD:
            continue
        find_in_place(local, write.location, &found)
        if not base_number(local, found.word, &number):
            number_set(&number, 0)
        record = make_sum(local, write, &number)
        if record == 0:
            return False
        settle(write, record)
    return True


cdef inline void apply_write(Local* local, uint32_t txn_idx, const Write* write) noexcept nogil:
    """Put a write of a settled list into the state. Doing it twice changes nothing."""
    store_release[uint64_t](
        word_in_place(local, write.location),
        pack_word(WORD_VALUE if write.kind == WORD_ADD else write.kind, txn_idx, settled_value(write)),
    )


# --- what verbs ask of a model that keeps its state so ------------------------------------------

cdef inline bint believes_add(Local* local, uint32_t location) noexcept nogil:
    """What is there is all that there is to go by."""
    return False


cdef inline void expect_write(Local* local, Touched* touched, bint waits) noexcept nogil:
    """No other transaction would wait for it."""


cdef inline bint may_go_on(Local* local) noexcept nogil:
    """Nothing that was read becomes stale while the transaction runs."""
    return True


cdef inline bint is_doomed(Local* local, uint32_t worker) noexcept nogil:
    """As may_go_on."""
    return False


cdef inline uint64_t final_word(Local* local, Location* location) noexcept nogil:
    """The current word."""
    return location.slots[0]


cdef inline void fill_in_place(Model* model) noexcept nogil:
    """Fill in what is the same for each of these models."""
    model.believes_add = believes_add
    model.expect_write = expect_write
    model.may_go_on = may_go_on
    model.is_doomed = is_doomed
    model.final_word = final_word
    model.look = judge_prefix
