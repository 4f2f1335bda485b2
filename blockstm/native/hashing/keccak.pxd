"""Keccak-256 of many inputs at once (keccak.h)."""

from libc.stdint cimport uint8_t

ctypedef uint8_t Digest[32]

cdef extern from "blockstm/native/hashing/keccak.h" namespace "blockstm" nogil:
    size_t keccak_lanes_max() noexcept
    void keccak_256_in_lanes(
        const uint8_t** inputs, const size_t* lengths, size_t count, Digest* digests, size_t lanes
    ) noexcept
    void keccak_256_many(const uint8_t** inputs, const size_t* lengths, size_t count, Digest* digests) noexcept
