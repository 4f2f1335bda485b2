/* A program that uses verbs as it must not; tests/unit/test_verb_interface.py says what comes of each use. */

#include <string.h>

#include "blockstm/native/blockstm.h"

static uint8_t long_bytes[1 << 17], other_bytes[1 << 17];

typedef struct {
    const blockstm_verbs *verbs;
    blockstm_context *context;
    blockstm_key key;
    size_t length;
} run_of;

/* What must not be seen: a verb that has given up did something, or gave something out. */
static void blame(const run_of *run) {
    run->verbs->write(run->context, run->key, "wrong", 5);
    run->verbs->emit(run->context, "wrong", 5);
    __builtin_trap();
}

/* Every verb once more, after one has said BLOCKSTM_GIVE_UP. */
static void go_on(const run_of *run) {
    const blockstm_verbs *verbs = run->verbs;
    blockstm_context *context = run->context;
    const blockstm_u256 one = blockstm_u256_of(1);
    const uint8_t *data = long_bytes;
    size_t length = 1;
    blockstm_key key = 1;
    uint32_t savepoint = 1;
    int wrong = 0;
    wrong |= verbs->locate(context, "k", 1, &key) != BLOCKSTM_GIVE_UP || key != 0;
    wrong |= verbs->key_bytes(context, run->key, &data, &length) != BLOCKSTM_GIVE_UP || data != NULL || length != 0;
    data = long_bytes;
    length = 1;
    wrong |= verbs->read(context, run->key, &data, &length) != BLOCKSTM_GIVE_UP || data != NULL || length != 0;
    wrong |= verbs->write(context, run->key, "more", 4) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->erase(context, run->key) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->add(context, run->key, &one, 0, NULL, NULL) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->exists(context, run->key) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->check(context, run->key, &one, NULL) != BLOCKSTM_GIVE_UP;
    length = 1;
    wrong |= verbs->scan(context, NULL, 0, NULL, 0, &key, 1, &length) != BLOCKSTM_GIVE_UP || length != 0;
    wrong |= verbs->emit(context, "more", 4) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->charge(context, 1) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->poll(context) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->revert(context, "again", 5) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->fail(context, "again", 5) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->savepoint_open(context, &savepoint) != BLOCKSTM_GIVE_UP || savepoint != 0;
    wrong |= verbs->savepoint_keep(context, savepoint) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->savepoint_roll_back(context, savepoint) != BLOCKSTM_GIVE_UP;
    wrong |= verbs->call(context, 0, NULL, 0) != BLOCKSTM_GIVE_UP;
    length = 1;
    wrong |= verbs->reason(context, NULL, 0, &length) != BLOCKSTM_GIVE_UP || length != 0;
    if (wrong) blame(run);
}

/* Lengthen the value of the key, and go on whatever verbs say. */
static void lengthen_regardless(const run_of *run) {
    const uint8_t *value;
    size_t length;
    uint8_t longer[256];
    if (run->verbs->read(run->context, run->key, &value, &length) == BLOCKSTM_GIVE_UP) go_on(run);
    if (length != 0) memcpy(longer, value, length);
    longer[length] = 1;
    run->verbs->write(run->context, run->key, longer, length + 1);
}

/* Values that were read stay, although they are replaced by ever longer ones, which moves what holds them. */
static void keep_what_was_read(const run_of *run) {
    const uint8_t *values[200];
    size_t length, place;
    int n;
    for (n = 0; n < 200; n++) {
        memset(other_bytes, n, (size_t)n * 300 + 1);
        if (run->verbs->write(run->context, run->key, other_bytes, (size_t)n * 300 + 1) != BLOCKSTM_OK) return;
        if (run->verbs->read(run->context, run->key, &values[n], &length) != BLOCKSTM_OK) return;
        if (length != (size_t)n * 300 + 1) blame(run);
    }
    for (n = 0; n < 200; n++) {
        for (place = 0; place <= (size_t)n * 300; place++) {
            if (values[n][place] != n) blame(run);
        }
    }
    run->verbs->emit(run->context, "kept", 4);
}

static void nest(const run_of *run) {
    uint32_t savepoint;
    size_t depth;
    for (depth = 0; depth < run->length; depth++) {
        if (run->verbs->savepoint_open(run->context, &savepoint) != BLOCKSTM_OK) return;
        if (savepoint != depth + 1) blame(run);
    }
    run->verbs->write(run->context, run->key, "deep", 4); /* and leave them all open */
}

static void close_outer_first(const run_of *run, int keep) {
    uint32_t outer, inner;
    run->verbs->savepoint_open(run->context, &outer);
    run->verbs->savepoint_open(run->context, &inner);
    if (keep) {
        run->verbs->savepoint_keep(run->context, outer);
    } else {
        run->verbs->savepoint_roll_back(run->context, outer);
    }
    run->verbs->write(run->context, run->key, "wrong", 5);
}

/* What goes wrong within a savepoint can be taken back. */
static void fail_within(const run_of *run) {
    uint32_t savepoint;
    uint8_t reason[8];
    size_t length;
    run->verbs->write(run->context, run->key, "before", 6);
    run->verbs->savepoint_open(run->context, &savepoint);
    run->verbs->write(run->context, run->key, long_bytes, sizeof(long_bytes));
    go_on(run);
    if (run->verbs->savepoint_keep(run->context, savepoint) != BLOCKSTM_GIVE_UP) blame(run);
    if (run->verbs->savepoint_roll_back(run->context, savepoint) != BLOCKSTM_OK) blame(run);
    if (run->verbs->reason(run->context, reason, sizeof(reason), &length) != BLOCKSTM_OK) blame(run);
    run->verbs->emit(run->context, reason, sizeof(reason));
    run->verbs->emit(run->context, &length, 1);
}

static void call(const run_of *run, uint32_t program, size_t bytes, uint64_t first) {
    uint64_t words[9] = {0};
    words[0] = words[1] = run->key;
    words[2] = first;
    run->verbs->call(run->context, program, words, bytes);
    run->verbs->write(run->context, run->key, "wrong", 5);
}

static void misuse(const run_of *run, uint64_t what) {
    const blockstm_verbs *verbs = run->verbs;
    blockstm_context *context = run->context;
    const uint8_t *data;
    size_t length;
    blockstm_key key;
    uint64_t words[8] = {0};
    switch (what) {
    case 0: verbs->write(context, run->key, long_bytes, run->length); break;
    case 1: verbs->emit(context, long_bytes, run->length); break;
    case 2:
        if (verbs->locate(context, long_bytes, run->length, &key) == BLOCKSTM_OK) verbs->write(context, key, "x", 1);
        break;
    case 3: verbs->revert(context, long_bytes, run->length); break;
    case 4: verbs->write(context, run->key, NULL, run->length); break;
    case 5: verbs->read(context, (blockstm_key)run->length, &data, &length); break;
    case 6: verbs->write(context, (blockstm_key)run->length, "x", 1); break;
    case 7: verbs->erase(context, (blockstm_key)run->length); break;
    case 8: verbs->key_bytes(context, (blockstm_key)run->length, &data, &length); break;
    case 9: verbs->add(context, run->key, NULL, 0, NULL, NULL); break;
    case 10: verbs->read(context, run->key, NULL, &length); break;
    case 11: verbs->locate(context, "k", 1, NULL); break;
    case 12: nest(run); return;
    case 13: close_outer_first(run, 0); break;
    case 14: close_outer_first(run, 1); break;
    case 15: verbs->savepoint_roll_back(context, 0); break;
    case 16: call(run, 2, 64, 1); break;                                        /* there are two */
    case 17: call(run, 0, run->length, 0); break;                               /* transfer: 56 bytes */
    case 18: verbs->call(context, 0, (const uint8_t *)words + 1, 56); break;    /* not aligned */
    case 19: verbs->call(context, 0, words, 56); break;                         /* keys that are none */
    case 20: call(run, 1, 24, run->length); break;                              /* key, key, bytes: too many bytes */
    case 21: fail_within(run); return;
    case 22: keep_what_was_read(run); return;
    case 23: lengthen_regardless(run); return;
    case 24: verbs->exists(context, (blockstm_key)run->length); break;
    case 25: verbs->check(context, (blockstm_key)run->length, NULL, NULL); break;
    case 26: verbs->scan(context, NULL, run->length, NULL, 0, &key, 1, &length); break;
    case 27: verbs->scan(context, NULL, 0, NULL, run->length, &key, 1, &length); break;
    case 28: verbs->scan(context, NULL, 0, NULL, 0, NULL, run->length, &length); break;
    case 29: verbs->scan(context, NULL, 0, NULL, 0, &key, run->length, NULL); break;
    case 30: verbs->scan(context, NULL, 0, NULL, 0, &key, run->length, &length); break;
    case 31: verbs->scan(context, long_bytes, run->length, NULL, 0, &key, 1, &length); break;
    case 32: verbs->scan(context, "", 0, long_bytes, run->length, &key, 1, &length); break;
    default: verbs->charge(context, 1000000); break;
    }
    if (verbs->poll(context) != BLOCKSTM_OK) go_on(run);
}

static void run(const blockstm_verbs *verbs, blockstm_context *context, const uint8_t *arguments, size_t bytes) {
    blockstm_arguments reader = blockstm_read_arguments(arguments, bytes);
    run_of this_run;
    uint64_t what;
    this_run.verbs = verbs;
    this_run.context = context;
    this_run.key = blockstm_next_key(&reader);
    what = blockstm_next_u64(&reader);
    this_run.length = (size_t)blockstm_next_u64(&reader);
    if (verbs->abi_version != BLOCKSTM_ABI_VERSION || verbs->struct_bytes != sizeof(blockstm_verbs)) __builtin_trap();
    misuse(&this_run, what);
}

/* Emit each argument, in the order key, keys, u64, u256, adds, bytes; then show that nothing comes after them. */
static void show(const blockstm_verbs *verbs, blockstm_context *context, const uint8_t *arguments, size_t bytes) {
    blockstm_arguments reader = blockstm_read_arguments(arguments, bytes);
    const blockstm_key *keys;
    const uint8_t *data;
    uint8_t digits[32];
    size_t count, n, length;
    uint64_t adds;
    blockstm_u256 number;
    verbs->key_bytes(context, blockstm_next_key(&reader), &data, &length);
    verbs->emit(context, data, length);
    keys = blockstm_next_keys(&reader, &count);
    for (n = 0; n < count; n++) {
        verbs->key_bytes(context, keys[n], &data, &length);
        verbs->emit(context, data, length);
    }
    number = blockstm_u256_of(blockstm_next_u64(&reader));
    verbs->emit(context, digits, blockstm_u256_encode(&number, digits));
    number = blockstm_next_u256(&reader);
    verbs->emit(context, digits, blockstm_u256_encode(&number, digits));
    for (adds = blockstm_next_u64(&reader); adds > 0; adds--) {
        verbs->key_bytes(context, blockstm_next_key(&reader), &data, &length);
        verbs->emit(context, data, length);
        number = blockstm_next_u256(&reader);
        verbs->emit(context, digits, blockstm_u256_encode(&number, digits));
    }
    data = blockstm_next_bytes(&reader, &length);
    verbs->emit(context, data, length);
    if (reader.next != reader.end || blockstm_next_u64(&reader) != 0 || blockstm_next_key(&reader) != 0) return;
    blockstm_next_bytes(&reader, &length);
    blockstm_next_keys(&reader, &count);
    if (length == 0 && count == 0) verbs->emit(context, "end", 3);
}

BLOCKSTM_PROGRAM(misused, run);
BLOCKSTM_PROGRAM(shown, show);

/* What is refused when it is loaded. */
const blockstm_program other_version = {BLOCKSTM_MAGIC, BLOCKSTM_ABI_VERSION + 1, sizeof(blockstm_verbs), run};
const blockstm_program more_verbs = {BLOCKSTM_MAGIC, BLOCKSTM_ABI_VERSION, sizeof(blockstm_verbs) + 8, run};
const blockstm_program no_function = {BLOCKSTM_MAGIC, BLOCKSTM_ABI_VERSION, sizeof(blockstm_verbs), NULL};
const char no_program[64] = "something else";
