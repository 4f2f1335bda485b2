"""The status word of a transaction: its state, its owner while it runs, its incarnation."""

from libc.stdint cimport uint32_t, uint64_t

cdef enum:
    NO_TXN = 0xFFFFFFFF


cdef inline uint64_t pack_status(uint32_t state, uint32_t owner, uint32_t incarnation) noexcept nogil:
    return <uint64_t>state | (<uint64_t>owner << 8) | (<uint64_t>incarnation << 32)


cdef inline uint32_t status_state(uint64_t status) noexcept nogil:
    return <uint32_t>(status & 0xFF)


cdef inline uint32_t status_owner(uint64_t status) noexcept nogil:
    return <uint32_t>(status >> 8) & 0xFFFF


cdef inline uint32_t status_incarnation(uint64_t status) noexcept nogil:
    return <uint32_t>(status >> 32)
