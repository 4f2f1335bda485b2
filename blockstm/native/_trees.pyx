"""What commits to a state, in compiled code: hashes of many inputs at once, the binary tree, and tries."""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_CheckExact, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, memset
from libcpp.algorithm cimport sort
from libcpp.vector cimport vector

from blockstm.native.hashing.keccak cimport Digest, keccak_256_in_lanes, keccak_256_many as hash_many, keccak_lanes_max
from blockstm.native.trees.page_hashes cimport Batch, hash_pages
from blockstm.native.trees.pages cimport (
    NIBBLES, PATH_BYTES, PATH_NIBBLES, Child, Leaf, Page, Place, Slot, child_set, forget_below, leaf_add, leaf_drop,
    leaf_put, nibble_at, page_free, page_new, page_touch, slot_at, slot_close, slot_count, slot_open,
)
from blockstm.native.trees.patricia_node cimport (
    BRANCH, EXTENSION, HASH_BYTES, Kind, LEAF, NIBBLES_MAX, Node, PACKED_BYTES_MAX, UNRESOLVED, UNRESOLVED_BRANCH,
    clear_node, common_nibbles, cut_path, prepend, set_value, unpack_path, write_node,
)
from blockstm.native.trees.rlp cimport Item, read_item, string_bytes, write_header, write_string
from blockstm.native.trees.stored_pages cimport is_page, page_bytes, page_read, place_bytes

from blockstm.errors import TreeError, UsageError, shown, type_shown
from blockstm.limits import KEY_BYTES_MAX as _KEY_BYTES_MAX
from blockstm.programs.parameters import check_key

cdef extern from * nogil:
    uint64_t byte_swapped "__builtin_bswap64"(uint64_t word)

cdef Py_ssize_t KEY_BYTES_MAX = _KEY_BYTES_MAX

LANES_MAX = keccak_lanes_max()


def keccak_256(bytes data not None):
    """Return the Keccak-256 hash (32 bytes) of bytes."""
    cdef const uint8_t* start = <const uint8_t*>PyBytes_AS_STRING(data)
    cdef size_t length = PyBytes_GET_SIZE(data)
    cdef Digest digest
    hash_many(&start, &length, 1, &digest)
    return PyBytes_FromStringAndSize(<char*>digest, sizeof(Digest))


def keccak_256_many(inputs, size_t lanes=0):
    """Return the Keccak-256 hash of each input; `lanes` are those used at a time, 0 for as many as pay."""
    cdef list held = list(inputs)
    cdef size_t count = len(held), index
    cdef vector[const uint8_t*] starts
    cdef vector[size_t] lengths
    cdef bytes data
    if lanes not in (0, 1, 4, 8) or lanes > LANES_MAX:
        raise ValueError(f"this CPU has no vectors of {lanes} lanes")
    starts.resize(count)
    lengths.resize(count)
    for index in range(count):
        data = held[index]
        if data is None:
            raise TypeError("an input is None, not bytes")
        starts[index] = <const uint8_t*>PyBytes_AS_STRING(data)
        lengths[index] = PyBytes_GET_SIZE(data)
    cdef bytes digests = PyBytes_FromStringAndSize(NULL, count * sizeof(Digest))
    cdef Digest* place = <Digest*>PyBytes_AS_STRING(digests)
    with nogil:
        if lanes:
            keccak_256_in_lanes(starts.data(), lengths.data(), count, place, lanes)
        else:
            hash_many(starts.data(), lengths.data(), count, place)
    return [PyBytes_FromStringAndSize(<char*>place[index], sizeof(Digest)) for index in range(count)]


def encode_strings(items):
    """Return the RLP of a list of bytes."""
    cdef vector[uint8_t] written
    cdef size_t length = 0
    cdef bytes data
    cdef list held = list(items)
    for data in held:
        if data is None:
            raise TypeError("an item is None, not bytes")
        length += string_bytes(<const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    write_header(&written, length, 0xC0)
    for data in held:
        write_string(&written, <const uint8_t*>PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
    return PyBytes_FromStringAndSize(<char*>written.data(), written.size())


def decode_strings(bytes data not None):
    """Return the list of bytes that has this RLP; None where it is damaged, or is not that."""
    cdef const uint8_t* end = <const uint8_t*>PyBytes_AS_STRING(data) + PyBytes_GET_SIZE(data)
    cdef Item whole, item
    cdef list items = []
    if not read_item(end - PyBytes_GET_SIZE(data), end, &whole) or not whole.is_list or whole.end != end:
        return None
    cdef const uint8_t* at = whole.payload
    while at < end:
        if not read_item(at, end, &item) or item.is_list:
            return None
        items.append(PyBytes_FromStringAndSize(<char*>item.payload, item.end - item.payload))
        at = item.end
    return items


EMPTY_TRIE_ROOT = keccak_256(b"\x80")

include "trees/patricia_nodes.pxi"
include "trees/patricia_changes.pxi"
include "trees/patricia_tries.pxi"
include "trees/paths.pxi"
include "trees/binary_tree.pxi"
