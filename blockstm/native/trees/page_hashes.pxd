"""The hashes of the binary tree: of many pages at a time, level by level, so that lanes are never idle for long.

A leaf is H(00 || path || hash of the value), a node H(01 || left || right), an empty subtree 32 zero bytes. A subtree
with one leaf is that leaf, at whatever depth, so a leaf beside an empty subtree moves up as it is.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from blockstm.native.hashing.keccak cimport Digest, keccak_256_many
from blockstm.native.trees.pages cimport NIBBLES, PATH_BYTES, Page, Slot, slot_at

cdef enum:
    PAGES_AT_ONCE = 64
    # Their hashes fit into a core's own cache.
    HASHES_AT_ONCE = PAGES_AT_ONCE * NIBBLES
    MESSAGE_BYTES = 1 + 2 * 32
    EMPTY = 0
    LEAF = 1
    INNER = 2
    # What a subtree is.

cdef struct Subtree:
    uint8_t kind
    Digest digest

cdef struct Batch:
    # Pages that are hashed together.
    Subtree subtrees[HASHES_AT_ONCE]
    # Sixteen of each page, then half as many with each level; the page's own is the first.
    uint8_t messages[HASHES_AT_ONCE][MESSAGE_BYTES]
    const uint8_t* inputs[HASHES_AT_ONCE]
    size_t lengths[HASHES_AT_ONCE]
    Digest digests[HASHES_AT_ONCE]
    Subtree* targets[HASHES_AT_ONCE]
    size_t queued


cdef inline void queue(Batch* batch, Subtree* target, int kind, const uint8_t* left, const uint8_t* right) noexcept nogil:
    """Have a hash made of a leaf's path and value, or of two digests, when the batch is next hashed."""
    cdef uint8_t* message = batch.messages[batch.queued]
    message[0] = 0 if kind == LEAF else 1
    memcpy(message + 1, left, 32)
    memcpy(message + 33, right, 32)
    batch.inputs[batch.queued] = message
    batch.lengths[batch.queued] = MESSAGE_BYTES
    batch.targets[batch.queued] = target
    batch.queued += 1
    target.kind = kind


cdef inline void hash_queued(Batch* batch) noexcept nogil:
    cdef size_t place
    keccak_256_many(batch.inputs, batch.lengths, batch.queued, batch.digests)
    for place in range(batch.queued):
        memcpy(batch.targets[place].digest, batch.digests[place], sizeof(Digest))
    batch.queued = 0


cdef inline void queue_slots(Batch* batch, Page* page, Subtree* subtrees) noexcept nogil:
    """Set the subtrees that a page's slots are; those of its leaves are queued."""
    cdef int nibble
    cdef Slot* slot = page.slots
    for nibble in range(NIBBLES):
        if page.leaves >> nibble & 1:
            queue(batch, &subtrees[nibble], LEAF, slot.leaf.path, slot.leaf.value)
        elif page.children >> nibble & 1:
            subtrees[nibble].kind = INNER
            memcpy(subtrees[nibble].digest, slot.child.digest, sizeof(Digest))
        else:
            subtrees[nibble].kind = EMPTY
            continue
        slot += 1


cdef inline void queue_pair(Batch* batch, Subtree* left, Subtree* right, Subtree* above) noexcept nogil:
    """Set what two subtrees make; `above` may be `left`, and lies before whatever is looked at later."""
    if left.kind != INNER and right.kind == EMPTY:
        above[0] = left[0]
    elif left.kind == EMPTY and right.kind != INNER:
        above[0] = right[0]
    else:
        if left.kind == EMPTY:
            memset(left.digest, 0, sizeof(Digest))
        if right.kind == EMPTY:
            memset(right.digest, 0, sizeof(Digest))
        queue(batch, above, INNER, left.digest, right.digest)


cdef inline void hash_pages(Page** pages, size_t count, Digest* digests, Batch* batch) noexcept nogil:
    """Write the digests of pages, none of which stands above another, and below which all digests are right."""
    cdef size_t begin = 0, size, place
    cdef int width, pair
    cdef Subtree* subtrees
    batch.queued = 0
    while begin < count:
        size = min(count - begin, <size_t>PAGES_AT_ONCE)
        for place in range(size):
            queue_slots(batch, pages[begin + place], &batch.subtrees[place * NIBBLES])
        hash_queued(batch)
        width = NIBBLES // 2
        while width > 0:
            for place in range(size):
                subtrees = &batch.subtrees[place * NIBBLES]
                for pair in range(width):
                    queue_pair(batch, &subtrees[2 * pair], &subtrees[2 * pair + 1], &subtrees[pair])
            hash_queued(batch)
            width //= 2
        for place in range(size):
            subtrees = &batch.subtrees[place * NIBBLES]
            if subtrees.kind == EMPTY:
                memset(subtrees.digest, 0, sizeof(Digest))
            memcpy(digests[begin + place], subtrees.digest, sizeof(Digest))
        begin += size
