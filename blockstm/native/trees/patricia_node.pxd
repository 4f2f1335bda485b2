"""A node of a Merkle Patricia trie in memory, and its RLP (Yellow Paper, appendix D).

No key begins with another, so no branch holds a value. A key has at most 64 nibbles.
"""

from libc.stdint cimport uint8_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from libcpp.vector cimport vector

from blockstm.native.trees.rlp cimport (
    Item, header_bytes, read_item, string_bytes, write_bytes, write_header, write_string,
)

cdef enum:
    NIBBLES_MAX = 64
    PACKED_BYTES_MAX = 33   # of a path: one byte before its nibbles
    HASH_BYTES = 32

cdef enum Kind:
    LEAF
    EXTENSION
    BRANCH
    UNRESOLVED              # only its hash is known
    UNRESOLVED_BRANCH       # as well, but as an extension led there, it must be a branch

cdef struct Node:
    Kind kind
    bint is_changed             # its reference is out of date, and so is that of each node above
    bint is_stored              # it stands at its place in what the trie was opened on, as it is
    uint8_t reference_length    # HASH_BYTES: the reference is the hash; fewer: it is the node's own RLP
    uint8_t reference[HASH_BYTES]
    uint8_t path_length         # of a leaf or an extension, in nibbles
    uint8_t path[NIBBLES_MAX]
    uint32_t children[16]       # of a branch, 0 for none; an extension has one
    uint8_t* value              # of a leaf; NULL in one that is to be removed
    uint32_t value_length


cdef inline void clear_node(Node* node) noexcept nogil:
    free(node.value)
    memset(node, 0, sizeof(Node))


# False where there is no memory.
cdef inline bint set_value(Node* node, const uint8_t* value, size_t length) noexcept nogil:
    cdef uint8_t* copy = <uint8_t*>malloc(length)
    if copy == NULL:
        return False
    memcpy(copy, value, length)
    free(node.value)
    node.value = copy
    node.value_length = <uint32_t>length
    return True


# Puts nibbles before those of the path; False where it becomes too long.
cdef inline bint prepend(Node* node, const uint8_t* nibbles, uint32_t count) noexcept nogil:
    cdef uint8_t joined[NIBBLES_MAX]
    if count + node.path_length > NIBBLES_MAX:
        return False
    memcpy(joined, nibbles, count)
    memcpy(joined + count, node.path, node.path_length)
    node.path_length += count
    memcpy(node.path, joined, node.path_length)
    return True


cdef inline void cut_path(Node* node, uint32_t count) noexcept nogil:
    cdef uint32_t place
    node.path_length -= count
    for place in range(node.path_length):
        node.path[place] = node.path[place + count]


cdef inline uint32_t common_nibbles(
    const uint8_t* a, uint32_t a_length, const uint8_t* b, uint32_t b_length
) noexcept nogil:
    cdef uint32_t count = 0
    while count < a_length and count < b_length and a[count] == b[count]:
        count += 1
    return count


# Hex-prefix encoding of a path; returns its length in bytes.
cdef inline uint32_t pack_path(const Node* node, uint8_t* packed) noexcept nogil:
    cdef uint32_t odd = node.path_length & 1, place
    packed[0] = ((2 if node.kind == LEAF else 0) + odd) << 4
    if odd:
        packed[0] |= node.path[0]
    for place in range(odd, node.path_length, 2):
        packed[1 + place // 2] = node.path[place] << 4 | node.path[place + 1]
    return 1 + node.path_length // 2


# The kind says what the path is of. False where it is not a path, or too long.
cdef inline bint unpack_path(const uint8_t* packed, size_t length, Node* node) noexcept nogil:
    cdef uint32_t odd, place
    if length == 0 or length > PACKED_BYTES_MAX or packed[0] >= 0x40:
        return False
    odd = packed[0] >> 4 & 1
    if (not odd and packed[0] & 15) or 2 * (length - 1) + odd > NIBBLES_MAX:
        return False
    node.kind = LEAF if packed[0] & 0x20 else EXTENSION
    node.path_length = <uint8_t>(2 * (length - 1) + odd)
    if odd:
        node.path[0] = packed[0] & 15
    for place in range(length - 1):
        node.path[odd + 2 * place] = packed[1 + place] >> 4
        node.path[odd + 2 * place + 1] = packed[1 + place] & 15
    return node.kind == LEAF or node.path_length > 0


cdef inline size_t reference_bytes(const Node* node) noexcept nogil:
    return 1 + HASH_BYTES if node.reference_length == HASH_BYTES else node.reference_length


cdef inline void write_reference(vector[uint8_t]* out, const Node* node) noexcept nogil:
    if node.reference_length == HASH_BYTES:
        out.push_back(0x80 + HASH_BYTES)
    write_bytes(out, node.reference, node.reference_length)


# Appends a node's RLP; the references of its children are up to date.
cdef inline void write_node(vector[uint8_t]* out, Node* nodes, uint32_t index) noexcept nogil:
    cdef Node* node = &nodes[index]
    cdef uint8_t packed[PACKED_BYTES_MAX]
    cdef uint32_t packed_length, place
    cdef size_t length = 0
    if node.kind == BRANCH:
        for place in range(16):
            length += reference_bytes(&nodes[node.children[place]]) if node.children[place] else 1
        write_header(out, length + 1, 0xC0)
        for place in range(16):
            if node.children[place]:
                write_reference(out, &nodes[node.children[place]])
            else:
                out.push_back(0x80)
        out.push_back(0x80)
        return
    packed_length = pack_path(node, packed)
    length = string_bytes(packed, packed_length)
    if node.kind == LEAF:
        write_header(out, length + string_bytes(node.value, node.value_length), 0xC0)
        write_string(out, packed, packed_length)
        write_string(out, node.value, node.value_length)
    else:
        write_header(out, length + reference_bytes(&nodes[node.children[0]]), 0xC0)
        write_string(out, packed, packed_length)
        write_reference(out, &nodes[node.children[0]])
