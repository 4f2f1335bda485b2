"""The shared memory: every structure in the arena, and the limits of the core.

Offsets, not pointers, link the structures: each process maps the arena at an address of its own.
Fields that several workers change stand on cache lines of their own (pairs of lines, as the
hardware fetches neighbours together). What is said here of sizes and places, layout_checks.h has the compiler check.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

# The limits that blockstm/limits.py states, too: core.pyx compares them when it is imported.
cdef enum:
    KEY_BYTES_MAX = 64
    VALUE_BYTES_MAX = 65536
    EVENT_BYTES_MAX = 65536
    REASON_BYTES_MAX = 4096
    TRANSACTIONS_MAX = 1000000
    WORKERS_MAX = 256
    SCAN_KEYS_MAX = 1024

cdef enum:
    LINE_BYTES = 64             # a cache line
    LINE_PAIR_BYTES = 128
    HASH_TABLES_MAX = 20
    MODEL_OPTIONS_MAX = 4
    INLINE_SLOTS = 5            # writers of a key kept in its location before a tree is made
    LEAF_SLOTS = 8
    NODE_CHILDREN = 64
    TREE_NEWEST_SHIFT = 40      # of Location.tree
    ORDER_LEVELS_MAX = 12       # of the list of keys in order: enough for 4**12 of them
    INTENTS_MAX = 16
    DRAINS_MAX = 8              # drains of an engine at the same time
    CHUNK_BYTES = 65536         # what a worker takes from the arena at a time
    READS_INITIAL = 1024
    SPANS_A_CHUNK = 511         # with the chunk's head a little under 16 KiB
    TIMELINE_SHARE = 8          # a timeline takes at most 1 / TIMELINE_SHARE of the arena
    DEATHS_MAX = 3              # deaths with final reads after which a transaction is failed

# Why a block could not be finished.
cdef enum:
    FAILURE_NONE = 0
    FAILURE_MEMORY_LIMIT = 1
    FAILURE_NO_MODEL = 2        # a worker does not find the model of the block
    FAILURE_STATE_SOURCE = 3    # what a transaction asked for, the source of the state cannot tell
    FAILURE_UNDECLARED = 4      # a transaction has touched what it had promised not to

# The outcome of a transaction.
cdef enum:
    OUTCOME_SUCCESS = 0
    OUTCOME_REVERTED = 1
    OUTCOME_FAILED = 2
    OUTCOME_UNKNOWN = 3         # it has asked for what the source of the state cannot tell; it never becomes final
    OUTCOME_UNDECLARED = 4      # it has touched what it had promised not to, for which the block fails; the same

# Kinds of a version word; WORD_EMPTY is a slot that no transaction has claimed.
cdef enum:
    WORD_EMPTY = 0
    WORD_VALUE = 1              # a value record
    WORD_DELETE = 2             # the key is absent from here on
    WORD_ADD = 3                # a signed delta, to be added to what is below
    WORD_TOMBSTONE = 4          # claimed, but the last incarnation did not write here
    WORD_INTENT = 5             # a write is expected (acts as an ESTIMATE that never held a value)
    WORD_BROKEN = 6             # before the block: the source cannot tell; the record says why

# Kinds of a read set entry.
cdef enum:
    READ_VERSION = 1            # word = the version read, 0 for an absent key
    READ_SUM = 2                # word = offset of the 32-byte number that the adds came to
    READ_WITHIN = 3             # word = offset of a Bounds that the number below lay within
    READ_OUTSIDE = 4            # ... lay outside
    # Predicates: what a transaction was told of a key without its value.
    READ_PRESENT = 5            # it had a value; word = the version, 0 where adds came upon one
    READ_ABSENT = 6             # it had none; word = the version
    READ_CHECKED_WITHIN = 7     # word = offset of a Bounds that the number below lay within
    READ_CHECKED_OUTSIDE = 8    # ... lay outside, or it was no number
    READ_SCAN = 9               # word = offset of a Scan; location = 0

# What a scan has listed.
cdef enum:
    SCAN_FOUND = 1              # a key with a value below
    SCAN_OWN = 2                # a key with a value, which the transaction had given it itself
    SCAN_OWN_ABSENT = 3         # a key that the transaction had deleted

# States of a transaction, in its status word.
cdef enum:
    READY = 0
    EXECUTING = 1
    SUSPENDED = 2
    EXECUTED = 3
    ABORTING = 4
    COMMITTED = 5

# How a transaction is going to access a key, as far as that is known.
cdef enum:
    ACCESS_READ = 1
    ACCESS_WRITE = 2
    ACCESS_ADD = 4

# What a span of the timeline tells.
cdef enum:
    SPAN_EXECUTION = 1          # an incarnation ran to its end, and was published
    SPAN_DOOMED = 2             # one was given up as something that it had read was stale
    SPAN_SUSPENDED = 3          # one met an ESTIMATE
    SPAN_VALIDATION = 4         # a validation that passed
    SPAN_ABORT = 5              # one that failed, and aborted the incarnation
    SPAN_OVERTAKEN = 6          # one that failed when another had aborted the incarnation already
    SPAN_COMMIT = 7
    SPAN_REFUSAL = 8            # the collector found a guess about an add wrong, and aborted the incarnation
    SPAN_SLEEP = 9

# Flags of Write.place.
cdef enum:
    PLACE_SETTLED = 1           # the write is final: the rest of it is the offset of the Record of the value that came of it

# Flags of a transaction.
cdef enum:
    TXN_AFTER_COMMIT = 1        # killed its worker: runs only when all before it is final

# Flags of a location.
cdef enum:
    LOCATION_READ_MODIFY_WRITE = 1   # some transaction of this block read the key and wrote it
    LOCATION_DOUBT = 6          # a number in two bits: how often adds were believed wrongly (see multi_version/guesses)
    LOCATION_DOUBT_ONE = 2
    LOCATION_IN_ORDER = 8       # the key stands in the list of keys in order
    LOCATION_WRITER = 1 << 16   # this flag and those above it: for each program, whether its last transaction that read the
                                # key wrote it, too (see multi_version/intents)
    LOCATION_WRITERS = 16       # how many there are

cdef struct WorkerSlot:         # a multiple of LINE_PAIR_BYTES
    uint64_t published          # bumped after each publication or abort; others poll it
    uint64_t _pad0[15]
    # Of the worker itself, but for run_epoch.
    uint32_t run_epoch          # futex: bumped by the supervisor to call the worker to a block
    uint32_t left_epoch         # the run_epoch that the worker has finished with
    uint64_t chunk_tip
    uint64_t chunk_end
    uint64_t running            # txn_idx + 1 in the high half, incarnation in the low; 0 = none
    uint64_t live_reads         # offset of the read set under construction
    uint32_t live_read_count
    uint32_t reads_are_final    # all before the running transaction was final when it started
    uint32_t intent_count
    uint32_t intents[INTENTS_MAX]
    uint64_t executions
    uint64_t validations
    uint64_t aborts
    uint64_t suspensions
    uint64_t spans              # offset of the first SpanChunk; 0 = none
    uint64_t last_spans         # ... of the one with room
    uint64_t spans_dropped      # for lack of memory
    uint64_t work_ns            # how long programs took, of those incarnations that were timed for the model's sake
    uint64_t timed              # how many those were
    uint64_t _pad1[8]

cdef struct DrainSlot:
    uint64_t finished           # the block_number that the drain has come to the end of
    uint32_t attached
    uint32_t _pad

cdef struct Header:
    uint64_t magic
    uint64_t limit_bytes
    uint64_t block_begin        # where the memory of the current block starts
    uint64_t slots              # WorkerSlot[worker_slots]
    uint64_t hash_seed
    uint32_t worker_slots
    uint32_t shutdown
    # What the current block is; constant while it runs.
    uint32_t txn_count
    uint32_t tree_levels        # levels of nodes above the leaves of a version tree
    uint32_t active_workers
    uint32_t program_version
    uint32_t delay_seed         # not 0: workers delay themselves at random at step points
    uint32_t has_source         # 1: the state before the block is asked of a source; 0: it has been loaded
    uint64_t txns               # Txn[txn_count]
    uint64_t model              # Record offset: "module:attribute" of the model's capsule
    uint64_t model_options[MODEL_OPTIONS_MAX]
    uint64_t model_state        # offset of what the model keeps for all workers
    double rounds_per_gas
    uint64_t start_ns
    uint64_t tables[HASH_TABLES_MAX]
    uint64_t table_capacity     # of tables[0]; each next one has four times the last one's
    uint64_t execution_ns       # offset of uint64[txn_count]: times of incarnations; 0 = not wanted
    uint64_t timeline_bytes_max # the most that all workers' spans may take; 0 = no timeline is wanted
    uint64_t preparation        # offset of the Preparation; 0 = nothing is known of the block before it starts
    uint64_t order              # offset of uint32[txn_count]: which transactions become final, in that order; 0 = as preset
    uint64_t key_order          # offset of the KeyOrder; 0 = no keys are wanted in order. Changes seldom (key_table)
    uint32_t first_worker       # the slot of the first worker that takes part; those of the others follow
    uint32_t _pad1
    uint64_t _pad10[3]
    # Of the drains of what is committed (faces/drain.pxi). Read by workers; changes only where there are drains.
    uint64_t block_number       # of the block in the arena, times 2; odd while a block is being laid out
    uint32_t drain_epoch        # futex of drains, and of an engine that waits for them
    uint32_t drains_waiting     # 1: a drain wants to be woken at the next commit
    uint32_t restarts           # how often a model has taken commit_index back to start again
    uint32_t _pad7
    uint64_t _pad8[13]
    DrainSlot drains[DRAINS_MAX]
    # From here on what changes while the block runs, each group on a pair of lines of its own.
    uint32_t done
    uint32_t stop
    uint32_t failure
    uint32_t want_progress
    uint64_t end_ns
    uint64_t failure_reason     # Record offset, of FAILURE_STATE_SOURCE and FAILURE_UNDECLARED
    uint32_t failed_txn         # ... the transaction
    uint32_t _pad9
    uint64_t _pad2[27]
    uint64_t commit_index       # everything below is final
    uint32_t collector          # the worker that commits, + 1; 0 = none
    uint32_t _pad3
    uint64_t _pad4[14]
    uint64_t bump               # the arena's first free byte
    uint64_t timeline_bytes     # what all workers have asked for to keep spans
    uint64_t _pad5[14]
    uint32_t wake_epoch         # futex of workers without a task
    uint32_t sleepers
    uint32_t woken              # how many of the workers that take part somebody has begun to wake for the block
    uint32_t _pad11
    uint64_t _pad6[14]

cdef struct Preparation:               # what a model knows of the transactions before any runs
    uint64_t access_begins      # offset of uint32[txn_count + 1]: where the accesses of each begin
    uint64_t accesses           # offset of Access[]: of each transaction ascending by location
    uint64_t ranks              # offset of uint32[txn_count]: transactions, the most urgent first; 0 = in the preset order
    uint64_t lanes              # offset of uint32[lane_count + 1]: where the ranks of each worker begin; 0 = no such
    uint32_t lane_count
    uint32_t _pad

cdef struct Access:
    uint32_t location
    uint32_t kinds              # ACCESS_READ and the like

cdef struct Txn:                # a pair of lines
    uint64_t status             # state 0..7, owner 8..23, incarnation 32..63
    uint64_t validated          # incarnation in the high half, wave + 1 in the low; with readers that are told when
                                # what they read is stale, the newest incarnation that was, + 1 (see readers)
    uint64_t waiters            # offset of the newest Waiter
    uint64_t read_set           # offset of a ReadSet
    uint64_t write_set          # offset of a WriteSet
    uint64_t commit_ns
    uint32_t triggered_wave     # the newest wave that starts at this transaction
    uint32_t blocker            # the transaction that it waits for while SUSPENDED
    uint32_t flags
    uint32_t deaths
    uint64_t arguments          # offset
    uint64_t gas_limit
    uint64_t gas_used
    uint64_t events             # offset of event_count times: uint32 length, bytes; of a Python program that
                                # failed, the Record of its traceback, if any
    uint64_t reason             # Record offset: why it was reverted or failed; 0 = it was not
    uint64_t condemned          # Record offset: why it is not run any more; 0 = it may run
    uint32_t program
    uint32_t arguments_bytes
    uint32_t outcome
    uint32_t event_count

cdef struct Location:           # two lines: words, and the key
    uint64_t base               # version word of the state before the block; 0 = absent, or with a source not known
    uint64_t tree               # offset of the root Node, 0 = none yet; from bit TREE_NEWEST_SHIFT on the highest
                                # transaction that has claimed a place in it
    uint64_t slots[INLINE_SLOTS]
    uint32_t key_bytes
    uint32_t flags
    uint8_t key[KEY_BYTES_MAX]  # and after it, where there is room, the base value's record

cdef struct Leaf:               # one line
    uint64_t slots[LEAF_SLOTS]

cdef struct Node:
    uint64_t present            # bit i: child i exists
    uint32_t children[NODE_CHILDREN]    # offsets in units of 8 bytes

cdef struct Record:             # an immutable value or delta
    uint32_t length             # bytes that follow; for a delta 32
    uint32_t negative           # of a delta
    # the bytes follow

cdef struct Read:
    uint64_t word
    uint32_t location           # offset / 64
    uint32_t kind

cdef extern from *:
    const uint32_t SCAN_NO_END "0xFFFFFFFFu"

cdef struct KeyRange:           # from `start` up to and without `end`
    uint32_t start_bytes
    uint32_t end_bytes          # SCAN_NO_END: up to the last key
    uint8_t start[KEY_BYTES_MAX]
    uint8_t end[KEY_BYTES_MAX]

cdef struct KeyOrder:           # which keys are wanted in the list of keys in order
    uint32_t head               # of the list: offset in units of 8 bytes
    uint32_t is_whole           # 1: all of the range stand in it, and any new one will before it is used
    KeyRange range

cdef struct OrderNode:          # of the list of keys in order
    uint32_t location           # offset / 64; 0 of the head
    uint32_t height
    uint32_t next[ORDER_LEVELS_MAX]     # offsets in units of 8 bytes, of as many levels as the node is high; 0 = none

cdef struct Scan:               # what a scan was for, and what it has found
    uint32_t count
    uint32_t last               # location of the key at which it had found all that it wanted; 0: it came to the end
    KeyRange range
    # ScanKey[count] follows, in the order of the keys

cdef struct ScanKey:
    uint32_t location
    uint32_t kind               # SCAN_FOUND, ...

cdef struct ReadSet:
    uint32_t count
    uint32_t checks             # how many entries are READ_WITHIN or READ_OUTSIDE
    # Read[count] follows

cdef struct WriteSet:
    uint32_t count              # places written by the last incarnation
    uint32_t leftover           # places that it must still turn into tombstones
    uint32_t adds
    uint32_t is_final           # 1: made with all reads final; the writes were settled before any showed
    # Write[count + leftover] follows

cdef struct Write:
    uint64_t place              # offset of the version word; or, with PLACE_SETTLED, of the value
    uint32_t location           # offset / 64
    uint32_t kind
    uint64_t record             # offset of the value or delta that was written, once it has been

cdef struct Waiter:
    uint64_t next
    uint32_t txn_idx
    uint32_t incarnation

cdef struct Span:               # what a worker did from when to when
    uint64_t begin_ns
    uint64_t end_ns
    uint32_t kind
    uint32_t txn_idx
    uint32_t incarnation
    uint32_t cause              # why it came to nothing (see timeline)

cdef struct SpanChunk:
    uint64_t next               # offset of the following SpanChunk; 0 = this is the last
    uint64_t count
    # Span[SPANS_A_CHUNK] follows

cdef struct Number:             # unsigned 256 bit, least significant limb first
    uint64_t limb[4]

cdef struct Bounds:
    Number minimum
    Number maximum
