"""Multi-version memory: for each key, the values written by the transactions of the block.

A *version word* says which transaction wrote (txn_idx), what kind, and where the immutable record lies. A word
belongs to one transaction: only the worker that executes or aborts that transaction changes it, so
plain atomic stores do. Every incarnation makes a record of its own: equal words mean the same version.

The words of a key live in its location (INLINE_SLOTS of them, claimed first come first served),
then in a tree of 64-way nodes over 8-slot leaves, indexed by txn_idx. The newest version below a
transaction is found through the nodes' bitmaps in a few steps, however many have written the key.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, copy_small, fetch_or_sc, highest_bit, load_acquire, store_release, unlikely_true,
)
from blockstm.native.memory.layout cimport (
    INLINE_SLOTS, LEAF_SLOTS, LINE_BYTES, Leaf, Location, Node, Number, Record, TREE_NEWEST_SHIFT, WORD_ADD, WORD_BROKEN, WORD_DELETE,
    WORD_INTENT, WORD_TOMBSTONE,
)
from blockstm.native.memory.allocation cimport allocate, allocate_aligned
from blockstm.native.memory.local cimport STEP_BASE, STEP_INTENT, STEP_READ, STEP_SLOT, Local, address, location_at, step
from blockstm.native.instruments.mutants cimport MUTANT_CLAIM_READ_THROUGH, MUTANT_ESTIMATE_READ, MUTANT_NEWEST_FINAL_TAKEN, MUTANT_PLACE_CLAIMED_TWICE, mutant
from blockstm.native.instruments.virtual_time cimport charge_source, charge_tree
from blockstm.native.memory.number cimport apply_delta, number_decode, number_set

# A version word: record offset / 8 in bits 0..33, txn_idx in 34..57, kind in 58..60, ESTIMATE 61.
cdef enum:
    TXN_SHIFT = 34
    KIND_SHIFT = 58
    ESTIMATE_SHIFT = 61
    BASE_TXN = 0xFFFFFF         # stands for the state before the block

# What a key holds below a transaction.
cdef enum:
    FOUND_ABSENT = 0
    FOUND_VALUE = 1             # word and record
    FOUND_SUM = 2               # a number that adds came to
    FOUND_ESTIMATE = 3          # wait for `blocker`
    FOUND_INVALID = 4           # adds upon what is not a number
    FOUND_TOO_MANY = 5          # more adds than the caller wants to sum
    FOUND_BROKEN = 6            # the source of the state cannot tell: `word` says why
    FOUND_UNKNOWN = 7           # no worker has asked the source, and this one cannot (or its memory is full)
    FOUND_UNDECLARED = 8        # the transaction has promised not to read it

cdef struct Found:
    uint32_t kind
    uint32_t blocker
    uint64_t word
    Number sum


cdef inline uint64_t pack_word(uint32_t kind, uint32_t txn_idx, uint64_t offset) noexcept nogil:
    return (<uint64_t>kind << KIND_SHIFT) | (<uint64_t>txn_idx << TXN_SHIFT) | (offset >> 3)


cdef inline uint32_t word_kind(uint64_t word) noexcept nogil:
    return <uint32_t>(word >> KIND_SHIFT) & 7


cdef inline uint32_t word_txn(uint64_t word) noexcept nogil:
    return <uint32_t>(word >> TXN_SHIFT) & 0xFFFFFF


cdef inline bint word_is_estimate(uint64_t word) noexcept nogil:
    return (word >> ESTIMATE_SHIFT) & 1 or word_kind(word) == WORD_INTENT


cdef inline uint64_t as_estimate(uint64_t word) noexcept nogil:
    return word | (<uint64_t>1 << ESTIMATE_SHIFT)


cdef inline uint64_t offset_of(uint64_t word) noexcept nogil:
    """Where the record of a version lies."""
    return (word & ((<uint64_t>1 << TXN_SHIFT) - 1)) << 3


cdef inline Record* record_of(Local* local, uint64_t word) noexcept nogil:
    return <Record*>address(local, offset_of(word))


cdef inline uint8_t* record_bytes(Record* record) noexcept nogil:
    return <uint8_t*>record + sizeof(Record)


cdef inline uint64_t make_record(
    Local* local, const uint8_t* data, uint32_t length, uint32_t negative
) noexcept nogil:
    """Store an immutable record; its offset, or 0 where the arena is full."""
    cdef uint64_t offset = allocate(local, sizeof(Record) + length)
    cdef Record* record
    if offset != 0:
        record = <Record*>address(local, offset)
        record.length = length
        record.negative = negative
        copy_small(record_bytes(record), data, length)
    return offset


# --- the tree ---------------------------------------------------------------------------------

cdef inline uint32_t tree_levels_for(uint64_t txn_count) noexcept nogil:
    """Levels of nodes above the leaves; the final state is what lies below txn_count itself."""
    cdef uint64_t covered = 64 * LEAF_SLOTS
    cdef uint32_t levels = 1
    while covered <= txn_count:
        covered *= 64
        levels += 1
    return levels


cdef inline uint32_t child_at(uint32_t txn_idx, uint32_t level) noexcept nogil:
    """Which child of a node at `level` (1 = just above the leaves) leads to txn_idx."""
    return (txn_idx >> (3 + 6 * (level - 1))) & 63


cdef inline uint64_t make_node(Local* local, bint is_leaf) noexcept nogil:
    """An empty node, or a leaf on a cache line of its own; 0 where the arena is full."""
    cdef uint64_t size = sizeof(Leaf) if is_leaf else sizeof(Node)
    cdef uint64_t offset = allocate_aligned(local, size, LINE_BYTES if is_leaf else 8)
    if offset != 0:
        memset(address(local, offset), 0, size)
    return offset


cdef inline uint64_t ensure_child(Local* local, Node* node, uint32_t child, bint is_leaf) noexcept nogil:
    """The offset of a node's child, made where absent; 0 where the arena is full.

    Invariant: a child's bit is set only after its offset, and its offset only after its memory is
    zero. A worker that dies between the two leaves a child without a bit: the one that comes next
    through here sets the bit, and the dead worker's transaction does come again.
    """
    cdef uint32_t offset = load_acquire[uint32_t](&node.children[child])
    cdef uint64_t made
    if offset == 0:
        made = make_node(local, is_leaf)
        if made == 0:
            return 0
        if compare_exchange_sc[uint32_t](&node.children[child], 0, <uint32_t>(made >> 3)):
            offset = <uint32_t>(made >> 3)
        else:
            offset = load_acquire[uint32_t](&node.children[child])
    if not (load_acquire[uint64_t](&node.present) >> child) & 1:
        fetch_or_sc[uint64_t](&node.present, <uint64_t>1 << child)
    return <uint64_t>offset << 3


cdef inline uint64_t tree_root(uint64_t tree) noexcept nogil:
    """The offset of the root, out of Location.tree; 0 for none."""
    return tree & ((<uint64_t>1 << TREE_NEWEST_SHIFT) - 1)


cdef inline uint32_t tree_newest(uint64_t tree) noexcept nogil:
    """The highest transaction that has claimed a place in the tree, out of Location.tree."""
    return <uint32_t>(tree >> TREE_NEWEST_SHIFT)


cdef inline uint64_t claim_in_tree(Local* local, Location* location, uint32_t txn_idx) noexcept nogil:
    """The offset of txn_idx's version word in the tree of a key; 0 = arena full.

    Invariant: the transaction is counted into Location.tree before it writes there, so a reader that does not see it
    counted (acquire) need not look into the tree for it.
    """
    cdef uint64_t tree = load_acquire[uint64_t](&location.tree)
    cdef uint64_t root = tree_root(tree)
    cdef uint64_t offset
    cdef uint32_t level = local.header.tree_levels
    charge_tree(local)
    if root == 0:
        root = make_node(local, False)
        if root == 0:
            return 0
    while tree == 0 or tree_newest(tree) < txn_idx:
        if compare_exchange_sc[uint64_t](&location.tree, tree, root | (<uint64_t>txn_idx << TREE_NEWEST_SHIFT)):
            break
        tree = load_acquire[uint64_t](&location.tree)
        root = tree_root(tree)
    offset = root
    while level > 0:
        offset = ensure_child(local, <Node*>address(local, offset), child_at(txn_idx, level), level == 1)
        if offset == 0:
            return 0
        level -= 1
    return offset + (txn_idx & (LEAF_SLOTS - 1)) * 8


cdef inline uint64_t claim_superseded(Local* local, Location* location, uint32_t txn_idx) noexcept nogil:
    """The offset of a slot of a final transaction, claimed for txn_idx; 0 where none can be.

    Nobody who runs reads below commit_index, so of the versions below it only the newest is needed. Invariants: as in
    claim_place; a slot goes from one transaction to another by a compare-and-swap. What the final one has written is named
    in its list (see settle), and its executor does not touch the slot any more.
    Memory ordering: words of transactions below commit_index (acquire) are final.
    """
    cdef uint64_t commit = load_acquire[uint64_t](&local.header.commit_index)
    cdef uint64_t words[INLINE_SLOTS]
    cdef int slot
    cdef uint32_t newest = 0
    for slot in range(INLINE_SLOTS):
        words[slot] = load_acquire[uint64_t](&location.slots[slot])
        if word_txn(words[slot]) < commit and word_kind(words[slot]) != WORD_TOMBSTONE and word_txn(words[slot]) > newest:
            newest = word_txn(words[slot])
    if mutant(local, MUTANT_NEWEST_FINAL_TAKEN):
        newest += 1
    for slot in range(INLINE_SLOTS):
        if word_txn(words[slot]) < commit and (
            word_txn(words[slot]) < newest or word_kind(words[slot]) == WORD_TOMBSTONE
        ) and compare_exchange_sc[uint64_t](&location.slots[slot], words[slot], pack_word(WORD_TOMBSTONE, txn_idx, 0)):
            return <uint64_t>(<uint8_t*>&location.slots[slot] - local.base)
    return 0


cdef inline uint64_t claim_place(Local* local, uint32_t location_ref, uint32_t txn_idx) noexcept nogil:
    """The offset of txn_idx's version word for a key, claimed where it has none; 0 = arena full.

    Invariant: a transaction has one word a key for the whole block. An inline slot is claimed by a
    compare-and-swap from empty to a tombstone that carries the txn_idx; a slot in the tree is the
    transaction's by its place. Only the transaction's executor calls this, so it cannot race with
    itself. Where there is a tree, its word may stand there, so no other slot is claimed.
    """
    cdef Location* location = location_at(local, location_ref)
    cdef uint64_t word, place
    cdef uint32_t slot = 0
    while slot < INLINE_SLOTS:
        word = load_acquire[uint64_t](&location.slots[slot])
        if word == 0 and mutant(local, MUTANT_PLACE_CLAIMED_TWICE):
            step(local, STEP_INTENT, location_ref)
            store_release[uint64_t](&location.slots[slot], pack_word(WORD_TOMBSTONE, txn_idx, 0))
            word = pack_word(WORD_TOMBSTONE, txn_idx, 0)
        if word == 0:
            if not compare_exchange_sc[uint64_t](
                &location.slots[slot], 0, pack_word(WORD_TOMBSTONE, txn_idx, 0)
            ):
                continue
            word = pack_word(WORD_TOMBSTONE, txn_idx, 0)
        if word_txn(word) == txn_idx:
            return <uint64_t>(<uint8_t*>&location.slots[slot] - local.base)
        slot += 1
    if load_acquire[uint64_t](&location.tree) == 0:
        step(local, STEP_SLOT, location_ref)
        place = claim_superseded(local, location, txn_idx)
        if place != 0:
            return place
    return claim_in_tree(local, location, txn_idx)


cdef inline uint64_t newest_in_leaf(Leaf* leaf, uint32_t below) noexcept nogil:
    """The newest live word of a leaf among its first `below` slots, 0 = none."""
    cdef uint64_t word
    while below > 0:
        below -= 1
        word = load_acquire[uint64_t](&leaf.slots[below])
        if word != 0 and word_kind(word) != WORD_TOMBSTONE:
            return word
    return 0


cdef inline uint64_t newest_in_tree(Local* local, uint64_t root, uint32_t txn_idx, uint32_t floor) noexcept nogil:
    """The newest live word below txn_idx in a version tree, 0 = none; words below `floor` may be left out.

    Walks down towards txn_idx, then takes the highest child left of the path; backs up where a
    subtree holds nothing live. `left[level]` keeps the children of the path's node not yet tried.
    """
    cdef Node* path[5]
    cdef uint64_t left[5]
    cdef uint32_t level = local.header.tree_levels
    cdef uint32_t top = level
    cdef uint32_t child, below
    cdef uint64_t word
    cdef bint tight[5]          # this node's range contains txn_idx itself
    path[level] = <Node*>address(local, root)
    tight[level] = True
    child = child_at(txn_idx, level)
    left[level] = load_acquire[uint64_t](&path[level].present) & ((<uint64_t>2 << child) - 1)
    left[level] &= ~<uint64_t>0 << child_at(floor, level)
    while True:
        if left[level] == 0:
            if level == top:
                return 0
            level += 1
            continue
        child = highest_bit(left[level])
        left[level] &= ~(<uint64_t>1 << child)
        if level == 1:
            below = LEAF_SLOTS
            if tight[1] and child == child_at(txn_idx, 1):
                below = txn_idx & (LEAF_SLOTS - 1)
            word = newest_in_leaf(
                <Leaf*>address(local, <uint64_t>load_acquire[uint32_t](&path[1].children[child]) << 3), below
            )
            if word != 0:
                return word
            continue
        path[level - 1] = <Node*>address(
            local, <uint64_t>load_acquire[uint32_t](&path[level].children[child]) << 3
        )
        tight[level - 1] = tight[level] and child == child_at(txn_idx, level)
        level -= 1
        left[level] = load_acquire[uint64_t](&path[level].present)
        if tight[level]:
            left[level] &= (<uint64_t>2 << child_at(txn_idx, level)) - 1


cdef inline uint64_t newest_below(Local* local, Location* location, uint32_t txn_idx) noexcept nogil:
    """The newest live version word below txn_idx, 0 where only the state before the block is.

    Memory ordering: slots are claimed one after the other, and the tree after them; so where the second is seen empty
    (acquire) there was at most the first when it was looked at, and whoever claims more moves validation back.
    """
    cdef uint64_t best = 0
    cdef uint64_t word
    cdef uint64_t tree
    cdef int slot
    cdef uint32_t best_txn = 0
    if load_acquire[uint64_t](&location.slots[1]) == 0:
        word = load_acquire[uint64_t](&location.slots[0])
        return word if word != 0 and word_txn(word) < txn_idx and word_kind(word) != WORD_TOMBSTONE else 0
    for slot in range(INLINE_SLOTS):
        word = load_acquire[uint64_t](&location.slots[slot])
        if word == 0:
            break
        if word_txn(word) < txn_idx and word_kind(word) != WORD_TOMBSTONE and (
            best == 0 or word_txn(word) > best_txn
        ):
            best = word
            best_txn = word_txn(word)
    tree = load_acquire[uint64_t](&location.tree)
    if tree != 0 and (best == 0 or tree_newest(tree) > best_txn):
        charge_tree(local)
        word = newest_in_tree(local, tree_root(tree), txn_idx, best_txn)
        if word != 0 and (best == 0 or word_txn(word) > best_txn):
            best = word
    return best


# --- the state before the block -----------------------------------------------------------------

cdef inline uint64_t asked_base(Local* local, uint32_t location_ref) noexcept nogil:
    """The word of what a key holds before a block whose state is asked of a source; 0 where it cannot be asked.

    The worker that comes first asks. Invariant: a key has one word before the block, though several workers ask at
    once, each with a record of its own: the word goes from 0 to the first of theirs (compare-and-swap) and then stays.
    No worker waits for another's answer, so that one may die while it asks. An absent key has a word, too (WORD_DELETE).
    Memory ordering: the word is published after its record is complete, and loaded with acquire.
    """
    cdef uint64_t* base = &location_at(local, location_ref).base
    cdef uint64_t word = load_acquire[uint64_t](base)
    if word != 0 or local.ask_source == NULL:
        return word
    word = local.ask_source(local, location_ref)
    step(local, STEP_BASE, location_ref)
    if word == 0 or compare_exchange_sc[uint64_t](base, 0, word):
        return word
    return load_acquire[uint64_t](base)


cdef inline bint is_unknown(Local* local, uint32_t location_ref, uint64_t* word, Found* found) noexcept nogil:
    """Put the word of what a key holds before the block, which has a source, into `word`; True where that cannot be
    told: then `found` says so.
    """
    word[0] = asked_base(local, location_ref)
    if word[0] != 0 and word_kind(word[0]) != WORD_BROKEN:
        return False
    found.kind = FOUND_UNKNOWN if word[0] == 0 else FOUND_BROKEN
    found.word = word[0]
    return True


# --- what a transaction reads -------------------------------------------------------------------

cdef inline bint base_number(Local* local, uint64_t word, Number* out) noexcept nogil:
    """The number that a value or absent word stands for; False where it is not a number."""
    if word == 0 or word_kind(word) == WORD_DELETE:
        number_set(out, 0)
        return True
    return number_decode(record_bytes(record_of(local, word)), record_of(local, word).length, out)


cdef inline bint found_is_present(const Found* found) noexcept nogil:
    """Whether a key was found to hold a value, which adds leave, too, even those that need not be summed.

    The caller has seen that something was found: see found_number.
    """
    return found.kind != FOUND_ABSENT


cdef inline bint found_number(Local* local, const Found* found, Number* out) noexcept nogil:
    """The number that was found at a key, an absent one being 0; False where it is none.

    The caller has seen that something was found: neither an ESTIMATE, nor what the source of the state cannot tell.
    """
    if found.kind == FOUND_SUM:
        out[0] = found.sum
        return True
    return found.kind != FOUND_INVALID and base_number(local, found.word, out)


cdef inline void find(
    Local* local, uint32_t location_ref, uint32_t txn_idx, uint32_t adds_max, Found* found
) noexcept nogil:
    """What a key holds just below txn_idx: the newest write plus all adds above it.

    `adds_max` bounds how many adds are summed (0xFFFFFFFF: all); past it FOUND_TOO_MANY.
    Invariant: an ESTIMATE is never taken for a value. Each word is read once (acquire), so a value
    is complete; several words are not read at one instant: validation makes up for that.
    """
    cdef Location* location = location_at(local, location_ref)
    cdef Number delta, total
    cdef uint32_t adds = 0
    cdef uint32_t below = txn_idx
    cdef uint64_t word
    found.word = 0
    found.blocker = 0
    step(local, STEP_READ, location_ref)
    word = newest_below(local, location, below)
    number_set(&total, 0)
    if word != 0 and word_kind(word) == WORD_ADD and not word_is_estimate(word):
        while word != 0 and word_kind(word) == WORD_ADD and not word_is_estimate(word):
            if adds == adds_max:
                found.kind = FOUND_TOO_MANY
                return
            memcpy(&delta, record_bytes(record_of(local, word)), sizeof(Number))
            apply_delta(&total, &delta, record_of(local, word).negative != 0)
            below = word_txn(word)
            adds += 1
            word = newest_below(local, location, below)
    if word == 0:
        charge_source(local, location_ref)
        word = location.base
        if unlikely_true(local.header.has_source != 0) and is_unknown(local, location_ref, &word, found):
            return
    elif word_kind(word) == WORD_INTENT and mutant(local, MUTANT_CLAIM_READ_THROUGH):
        word = location.base
    elif word_is_estimate(word) and (word_kind(word) == WORD_INTENT or not mutant(local, MUTANT_ESTIMATE_READ)):
        found.kind = FOUND_ESTIMATE
        found.blocker = word_txn(word)
        return
    if adds != 0:
        number_set(&found.sum, 0)
        found.kind = FOUND_SUM if base_number(local, word, &found.sum) else FOUND_INVALID
        apply_delta(&found.sum, &total, False)
        return
    found.word = word
    found.kind = FOUND_ABSENT if word == 0 or word_kind(word) == WORD_DELETE else FOUND_VALUE
