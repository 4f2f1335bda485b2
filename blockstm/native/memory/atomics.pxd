"""Memory-ordered operations on shared integers (atomics.h)."""

from libc.stdint cimport uint32_t, uint64_t

cdef extern from "blockstm/native/memory/atomics.h" namespace "blockstm" nogil:
    T load_relaxed[T](const T* place) noexcept
    T load_acquire[T](const T* place) noexcept
    T load_sc[T](const T* place) noexcept
    void store_relaxed[T](T* place, T value) noexcept
    void store_release[T](T* place, T value) noexcept
    void store_sc[T](T* place, T value) noexcept
    T exchange_sc[T](T* place, T value) noexcept
    T fetch_add_sc[T](T* place, T value) noexcept
    T fetch_or_sc[T](T* place, T value) noexcept
    T fetch_and_sc[T](T* place, T value) noexcept
    void fence_sc() noexcept
    bint compare_exchange_sc[T](T* place, T expected, T desired) noexcept

    void spin_pause() noexcept
    bint unlikely_true(bint condition) noexcept
    void prefetch_line(const void* place) noexcept
    uint64_t monotonic_ns() noexcept
    void futex_wait(uint32_t* word, uint32_t expected, uint64_t timeout_ns) noexcept
    void futex_wake(uint32_t* word, uint32_t count) noexcept
    uint32_t lowest_bit(uint64_t word) noexcept
    uint32_t known_at_most(uint32_t number, uint32_t most) noexcept
    uint32_t highest_bit(uint64_t word) noexcept
    uint64_t multiply_fold(uint64_t a, uint64_t b) noexcept
    void copy_small(void* to, const void* source, uint64_t length) noexcept
    uint64_t big_endian(uint64_t word) noexcept
    void keep(uint64_t value) noexcept
