"""A face of the core for its own tests (tests/property/test_core.py and others); built in the checkout, not installed.

The core's parts one by one, on a small arena of their own and without processes; native programs that use the
verbs as no shipped program does; and a model of execution that nobody would want.
"""

from cpython.pycapsule cimport PyCapsule_New
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from blockstm.native.verbs.adds cimport allowed_below as core_allowed_below
from blockstm.native.programs.arguments cimport Arguments, next_bytes, next_key, next_u256, next_u64
from blockstm.native.verbs.context cimport (
    OK, Savepoint, Value, ctx_emit, ctx_fail, ctx_location, ctx_read, ctx_revert, ctx_write, savepoint_open,
    savepoint_roll_back,
)
from blockstm.native.programs.native_program cimport CAPSULE_NAME, Program
from blockstm.native.versions.key_order cimport (
    first_from, key_order_at, next_in_order, order_node, set_prefix_range,
)
from blockstm.native.versions.key_table cimport find_or_insert, order_keys, table_capacity
from blockstm.native.memory.layout cimport (
    Bounds, FAILURE_NONE, HASH_TABLES_MAX, Header, KeyRange, Leaf, Number, SCAN_NO_END, SPAN_SLEEP, WORD_TOMBSTONE,
    WORD_VALUE, WorkerSlot,
)
from blockstm.native.memory.allocation cimport allocate_aligned, take_bytes
from blockstm.native.memory.local cimport (
    ABORT_NONE, Local, PendingWrite, STEP_CLEAN, STEP_COUNTER, STEP_IDLE, STEP_SLEEP, Touched, address,
    local_close, local_open, location_at, now_ns, slot_at, step, txn_at,
)
from blockstm.native.versions.multi_version cimport (
    claim_in_tree, claim_place, newest_below, newest_in_tree, tree_root, pack_word, tree_levels_for, word_kind,
    word_txn,
)
from blockstm.native.memory.number cimport (
    apply_delta, number_add, number_compare, number_decode, number_encode, number_subtract, signed_add,
)
from blockstm.native.instruments.mutants cimport MUTANT_SLEEPER_COUNTED_LATE, mutant
from blockstm.native.instruments.timeline cimport span_begin, span_end
from blockstm.native.instruments.virtual_time cimport COST_PAUSE, charge
from blockstm.native.memory.atomics cimport (
    fence_sc, fetch_add_sc, futex_wait, load_acquire, load_relaxed, load_sc, spin_pause, store_sc, unlikely_true,
)
from blockstm.native.models.deaths cimport recover as core_recover
from blockstm.native.models.multi_version.model cimport block_stm_model
from blockstm.native.models.incarnation cimport begin_incarnation, note_running, run_timed
from blockstm.native.models.progress cimport say_done, tell_progress
from blockstm.native.models.sequential.in_order cimport run_in_order
from blockstm.native.models.sequential.model cimport sequential_model
from blockstm.native.models.ready_set cimport ready_add, ready_lowest, ready_remove
from blockstm.native.models.status cimport NO_TXN
from blockstm.native.models.waking cimport wake_to_block as core_wake_to_block
from blockstm.native.verbs.model cimport MODEL_CAPSULE_NAME, Model, take_up
from blockstm.native.verbs.work cimport whole_units as core_whole_units

cdef extern from "<stdlib.h>" nogil:
    void* aligned_alloc(size_t alignment, size_t size) noexcept

cdef Model block_stm_table
block_stm_model(&block_stm_table)

# The structures of which a test may ask the size.
SIZES = {
    "Header": sizeof(Header), "Leaf": sizeof(Leaf), "Local": sizeof(Local), "PendingWrite": sizeof(PendingWrite),
    "Touched": sizeof(Touched), "WorkerSlot": sizeof(WorkerSlot),
}
TOMBSTONE = WORD_TOMBSTONE
VALUE = WORD_VALUE


# --- numbers ------------------------------------------------------------------------------------

cdef Number number_of(value):
    cdef Number number
    cdef bytes digits = value.to_bytes(32, "big")
    number_decode(<const uint8_t*>digits, 32, &number)
    return number


cdef object int_of(Number number):
    return sum(limb << (64 * place) for place, limb in enumerate(number.limb))


def decode(bytes data):
    """number_decode: the number, None for none."""
    cdef Number number
    return int_of(number) if number_decode(<const uint8_t*>data, <uint32_t>len(data), &number) else None


def encode(value):
    """number_encode."""
    cdef Number number = number_of(value)
    cdef uint8_t digits[32]
    cdef uint32_t length = number_encode(&number, digits)
    return bytes(digits[place] for place in range(length))


def compare(first, second):
    """number_compare."""
    cdef Number a = number_of(first), b = number_of(second)
    return number_compare(&a, &b)


def add(first, second):
    """number_add: the sum, and whether it overflowed."""
    cdef Number a = number_of(first), b = number_of(second)
    cdef bint overflow = number_add(&a, &b)
    return int_of(a), overflow


def subtract(first, second):
    """number_subtract: the difference, and whether it underflowed."""
    cdef Number a = number_of(first), b = number_of(second)
    cdef bint underflow = number_subtract(&a, &b)
    return int_of(a), underflow


def add_signed(first, second):
    """signed_add of two ints: the sum, None where its magnitude is too large."""
    cdef Number a = number_of(abs(first)), b = number_of(abs(second))
    cdef bint negative = False
    if not signed_add(&a, first < 0, &b, second < 0, &negative):
        return None
    return -int_of(a) if negative else int_of(a)


def apply(number, delta):
    """apply_delta."""
    cdef Number a = number_of(number), b = number_of(abs(delta))
    apply_delta(&a, &b, delta < 0)
    return int_of(a)


def allowed_below(delta, minimum, maximum):
    """allowed_below: the lowest and the highest value below, None for none."""
    cdef Number total = number_of(abs(delta))
    cdef Bounds bounds, allowed
    bounds.minimum = number_of(minimum)
    bounds.maximum = number_of(maximum)
    if not core_allowed_below(&total, delta < 0, &bounds, &allowed):
        return None
    return int_of(allowed.minimum), int_of(allowed.maximum)


def whole_units(double units):
    """whole_units."""
    return core_whole_units(units)


# --- an arena of its own --------------------------------------------------------------------------

cdef void interrupt(void* state, uint32_t kind, uint64_t what) noexcept with gil:
    """The step hook of worker 0."""
    (<Memory>state)._at_step()


cdef class Memory:
    """An arena of some workers' in private memory, with a block of empty transactions.

    Arguments:
        txn_count: transactions of the block.
        workers: how many there are.
        limit_bytes: the size of the arena.
        table_capacity: slots of the first hash table, a power of two.

    `interruptions`: what others do at step points of worker 0, by the number of the step since begin_steps().
    """

    cdef uint8_t* base
    cdef Header* header
    cdef Local* locals
    cdef uint32_t workers
    cdef public dict interruptions
    cdef public uint64_t steps

    def __cinit__(self, txn_count, workers=1, limit_bytes=1 << 20, table_capacity=1024):
        cdef uint32_t worker
        self.workers = workers
        self.interruptions = {}
        # A multiple of the alignment, as C asks for.
        self.base = <uint8_t*>aligned_alloc(4096, (limit_bytes + 4095) // 4096 * 4096)
        self.locals = <Local*>calloc(workers, sizeof(Local))
        if self.base == NULL or self.locals == NULL:
            raise MemoryError
        memset(self.base, 0, limit_bytes)
        self.header = <Header*>self.base
        self.header.limit_bytes = limit_bytes
        self.header.slots = sizeof(Header)
        self.header.worker_slots = workers
        self.header.bump = sizeof(Header) + (workers + 1) * sizeof(WorkerSlot)
        for worker in range(self.workers):
            local_open(&self.locals[worker], self.base, worker, -1)
        self._lay_out(txn_count, table_capacity)

    cdef int _lay_out(self, uint64_t txn_count, uint64_t capacity) except -1:
        cdef uint32_t worker
        self.header.txn_count = <uint32_t>txn_count
        self.header.tree_levels = tree_levels_for(txn_count)
        self.header.table_capacity = capacity
        self.header.tables[0] = take_bytes(self.locals, capacity * 8)
        if not block_stm_table.lay_out(self.locals) or self.has_failed:
            raise MemoryError
        for worker in range(self.workers):
            take_up(&self.locals[worker], &block_stm_table)
        return 0

    def __dealloc__(self):
        cdef uint32_t worker
        if self.locals != NULL:
            for worker in range(self.workers):
                local_close(&self.locals[worker])
        free(self.locals)
        free(self.base)

    cdef Local* _local(self, uint32_t worker) except NULL:
        if worker >= self.workers:
            raise IndexError(worker)
        return &self.locals[worker]

    def call(self, worker):
        """Call all workers to a block, and wake them, as one of them that is up."""
        cdef uint32_t each
        self.header.active_workers = self.workers
        for each in range(self.workers):
            fetch_add_sc[uint32_t](&slot_at(self.locals, each).run_epoch, 1)
        core_wake_to_block(self._local(worker))

    def begin_to_wake(self):
        """What one that dies just then leaves: it has said that it wakes the next, and has not done so."""
        self.header.woken += 1

    def recover(self, worker):
        """Recover from the death of a worker in a block that is done."""
        self.header.done = 1
        core_recover(self._local(worker))

    def sleep_until_called(self, worker, uint64_t seconds):
        """Sleep as a worker does that has not been called yet, so long at most."""
        cdef uint32_t* word = &self._local(worker).slot.run_epoch
        with nogil:
            futex_wait(word, 0, seconds * <uint64_t>1000000000)

    def begin_steps(self):
        """Let what stands in `interruptions` happen at the steps from here on."""
        self.steps = 0
        self.locals[0].step_hook = interrupt
        self.locals[0].step_state = <void*>self

    cdef int _at_step(self) except -1:
        self.steps += 1
        for action in self.interruptions.pop(self.steps, ()):
            action()
        return 0

    @property
    def has_failed(self):
        """Whether the arena was too small."""
        return self.header.failure != FAILURE_NONE

    @property
    def used_bytes(self):
        """Where the part of the arena begins that nobody has taken."""
        return self.header.bump

    def chunk(self, worker):
        """What a worker hands out of: begin and end."""
        cdef WorkerSlot* slot = slot_at(self._local(worker), worker)
        return slot.chunk_tip, slot.chunk_end

    def allocate(self, worker, size, alignment):
        """allocate_aligned."""
        return allocate_aligned(self._local(worker), size, alignment)

    # keys

    def find(self, worker, bytes key):
        """find_or_insert: the location, 0 where the arena is too small."""
        return find_or_insert(self._local(worker), <const uint8_t*>key, <uint32_t>len(key))

    def key(self, uint32_t location):
        """The key of a location."""
        cdef uint32_t length = location_at(self.locals, location).key_bytes
        return bytes(location_at(self.locals, location).key[place] for place in range(length))

    @property
    def tables(self):
        """The capacities of the hash tables that there are."""
        return [
            table_capacity(self.locals, level)
            for level in range(HASH_TABLES_MAX) if self.header.tables[level] != 0
        ]

    # keys in order

    def order(self, worker, bytes prefix=b""):
        """order_keys, of those with a prefix: whether the arena was large enough."""
        cdef KeyRange wanted
        set_prefix_range(&wanted, <const uint8_t*>prefix, <uint32_t>len(prefix))
        return order_keys(self._local(worker), &wanted)

    def ordered(self):
        """The range of the keys that are wanted in order: its start, and its end or None; None for no range."""
        cdef const KeyRange* keys
        if self.header.key_order == 0:
            return None
        keys = &key_order_at(self.locals, self.header.key_order).range
        end = None if keys.end_bytes == SCAN_NO_END else bytes(keys.end[place] for place in range(keys.end_bytes))
        return bytes(keys.start[place] for place in range(keys.start_bytes)), end

    def keys_from(self, bytes start):
        """The keys in order, from the first that is not below `start`; None where nobody has asked for them."""
        cdef uint32_t node
        cdef list keys = []
        if self.header.key_order == 0:
            return None
        node = first_from(self.locals, <const uint8_t*>start, <uint32_t>len(start))
        while node != 0:
            keys.append(self.key(order_node(self.locals, node).location))
            node = next_in_order(self.locals, node)
        return keys

    # versions

    def write(self, worker, uint32_t location, uint32_t txn_idx, uint32_t kind, bint in_tree=False):
        """Claim a transaction's place for a key, and write a version word of that kind."""
        cdef Local* local = self._local(worker)
        cdef uint64_t place
        if in_tree:
            place = claim_in_tree(local, location_at(local, location), txn_idx)
        else:
            place = claim_place(local, location, txn_idx)
        if place == 0:
            raise MemoryError
        (<uint64_t*>address(local, place))[0] = pack_word(kind, txn_idx, 0)
        return place

    def newest(self, uint32_t location, uint32_t txn_idx, bint in_tree=False):
        """The newest live version below a transaction: (transaction, kind), None for none."""
        cdef uint64_t word = 0
        if not in_tree:
            word = newest_below(self.locals, location_at(self.locals, location), txn_idx)
        elif location_at(self.locals, location).tree != 0:
            word = newest_in_tree(self.locals, tree_root(location_at(self.locals, location).tree), txn_idx, 0)
        return None if word == 0 else (word_txn(word), word_kind(word))

    # the ready set

    def ready_add(self, worker, txn_idx):
        """ready_add."""
        ready_add(self._local(worker), txn_idx)

    def ready_remove(self, worker, txn_idx):
        """ready_remove."""
        ready_remove(self._local(worker), txn_idx)

    def ready_lowest(self, worker):
        """ready_lowest: the lowest member, None for none."""
        cdef uint32_t lowest = ready_lowest(self._local(worker))
        return None if lowest == NO_TXN else lowest


# --- native programs ------------------------------------------------------------------------------

cdef enum:
    PATTERN_BYTES = 1 << 17

# What programs do with what they have.
cdef enum:
    DO_WRITE = 0
    DO_WRITE_REST = 1           # all but the first byte
    DO_EMIT = 2
    DO_REVERT = 3
    DO_FAIL = 4
    DO_LOCATE = 5               # take it for a key, and write it there
    DO_REVERT_WITH_REASON = 6   # fail a nested program with it, and revert with all but the first byte of its reason

cdef uint8_t PATTERN[PATTERN_BYTES]


def pattern(length):
    """The bytes that programs begin with."""
    return bytes(index * 7 % 251 for index in range(length))


for index in range(PATTERN_BYTES):
    PATTERN[index] = index * 7 % 251


cdef void use(Local* local, uint64_t verb, uint32_t key, const uint8_t* data, uint32_t length) noexcept nogil:
    """Hand bytes to a verb."""
    cdef Savepoint savepoint
    cdef uint32_t located
    if verb == DO_WRITE:
        ctx_write(local, key, data, length)
    elif verb == DO_WRITE_REST:
        ctx_write(local, key, data + 1, length - 1)
    elif verb == DO_EMIT:
        if ctx_emit(local, data, length) == OK:
            ctx_emit(local, data, length)
    elif verb == DO_REVERT:
        ctx_revert(local, <const char*>data, length)
    elif verb == DO_FAIL:
        ctx_fail(local, <const char*>data, length)
    elif verb == DO_LOCATE:
        located = ctx_location(local, data, length)
        if located != 0:
            ctx_write(local, located, data, length)
    else:
        savepoint_open(local, &savepoint)
        ctx_fail(local, <const char*>data, length)
        savepoint_roll_back(local, &savepoint)
        ctx_revert(local, <const char*>local.reason.data + 1, <uint32_t>local.reason.length - 1)


cdef void write_and_use(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    """Write `size` bytes to a key, read them, and hand what was read, which is the program's own write, to a verb."""
    cdef Arguments arguments
    cdef Value value
    cdef uint32_t first, second
    cdef uint64_t size, verb
    arguments.next = data
    first = next_key(&arguments)
    second = next_key(&arguments)
    size = next_u64(&arguments)
    verb = next_u64(&arguments)
    if ctx_write(local, first, PATTERN, <uint32_t>size) != OK or ctx_read(local, first, &value) != OK:
        return
    use(local, verb, second, value.data, value.length)


cdef void use_pattern(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    """Hand `size` bytes, however many, to a verb."""
    cdef Arguments arguments
    cdef uint32_t key
    cdef uint64_t size
    arguments.next = data
    key = next_key(&arguments)
    size = next_u64(&arguments)
    use(local, next_u64(&arguments), key, PATTERN, <uint32_t>size)


cdef void emit_bytes(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    """Emit each of two byte strings, between which stands a number that has to be 2**70 + 1."""
    cdef Arguments arguments
    cdef const uint8_t* one
    cdef uint64_t count
    cdef Number number
    arguments.next = data
    one = next_bytes(&arguments, &count)
    if ctx_emit(local, one, <uint32_t>count) != OK:
        return
    next_u256(&arguments, &number)
    if number.limb[0] != 1 or number.limb[1] != 64 or number.limb[2] != 0 or number.limb[3] != 0:
        ctx_fail(local, "the number is another one", 25)
        return
    one = next_bytes(&arguments, &count)
    ctx_emit(local, one, <uint32_t>count)


cdef int lengthen(Local* local, uint32_t key) noexcept nogil:
    cdef Value value
    cdef uint8_t longer[256]
    if ctx_read(local, key, &value) != OK or value.length == sizeof(longer):
        return 1
    memset(longer, 1, sizeof(longer))
    return ctx_write(local, key, longer, value.length + 1)


cdef void lengthen_one_or_both(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    """Lengthen the value of a first key and, where the last argument is not 0, of a second."""
    cdef Arguments arguments
    cdef Number number
    cdef uint32_t first, second
    arguments.next = data
    first = next_key(&arguments)
    next_u256(&arguments, &number)
    second = next_key(&arguments)
    if lengthen(local, first) == OK and next_u64(&arguments) != 0:
        lengthen(local, second)


cdef object capsule(Program program):
    return PyCapsule_New(<void*>program, CAPSULE_NAME, NULL)


write_and_use_entry = capsule(write_and_use)
use_pattern_entry = capsule(use_pattern)
emit_bytes_entry = capsule(emit_bytes)
lengthen_one_or_both_entry = capsule(lengthen_one_or_both)


# --- a model of execution ---------------------------------------------------------------------------

# Executes each transaction twice, one after the other, and keeps what the second run gave. Of the sequential model it
# has how a key is found and how writes are applied; the worker loop is its own, and so is what it keeps.

cdef struct Twice:              # behind Header.model_state
    uint64_t next_txn
    uint64_t discarded


cdef inline Twice* twice(Local* local) noexcept nogil:
    return <Twice*>local.model_state


cdef inline bint lay_out_twice(Local* local) noexcept nogil:
    local.header.model_state = take_bytes(local, sizeof(Twice))
    if local.header.model_state != 0:
        memset(address(local, local.header.model_state), 0, sizeof(Twice))
    return local.header.model_state != 0


cdef inline void begin_block(Local* local) noexcept nogil:
    local.reads = NULL
    local.read_capacity = 0


cdef inline bint do_task(Local* local) noexcept nogil:
    cdef uint32_t txn_idx = <uint32_t>twice(local).next_txn
    note_running(local, txn_idx, 0)
    begin_incarnation(local, txn_idx, 0)
    run_timed(local)
    if local.abort != ABORT_NONE:
        return False
    twice(local).discarded += 1
    local.slot.executions += 1
    if not run_in_order(local, txn_idx):
        return False
    twice(local).next_txn += 1
    txn_at(local, txn_idx).commit_ns = now_ns(local)
    store_sc[uint64_t](&local.header.commit_index, txn_idx + 1)
    if txn_idx + 1 == local.header.txn_count:
        say_done(local, txn_at(local, txn_idx).commit_ns)
    else:
        tell_progress(local)
    return True


cdef inline bint has_task(Local* local) noexcept nogil:
    return True


cdef inline void before_sleep(Local* local) noexcept nogil:
    pass


cdef inline void after_task(Local* local) noexcept nogil:
    pass


cdef inline void end_block(Local* local) noexcept nogil:
    local.slot.running = 0


include "models/worker_loop.pxi"


cdef Model recover_table
sequential_model(&recover_table)


cdef inline void restart_twice(Local* dead) noexcept nogil:
    twice(dead).next_txn = 0
    recover_table.recover(dead)


cdef Model twice_table
sequential_model(&twice_table)
twice_table.lay_out = lay_out_twice
twice_table.work = work_on_block
twice_table.recover = restart_twice
twice_model = PyCapsule_New(&twice_table, MODEL_CAPSULE_NAME, NULL)
