/* The built-in program `transfer` again, without work, through the table of verbs. */

#include "blockstm/native/blockstm.h"

static int read_balance(
    const blockstm_verbs *verbs, blockstm_context *context, blockstm_key key, blockstm_u256 *balance
) {
    const uint8_t *value;
    size_t length;
    if (verbs->read(context, key, &value, &length) == BLOCKSTM_GIVE_UP) return 0;
    if (blockstm_u256_decode(value, length, balance)) return 1;
    verbs->fail(context, "NotANumber: a balance is longer than 32 bytes", 45);
    return 0;
}

static blockstm_status write_balance(
    const blockstm_verbs *verbs, blockstm_context *context, blockstm_key key, const blockstm_u256 *balance
) {
    uint8_t digits[32];
    return verbs->write(context, key, digits, blockstm_u256_encode(balance, digits));
}

static void run(const blockstm_verbs *verbs, blockstm_context *context, const uint8_t *arguments, size_t bytes) {
    blockstm_arguments reader = blockstm_read_arguments(arguments, bytes);
    const blockstm_key sender = blockstm_next_key(&reader), receiver = blockstm_next_key(&reader);
    const blockstm_u256 amount = blockstm_next_u256(&reader);
    blockstm_u256 balance, received;
    if (verbs->charge(context, 21000) != BLOCKSTM_OK || verbs->charge(context, 0) != BLOCKSTM_OK) return;
    if (!read_balance(verbs, context, sender, &balance)) return;
    if (!read_balance(verbs, context, receiver, &received)) return;
    if (blockstm_u256_compare(&balance, &amount) < 0) {
        verbs->revert(context, "insufficient funds", 18);
        return;
    }
    blockstm_u256_subtract(&balance, &amount);
    if (sender == receiver) received = balance;
    if (blockstm_u256_add(&received, &amount)) {
        verbs->revert(context, "balance overflow", 16);
        return;
    }
    if (write_balance(verbs, context, sender, &balance) == BLOCKSTM_OK) {
        write_balance(verbs, context, receiver, &received);
    }
}

BLOCKSTM_PROGRAM(transfer_in_c, run);
