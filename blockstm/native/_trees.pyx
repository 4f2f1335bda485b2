"""What commits to a state, in compiled code: hashes of many inputs at once."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t
from libcpp.vector cimport vector

from blockstm.native.hashing.keccak cimport Digest, keccak_256_in_lanes, keccak_256_many as hash_many, keccak_lanes_max

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
