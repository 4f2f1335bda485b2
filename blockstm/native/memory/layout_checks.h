// What the compiler checks of the layout of the arena and of Local, when it compiles the core.
//
// Cython gives the structures of layout.pxd and local.pxd names of its own, so core.pyx hands their types over as
// null pointers (layout_checks.pxd). First the rules that the comments in those files state; then a digest of all
// sizes and places, which goes with the version of native programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

// What capsules of native programs and of models are called. The number counts the versions of what they rely on: the
// layout of Local and of the arena, what a model must say, and what the verbs that are compiled into them do. The
// digest is that of the layout. Where it does not agree with the structures, the core does not compile: count the
// number up, and put the digest here that the compiler names as computed.
#define BLOCKSTM_CAPSULE_NAME "blockstm.program.11"
#define BLOCKSTM_MODEL_CAPSULE_NAME "blockstm.model.11"
#define BLOCKSTM_LAYOUT_DIGEST 18385933056687689339ull

// For rules between constants, as a statement in Cython code.
#define BLOCKSTM_REQUIRE(condition) static_assert(condition)

namespace blockstm {

constexpr std::size_t LINE = 64;
constexpr std::size_t LINE_PAIR = 128;

constexpr bool begin_pairs_of_lines(std::initializer_list<std::size_t> places) {
    std::size_t last = 0;
    for (const std::size_t place : places) {
        if (place % LINE_PAIR != 0 || place <= last) return false;
        last = place;
    }
    return true;
}

// Fields that several workers change stand on pairs of cache lines of their own.
template <typename Header> constexpr void check_header(const Header*) {
    static_assert(
        begin_pairs_of_lines({
            offsetof(Header, block_number), offsetof(Header, drains), offsetof(Header, done),
            offsetof(Header, commit_index), offsetof(Header, bump), offsetof(Header, wake_epoch), sizeof(Header),
        }),
        "a group of fields of Header does not begin a pair of cache lines: correct the padding before it"
    );
    static_assert(offsetof(Header, key_order) < offsetof(Header, done));
}

template <typename WorkerSlot> constexpr void check_slot(const WorkerSlot*) {
    static_assert(
        begin_pairs_of_lines({offsetof(WorkerSlot, run_epoch), sizeof(WorkerSlot)}),
        "a part of WorkerSlot does not begin a pair of cache lines: correct the padding before it"
    );
    static_assert(offsetof(WorkerSlot, published) == 0);
}

template <typename Txn> constexpr void check_txn(const Txn*) { static_assert(sizeof(Txn) == LINE_PAIR); }

template <typename Location, typename Record> constexpr void check_location(const Location*, const Record*) {
    static_assert(sizeof(Location) == 2 * LINE && offsetof(Location, key) == LINE);
    static_assert(sizeof(Record) % 8 == 0, "a record's bytes do not begin at a multiple of 8");
}

template <typename Leaf, typename Node> constexpr void check_tree(const Leaf*, const Node*) {
    static_assert(sizeof(Leaf) == LINE);
    static_assert(sizeof(Node) % 8 == 0);
}

// Entries follow the head of their list without a gap.
template <typename List, typename Entry> constexpr void check_list(const List*, const Entry*) {
    static_assert(sizeof(List) % alignof(Entry) == 0 && sizeof(Entry) % 8 == 0);
}

// --- the digest ---------------------------------------------------------------------------------

// FNV-1a, a number at a time.
constexpr uint64_t fold(std::initializer_list<uint64_t> numbers) {
    uint64_t digest = 0xCBF29CE484222325ull;
    for (const uint64_t number : numbers) digest = (digest ^ number) * 0x100000001B3ull;
    return digest;
}

template <typename T> constexpr uint64_t fold_Header() {
    return fold({
        sizeof(T), offsetof(T, magic), offsetof(T, limit_bytes), offsetof(T, block_begin), offsetof(T, slots),
        offsetof(T, hash_seed), offsetof(T, worker_slots), offsetof(T, shutdown),
        offsetof(T, txn_count), offsetof(T, tree_levels), offsetof(T, active_workers), offsetof(T, first_worker),
        offsetof(T, program_version), offsetof(T, delay_seed), offsetof(T, txns), offsetof(T, model),
        offsetof(T, model_options), offsetof(T, model_state),
        offsetof(T, rounds_per_gas), offsetof(T, start_ns), offsetof(T, tables), offsetof(T, table_capacity),
        offsetof(T, execution_ns), offsetof(T, timeline_bytes_max), offsetof(T, preparation), offsetof(T, order),
        offsetof(T, key_order), offsetof(T, has_source), offsetof(T, block_number),
        offsetof(T, drain_epoch), offsetof(T, drains_waiting), offsetof(T, restarts), offsetof(T, drains),
        offsetof(T, done), offsetof(T, stop), offsetof(T, failure_reason), offsetof(T, failed_txn),
        offsetof(T, failure), offsetof(T, want_progress), offsetof(T, end_ns), offsetof(T, commit_index),
        offsetof(T, collector), offsetof(T, bump), offsetof(T, timeline_bytes), offsetof(T, wake_epoch),
        offsetof(T, sleepers), offsetof(T, woken),
    });
}

template <typename T> constexpr uint64_t fold_WorkerSlot() {
    return fold({
        sizeof(T), offsetof(T, published), offsetof(T, run_epoch), offsetof(T, left_epoch),
        offsetof(T, chunk_tip), offsetof(T, chunk_end), offsetof(T, running), offsetof(T, live_reads),
        offsetof(T, live_read_count), offsetof(T, reads_are_final), offsetof(T, intent_count),
        offsetof(T, intents), offsetof(T, executions), offsetof(T, validations), offsetof(T, aborts),
        offsetof(T, suspensions), offsetof(T, spans), offsetof(T, last_spans), offsetof(T, spans_dropped),
        offsetof(T, work_ns), offsetof(T, timed),
    });
}

template <typename T> constexpr uint64_t fold_Preparation() {
    return fold({
        sizeof(T), offsetof(T, access_begins), offsetof(T, accesses), offsetof(T, ranks), offsetof(T, lanes),
        offsetof(T, lane_count),
    });
}

template <typename T> constexpr uint64_t fold_Access() { return fold({sizeof(T), offsetof(T, location), offsetof(T, kinds)}); }

// What a model must say: a function that is added, taken away or moved changes the places of others.
template <typename T> constexpr uint64_t fold_Model() {
    return fold({
        sizeof(T), offsetof(T, lay_out), offsetof(T, work), offsetof(T, find), offsetof(T, may_scan),
        offsetof(T, believes_add),
        offsetof(T, expect_write), offsetof(T, may_go_on), offsetof(T, is_doomed), offsetof(T, died_running),
        offsetof(T, recover), offsetof(T, final_word), offsetof(T, look),
        offsetof(T, look_at_waiters),
    });
}

template <typename T> constexpr uint64_t fold_Txn() {
    return fold({
        sizeof(T), offsetof(T, status), offsetof(T, validated), offsetof(T, waiters), offsetof(T, read_set),
        offsetof(T, write_set), offsetof(T, commit_ns), offsetof(T, triggered_wave), offsetof(T, blocker),
        offsetof(T, flags), offsetof(T, deaths), offsetof(T, arguments), offsetof(T, gas_limit),
        offsetof(T, gas_used), offsetof(T, events), offsetof(T, reason), offsetof(T, condemned),
        offsetof(T, program), offsetof(T, arguments_bytes), offsetof(T, outcome), offsetof(T, event_count),
    });
}

template <typename T> constexpr uint64_t fold_Location() {
    return fold({
        sizeof(T), offsetof(T, base), offsetof(T, tree), offsetof(T, slots), offsetof(T, key_bytes),
        offsetof(T, flags), offsetof(T, key),
    });
}

template <typename T> constexpr uint64_t fold_Leaf() { return fold({sizeof(T), offsetof(T, slots)}); }

template <typename T> constexpr uint64_t fold_Node() { return fold({sizeof(T), offsetof(T, present), offsetof(T, children)}); }

template <typename T> constexpr uint64_t fold_Record() { return fold({sizeof(T), offsetof(T, length), offsetof(T, negative)}); }

template <typename T> constexpr uint64_t fold_Read() {
    return fold({sizeof(T), offsetof(T, word), offsetof(T, location), offsetof(T, kind)});
}

template <typename T> constexpr uint64_t fold_KeyRange() {
    return fold({sizeof(T), offsetof(T, start_bytes), offsetof(T, end_bytes), offsetof(T, start), offsetof(T, end)});
}

template <typename T> constexpr uint64_t fold_KeyOrder() {
    return fold({sizeof(T), offsetof(T, head), offsetof(T, is_whole), offsetof(T, range)});
}

template <typename T> constexpr uint64_t fold_OrderNode() {
    return fold({sizeof(T), offsetof(T, location), offsetof(T, height), offsetof(T, next)});
}

template <typename T> constexpr uint64_t fold_Scan() {
    return fold({sizeof(T), offsetof(T, count), offsetof(T, last), offsetof(T, range)});
}

template <typename T> constexpr uint64_t fold_ScanKey() {
    return fold({sizeof(T), offsetof(T, location), offsetof(T, kind)});
}

template <typename T> constexpr uint64_t fold_ReadSet() { return fold({sizeof(T), offsetof(T, count), offsetof(T, checks)}); }

template <typename T> constexpr uint64_t fold_WriteSet() {
    return fold({sizeof(T), offsetof(T, count), offsetof(T, leftover), offsetof(T, adds), offsetof(T, is_final)});
}

template <typename T> constexpr uint64_t fold_Write() {
    return fold({
        sizeof(T), offsetof(T, place), offsetof(T, location), offsetof(T, kind), offsetof(T, record),
    });
}

template <typename T> constexpr uint64_t fold_Waiter() {
    return fold({sizeof(T), offsetof(T, next), offsetof(T, txn_idx), offsetof(T, incarnation)});
}

template <typename T> constexpr uint64_t fold_Span() {
    return fold({
        sizeof(T), offsetof(T, begin_ns), offsetof(T, end_ns), offsetof(T, kind), offsetof(T, txn_idx),
        offsetof(T, incarnation), offsetof(T, cause),
    });
}

template <typename T> constexpr uint64_t fold_SpanChunk() { return fold({sizeof(T), offsetof(T, next), offsetof(T, count)}); }

template <typename T> constexpr uint64_t fold_Number() { return fold({sizeof(T), offsetof(T, limb)}); }

template <typename T> constexpr uint64_t fold_Bounds() { return fold({sizeof(T), offsetof(T, minimum), offsetof(T, maximum)}); }

template <typename T> constexpr uint64_t fold_Local() {
    return fold({
        sizeof(T), offsetof(T, base), offsetof(T, header), offsetof(T, slot), offsetof(T, step_hook),
        offsetof(T, step_state), offsetof(T, worker), offsetof(T, event_fd), offsetof(T, programs),
        offsetof(T, leading_keys), offsetof(T, python), offsetof(T, ask_source),
        offsetof(T, virtual_ns), offsetof(T, virtual_time),
        offsetof(T, model), offsetof(T, model_state), offsetof(T, own), offsetof(T, mutant),
        offsetof(T, txn), offsetof(T, txn_idx), offsetof(T, incarnation), offsetof(T, abort),
        offsetof(T, blocker), offsetof(T, cause), offsetof(T, outcome), offsetof(T, closed),
        offsetof(T, checks), offsetof(T, published_seen), offsetof(T, gas_used), offsetof(T, gas_limit),
        offsetof(T, reads), offsetof(T, read_count), offsetof(T, read_capacity), offsetof(T, touched),
        offsetof(T, touched_mask), offsetof(T, touched_count), offsetof(T, touched_epoch), offsetof(T, writes),
        offsetof(T, write_count), offsetof(T, depth), offsetof(T, scratch), offsetof(T, retired), offsetof(T, events),
        offsetof(T, event_count), offsetof(T, reason), offsetof(T, undo), offsetof(T, savepoints),
        offsetof(T, scanned),
    });
}

template <typename T> constexpr uint64_t fold_LeadingKeys() {
    return fold({sizeof(T), offsetof(T, count), offsetof(T, words)});
}

template <typename T> constexpr uint64_t fold_Touched() {
    return fold({
        sizeof(T), offsetof(T, epoch), offsetof(T, location), offsetof(T, read_index), offsetof(T, write_index),
        offsetof(T, place),
    });
}

template <typename T> constexpr uint64_t fold_PendingWrite() {
    return fold({
        sizeof(T), offsetof(T, location), offsetof(T, kind), offsetof(T, length), offsetof(T, negative),
        offsetof(T, data), offsetof(T, place),
    });
}

template <typename T> constexpr uint64_t fold_Undo() {
    return fold({
        sizeof(T), offsetof(T, touched), offsetof(T, write_index), offsetof(T, created), offsetof(T, before),
    });
}

template <typename T> constexpr uint64_t fold_Bytes() {
    return fold({sizeof(T), offsetof(T, data), offsetof(T, length), offsetof(T, capacity)});
}

template <uint64_t Computed, uint64_t Stated> constexpr void compare_digests() {
    static_assert(
        Computed == Stated,
        "the layout that native programs rely on has changed: count up the number in BLOCKSTM_CAPSULE_NAME"
    );
}

template <typename Header, typename WorkerSlot, typename Txn, typename Location, typename Leaf, typename Node,
    typename Record, typename Read, typename KeyRange, typename KeyOrder, typename OrderNode, typename Scan,
    typename ScanKey, typename ReadSet, typename WriteSet, typename Write, typename Waiter,
    typename Span, typename SpanChunk, typename Number, typename Bounds, typename Local, typename LeadingKeys,
    typename Touched, typename PendingWrite, typename Undo, typename Bytes, typename Preparation, typename Access,
    typename Model>
constexpr void check_digest(const Header*, const WorkerSlot*, const Txn*, const Location*, const Leaf*,
    const Node*, const Record*, const Read*, const KeyRange*, const KeyOrder*, const OrderNode*, const Scan*,
    const ScanKey*, const ReadSet*, const WriteSet*, const Write*, const Waiter*,
    const Span*, const SpanChunk*, const Number*, const Bounds*, const Local*, const LeadingKeys*, const Touched*,
    const PendingWrite*, const Undo*, const Bytes*, const Preparation*, const Access*, const Model*) {
    compare_digests<fold({
        fold_Header<Header>(), fold_WorkerSlot<WorkerSlot>(), fold_Txn<Txn>(), fold_Location<Location>(),
        fold_Leaf<Leaf>(), fold_Node<Node>(), fold_Record<Record>(), fold_Read<Read>(), fold_KeyRange<KeyRange>(),
        fold_KeyOrder<KeyOrder>(), fold_OrderNode<OrderNode>(), fold_Scan<Scan>(),
        fold_ScanKey<ScanKey>(), fold_ReadSet<ReadSet>(),
        fold_WriteSet<WriteSet>(), fold_Write<Write>(), fold_Waiter<Waiter>(), fold_Span<Span>(),
        fold_SpanChunk<SpanChunk>(), fold_Number<Number>(), fold_Bounds<Bounds>(), fold_Local<Local>(),
        fold_LeadingKeys<LeadingKeys>(), fold_Touched<Touched>(), fold_PendingWrite<PendingWrite>(), fold_Undo<Undo>(), fold_Bytes<Bytes>(),
        fold_Preparation<Preparation>(), fold_Access<Access>(), fold_Model<Model>(),
    }), BLOCKSTM_LAYOUT_DIGEST>();
}

}  // namespace blockstm
