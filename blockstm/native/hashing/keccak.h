// Keccak-256, as Ethereum has it: FIPS 202's sponge with 64 bytes of capacity, and the padding of Keccak's submission
// to the SHA-3 contest, which begins with 0x01 where SHA3-256 begins with 0x06.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace blockstm {
namespace keccak {

static_assert(std::endian::native == std::endian::little, "the words of a state are little-endian");

constexpr size_t WORDS = 25, ROUNDS = 24, RATE_BYTES = 136;

constexpr uint64_t ROUND_CONSTANTS[ROUNDS] = {
    0x0000000000000001, 0x0000000000008082, 0x800000000000808A, 0x8000000080008000, 0x000000000000808B,
    0x0000000080000001, 0x8000000080008081, 0x8000000000008009, 0x000000000000008A, 0x0000000000000088,
    0x0000000080008009, 0x000000008000000A, 0x000000008000808B, 0x800000000000008B, 0x8000000000008089,
    0x8000000000008003, 0x8000000000008002, 0x8000000000000080, 0x000000000000800A, 0x800000008000000A,
    0x8000000080008081, 0x8000000000008080, 0x0000000080000001, 0x8000000080008008,
};
constexpr int ROTATIONS[WORDS] = {0,  1,  62, 28, 27, 36, 44, 6,  55, 20, 3,  10, 43,
                                  25, 39, 41, 45, 15, 21, 8,  18, 2,  61, 56, 14};

// What a lane absorbs that has no input.
constexpr uint8_t NO_BLOCK[RATE_BYTES] = {};

// Fills `block` with what is left of an input, less than a block, and the padding.
static inline void pad(const uint8_t* rest, size_t left, uint8_t* block) {
    if (left > 0) std::memcpy(block, rest, left);
    std::memset(block + left, 0, RATE_BYTES - left);
    block[left] = 0x01;
    block[RATE_BYTES - 1] |= 0x80;
}

static inline uint64_t word_at(const uint8_t* block, size_t place) {
    uint64_t word;
    std::memcpy(&word, block + 8 * place, 8);
    return word;
}

}  // namespace keccak
}  // namespace blockstm

#define BLOCKSTM_LANES 1
#define BLOCKSTM_WIDTH one
#include "blockstm/native/hashing/keccak_lanes.h"
#undef BLOCKSTM_LANES
#undef BLOCKSTM_WIDTH

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2")
#define BLOCKSTM_LANES 4
#define BLOCKSTM_WIDTH four
#include "blockstm/native/hashing/keccak_lanes.h"
#undef BLOCKSTM_LANES
#undef BLOCKSTM_WIDTH
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC target("avx512f,prefer-vector-width=512")
#define BLOCKSTM_LANES 8
#define BLOCKSTM_WIDTH eight
#include "blockstm/native/hashing/keccak_lanes.h"
#undef BLOCKSTM_LANES
#undef BLOCKSTM_WIDTH
#pragma GCC pop_options
#endif

namespace blockstm {

// The most inputs that this CPU hashes at a time.
static inline size_t keccak_lanes_max() {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return 8;
    if (__builtin_cpu_supports("avx2")) return 4;
#endif
    return 1;
}

// Writes the hash of each input, with vectors of `lanes` lanes, which the CPU must have: 1, 4 or 8.
static inline void keccak_256_in_lanes(
    const uint8_t* const* inputs, const size_t* lengths, size_t count, uint8_t (*digests)[32], size_t lanes
) {
#if defined(__x86_64__)
    if (lanes == 8) return keccak::eight::hash_many(inputs, lengths, count, digests);
    if (lanes == 4) return keccak::four::hash_many(inputs, lengths, count, digests);
#endif
    static_cast<void>(lanes);
    keccak::one::hash_many(inputs, lengths, count, digests);
}

// Writes the hash of each input, as many at a time as pays.
static inline void keccak_256_many(
    const uint8_t* const* inputs, const size_t* lengths, size_t count, uint8_t (*digests)[32]
) {
    // A vector of which one lane is used takes longer than a word.
    keccak_256_in_lanes(inputs, lengths, count, digests, count > 1 ? keccak_lanes_max() : 1);
}

}  // namespace blockstm
