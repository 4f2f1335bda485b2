"""The hashes of the binary tree: of many pages at a time, level by level, so that lanes are never idle for long.

A leaf is H(00 || path || hash of the value), a node H(01 || left || right), an empty subtree 32 zero bytes. A subtree
with one leaf is that leaf, at whatever depth, so a leaf beside an empty subtree moves up as it is.

Of a page that is hashed again, only what has changed is hashed: the subtrees above its slots are kept, and what they are
is seen by the slots in use, without a hash.
"""

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t
from libc.stdlib cimport malloc
from libc.string cimport memcpy, memset

from blockstm.native.hashing.keccak cimport Digest, keccak_256_many
from blockstm.native.trees.pages cimport ALL_STALE, NIBBLES, Page, Slot, slot_count

cdef enum:
    PAGES_AT_ONCE = 32
    # What they take fits into a core's own cache.
    HASHES_AT_ONCE = PAGES_AT_ONCE * NIBBLES
    MESSAGE_BYTES = 1 + 2 * 32
    PLACES = 2 * NIBBLES
    KEPT_SLOTS_MIN = 5
    # A page with fewer has little to hash, and most pages have.
    EMPTY = 0
    LEAF = 1
    INNER = 2
    # What a subtree is.

cdef struct Unfolded:
    # A page's subtrees, by place (pages.pxd).
    uint8_t kinds[PLACES]
    Digest digests[PLACES]

cdef struct Batch:
    # Pages that are hashed together.
    Unfolded pages[PAGES_AT_ONCE]
    uint8_t messages[HASHES_AT_ONCE][MESSAGE_BYTES]
    const uint8_t* inputs[HASHES_AT_ONCE]
    size_t lengths[HASHES_AT_ONCE]
    Digest digests[HASHES_AT_ONCE]
    uint8_t* targets[HASHES_AT_ONCE]
    size_t queued


cdef inline void queue(Batch* batch, uint8_t* target, int tag, const uint8_t* left, const uint8_t* right) noexcept nogil:
    """Have a hash made of a tag and twice 32 bytes when the batch is next hashed."""
    cdef uint8_t* message = batch.messages[batch.queued]
    message[0] = tag
    memcpy(message + 1, left, 32)
    memcpy(message + 33, right, 32)
    batch.inputs[batch.queued] = message
    batch.lengths[batch.queued] = MESSAGE_BYTES
    batch.targets[batch.queued] = target
    batch.queued += 1


cdef inline void hash_queued(Batch* batch) noexcept nogil:
    cdef size_t index
    keccak_256_many(batch.inputs, batch.lengths, batch.queued, batch.digests)
    for index in range(batch.queued):
        memcpy(batch.targets[index], batch.digests[index], sizeof(Digest))
    batch.queued = 0


cdef inline void unfold(const Page* page, Unfolded* unfolded) noexcept nogil:
    """Set what each subtree is."""
    cdef int place, left, right
    for place in range(NIBBLES):
        unfolded.kinds[NIBBLES + place] = (
            LEAF if page.leaves >> place & 1 else INNER if page.children >> place & 1 else EMPTY
        )
    for place in range(NIBBLES - 1, 0, -1):
        left, right = unfolded.kinds[2 * place], unfolded.kinds[2 * place + 1]
        # A leaf and nothing make a leaf, and nothing twice makes nothing.
        unfolded.kinds[place] = left + right if left + right < INNER else INNER


cdef inline bint is_wanted(const Page* page, int place) noexcept nogil:
    """Tell whether the digest at a place is needed for what is above it."""
    return place == 1 or page.stale >> (place >> 1) & 1


cdef inline void queue_slots(Batch* batch, Page* page, Unfolded* unfolded) noexcept nogil:
    """Set the digests at the slots, and those that are kept; leaves are queued, where they stand highest."""
    cdef int nibble, place
    cdef Slot* slot = page.slots
    for nibble in range(NIBBLES):
        place = NIBBLES + nibble
        if unfolded.kinds[place] == LEAF:
            while place > 1 and unfolded.kinds[place >> 1] == LEAF:
                place >>= 1
            if is_wanted(page, place):
                queue(batch, unfolded.digests[place], 0, slot.leaf.path, slot.leaf.value)
        elif unfolded.kinds[place] == INNER:
            memcpy(unfolded.digests[place], slot.child.digest, sizeof(Digest))
        else:
            continue
        slot += 1
    for place in range(1, NIBBLES):
        if unfolded.kinds[place] == INNER and not page.stale >> place & 1:
            memcpy(unfolded.digests[place], page.inner[place - 1], sizeof(Digest))


cdef inline void queue_level(Batch* batch, const Page* page, Unfolded* unfolded, int width) noexcept nogil:
    """Queue the nodes of a level that have changed; the digests below them are there."""
    cdef int place, below
    for place in range(width, 2 * width):
        if unfolded.kinds[place] == INNER and page.stale >> place & 1:
            for below in range(2 * place, 2 * place + 2):
                if unfolded.kinds[below] == EMPTY:
                    memset(unfolded.digests[below], 0, sizeof(Digest))
            queue(batch, unfolded.digests[place], 1, unfolded.digests[2 * place], unfolded.digests[2 * place + 1])


cdef inline void keep(Page* page, const Unfolded* unfolded) noexcept nogil:
    """Keep the digests for the next time, if that is worth the memory."""
    cdef int place
    if page.inner == NULL and slot_count(page) >= KEPT_SLOTS_MIN:
        page.inner = <Digest*>malloc((NIBBLES - 1) * sizeof(Digest))
    if page.inner == NULL:
        return
    for place in range(1, NIBBLES):
        if unfolded.kinds[place] == INNER and page.stale >> place & 1:
            memcpy(page.inner[place - 1], unfolded.digests[place], sizeof(Digest))
    page.stale = 0


cdef inline void hash_pages(Page** pages, size_t count, Digest* digests, Batch* batch) noexcept nogil:
    """Write the digests of pages, none of which stands above another, and below which all digests are right."""
    cdef size_t begin = 0, size, index
    cdef int width
    cdef Unfolded* unfolded
    batch.queued = 0
    while begin < count:
        size = min(count - begin, <size_t>PAGES_AT_ONCE)
        for index in range(size):
            unfold(pages[begin + index], &batch.pages[index])
            queue_slots(batch, pages[begin + index], &batch.pages[index])
        hash_queued(batch)
        width = NIBBLES // 2
        while width > 0:
            for index in range(size):
                queue_level(batch, pages[begin + index], &batch.pages[index], width)
            hash_queued(batch)
            width //= 2
        for index in range(size):
            unfolded = &batch.pages[index]
            keep(pages[begin + index], unfolded)
            if unfolded.kinds[1] == EMPTY:
                memset(unfolded.digests[1], 0, sizeof(Digest))
            memcpy(digests[begin + index], unfolded.digests[1], sizeof(Digest))
        begin += size
