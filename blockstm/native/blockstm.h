/* The verb interface of blockstm: what a native program in any language is compiled against (C99, C++11).

A program is a function that gets a table of verbs, a context and its arguments. It is exported by name from a shared
library:

    #include "blockstm/native/blockstm.h"

    static void run(const blockstm_verbs *verbs, blockstm_context *context, const uint8_t *arguments, size_t bytes);
    BLOCKSTM_PROGRAM(vote, run);

and named in Python by path and name, NativeProgram("vote", parameters, "/path/to/libvote.so:vote").
docs/how-to/native-programs.md goes through programs in C and in Rust.

The rules:

- Where a verb returns BLOCKSTM_GIVE_UP, the program returns at once: its incarnation is in vain, or its outcome is
  decided. If it goes on all the same, nothing comes of it: every further verb returns BLOCKSTM_GIVE_UP and does
  nothing, and what verbs would have given out is zero. (Within a savepoint there is one exception: see
  savepoint_roll_back.) A program that never returns is ended with its worker process once what it has read is stale.
- Whatever was read may be stale, whichever values do not go together, until the transaction is committed: lengths,
  indexes and loop bounds that come out of the state are to be checked before they are used.
- The outcome depends on arguments, reads and gas only: no clock, no random numbers, no state of the program's own that
  outlives a transaction, but for caches that cannot be seen.
- No panic, exception or longjmp crosses the border, in neither direction: what is thrown out of a program ends its
  worker process, and in the end the transaction fails with "worker died". Verbs throw nothing.
- A context is good for the thread that the program was called in, until the program returns. Programs of several
  transactions may be under way in one thread at the same time, each in a verb (`simulate` and `explore` run many
  workers in one thread): no lock is held, and no memory of the thread relied on, over a verb.
- Pointers that a program hands to a verb are read before the verb returns, and not kept; they may point to anything,
  to values that were read, too. NULL is allowed where the length is 0. Pointers that a verb gives out are good until
  the program returns, and what they point to does not change, whatever the program does next.
- What is wrong in the use of a verb (a key that is none, a length that is too large) fails the transaction, with a
  reason that says so, and the verb returns BLOCKSTM_GIVE_UP.
*/
#ifndef BLOCKSTM_H
#define BLOCKSTM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counted up where something that is there changes. Verbs that are new stand at the end of the table. */
#define BLOCKSTM_ABI_VERSION 1u

/* The most bytes of a key, a value, an event; of a longer reason the beginning is kept. */
#define BLOCKSTM_KEY_BYTES_MAX 64u
#define BLOCKSTM_VALUE_BYTES_MAX 65536u
#define BLOCKSTM_EVENT_BYTES_MAX 65536u
#define BLOCKSTM_REASON_BYTES_MAX 4096u
/* How many savepoints may be open, and how deep calls may be nested. */
#define BLOCKSTM_SAVEPOINTS_MAX 1024u
#define BLOCKSTM_CALLS_MAX 64u
/* The most keys that a scan may be for. */
#define BLOCKSTM_SCAN_KEYS_MAX 1024u

/* What a verb returns. */
typedef int32_t blockstm_status;
enum {
    BLOCKSTM_OK = 0,
    BLOCKSTM_GIVE_UP = 1,       /* return at once */
    BLOCKSTM_OUT_OF_BOUNDS = 2, /* add: refused, nothing has changed; check: not within the bounds */
    BLOCKSTM_ABSENT = 3,        /* read, exists: the key has no value */
    BLOCKSTM_REVERTED = 4,      /* call: the program has reverted; what it wrote and emitted is gone */
    BLOCKSTM_FAILED = 5         /* call: it has failed; likewise */
};

/* A key that was looked up: out of the arguments, or by the verb locate. Good for this transaction only; a number that
is not such a key is refused where it is seen to be none, and else does harm. */
typedef uint32_t blockstm_key;

/* An unsigned 256-bit number: four 64-bit limbs, least significant first, as in Rust's ruint and in intx. In the state
numbers are big-endian bytes without leading zeros: blockstm_u256_decode, blockstm_u256_encode. */
typedef struct blockstm_u256 {
    uint64_t limb[4];
} blockstm_u256;

/* One run of a program. */
typedef struct blockstm_context blockstm_context;

typedef struct blockstm_verbs {
    uint32_t abi_version;  /* BLOCKSTM_ABI_VERSION of the core */
    uint32_t struct_bytes; /* sizeof(blockstm_verbs) there */

    /* Look a key up by its bytes. */
    blockstm_status (*locate)(blockstm_context *, const void *bytes, size_t length, blockstm_key *key);

    /* The bytes of a key that was looked up. */
    blockstm_status (*key_bytes)(blockstm_context *, blockstm_key key, const uint8_t **bytes, size_t *length);

    /* Read a key: what the program has written itself, else what the transactions before it have left.
    BLOCKSTM_ABSENT, with NULL and 0, where it has no value. */
    blockstm_status (*read)(blockstm_context *, blockstm_key key, const uint8_t **value, size_t *length);

    blockstm_status (*write)(blockstm_context *, blockstm_key key, const void *value, size_t length);

    /* Delete a key: it reads as absent from here on. (delete is a word of C++.) */
    blockstm_status (*erase)(blockstm_context *, blockstm_key key);

    /* Add to the number at a key, or subtract where `negative` is not 0, without reading it: adds do not conflict with
    each other. An absent key counts as 0. BLOCKSTM_OUT_OF_BOUNDS, and no change, where the sum would be below `minimum`
    (NULL: 0) or above `maximum` (NULL: 2**256 - 1), or the value has over 32 bytes. */
    blockstm_status (*add)(
        blockstm_context *, blockstm_key key, const blockstm_u256 *delta, int32_t negative, const blockstm_u256 *minimum,
        const blockstm_u256 *maximum
    );

    /* Put an event into the receipt. */
    blockstm_status (*emit)(blockstm_context *, const void *event, size_t length);

    /* Use up gas. Past the limit the program fails, with all of its gas used. */
    blockstm_status (*charge)(blockstm_context *, uint64_t gas);

    /* How much gas may still be charged; 2**64 - 1 less what was charged where the transaction has no limit. */
    uint64_t (*gas_left)(blockstm_context *);

    /* The transaction's place in the preset order, from 0. */
    uint64_t (*transaction_index)(blockstm_context *);

    /* Whether it is worth going on: to be asked every microsecond or so in long work between other verbs. */
    blockstm_status (*poll)(blockstm_context *);

    /* End the program without what it wrote and emitted: always BLOCKSTM_GIVE_UP. The receipt says reverted, or failed,
    and why (UTF-8). */
    blockstm_status (*revert)(blockstm_context *, const void *reason, size_t length);
    blockstm_status (*fail)(blockstm_context *, const void *reason, size_t length);

    /* Open a savepoint: what is written and emitted from here on can be taken back. Savepoints are closed in the reverse
    order; one that is open when the program returns is kept. */
    blockstm_status (*savepoint_open)(blockstm_context *, uint32_t *savepoint);

    /* Close the innermost savepoint: all stays. */
    blockstm_status (*savepoint_keep)(blockstm_context *, uint32_t savepoint);

    /* Close the innermost savepoint: what was written and emitted since it was opened is gone; what was read, and gas,
    stay. Also where the program was reverted, or has failed, since then: that is taken back with it, and the program
    goes on (`reason` says why it was). BLOCKSTM_GIVE_UP where the whole incarnation is in vain. */
    blockstm_status (*savepoint_roll_back)(blockstm_context *, uint32_t savepoint);

    /* Run another program within this transaction, in a savepoint of its own.
    program: its place in the `calls` of this one's NativeProgram.
    arguments: laid out as that program's parameters (see below), aligned to 8 bytes. */
    blockstm_status (*call)(blockstm_context *, uint32_t program, const void *arguments, size_t length);

    /* Copy why the program was reverted, or had failed, that was taken back last (by savepoint_roll_back or in a call).
    length: how long the reason is; at most `capacity` bytes are copied. */
    blockstm_status (*reason)(blockstm_context *, uint8_t *buffer, size_t capacity, size_t *length);

    /* For modelled time (`simulate`) only: let the time pass that this many rounds of work take, at about 1 ns each,
    instead of the price of the gas. For programs whose gas is no measure of their time. It does nothing elsewhere, and
    where the times of the block's transactions were recorded. */
    blockstm_status (*model_work)(blockstm_context *, uint64_t rounds);

    /* Whether a key has a value: BLOCKSTM_OK or BLOCKSTM_ABSENT. A key that was added to has one. The transaction then
    depends on the answer only: that another writes a new value is no conflict. */
    blockstm_status (*exists)(blockstm_context *, blockstm_key key);

    /* Whether the number at a key lies from `minimum` (NULL: 0) to `maximum` (NULL: 2**256 - 1): BLOCKSTM_OK or
    BLOCKSTM_OUT_OF_BOUNDS. An absent key is 0; a value of over 32 bytes lies within no bounds. The transaction then
    depends on the answer only. */
    blockstm_status (*check)(
        blockstm_context *, blockstm_key key, const blockstm_u256 *minimum, const blockstm_u256 *maximum
    );

    /* Find the first keys that have values, in the order of their bytes, from `start` up to and without `end` (NULL and
    0: there is no end; blockstm_prefix_end gives the end of the keys with a prefix). What the program has written,
    erased or added itself counts. The transaction then depends on which keys of the range have values, up to the last
    one found where `keys` is full, and not on the values. Fails where the state is asked of a source.
    keys: room for `capacity` keys, 1 to BLOCKSTM_SCAN_KEYS_MAX.
    count: how many were found. */
    blockstm_status (*scan)(
        blockstm_context *, const void *start, size_t start_length, const void *end, size_t end_length,
        blockstm_key *keys, size_t capacity, size_t *count
    );
} blockstm_verbs;

typedef void (*blockstm_function)(
    const blockstm_verbs *verbs, blockstm_context *context, const uint8_t *arguments, size_t arguments_bytes
);

/* What a shared library exports under a program's name; it is checked when the program is loaded. */
typedef struct blockstm_program {
    uint64_t magic;       /* BLOCKSTM_MAGIC */
    uint32_t abi_version; /* BLOCKSTM_ABI_VERSION that it was compiled with */
    uint32_t verbs_bytes; /* sizeof(blockstm_verbs) there: a core that has fewer verbs refuses the program */
    blockstm_function run;
} blockstm_program;

#define BLOCKSTM_MAGIC UINT64_C(0x6d74736b636f6c62) /* "blockstm" */

#ifdef __GNUC__
#define BLOCKSTM_EXPORT __attribute__((visibility("default")))
#else
#define BLOCKSTM_EXPORT
#endif

#ifdef __cplusplus
#define BLOCKSTM_EXTERN extern "C"
#else
#define BLOCKSTM_EXTERN extern
#endif

/* Export a program, as in BLOCKSTM_PROGRAM(vote, run); */
#define BLOCKSTM_PROGRAM(name, function)                                      \
    BLOCKSTM_EXTERN BLOCKSTM_EXPORT const blockstm_program name;              \
    const blockstm_program name = {                                           \
        BLOCKSTM_MAGIC, BLOCKSTM_ABI_VERSION, sizeof(blockstm_verbs), function \
    }

/* --- arguments ---

One after the other, in the order of the parameters, each aligned to 8 bytes, least significant byte first:

    key     the key (blockstm_key), in 8 bytes
    keys    a count in 8 bytes, then the keys, 4 bytes each, then zeros up to a multiple of 8
    u64     8 bytes
    u256    32 bytes (blockstm_u256)
    adds    a count in 8 bytes, then for each a key in 8 bytes and a u256
    bytes   a count in 8 bytes, then the bytes, then zeros up to a multiple of 8

They are read in that order: */

typedef struct blockstm_arguments {
    const uint8_t *next;
    const uint8_t *end;
} blockstm_arguments;

static inline blockstm_arguments blockstm_read_arguments(const uint8_t *arguments, size_t arguments_bytes) {
    blockstm_arguments reader;
    reader.next = arguments;
    reader.end = arguments + arguments_bytes;
    return reader;
}

/* `length` bytes; NULL where there are fewer, and then there are none left. */
static inline const uint8_t *blockstm_next(blockstm_arguments *reader, uint64_t length) {
    const uint8_t *found = reader->next;
    if (length > (uint64_t)(reader->end - reader->next)) {
        reader->next = reader->end;
        return NULL;
    }
    reader->next += (length + 7) / 8 * 8;
    return found;
}

/* 0 past the end. */
static inline uint64_t blockstm_next_u64(blockstm_arguments *reader) {
    const uint64_t *found = (const uint64_t *)(const void *)blockstm_next(reader, 8);
    return found == NULL ? 0 : *found;
}

/* 0, which is no key, past the end. */
static inline blockstm_key blockstm_next_key(blockstm_arguments *reader) {
    return (blockstm_key)blockstm_next_u64(reader);
}

static inline blockstm_u256 blockstm_next_u256(blockstm_arguments *reader) {
    blockstm_u256 number;
    int limb;
    for (limb = 0; limb < 4; limb++) number.limb[limb] = blockstm_next_u64(reader);
    return number;
}

static inline const uint8_t *blockstm_next_bytes(blockstm_arguments *reader, size_t *count) {
    const uint8_t *found;
    *count = (size_t)blockstm_next_u64(reader);
    found = blockstm_next(reader, *count);
    if (found == NULL) *count = 0;
    return found;
}

static inline const blockstm_key *blockstm_next_keys(blockstm_arguments *reader, size_t *count) {
    const uint8_t *found;
    *count = (size_t)blockstm_next_u64(reader);
    found = *count > SIZE_MAX / 4 ? NULL : blockstm_next(reader, *count * 4);
    if (found == NULL) *count = 0;
    return (const blockstm_key *)(const void *)found;
}

/* --- ranges --- */

/* Turn a prefix into the first key after all that begin with it, and return the length of that. 0 where there is none
(the prefix is empty, or of bytes 255 only): then hand NULL and 0 to `scan`. */
static inline size_t blockstm_prefix_end(uint8_t *prefix, size_t length) {
    while (length > 0 && prefix[length - 1] == 255) length--;
    if (length > 0) prefix[length - 1]++;
    return length;
}

/* --- numbers --- */

static inline blockstm_u256 blockstm_u256_of(uint64_t low) {
    blockstm_u256 number = {{0, 0, 0, 0}};
    number.limb[0] = low;
    return number;
}

/* Read a number as it stands in the state: big-endian, no bytes for 0. 0 where there are more than 32, 1 otherwise. */
static inline int blockstm_u256_decode(const uint8_t *bytes, size_t length, blockstm_u256 *number) {
    size_t place;
    *number = blockstm_u256_of(0);
    if (length > 32) return 0;
    for (place = 0; place < length; place++) {
        number->limb[place / 8] |= (uint64_t)bytes[length - 1 - place] << (place % 8 * 8);
    }
    return 1;
}

/* Write a number as it stands in the state, into room for 32 bytes; returns how many it takes. */
static inline size_t blockstm_u256_encode(const blockstm_u256 *number, uint8_t *bytes) {
    size_t length = 32, place;
    while (length > 0 && number->limb[length / 8 - 1] == 0) length -= 8;
    while (length > 0 && (uint8_t)(number->limb[(length - 1) / 8] >> ((length - 1) % 8 * 8)) == 0) length--;
    for (place = 0; place < length; place++) {
        bytes[length - 1 - place] = (uint8_t)(number->limb[place / 8] >> (place % 8 * 8));
    }
    return length;
}

/* -1, 0 or 1. */
static inline int blockstm_u256_compare(const blockstm_u256 *a, const blockstm_u256 *b) {
    int limb;
    for (limb = 3; limb >= 0; limb--) {
        if (a->limb[limb] != b->limb[limb]) return a->limb[limb] < b->limb[limb] ? -1 : 1;
    }
    return 0;
}

/* a += b modulo 2**256; 1 where the sum does not fit. */
static inline int blockstm_u256_add(blockstm_u256 *a, const blockstm_u256 *b) {
    uint64_t carry = 0;
    int limb;
    for (limb = 0; limb < 4; limb++) {
        const uint64_t partial = a->limb[limb] + carry;
        const uint64_t sum = partial + b->limb[limb];
        carry = (uint64_t)(partial < carry) | (uint64_t)(sum < partial);
        a->limb[limb] = sum;
    }
    return carry != 0;
}

/* a -= b modulo 2**256; 1 where b is larger. */
static inline int blockstm_u256_subtract(blockstm_u256 *a, const blockstm_u256 *b) {
    uint64_t borrow = 0;
    int limb;
    for (limb = 0; limb < 4; limb++) {
        const uint64_t partial = a->limb[limb] - borrow;
        const uint64_t difference = partial - b->limb[limb];
        borrow = (uint64_t)(partial > a->limb[limb]) | (uint64_t)(difference > partial);
        a->limb[limb] = difference;
    }
    return borrow != 0;
}

#ifdef __cplusplus
}
#endif

#endif
