// Keccak-256 of many inputs, as many at a time as a vector has lanes.
//
// keccak.h includes this once for each width, which BLOCKSTM_LANES says, with BLOCKSTM_WIDTH as the namespace and
// under the target that has such vectors: GCC would take vectors apart in a template before it knew the target of the
// function that uses it. So there is no include guard here.

namespace blockstm {
namespace keccak {
namespace BLOCKSTM_WIDTH {

constexpr size_t LANES = BLOCKSTM_LANES;
#if BLOCKSTM_LANES == 1
typedef uint64_t Words;
#else
typedef uint64_t Words __attribute__((vector_size(8 * BLOCKSTM_LANES)));
#endif

static inline void set_lane(Words& words, size_t lane, uint64_t value) {
    reinterpret_cast<uint64_t*>(&words)[lane] = value;
}

static inline uint64_t lane_of(const Words& words, size_t lane) {
    return reinterpret_cast<const uint64_t*>(&words)[lane];
}

// Keccak-f[1600] of the states in all lanes; the word at (x, y) has the place x + 5 y (FIPS 202, section 3).
static void permute(Words* state) {
    Words a[WORDS];
#pragma GCC unroll 25
    for (size_t i = 0; i < WORDS; i++) a[i] = state[i];
    for (size_t round = 0; round < ROUNDS; round++) {
        Words parity[5], moved[WORDS];
#pragma GCC unroll 5
        for (size_t x = 0; x < 5; x++) parity[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20];
#pragma GCC unroll 25
        for (size_t i = 0; i < WORDS; i++) {
            const Words& after = parity[(i + 1) % 5];
            const Words mixed = a[i] ^ parity[(i + 4) % 5] ^ ((after << 1) | (after >> 63));
            const size_t x = i % 5, y = i / 5;
            moved[y + 5 * ((2 * x + 3 * y) % 5)] =
                (mixed << ROTATIONS[i]) | (mixed >> ((64 - ROTATIONS[i]) % 64));
        }
#pragma GCC unroll 25
        for (size_t i = 0; i < WORDS; i++) {
            const size_t row = i - i % 5;
            a[i] = moved[i] ^ (~moved[row + (i + 1) % 5] & moved[row + (i + 2) % 5]);
        }
        a[0] ^= ROUND_CONSTANTS[round];
    }
#pragma GCC unroll 25
    for (size_t i = 0; i < WORDS; i++) state[i] = a[i];
}

// An input on its way through a lane.
struct Passage {
    size_t index;         // which one it is
    const uint8_t* rest;  // what has not been absorbed, and its length
    size_t left;
    bool is_new, is_last;       // whether nothing has been absorbed before this block; whether this is its last
    const uint8_t* block;       // the block that is next
    uint8_t padded[RATE_BYTES]; // the last one
};

static inline void next_block(Passage& passage) {
    passage.is_last = passage.left < RATE_BYTES;
    if (passage.is_last) {
        pad(passage.rest, passage.left, passage.padded);
        passage.block = passage.padded;
    } else {
        passage.block = passage.rest;
        passage.rest += RATE_BYTES;
        passage.left -= RATE_BYTES;
    }
}

// A lane that is done with an input takes the next one at once, so lanes do not wait for long inputs in others.
static void hash_many(const uint8_t* const* inputs, const size_t* lengths, size_t count, uint8_t (*digests)[32]) {
    Words state[WORDS] = {};
    Passage passages[LANES];
    for (Passage& passage : passages) passage.is_last = true;
    size_t taken = 0, busy = 0;
    for (;;) {
        Words kept;
        for (size_t lane = 0; lane < LANES; lane++) {
            Passage& passage = passages[lane];
            passage.is_new = passage.is_last;
            set_lane(kept, lane, passage.is_new ? 0 : ~uint64_t{0});
            if (!passage.is_new) {
                next_block(passage);
            } else if (taken < count) {
                passage.index = taken;
                passage.rest = inputs[taken];
                passage.left = lengths[taken];
                taken++;
                busy++;
                next_block(passage);
            } else {
                passage.index = count;
                passage.block = NO_BLOCK;
            }
        }
        if (busy == 0) return;
        for (size_t i = 0; i < RATE_BYTES / 8; i++) {
            Words absorbed;
#pragma GCC unroll 8
            for (size_t lane = 0; lane < LANES; lane++) set_lane(absorbed, lane, word_at(passages[lane].block, i));
            state[i] = (state[i] & kept) ^ absorbed;
        }
        for (size_t i = RATE_BYTES / 8; i < WORDS; i++) state[i] &= kept;
        permute(state);
        for (size_t lane = 0; lane < LANES; lane++) {
            const Passage& passage = passages[lane];
            if (!passage.is_last || passage.index == count) continue;
            for (size_t i = 0; i < 4; i++) {
                const uint64_t word = lane_of(state[i], lane);
                std::memcpy(digests[passage.index] + 8 * i, &word, 8);
            }
            busy--;
        }
    }
}

}  // namespace BLOCKSTM_WIDTH
}  // namespace keccak
}  // namespace blockstm
