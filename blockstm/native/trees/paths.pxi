"""Paths of keys in the binary tree: their hashes, and changes in the order of these."""


cdef struct Hash:
    Digest bytes


cdef struct Order:
    # A change's path, for sorting: its first bytes, and where the rest stands.
    uint64_t start
    uint32_t place


cdef bint is_before(const Order& one, const Order& other) noexcept nogil:
    return one.start < other.start


cdef inline check_state_key(key):
    if not PyBytes_CheckExact(key) or PyBytes_GET_SIZE(key) > KEY_BYTES_MAX:
        check_key(key, "state key")


def first_nibbles(keys):
    """Return the first nibble of each key's path, a byte each."""
    cdef list held = list(keys)
    cdef size_t count = len(held), place
    cdef vector[const uint8_t*] inputs
    cdef vector[size_t] lengths
    cdef vector[Hash] paths
    cdef bytes nibbles = PyBytes_FromStringAndSize(NULL, count)
    cdef uint8_t* to = <uint8_t*>PyBytes_AS_STRING(nibbles)
    inputs.resize(count)
    lengths.resize(count)
    paths.resize(count)
    for place in range(count):
        key = held[place]
        check_state_key(key)
        inputs[place] = <const uint8_t*>PyBytes_AS_STRING(key)
        lengths[place] = PyBytes_GET_SIZE(key)
    with nogil:
        hash_many(inputs.data(), lengths.data(), count, <Digest*>paths.data())
        for place in range(count):
            to[place] = nibble_at(paths[place].bytes, 0)
    return nibbles
