"""Keys in the order of their bytes, for scans: a lock-free skip list that only grows.

It holds the keys of one range, which grows with what is scanned; see key_table for how they come in. A key's height
follows from its hash, so the list of the same keys is always the same.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.atomics cimport (
    compare_exchange_sc, fetch_or_sc, load_acquire, lowest_bit, multiply_fold, store_relaxed,
)
from blockstm.native.memory.layout cimport (
    KeyOrder, KeyRange, LOCATION_IN_ORDER, Location, ORDER_LEVELS_MAX, OrderNode, SCAN_NO_END,
)
from blockstm.native.memory.local cimport Local, STEP_ORDER, address, location_at, step

cdef struct Place:              # in the list: on each level the nodes (their offsets / 8) between which a key belongs
    uint32_t before[ORDER_LEVELS_MAX]
    uint32_t after[ORDER_LEVELS_MAX]


cdef inline OrderNode* order_node(Local* local, uint32_t node) noexcept nogil:
    return <OrderNode*>address(local, <uint64_t>node << 3)


cdef inline int compare_bytes(
    const uint8_t* first, uint32_t first_length, const uint8_t* second, uint32_t second_length
) noexcept nogil:
    """As Python compares bytes: negative, 0 or positive."""
    cdef uint32_t shared = first_length if first_length < second_length else second_length
    cdef int compared = memcmp(first, second, shared)
    if compared != 0:
        return compared
    return <int>(first_length > second_length) - <int>(first_length < second_length)


# --- ranges -------------------------------------------------------------------------------------

cdef inline void set_range(
    KeyRange* out, const uint8_t* start, uint32_t start_length, const uint8_t* end, uint32_t end_length
) noexcept nogil:
    """A range from `start` up to and without `end`; a length of SCAN_NO_END: up to the last key."""
    memset(out, 0, sizeof(KeyRange))
    out.start_bytes = start_length
    out.end_bytes = end_length
    if start_length != 0:
        memcpy(out.start, start, start_length)
    if end_length != SCAN_NO_END and end_length != 0:
        memcpy(out.end, end, end_length)


cdef inline void set_prefix_range(KeyRange* out, const uint8_t* prefix, uint32_t length) noexcept nogil:
    """The range of all keys that begin with a prefix."""
    cdef uint32_t end_length = length
    set_range(out, prefix, length, prefix, length)
    while end_length > 0 and out.end[end_length - 1] == 255:
        end_length -= 1
    if end_length > 0:
        out.end[end_length - 1] += 1
    out.end_bytes = end_length if end_length > 0 else SCAN_NO_END


cdef inline bint ends_before(const KeyRange* one, const KeyRange* other) noexcept nogil:
    """Whether a range ends before another does."""
    if one.end_bytes == SCAN_NO_END:
        return False
    return other.end_bytes == SCAN_NO_END or compare_bytes(one.end, one.end_bytes, other.end, other.end_bytes) < 0


cdef inline bint starts_before(const KeyRange* one, const KeyRange* other) noexcept nogil:
    return compare_bytes(one.start, one.start_bytes, other.start, other.start_bytes) < 0


cdef inline bint covers(const KeyRange* one, const KeyRange* other) noexcept nogil:
    """Whether all that belongs to the other range belongs to the one."""
    return not starts_before(other, one) and not ends_before(one, other)


cdef inline bint has_key(const KeyRange* keys, const Location* location) noexcept nogil:
    """Whether a key belongs to a range."""
    if compare_bytes(location.key, location.key_bytes, keys.start, keys.start_bytes) < 0:
        return False
    return keys.end_bytes == SCAN_NO_END or compare_bytes(
        location.key, location.key_bytes, keys.end, keys.end_bytes
    ) < 0


cdef inline void widen(KeyRange* wide, const KeyRange* wanted) noexcept nogil:
    """Let a range cover another; where all keys of that begin alike, also all others that begin so: they are likely to be
    scanned next.
    """
    cdef KeyRange around = wanted[0]
    cdef uint32_t shared = 0
    if wanted.end_bytes != SCAN_NO_END:
        while shared < wanted.start_bytes and shared < wanted.end_bytes and wanted.start[shared] == wanted.end[shared]:
            shared += 1
    if shared > 0:
        set_prefix_range(&around, wanted.start, shared)
    if starts_before(&around, wide):
        memcpy(wide.start, around.start, sizeof(around.start))
        wide.start_bytes = around.start_bytes
    if ends_before(wide, &around):
        memcpy(wide.end, around.end, sizeof(around.end))
        wide.end_bytes = around.end_bytes


# --- the list -----------------------------------------------------------------------------------

cdef inline KeyOrder* key_order_at(Local* local, uint64_t offset) noexcept nogil:
    return <KeyOrder*>address(local, offset)


cdef inline bint location_is_before(
    Local* local, uint32_t location_ref, const uint8_t* key, uint32_t length
) noexcept nogil:
    cdef Location* location = location_at(local, location_ref)
    return compare_bytes(location.key, location.key_bytes, key, length) < 0


cdef inline void find_in_list(Local* local, const uint8_t* key, uint32_t length, Place* place) noexcept nogil:
    """Where a key belongs: after all lower keys, before the first that is not lower."""
    cdef uint32_t node = key_order_at(local, load_acquire[uint64_t](&local.header.key_order)).head
    cdef uint32_t following
    cdef uint32_t level = ORDER_LEVELS_MAX
    while level > 0:
        level -= 1
        while True:
            following = load_acquire[uint32_t](&order_node(local, node).next[level])
            if following == 0 or not location_is_before(local, order_node(local, following).location, key, length):
                break
            node = following
        place.before[level] = node
        place.after[level] = following


cdef inline uint32_t make_order_node(Local* local, uint32_t location_ref, uint32_t height) noexcept nogil:
    """A node that is in no list yet; 0 where the arena is full."""
    cdef uint64_t size = sizeof(OrderNode) - (ORDER_LEVELS_MAX - height) * sizeof(uint32_t)
    cdef uint64_t offset = allocate(local, size)
    cdef OrderNode* node
    if offset == 0:
        return 0
    node = <OrderNode*>address(local, offset)
    memset(node, 0, size)
    node.location = location_ref
    node.height = height
    return <uint32_t>(offset >> 3)


cdef inline uint32_t height_of(uint64_t hashed) noexcept nogil:
    """One level for every key, and one more for each fourth of those on the last."""
    cdef uint64_t bits = multiply_fold(hashed, <uint64_t>0xC2B2AE3D27D4EB4F)
    return 1 + lowest_bit(bits | <uint64_t>1 << 2 * (ORDER_LEVELS_MAX - 1)) // 2


cdef inline bint link(Local* local, Place* place, uint32_t made, uint32_t level) noexcept nogil:
    """Put a node between its neighbours on a level; False where the list has changed there meanwhile.

    Memory ordering: the node is complete, and knows its successor, before it shows (the swap releases).
    """
    cdef uint32_t location_ref = order_node(local, made).location
    store_relaxed[uint32_t](&order_node(local, made).next[level], place.after[level])
    step(local, STEP_ORDER, location_ref)
    return compare_exchange_sc[uint32_t](
        &order_node(local, place.before[level]).next[level], place.after[level], made
    )


cdef inline bint put_in_order(Local* local, uint32_t location_ref, uint64_t hashed) noexcept nogil:
    """Put a key into the list, unless it is there; False where the arena is full.

    Invariant: on the lowest level each key stands once, and in its place: of several workers that put the same key in,
    one swaps it in, and the others find it there. Only that one links the upper levels, which are but short cuts: where
    it dies before, the key is found all the same.
    """
    cdef Location* location = location_at(local, location_ref)
    cdef Place place
    cdef uint32_t made = 0, level = 1
    cdef uint32_t height = height_of(hashed)
    while True:
        find_in_list(local, location.key, location.key_bytes, &place)
        if place.after[0] != 0 and order_node(local, place.after[0]).location == location_ref:
            height = 0
            break
        if made == 0:
            made = make_order_node(local, location_ref, height)
            if made == 0:
                return False
        if link(local, &place, made, 0):
            break
    if not load_acquire[uint32_t](&location.flags) & LOCATION_IN_ORDER:
        fetch_or_sc[uint32_t](&location.flags, LOCATION_IN_ORDER)
    while level < height:
        if link(local, &place, made, level):
            level += 1
        else:
            find_in_list(local, location.key, location.key_bytes, &place)
    return True


cdef inline uint32_t first_from(Local* local, const uint8_t* start, uint32_t length) noexcept nogil:
    """The node of the lowest key that is not below `start`; 0 for none."""
    cdef Place place
    find_in_list(local, start, length, &place)
    return place.after[0]


cdef inline uint32_t next_in_order(Local* local, uint32_t node) noexcept nogil:
    """The node of the next key; 0 after the last."""
    return load_acquire[uint32_t](&order_node(local, node).next[0])
