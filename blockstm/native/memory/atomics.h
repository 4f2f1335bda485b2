// Memory-ordered operations on plain integers in shared memory, and the futex system call.
//
// The arena is mapped by several processes, so its fields are plain integers reached through
// the compiler's atomic builtins rather than std::atomic objects. "sc" marks sequential
// consistency: it stands only where a protocol needs store-load ordering (Dekker patterns).
#pragma once

#include <climits>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace blockstm {

template <typename T> static inline T load_relaxed(const T* p) { return __atomic_load_n(p, __ATOMIC_RELAXED); }
template <typename T> static inline T load_acquire(const T* p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); }
template <typename T> static inline T load_sc(const T* p) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }
template <typename T> static inline void store_relaxed(T* p, T v) { __atomic_store_n(p, v, __ATOMIC_RELAXED); }
template <typename T> static inline void store_release(T* p, T v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
template <typename T> static inline void store_sc(T* p, T v) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }
template <typename T> static inline T exchange_sc(T* p, T v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }
template <typename T> static inline T fetch_add_sc(T* p, T v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }
template <typename T> static inline T fetch_or_sc(T* p, T v) { return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST); }
template <typename T> static inline T fetch_and_sc(T* p, T v) { return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST); }

// Orders every store before it before every load after it, in the eyes of all.
static inline void fence_sc() { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

// True, and `desired` stored, where `*p` was `expected`. One that fails is an sc load: commit_ready relies on it.
template <typename T> static inline bool compare_exchange_sc(T* p, T expected, T desired) {
    return __atomic_compare_exchange_n(p, &expected, desired, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static inline void spin_pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static inline bool unlikely_true(bool condition) { return __builtin_expect(condition, 0); }
static inline void prefetch_line(const void* p) { __builtin_prefetch(p); }

static inline uint64_t monotonic_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<uint64_t>(now.tv_sec) * 1000000000ull + static_cast<uint64_t>(now.tv_nsec);
}

// Sleeps while `*word` is `expected`, for at most `timeout_ns`; may wake for no reason.
static inline void futex_wait(uint32_t* word, uint32_t expected, uint64_t timeout_ns) {
    timespec timeout;
    timeout.tv_sec = static_cast<time_t>(timeout_ns / 1000000000ull);
    timeout.tv_nsec = static_cast<long>(timeout_ns % 1000000000ull);
    syscall(SYS_futex, word, FUTEX_WAIT, expected, &timeout, nullptr, 0);
}

static inline void futex_wake(uint32_t* word, uint32_t count) {
    syscall(SYS_futex, word, FUTEX_WAKE, count > INT_MAX ? INT_MAX : static_cast<int>(count), nullptr, nullptr, 0);
}

static inline uint32_t lowest_bit(uint64_t word) { return static_cast<uint32_t>(__builtin_ctzll(word)); }
static inline uint32_t highest_bit(uint64_t word) { return 63u - static_cast<uint32_t>(__builtin_clzll(word)); }

// A 64 x 64 -> 128 bit multiplication folded to 64 bits, the mixing step of the key hash.
static inline uint64_t multiply_fold(uint64_t a, uint64_t b) {
    const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// The number itself, which the compiler may then take to be no larger than `most`: the caller knows.
static inline uint32_t known_at_most(uint32_t number, uint32_t most) {
    if (number > most) __builtin_unreachable();
    return number;
}

// memcpy for what is mostly a few words: no call, no over-read.
static inline void copy_small(void* to, const void* from, uint64_t length) {
    auto* target = static_cast<unsigned char*>(to);
    const auto* source = static_cast<const unsigned char*>(from);
    if (length > 64) {
        memcpy(target, source, length);
    } else if (length >= 8) {
        for (uint64_t place = 0; place + 8 <= length; place += 8) {
            memcpy(target + place, source + place, 8);
        }
        memcpy(target + length - 8, source + length - 8, 8);
    } else if (length >= 4) {
        uint32_t first, last;
        memcpy(&first, source, 4);
        memcpy(&last, source + length - 4, 4);
        memcpy(target, &first, 4);
        memcpy(target + length - 4, &last, 4);
    } else {
        for (uint64_t place = 0; place < length; ++place) target[place] = source[place];
    }
}

static inline uint64_t big_endian(uint64_t word) { return __builtin_bswap64(word); }

// Keeps a computed value alive: the compiler must assume that it is used.
static inline void keep(uint64_t value) { __asm__ volatile("" : : "r"(value)); }

}  // namespace blockstm
