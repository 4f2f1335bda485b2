"""The models that keep a version of each write, as Model asks for them.

- Block-STM (Gelashvili et al., PPoPP 2023; the differences stand in docs/architecture.md), with hints where there are any.
- Push, after Block-STM v2 (Aptos): see readers.
- Promises, after BOHM (Faleiro and Abadi, VLDB 2015): see expectations, and models/promises.
"""

from libc.stdint cimport uint32_t, uint64_t

from blockstm.native.memory.atomics cimport (
    fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, unlikely_true,
)
from blockstm.native.memory.layout cimport Header, Location, SPAN_SLEEP
from blockstm.native.memory.local cimport Local, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_SLEEP, address, step
from blockstm.native.instruments.mutants cimport MUTANT_PROMISE_UNCHECKED, MUTANT_SLEEPER_COUNTED_LATE, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge
from blockstm.native.models.multi_version.dooming cimport is_doomed, may_go_on
from blockstm.native.models.multi_version.guesses cimport believes_add
from blockstm.native.models.multi_version.intents cimport expect_write
from blockstm.native.models.multi_version.invariants cimport look, look_at_waiters
from blockstm.native.models.multi_version.recovery cimport died_running, recover
from blockstm.native.models.multi_version.expectations cimport claim_writes
from blockstm.native.models.multi_version.pace cimport lay_out_pace
from blockstm.native.models.multi_version.readers cimport find_and_register
from blockstm.native.models.multi_version.state cimport (
    ADAPTS_NEVER, DISCIPLINE_PROMISES, DISCIPLINE_PUSH, DISCIPLINE_WAVES, Shared, own, shared,
)
from blockstm.native.models.multi_version.tasks cimport (
    after_task, before_sleep, begin_block, do_task, end_block, has_task,
)
from blockstm.native.models.promises cimport UNDECLARED_IGNORE, may_find, may_know
from blockstm.native.models.schedule cimport lay_out_schedule, take_zeroed_lines
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.verbs.model cimport ADDS_GUESSED, ADDS_SCANNED, Model
from blockstm.native.versions.multi_version cimport FOUND_UNDECLARED, Found, find, newest_below

include "../worker_loop.pxi"

cdef enum:                      # places in Header.model_options
    OPTION_INTENTS = 0          # of Block-STM and push
    OPTION_ADAPTS = 1           # of Block-STM
    OPTION_COMPARES_VALUES = 1  # of push
    OPTION_ON_UNDECLARED = 0    # of promises
    READER_LISTS_MAX = 1048576


cdef inline bint lay_out_claims(Local* local) noexcept nogil:
    """The claims of all writes that are known."""
    cdef uint32_t txn_idx
    for txn_idx in range(local.header.txn_count):
        if not claim_writes(local, txn_idx):
            return False
    return True


cdef inline Shared* lay_out_shared(Local* local, uint32_t discipline) noexcept nogil:
    """What all of these models keep; NULL where the arena is full."""
    cdef Shared* shared = <Shared*>lay_out_schedule(local, sizeof(Shared))
    if shared == NULL or not lay_out_claims(local):
        return NULL
    shared.discipline = discipline
    lay_out_pace(local, shared, ADAPTS_NEVER)
    return shared


cdef inline bint lay_out_waves(Local* local) noexcept nogil:
    """What Block-STM keeps."""
    cdef Shared* shared = lay_out_shared(local, DISCIPLINE_WAVES)
    if shared == NULL:
        return False
    shared.has_intents = <uint32_t>local.header.model_options[OPTION_INTENTS]
    lay_out_pace(local, shared, <uint32_t>local.header.model_options[OPTION_ADAPTS])
    return True


cdef inline bint lay_out_push(Local* local) noexcept nogil:
    """What push keeps: lists of readers, too, about as many as there are keys."""
    cdef Shared* shared = lay_out_shared(local, DISCIPLINE_PUSH)
    cdef uint64_t lists = local.header.table_capacity
    if shared == NULL:
        return False
    shared.has_intents = <uint32_t>local.header.model_options[OPTION_INTENTS]
    shared.compares_values = <uint32_t>local.header.model_options[OPTION_COMPARES_VALUES]
    if lists > READER_LISTS_MAX:
        lists = READER_LISTS_MAX
    shared.reader_mask = <uint32_t>lists - 1
    shared.readers = take_zeroed_lines(local, lists * sizeof(uint64_t))
    return shared.readers != 0


cdef inline bint lay_out_promises(Local* local) noexcept nogil:
    """What promises take."""
    cdef Shared* shared = lay_out_shared(local, DISCIPLINE_PROMISES)
    if shared == NULL:
        return False
    shared.on_undeclared = <uint32_t>local.header.model_options[OPTION_ON_UNDECLARED]
    return True


cdef inline void find_below(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    """The newest version below the running transaction."""
    find(local, location, local.txn_idx, adds_max, found)


cdef inline bint keeps_to_promises(Local* local) noexcept nogil:
    """Whether the running transaction must not touch anything else."""
    return (
        shared(local).on_undeclared != UNDECLARED_IGNORE and not own(local).may_break_promises
        and not mutant(local, MUTANT_PROMISE_UNCHECKED)
    )


cdef inline void find_promised(Local* local, uint32_t location, uint32_t adds_max, Found* found) noexcept nogil:
    """The newest version below, of a key that the running transaction has promised to look at."""
    if keeps_to_promises(local) and adds_max != ADDS_SCANNED and not may_find(local, location, adds_max):
        found.kind = FOUND_UNDECLARED
        return
    find(local, location, local.txn_idx, adds_max, found)
    if keeps_to_promises(local) and not may_know(local, location, adds_max, found):
        found.kind = FOUND_UNDECLARED


cdef inline bint may_scan(Local* local) noexcept nogil:
    """Ranges are scanned as keys are read."""
    return True


cdef inline bint believes_promised_add(Local* local, uint32_t location) noexcept nogil:
    """As believes_add, of a key that the running transaction has promised to add to; else find_promised is to say so."""
    if keeps_to_promises(local) and not may_find(local, location, ADDS_GUESSED):
        return False
    return believes_add(local, location)


cdef inline uint64_t final_word(Local* local, Location* location) noexcept nogil:
    """The newest version of all."""
    return newest_below(local, location, local.header.txn_count)


cdef inline void fill_in(Model* model) noexcept nogil:
    """What is the same for each of these models."""
    model.work = work_on_block
    model.may_scan = may_scan
    model.believes_add = believes_add
    model.expect_write = expect_write
    model.may_go_on = may_go_on
    model.is_doomed = is_doomed
    model.died_running = died_running
    model.recover = recover
    model.final_word = final_word
    model.look = look
    model.look_at_waiters = look_at_waiters


cdef inline void block_stm_model(Model* model) noexcept nogil:
    """Fill in the table."""
    fill_in(model)
    model.lay_out = lay_out_waves
    model.find = find_below


cdef inline void push_model(Model* model) noexcept nogil:
    """Fill in the table."""
    fill_in(model)
    model.lay_out = lay_out_push
    model.find = find_and_register


cdef inline void promises_model(Model* model) noexcept nogil:
    """Fill in the table."""
    fill_in(model)
    model.lay_out = lay_out_promises
    model.find = find_promised
    model.believes_add = believes_promised_add
