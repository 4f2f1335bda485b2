/* A native program in C: a voter votes for a candidate, once. */

#include "blockstm/native/blockstm.h"

static void run(const blockstm_verbs *verbs, blockstm_context *context, const uint8_t *arguments, size_t bytes) {
    blockstm_arguments reader = blockstm_read_arguments(arguments, bytes);
    const blockstm_key voter = blockstm_next_key(&reader); /* in the order of the parameters */
    const blockstm_key candidate = blockstm_next_key(&reader);
    const blockstm_u256 one = blockstm_u256_of(1);
    const uint8_t *value;
    size_t length;
    blockstm_status status;

    if (verbs->charge(context, 1000) != BLOCKSTM_OK) return; /* every verb may say: return at once */
    status = verbs->read(context, voter, &value, &length);
    if (status == BLOCKSTM_OK) verbs->revert(context, "has voted already", 17);
    if (status != BLOCKSTM_ABSENT) return;
    if (verbs->write(context, voter, "\x01", 1) != BLOCKSTM_OK) return;
    status = verbs->add(context, candidate, &one, 0, NULL, NULL); /* two votes never conflict */
    if (status == BLOCKSTM_OUT_OF_BOUNDS) {
        verbs->fail(context, "the tally is full", 17);
    } else if (status == BLOCKSTM_OK) {
        verbs->emit(context, "voted", 5);
    }
}

BLOCKSTM_PROGRAM(vote, run);
