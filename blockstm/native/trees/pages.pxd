"""The pages of the binary tree: four levels of it each, in memory.

The tree itself is defined in docs/reference/state-root.md. A page stands at a path of whole nibbles and has up to
sixteen slots, one for each next nibble: a leaf where one key lies below, another page where several do. So a page has
at least two slots, or one with a page in it; only the page at the root may hold a single leaf. Which pages there are,
and what is in them, depends on the set of keys only.
"""

from libc.stdint cimport uint8_t, uint16_t
from libc.stdlib cimport calloc, free, realloc
from libc.string cimport memcmp, memcpy, memmove, memset
from libcpp.vector cimport vector

from blockstm.native.hashing.keccak cimport Digest

cdef extern from * nogil:
    int popcount "__builtin_popcount"(unsigned int bits)

cdef enum:
    PATH_BYTES = 32
    PATH_NIBBLES = 64
    NIBBLES = 16
    # Slots of a page.
    ALL_STALE = 0xFFFF

cdef struct Page

cdef struct Leaf:
    uint8_t path[PATH_BYTES]
    Digest value
    # The hash of the value.

cdef struct Child:
    Digest digest
    # The hash of the subtree; what it was when it was last hashed, where the page has changed since.
    Page* page
    # NULL: not in memory.

cdef union Slot:
    Leaf leaf
    Child child

cdef struct Page:
    Slot* slots
    # Those in use, by nibble.
    uint16_t leaves
    uint16_t children
    # Bits, by nibble: which slots are in use, and as what.
    Digest* inner
    # The digests of the subtrees above the slots that are nodes, by place less 1; NULL: they are not kept. The whole
    # page is at place 1, what is below the one at place n at 2 n and 2 n + 1, the slots are at 16 to 31.
    uint16_t stale
    # Bits, by place: which of these are not right.
    uint8_t capacity
    uint8_t nibbles
    # The length of its path.
    bint is_hashed
    # Whether its digest is that of what is in it; a page that is not stands below none that is.
    bint is_handed_out
    # Whether it is as it was handed out, or read; likewise.
    bint is_known
    # Whether it has been handed out or read at all, so that somebody has to be told when it goes.

cdef struct Place:
    # Where a page is or was: the first nibbles of a path.
    uint8_t path[PATH_BYTES]
    uint8_t nibbles


cdef inline int nibble_at(const uint8_t* path, int place) noexcept nogil:
    return path[place >> 1] & 15 if place & 1 else path[place >> 1] >> 4


cdef inline Slot* slot_at(Page* page, int nibble) noexcept nogil:
    """Return a slot that is in use; for one that is not, the place where it would be."""
    return &page.slots[popcount((page.leaves | page.children) & ((1 << nibble) - 1))]


cdef inline int slot_count(const Page* page) noexcept nogil:
    return popcount(page.leaves | page.children)


cdef inline bint is_single_leaf(const Page* page) noexcept nogil:
    return page.children == 0 and popcount(page.leaves) == 1


cdef inline Page* page_new(int nibbles) except NULL:
    cdef Page* page = <Page*>calloc(1, sizeof(Page))
    if page == NULL:
        raise MemoryError
    page.nibbles = nibbles
    page.stale = ALL_STALE
    return page


cdef inline void page_free(Page* page) noexcept nogil:
    """Free a page and all below it; NULL is none."""
    cdef int place
    if page == NULL:
        return
    for place in range(NIBBLES):
        if page.children >> place & 1:
            page_free(slot_at(page, place).child.page)
    free(page.slots)
    free(page.inner)
    free(page)


cdef inline void page_touch(Page* page, int nibble) noexcept nogil:
    """Note that what is in a slot, or below it, has changed."""
    cdef int place = NIBBLES + nibble
    page.stale |= 1 << (place >> 1) | 1 << (place >> 2) | 1 << (place >> 3) | 1 << (place >> 4)
    page.is_hashed = page.is_handed_out = False


cdef inline Slot* slot_open(Page* page, int nibble) except NULL:
    """Make room for a slot that is not in use; the caller fills it, and sets its bit."""
    cdef int count = slot_count(page), place = popcount((page.leaves | page.children) & ((1 << nibble) - 1))
    cdef void* grown
    if count == page.capacity:
        grown = realloc(page.slots, (count + 2) * sizeof(Slot))
        if grown == NULL:
            raise MemoryError
        page.slots = <Slot*>grown
        page.capacity = count + 2
    memmove(&page.slots[place + 1], &page.slots[place], (count - place) * sizeof(Slot))
    return &page.slots[place]


cdef inline void slot_close(Page* page, int nibble) noexcept nogil:
    """Take a slot out of use; what it held is forgotten."""
    cdef Slot* slot = slot_at(page, nibble)
    cdef int after = slot_count(page) - <int>(slot - page.slots) - 1
    memmove(slot, slot + 1, after * sizeof(Slot))
    page.leaves &= ~(1 << nibble)
    page.children &= ~(1 << nibble)


cdef inline void leaf_set(Slot* slot, const uint8_t* path, const uint8_t* value) noexcept nogil:
    memcpy(slot.leaf.path, path, PATH_BYTES)
    memcpy(slot.leaf.value, value, sizeof(Digest))


cdef inline void leaf_add(Page* page, const uint8_t* path, const uint8_t* value) except *:
    """Put a leaf into a slot that is not in use."""
    cdef int nibble = nibble_at(path, page.nibbles)
    leaf_set(slot_open(page, nibble), path, value)
    page.leaves |= 1 << nibble


cdef inline void child_set(Slot* slot, Page* page) noexcept nogil:
    memset(slot.child.digest, 0, sizeof(Digest))
    slot.child.page = page


cdef inline Page* page_of_two(int nibbles, const Leaf* one, const uint8_t* path, const uint8_t* value) except NULL:
    """Return a new page at a path that a leaf and another path share; the pages down to where they part."""
    cdef Page* top = page_new(nibbles)
    cdef Page* page = top
    cdef Page* below
    cdef int nibble
    while nibble_at(one.path, page.nibbles) == nibble_at(path, page.nibbles):
        nibble = nibble_at(path, page.nibbles)
        below = page_new(page.nibbles + 1)
        child_set(slot_open(page, nibble), below)
        page.children |= 1 << nibble
        page = below
    leaf_add(page, one.path, one.value)
    leaf_add(page, path, value)
    return top


cdef inline bint leaf_put(Page* page, const uint8_t* path, const uint8_t* value) except -1:
    """Set the value's hash at a path, whose pages are in memory; tell whether that changes anything."""
    cdef int nibble = nibble_at(path, page.nibbles)
    cdef Slot* slot = slot_at(page, nibble)
    cdef Page* below
    if page.children >> nibble & 1:
        if not leaf_put(slot.child.page, path, value):
            return False
    elif not page.leaves >> nibble & 1:
        leaf_add(page, path, value)
    elif memcmp(slot.leaf.path, path, PATH_BYTES):
        below = page_of_two(page.nibbles + 1, &slot.leaf, path, value)
        child_set(slot, below)
        page.leaves ^= 1 << nibble
        page.children |= 1 << nibble
    elif memcmp(slot.leaf.value, value, sizeof(Digest)):
        memcpy(slot.leaf.value, value, sizeof(Digest))
    else:
        return False
    page_touch(page, nibble)
    return True


cdef inline bint leaf_drop(Page* page, const uint8_t* path, vector[Place]* gone) except -1:
    """Remove the leaf at a path, whose pages are in memory; tell whether there was one.

    A page that is left with a single leaf goes, and the leaf takes its place; so do those above, one after the other.
    """
    cdef int nibble = nibble_at(path, page.nibbles)
    cdef Slot* slot = slot_at(page, nibble)
    cdef Page* below
    cdef Place place
    if page.children >> nibble & 1:
        below = slot.child.page
        if not leaf_drop(below, path, gone):
            return False
        if is_single_leaf(below):
            if below.is_known:
                memcpy(place.path, path, PATH_BYTES)
                place.nibbles = below.nibbles
                gone.push_back(place)
            leaf_set(slot, below.slots[0].leaf.path, below.slots[0].leaf.value)
            page.children ^= 1 << nibble
            page.leaves |= 1 << nibble
            page_free(below)
    elif page.leaves >> nibble & 1 and memcmp(slot.leaf.path, path, PATH_BYTES) == 0:
        slot_close(page, nibble)
    else:
        return False
    page_touch(page, nibble)
    return True


cdef inline void forget_below(Page* page, int nibbles_kept) noexcept nogil:
    """Let go of the pages below whose paths are longer than that, and that are as they were handed out."""
    cdef Child* child
    cdef int nibble
    for nibble in range(NIBBLES):
        if not page.children >> nibble & 1:
            continue
        child = &slot_at(page, nibble).child
        if child.page == NULL:
            continue
        if page.nibbles >= nibbles_kept and child.page.is_handed_out:
            page_free(child.page)
            child.page = NULL
        else:
            forget_below(child.page, nibbles_kept)
