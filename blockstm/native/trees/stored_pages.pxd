"""The binary tree's pages as bytes, for nodes: what docs/reference/state-root.md says of them.

Two bitmaps of sixteen bits, the most significant first: which slots are leaves, and which are pages. Then the slots in
use, by nibble: of a leaf its path and the hash of its value, of a page its digest. The place of a page is its path,
packed, the last nibble's other half zero, and then how many nibbles it has.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy

from blockstm.native.hashing.keccak cimport Digest
from blockstm.native.trees.pages cimport (
    NIBBLES, PATH_BYTES, PATH_NIBBLES, Leaf, Page, Slot, child_set, leaf_add, nibble_at, page_free, page_new, popcount,
    slot_open,
)

cdef enum:
    BITMAPS_BYTES = 4


cdef inline bytes place_bytes(const uint8_t* path, int nibbles):
    """Return the place of the page at the first nibbles of a path."""
    cdef int size = (nibbles + 1) >> 1
    cdef bytes place = PyBytes_FromStringAndSize(NULL, size + 1)
    cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(place)
    memcpy(to, path, size)
    if nibbles & 1:
        to[size - 1] &= 0xF0
    to[size] = nibbles
    return place


cdef inline bytes page_bytes(const Page* page):
    cdef int leaves = popcount(page.leaves), children = popcount(page.children), nibble
    cdef bytes stored = PyBytes_FromStringAndSize(
        NULL, BITMAPS_BYTES + leaves * sizeof(Leaf) + children * sizeof(Digest)
    )
    cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(stored)
    cdef const Slot* slot = page.slots
    to[0], to[1], to[2], to[3] = page.leaves >> 8, page.leaves & 255, page.children >> 8, page.children & 255
    to += BITMAPS_BYTES
    for nibble in range(NIBBLES):
        if page.leaves >> nibble & 1:
            memcpy(to, &slot.leaf, sizeof(Leaf))
            to += sizeof(Leaf)
        elif page.children >> nibble & 1:
            memcpy(to, slot.child.digest, sizeof(Digest))
            to += sizeof(Digest)
        else:
            continue
        slot += 1
    return stored


cdef inline bint is_below(const uint8_t* path, const uint8_t* above, int nibbles) noexcept nogil:
    """Tell whether a path begins with the first nibbles of another."""
    if memcmp(path, above, nibbles >> 1):
        return False
    return not nibbles & 1 or nibble_at(path, nibbles - 1) == nibble_at(above, nibbles - 1)


cdef inline bint is_page(bytes stored, const uint8_t* path, int nibbles) noexcept:
    """Tell whether bytes have the form of a page at the first nibbles of a path; what they say may still be wrong."""
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(stored)
    cdef Py_ssize_t size = PyBytes_GET_SIZE(stored)
    cdef int leaves, children, nibble
    if size < BITMAPS_BYTES:
        return False
    leaves, children = begin[0] << 8 | begin[1], begin[2] << 8 | begin[3]
    if leaves & children or size != <Py_ssize_t>(
        BITMAPS_BYTES + popcount(leaves) * sizeof(Leaf) + popcount(children) * sizeof(Digest)
    ):
        return False
    if (leaves | children) == 0 or (nibbles == PATH_NIBBLES - 1 and children):
        return False
    if nibbles and popcount(leaves) == 1 and not children:
        return False
    begin += BITMAPS_BYTES
    for nibble in range(NIBBLES):
        if leaves >> nibble & 1:
            if not is_below(begin, path, nibbles) or nibble_at(begin, nibbles) != nibble:
                return False
            begin += sizeof(Leaf)
        elif children >> nibble & 1:
            begin += sizeof(Digest)
    return True


cdef inline Page* page_read(bytes stored, int nibbles) except NULL:
    """Return the page that bytes of its form hold."""
    cdef const uint8_t* begin = <const uint8_t*>PyBytes_AS_STRING(stored)
    cdef int leaves = begin[0] << 8 | begin[1], children = begin[2] << 8 | begin[3], nibble
    cdef Page* page = page_new(nibbles)
    cdef Slot* slot
    begin += BITMAPS_BYTES
    try:
        for nibble in range(NIBBLES):
            if leaves >> nibble & 1:
                leaf_add(page, begin, begin + PATH_BYTES)
                begin += sizeof(Leaf)
            elif children >> nibble & 1:
                slot = slot_open(page, nibble)
                child_set(slot, NULL)
                memcpy(slot.child.digest, begin, sizeof(Digest))
                page.children |= 1 << nibble
                begin += sizeof(Digest)
    except:
        page_free(page)
        raise
    page.is_hashed = page.is_handed_out = page.is_known = True
    return page
