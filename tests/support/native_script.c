/* A program that runs a script of verbs, handed to it as bytes; tests/support/native_script.py runs the same in Python.

What is read, and what verbs return, is emitted, so that any difference shows in the receipt. A script that is cut off
ends where it does. */

#include <string.h>

#include "blockstm/native/blockstm.h"

typedef struct {
    const blockstm_verbs *verbs;
    blockstm_context *context;
    const blockstm_key *keys;
    size_t key_count;
} run_of;

typedef struct {
    const uint8_t *next;
    const uint8_t *end;
} script;

static uint8_t next_byte(script *code) { return code->next < code->end ? *code->next++ : 0; }

/* A byte for the length, and as many bytes. */
static script next_part(script *code) {
    script part;
    size_t length = next_byte(code);
    if (length > (size_t)(code->end - code->next)) length = (size_t)(code->end - code->next);
    part.next = code->next;
    part.end = code->next += length;
    return part;
}

static blockstm_u256 next_number(script *code) {
    blockstm_u256 number;
    const script part = next_part(code);
    const size_t length = (size_t)(part.end - part.next);
    blockstm_u256_decode(part.next, length < 32 ? length : 32, &number);
    return number;
}

static blockstm_key next_key(const run_of *run, script *code) { return run->keys[next_byte(code) % run->key_count]; }

static blockstm_status emit_number(const run_of *run, uint64_t number) {
    const blockstm_u256 wide = blockstm_u256_of(number);
    uint8_t bytes[32];
    return run->verbs->emit(run->context, bytes, blockstm_u256_encode(&wide, bytes));
}

static blockstm_status run_script(const run_of *run, script code);

/* A nested script: kept where it succeeds, else taken back, and the script goes on. */
static blockstm_status run_nested(const run_of *run, script code) {
    const blockstm_verbs *verbs = run->verbs;
    uint32_t savepoint;
    if (verbs->savepoint_open(run->context, &savepoint) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    if (run_script(run, code) == BLOCKSTM_OK) {
        if (verbs->savepoint_keep(run->context, savepoint) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
        return verbs->emit(run->context, "kept", 4);
    }
    if (verbs->savepoint_roll_back(run->context, savepoint) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    return verbs->emit(run->context, "taken back", 10);
}

/* transfer, the first program in the list of calls. */
static blockstm_status call_transfer(const run_of *run, script *code) {
    struct {
        uint64_t sender, receiver;
        blockstm_u256 amount;
        uint64_t work;
    } arguments;
    uint8_t reason[64];
    size_t length;
    blockstm_status status;
    arguments.sender = next_key(run, code);
    arguments.receiver = next_key(run, code);
    arguments.amount = next_number(code);
    arguments.work = next_byte(code);
    status = run->verbs->call(run->context, 0, &arguments, sizeof(arguments));
    if (status == BLOCKSTM_OK) return run->verbs->emit(run->context, "called", 6);
    if (status != BLOCKSTM_REVERTED && status != BLOCKSTM_FAILED) return status;
    if (run->verbs->reason(run->context, reason, sizeof(reason), &length) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    if (status == BLOCKSTM_FAILED) return run->verbs->emit(run->context, "failed", 6);
    return run->verbs->emit(run->context, reason, length < sizeof(reason) ? length : sizeof(reason));
}

static blockstm_status read_key(const run_of *run, script *code) {
    const blockstm_key key = next_key(run, code);
    const uint8_t *value, *name, *again;
    size_t length, name_length, length_again;
    blockstm_status status = run->verbs->read(run->context, key, &value, &length);
    if (status == BLOCKSTM_GIVE_UP) return status;
    if (status == BLOCKSTM_ABSENT) return run->verbs->emit(run->context, "absent", 6);
    if (run->verbs->emit(run->context, value, length) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    /* What was read stays where it is, whatever comes of the key; and it may be written, under its own name. */
    if (run->verbs->erase(run->context, key) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    if (run->verbs->read(run->context, key, &again, &length_again) != BLOCKSTM_ABSENT) return BLOCKSTM_GIVE_UP;
    if (run->verbs->key_bytes(run->context, key, &name, &name_length) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    if (run->verbs->emit(run->context, name, name_length) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    return run->verbs->write(run->context, key, value, length);
}

static blockstm_status write_computed_key(const run_of *run, script *code) {
    const script name = next_part(code), value = next_part(code);
    blockstm_key key;
    if (run->verbs->locate(run->context, name.next, (size_t)(name.end - name.next), &key) != BLOCKSTM_OK) {
        return BLOCKSTM_GIVE_UP;
    }
    return run->verbs->write(run->context, key, value.next, (size_t)(value.end - value.next));
}

static blockstm_status add_number(const run_of *run, script *code) {
    const blockstm_key key = next_key(run, code);
    const uint8_t flags = next_byte(code);
    const blockstm_u256 delta = next_number(code), minimum = next_number(code), maximum = next_number(code);
    const blockstm_status status = run->verbs->add(
        run->context, key, &delta, flags & 1, flags & 2 ? &minimum : NULL, flags & 4 ? &maximum : NULL
    );
    return status == BLOCKSTM_OUT_OF_BOUNDS ? run->verbs->emit(run->context, "out", 3) : status;
}

static blockstm_status ask_exists(const run_of *run, script *code) {
    const blockstm_status status = run->verbs->exists(run->context, next_key(run, code));
    if (status == BLOCKSTM_GIVE_UP) return status;
    return emit_number(run, status == BLOCKSTM_OK);
}

static blockstm_status check_number(const run_of *run, script *code) {
    const blockstm_key key = next_key(run, code);
    const uint8_t flags = next_byte(code);
    const blockstm_u256 minimum = next_number(code), maximum = next_number(code);
    const blockstm_status status = run->verbs->check(
        run->context, key, flags & 2 ? &minimum : NULL, flags & 4 ? &maximum : NULL
    );
    if (status == BLOCKSTM_GIVE_UP) return status;
    return emit_number(run, status == BLOCKSTM_OK);
}

/* Emit how many keys there are from one string to another, or to the end, and each of them. */
static blockstm_status scan_keys(const run_of *run, script *code) {
    const script start = next_part(code), end = next_part(code);
    const uint8_t flags = next_byte(code);
    const size_t limit = next_byte(code) % 4;
    blockstm_key found[3];
    const uint8_t *name;
    size_t count, length, place;
    if (run->verbs->scan(
            run->context, start.next, (size_t)(start.end - start.next), flags & 1 ? end.next : NULL,
            flags & 1 ? (size_t)(end.end - end.next) : 0, found, limit, &count
        ) != BLOCKSTM_OK) {
        return BLOCKSTM_GIVE_UP;
    }
    if (emit_number(run, count) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    for (place = 0; place < count; place++) {
        if (run->verbs->key_bytes(run->context, found[place], &name, &length) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
        if (run->verbs->emit(run->context, name, length) != BLOCKSTM_OK) return BLOCKSTM_GIVE_UP;
    }
    return BLOCKSTM_OK;
}

static blockstm_status run_verb(const run_of *run, uint8_t verb, script *code) {
    const blockstm_verbs *verbs = run->verbs;
    blockstm_context *context = run->context;
    blockstm_key key;
    script part;
    switch (verb % 16) {
    case 0:
        return read_key(run, code);
    case 1:
        key = next_key(run, code);
        part = next_part(code);
        return verbs->write(context, key, part.next, (size_t)(part.end - part.next));
    case 2:
        return verbs->erase(context, next_key(run, code));
    case 3:
        return add_number(run, code);
    case 4:
        return verbs->charge(context, next_byte(code));
    case 5:
        return emit_number(run, verbs->gas_left(context));
    case 6:
        return emit_number(run, verbs->transaction_index(context));
    case 7:
        return run_nested(run, next_part(code));
    case 8:
        return call_transfer(run, code);
    case 9:
        return write_computed_key(run, code);
    case 10:
        part = next_part(code);
        return verbs->revert(context, part.next, (size_t)(part.end - part.next));
    case 11:
        return verbs->model_work(context, next_byte(code));
    case 12:
        return ask_exists(run, code);
    case 13:
        return check_number(run, code);
    case 14:
        return scan_keys(run, code);
    default:
        return verbs->poll(context);
    }
}

static blockstm_status run_script(const run_of *run, script code) {
    blockstm_status status = BLOCKSTM_OK;
    while (status == BLOCKSTM_OK && code.next < code.end) {
        const uint8_t verb = next_byte(&code);
        status = run_verb(run, verb, &code);
    }
    return status;
}

static void run(const blockstm_verbs *verbs, blockstm_context *context, const uint8_t *arguments, size_t bytes) {
    blockstm_arguments reader = blockstm_read_arguments(arguments, bytes);
    run_of this_run;
    script code;
    size_t length;
    this_run.verbs = verbs;
    this_run.context = context;
    this_run.keys = blockstm_next_keys(&reader, &this_run.key_count);
    code.next = blockstm_next_bytes(&reader, &length);
    code.end = code.next + length;
    if (this_run.key_count != 0) run_script(&this_run, code);
}

BLOCKSTM_PROGRAM(run_verbs, run);
