"""What the compiler checks of the layout of shared and of private memory, and of a model's table (layout_checks.h)."""

from libc.stdint cimport uint64_t

from blockstm.native.memory.layout cimport (
    Access, Bounds, Header, KeyOrder, KeyRange, LEAF_SLOTS, LINE_BYTES, LINE_PAIR_BYTES, Leaf, Location, Node, Number,
    ORDER_LEVELS_MAX, OrderNode, Preparation, Read, ReadSet, Record, SPANS_A_CHUNK, Scan, ScanKey, Span, SpanChunk,
    TRANSACTIONS_MAX, Txn, WORD_INTENT,
    WORKERS_MAX, Waiter, WorkerSlot, Write, WriteSet,
)
from blockstm.native.memory.local cimport Bytes, LeadingKeys, Local, PendingWrite, Touched, Undo
from blockstm.native.versions.multi_version cimport BASE_TXN, ESTIMATE_SHIFT, KIND_SHIFT, TXN_SHIFT
from blockstm.native.instruments.timeline cimport CAUSE_TXN_BITS
from blockstm.native.instruments.virtual_time cimport SHARER_WORDS
from blockstm.native.verbs.model cimport Model

cdef extern from "blockstm/native/memory/layout_checks.h" nogil:
    void require "BLOCKSTM_REQUIRE"(bint condition) noexcept

cdef extern from "blockstm/native/memory/layout_checks.h" namespace "blockstm" nogil:
    void check_header(Header*) noexcept
    void check_slot(WorkerSlot*) noexcept
    void check_txn(Txn*) noexcept
    void check_location(Location*, Record*) noexcept
    void check_tree(Leaf*, Node*) noexcept
    void check_list[L, E](L*, E*) noexcept
    void check_digest(
        Header*, WorkerSlot*, Txn*, Location*, Leaf*, Node*, Record*, Read*, KeyRange*, KeyOrder*, OrderNode*, Scan*,
        ScanKey*, ReadSet*, WriteSet*, Write*, Waiter*, Span*, SpanChunk*, Number*, Bounds*, Local*, LeadingKeys*,
        Touched*, PendingWrite*, Undo*, Bytes*, Preparation*, Access*, Model*,
    ) noexcept


cdef inline void check_layout() noexcept nogil:
    """Does nothing, and does not compile where a rule about the layout is broken."""
    require(LINE_BYTES == 64)
    require(LINE_PAIR_BYTES == 128)
    check_header(<Header*>NULL)
    check_slot(<WorkerSlot*>NULL)
    check_txn(<Txn*>NULL)
    check_location(<Location*>NULL, <Record*>NULL)
    check_tree(<Leaf*>NULL, <Node*>NULL)
    check_list[ReadSet, Read](<ReadSet*>NULL, <Read*>NULL)
    check_list[WriteSet, Write](<WriteSet*>NULL, <Write*>NULL)
    check_list[Scan, ScanKey](<Scan*>NULL, <ScanKey*>NULL)
    check_list[SpanChunk, Span](<SpanChunk*>NULL, <Span*>NULL)
    # A little under 16 KiB, and 32 bytes a span (docs/architecture.md).
    require(sizeof(Span) == 32)
    require(sizeof(SpanChunk) + SPANS_A_CHUNK * sizeof(Span) < 16384)
    # A version word: what each part must hold, and that the parts do not overlap.
    require(<uint64_t>KIND_SHIFT == <uint64_t>TXN_SHIFT + 24)
    require(<uint64_t>BASE_TXN == (1 << 24) - 1)
    require(<uint64_t>TRANSACTIONS_MAX < <uint64_t>BASE_TXN)
    require(<uint64_t>ESTIMATE_SHIFT == <uint64_t>KIND_SHIFT + 3)
    require(<uint64_t>WORD_INTENT < 8)
    require(<uint64_t>TRANSACTIONS_MAX < <uint64_t>1 << CAUSE_TXN_BITS)
    require(<uint64_t>LEAF_SLOTS * sizeof(uint64_t) == sizeof(Leaf))
    # A node has room for no more levels than it is high (make_order_node).
    require(sizeof(OrderNode) == 8 + <uint64_t>ORDER_LEVELS_MAX * 4)
    require(<uint64_t>WORKERS_MAX <= 64 * <uint64_t>SHARER_WORDS)
    check_digest(
        <Header*>NULL, <WorkerSlot*>NULL, <Txn*>NULL, <Location*>NULL, <Leaf*>NULL, <Node*>NULL, <Record*>NULL,
        <Read*>NULL, <KeyRange*>NULL, <KeyOrder*>NULL, <OrderNode*>NULL, <Scan*>NULL, <ScanKey*>NULL, <ReadSet*>NULL,
        <WriteSet*>NULL, <Write*>NULL, <Waiter*>NULL, <Span*>NULL, <SpanChunk*>NULL,
        <Number*>NULL, <Bounds*>NULL, <Local*>NULL, <LeadingKeys*>NULL, <Touched*>NULL, <PendingWrite*>NULL, <Undo*>NULL,
        <Bytes*>NULL, <Preparation*>NULL, <Access*>NULL, <Model*>NULL,
    )
