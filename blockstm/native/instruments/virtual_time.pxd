"""Modelled time: what the work of a virtual worker costs under the virtual clock (see virtual_clock.pxi).

A worker's own time is Local.virtual_ns. Work is charged where it is done; a step point charges for the
operation that it announces, so the operation takes effect at the time of its end. Which core has which
cache line is followed as in the MESI protocol: what another core has changed must be fetched, and a line
that others have looked at must be fetched back before it is changed.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from blockstm.native.memory.atomics cimport unlikely_true
from blockstm.native.memory.layout cimport READ_SCAN, Location, Read, Scan
from blockstm.native.memory.local cimport (
    STEP_COMMIT, STEP_COUNTER, STEP_INTENT, STEP_ORDER, STEP_PUBLISH, STEP_PUSH, STEP_READ, STEP_REGISTER, STEP_SLOT, STEP_STATUS,
    STEP_TAKE, STEP_VALIDATE, STEP_WAIT, STEP_WORK, Local, PendingWrite, address, location_at,
)

include "costs.pxi"

cdef enum:
    COSTS = COST_PROGRAM + 1    # those before the last have a price in the cost model

# Classes of cache lines; the number of a key or a transaction stands below.
cdef enum:
    LINE_CLASS_SHIFT = 40
    LINE_COUNTERS = 1           # one of those below
    LINE_KEY = 2
    LINE_TXN = 3
    LINE_READERS = 4            # of a key
    LINE_BASE = 5               # no line: an entry that the source has been asked for
    COUNTER_EXECUTION = 0
    COUNTER_VALIDATION = 1
    COUNTER_COMMIT = 2
    COUNTER_SLEEPERS = 3
    COUNTERS = 4
    LINE_KINDS = COUNTERS + LINE_READERS - LINE_KEY + 1     # the counters, each by itself, and the classes after them

cdef enum:
    SHARER_WORDS = 4            # for WORKERS_MAX workers
    FETCHED_AHEAD_MAX = 8       # how far behind a key another lies that the core has fetched by itself
    FRESH = 0xFFFFFFFF          # what STEP_TAKE says of fresh transactions (NO_TXN)

cdef struct Line:
    uint64_t name               # 0: free
    uint64_t sharers[SHARER_WORDS]  # of LINE_BASE the first: when the source's answer is there

cdef struct Source:             # the source of the state before the block, as a device with a queue
    # Keys that are read together are one entry of the source. NULL = the state is in memory.
    const uint64_t* latencies_ns    # how long reading each entry takes; 0 = it is in memory
    uint64_t latency_count
    const uint64_t* hashes      # of keys, ascending (key_hash)
    const uint64_t* entries     # which entry each of these is in
    uint64_t hash_count
    double* free_ns             # of each place in its queue, when it is free
    uint32_t depth
    double gap_ns               # the least time between the beginnings of two reads
    double next_ns              # when the next read may begin
    uint64_t reads
    uint64_t busy_ns            # how long all of them took
    uint64_t wait_ns            # how long workers have waited for its answers, taken together

cdef struct Clock:              # one for all virtual workers of a run
    double costs[COSTS]
    double counts[COSTS]        # how often each was charged
    double transfers[LINE_KINDS]    # how often lines of each kind were fetched from another core
    const uint64_t* program_ns  # how long each transaction's program runs; NULL = by rounds and gas
    Line* lines
    uint64_t line_mask
    uint64_t line_count
    # A binary heap of those that can go on: the lowest (time, slot) is at the top. The running one is not in it.
    Local** heap
    uint32_t heap_count
    Local** sleepers            # in the order in which they fell asleep
    uint32_t sleeper_count
    void* scheduler             # the VirtualClock
    Source source               # last, as native programs of users have been compiled with what stands above

cdef struct VirtualTime:        # one for each virtual worker
    Clock* clock
    Local* local
    double fraction             # what is charged beyond the whole ns in Local.virtual_ns
    uint64_t first_touched      # the last key that it was the first to touch
    uint64_t validated_key      # the key of the last step if that was STEP_VALIDATE, + 1
    bint is_stated              # the running program has said itself how long it takes


cdef inline VirtualTime* time_of(Local* local) noexcept nogil:
    return <VirtualTime*>local.virtual_time


cdef inline double cost_ns(VirtualTime* time, uint32_t cost) noexcept nogil:
    return time.clock.costs[cost]


cdef inline void charge(Local* local, uint32_t cost, double count) noexcept nogil:
    """Let modelled time pass. The caller has seen that the worker is under the virtual clock."""
    cdef VirtualTime* time = time_of(local)
    cdef uint64_t whole
    time.clock.counts[cost] += count
    time.fraction += cost_ns(time, cost) * count
    whole = <uint64_t>time.fraction
    time.fraction -= whole
    local.virtual_ns += whole


# --- cache lines --------------------------------------------------------------------------------

cdef inline Line* line_place(Line* lines, uint64_t mask, uint64_t name) noexcept nogil:
    cdef uint64_t place = (name * <uint64_t>0x9E3779B97F4A7C15) >> 20
    while lines[place & mask].name != 0 and lines[place & mask].name != name:
        place += 1
    return lines + (place & mask)


cdef inline bint grow_lines(Clock* clock) noexcept nogil:
    """Double the table of lines; False without memory, then it stays as it is."""
    cdef uint64_t mask = clock.line_mask * 2 + 1
    cdef Line* lines = <Line*>calloc(mask + 1, sizeof(Line))
    cdef uint64_t old
    if lines == NULL:
        return False
    for old in range(clock.line_mask + 1):
        if clock.lines[old].name != 0:
            line_place(lines, mask, clock.lines[old].name)[0] = clock.lines[old]
    free(clock.lines)
    clock.lines = lines
    clock.line_mask = mask
    return True


cdef inline void charge_transfer(Local* local, uint32_t line_class, uint64_t number) noexcept nogil:
    """Charge for fetching a line from another core."""
    cdef uint64_t kind = number if line_class == LINE_COUNTERS else COUNTERS + line_class - LINE_KEY
    charge(local, COST_LINE_TRANSFER, 1)
    time_of(local).clock.transfers[kind] += 1


cdef inline void touch_line(Local* local, uint32_t line_class, uint64_t number, bint change) noexcept nogil:
    """Charge for fetching a cache line, where this worker's core does not have it (or not alone).

    The first to touch a key pays for that, unless it goes through memory in order and its core fetches ahead. Of
    other lines the first touch is in the price of the operation.
    """
    cdef Clock* clock = time_of(local).clock
    cdef uint64_t name = (<uint64_t>line_class << LINE_CLASS_SHIFT) | number
    cdef uint64_t bit = <uint64_t>1 << (local.worker & 63)
    cdef int word, own = <int>(local.worker >> 6)
    cdef bint others = False
    cdef Line* line
    if clock.line_count * 2 > clock.line_mask and not grow_lines(clock):
        return
    line = line_place(clock.lines, clock.line_mask, name)
    if line.name == 0:
        line.name = name
        clock.line_count += 1
        if line_class == LINE_KEY:
            if not 0 < number - time_of(local).first_touched <= FETCHED_AHEAD_MAX:
                charge(local, COST_FIRST_TOUCH, 1)
            time_of(local).first_touched = number
    elif change:
        for word in range(SHARER_WORDS):
            others = others or (line.sharers[word] & ~(bit if word == own else 0)) != 0
        if others:
            charge_transfer(local, line_class, number)
    elif not line.sharers[own] & bit:
        charge_transfer(local, line_class, number)
    if change:
        for word in range(SHARER_WORDS):
            line.sharers[word] = 0
    line.sharers[own] |= bit


# --- which goes next ----------------------------------------------------------------------------

cdef inline bint is_before(Local* one, Local* other) noexcept nogil:
    """Whether a worker goes on before another: its time is lower, or the same and its slot is."""
    return one.virtual_ns < other.virtual_ns or (one.virtual_ns == other.virtual_ns and one.worker < other.worker)


cdef inline void heap_push(Clock* clock, Local* local) noexcept nogil:
    """Let a worker wait for its turn."""
    cdef uint32_t place = clock.heap_count
    clock.heap_count += 1
    while place > 0 and is_before(local, clock.heap[(place - 1) // 2]):
        clock.heap[place] = clock.heap[(place - 1) // 2]
        place = (place - 1) // 2
    clock.heap[place] = local


cdef inline Local* heap_pop(Clock* clock) noexcept nogil:
    """Whose turn it is; there is one."""
    cdef Local* first = clock.heap[0]
    cdef Local* last
    cdef uint32_t place = 0, child = 1
    clock.heap_count -= 1
    last = clock.heap[clock.heap_count]
    while child < clock.heap_count:
        if child + 1 < clock.heap_count and is_before(clock.heap[child + 1], clock.heap[child]):
            child += 1
        if not is_before(clock.heap[child], last):
            break
        clock.heap[place] = clock.heap[child]
        place = child
        child = 2 * place + 1
    clock.heap[place] = last
    return first


cdef inline void wake_first(Clock* clock, uint64_t time_ns) noexcept nogil:
    """Let the worker that has slept longest go on at a time."""
    cdef Local* local = clock.sleepers[0]
    cdef uint32_t index
    clock.sleeper_count -= 1
    for index in range(clock.sleeper_count):
        clock.sleepers[index] = clock.sleepers[index + 1]
    local.virtual_ns = time_ns if time_ns > local.virtual_ns else local.virtual_ns
    heap_push(clock, local)


cdef inline void wake_virtually(Local* local, uint32_t count) noexcept nogil:
    """What the futex does under the real clock: wake up to `count` sleepers, the first to sleep first."""
    cdef VirtualTime* time = time_of(local)
    cdef Clock* clock = time.clock
    cdef uint64_t time_ns
    charge(local, COST_WAKE_CALL, 1)
    time_ns = local.virtual_ns + <uint64_t>cost_ns(time, COST_WAKE_UP)
    while count > 0 and clock.sleeper_count > 0:
        wake_first(clock, time_ns)
        count -= 1


cdef inline void begin_virtually(Local* local, double begin_ns) noexcept nogil:
    """Let a worker begin with the block at a time."""
    local.virtual_ns = <uint64_t>begin_ns
    time_of(local).fraction = begin_ns - local.virtual_ns


# --- what is charged where ----------------------------------------------------------------------

cdef inline void charge_key(Local* local, uint32_t cost, uint64_t location, bint change) noexcept nogil:
    """Charge for looking a version of a key up, or for changing one."""
    charge(local, cost, 1)
    touch_line(local, LINE_KEY, location, change)


cdef inline void charge_step(Local* local, uint32_t kind, uint64_t what) noexcept nogil:
    """Charge for the operation that a step point announces."""
    cdef VirtualTime* time = time_of(local)
    cdef uint64_t validated_key = time.validated_key
    time.validated_key = 0
    if kind == STEP_READ:
        if validated_key != what + 1:       # a validated read has been charged as such
            charge_key(local, COST_READ, what, False)
    elif kind == STEP_VALIDATE:
        time.validated_key = what + 1
        charge_key(local, COST_VALIDATED_READ, what, False)
    elif kind == STEP_PUBLISH:
        charge_key(local, COST_WRITE, what, True)
    elif kind == STEP_INTENT or kind == STEP_SLOT:
        charge(local, COST_ATOMIC, 1)
        touch_line(local, LINE_KEY, what, True)
    elif kind == STEP_TAKE:
        charge(local, COST_TASK, 1)
        if what == FRESH:
            touch_line(local, LINE_COUNTERS, COUNTER_EXECUTION, True)
        else:
            touch_line(local, LINE_COUNTERS, COUNTER_VALIDATION, True)
    elif kind == STEP_STATUS or kind == STEP_WAIT:
        charge(local, COST_ATOMIC, 1)
        touch_line(local, LINE_TXN, what, True)
    elif kind == STEP_COUNTER:
        charge(local, COST_ATOMIC, 1)
        if what == 0:
            touch_line(local, LINE_COUNTERS, COUNTER_SLEEPERS, True)
        else:
            touch_line(local, LINE_COUNTERS, COUNTER_VALIDATION, False)
    elif kind == STEP_COMMIT:
        charge(local, COST_COMMIT, 1)
        touch_line(local, LINE_COUNTERS, COUNTER_COMMIT, True)
        touch_line(local, LINE_TXN, what, True)
    elif kind == STEP_REGISTER or kind == STEP_PUSH:
        charge(local, COST_ATOMIC, 1)
        touch_line(local, LINE_READERS, what, kind == STEP_REGISTER)
    elif kind == STEP_WORK:
        charge(local, COST_POLL, 1)
    elif kind == STEP_ORDER:
        charge(local, COST_TREE, 1)
        charge(local, COST_ATOMIC, 1)
        touch_line(local, LINE_KEY, what, True)


cdef inline uint64_t read_end_ns(Source* source, uint64_t now_ns, uint64_t latency_ns) noexcept nogil:
    """Put a read into the device's queue, and return when its answer is there. What takes no time is in memory."""
    cdef uint32_t place, first = 0
    cdef double begin_ns = now_ns
    if latency_ns == 0:
        return now_ns
    for place in range(1, source.depth):
        if source.free_ns[place] < source.free_ns[first]:
            first = place
    begin_ns = max(begin_ns, max(source.free_ns[first], source.next_ns))
    source.next_ns = begin_ns + source.gap_ns
    source.free_ns[first] = begin_ns + latency_ns
    source.reads += 1
    source.busy_ns += latency_ns
    return <uint64_t>source.free_ns[first]


cdef inline uint64_t key_hash(const uint8_t* key, uint32_t length) noexcept nogil:
    """FNV-1a (Fowler, Noll and Vo), which blockstm/simulate/source.py computes, too."""
    cdef uint64_t value = <uint64_t>0xCBF29CE484222325
    cdef uint32_t place
    for place in range(length):
        value = (value ^ key[place]) * <uint64_t>0x100000001B3
    return value


cdef inline uint64_t entry_of(const Source* source, const Location* location, uint64_t number) noexcept nogil:
    """Which entry of the source a key is in. One that nobody has foreseen is an entry of its own, beyond the others."""
    cdef uint64_t wanted = key_hash(location.key, location.key_bytes)
    cdef uint64_t low = 0, high = source.hash_count, middle
    while low < high:
        middle = (low + high) // 2
        if source.hashes[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < source.hash_count and source.hashes[low] == wanted:
        return source.entries[low]
    return source.latency_count + number


cdef inline void charge_source(Local* local, uint32_t location) noexcept nogil:
    """Under the virtual clock: a read that comes to the state before the block waits for its source.

    The first to ask puts the read into the device's queue; whoever comes meanwhile waits for the same answer.
    """
    cdef Source* source
    cdef Clock* clock
    cdef Line* line
    cdef uint64_t entry, name
    if not unlikely_true(local.virtual_time != NULL):
        return
    clock = time_of(local).clock
    source = &clock.source
    if source.latencies_ns == NULL or (clock.line_count * 2 > clock.line_mask and not grow_lines(clock)):
        return
    entry = entry_of(source, location_at(local, location), location)
    name = (<uint64_t>LINE_BASE << LINE_CLASS_SHIFT) | entry
    line = line_place(clock.lines, clock.line_mask, name)
    if line.name == 0:
        line.name = name
        clock.line_count += 1
        line.sharers[0] = read_end_ns(source, local.virtual_ns, source.latencies_ns[entry % source.latency_count])
    if line.sharers[0] > local.virtual_ns:
        source.wait_ns += line.sharers[0] - local.virtual_ns
        local.virtual_ns = line.sharers[0]


cdef inline void charge_tree(Local* local) noexcept nogil:
    """Under the virtual clock: the way down to a version in the tree of a key."""
    if unlikely_true(local.virtual_time != NULL):
        charge(local, COST_TREE, 1)


cdef inline void charge_keys_looked_at(Local* local, uint64_t count) noexcept nogil:
    """Under the virtual clock: going through the keys of the block, to put some of them in order."""
    if unlikely_true(local.virtual_time != NULL):
        charge(local, COST_READ, <double>count)


cdef inline void charge_scan(Local* local) noexcept nogil:
    """Under the virtual clock: a scan finds its way to the first key of its range, as in the tree of a key."""
    if unlikely_true(local.virtual_time != NULL):
        charge(local, COST_TREE, 1)


cdef inline void charge_look(Local* local) noexcept nogil:
    """Under the virtual clock: looking for a task takes what it looks at."""
    if unlikely_true(local.virtual_time != NULL):
        charge(local, COST_LOOK, 1)
        touch_line(local, LINE_COUNTERS, COUNTER_EXECUTION, False)
        touch_line(local, LINE_COUNTERS, COUNTER_VALIDATION, False)


cdef inline void charge_validation(Local* local, uint32_t txn_idx) noexcept nogil:
    """Under the virtual clock: a validation looks at what the transaction's executor has left."""
    if unlikely_true(local.virtual_time != NULL):
        charge(local, COST_VALIDATION, 1)
        touch_line(local, LINE_TXN, txn_idx, False)


cdef inline void charge_execution(Local* local) noexcept nogil:
    """Under the virtual clock: an incarnation begins."""
    if unlikely_true(local.virtual_time != NULL):
        charge(local, COST_EXECUTION, 1)


cdef inline void charge_in_order(Local* local) noexcept nogil:
    """Under the virtual clock: a transaction was executed under the sequential model.

    A scan has read the keys that it has listed.
    """
    cdef uint32_t index
    cdef const Read* read
    if not unlikely_true(local.virtual_time != NULL):
        return
    charge(local, COST_IN_ORDER, 1)
    charge(local, COST_READ_IN_ORDER, local.read_count)
    charge(local, COST_WRITE_IN_ORDER, local.write_count)
    for index in range(local.read_count):
        read = local.reads + index
        if read.kind == READ_SCAN:
            charge(local, COST_READ_IN_ORDER, (<Scan*>address(local, read.word)).count)
        else:
            touch_line(local, LINE_KEY, read.location, False)
    for index in range(local.write_count):
        touch_line(local, LINE_KEY, (<PendingWrite*>local.writes.data + index).location, True)


cdef inline bint works_by_rounds(Local* local) noexcept nogil:
    """Under the virtual clock: whether rounds of work are charged as such."""
    return time_of(local).clock.program_ns == NULL


cdef inline void charge_rounds(Local* local, uint32_t rounds) noexcept nogil:
    """Under the virtual clock: a native program computes for the time that a number of rounds of work takes."""
    if unlikely_true(local.virtual_time != NULL) and works_by_rounds(local):
        charge(local, COST_ROUND, rounds)
