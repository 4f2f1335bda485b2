"""Adds: to what the transaction knows already, and to what it does not."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.memory.layout cimport Bounds, Number, READ_OUTSIDE, READ_WITHIN, WORD_ADD, WORD_VALUE
from blockstm.native.memory.atomics cimport unlikely_true
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.local cimport ABORT_NONE, Local, PendingWrite, Touched, address
from blockstm.native.versions.multi_version cimport (
    FOUND_BROKEN, FOUND_ESTIMATE, FOUND_TOO_MANY, Found, found_number,
)
from blockstm.native.memory.number cimport (
    apply_delta, number_add, number_compare, number_decode, number_encode, number_is_within, number_maximum,
    number_set, number_subtract, signed_add,
)
from blockstm.native.verbs.model cimport ADDS_GUESSED, model_of
from blockstm.native.verbs.reads cimport Value, append_read, give_up_unread, read_value
from blockstm.native.verbs.touched cimport GIVE_UP, OK, OUT_OF_BOUNDS, pending, put

cdef inline int read_own_add(Local* local, Touched* touched, Value* out) noexcept nogil:
    """A key that this transaction has added to: what is below, plus the delta, as a write from now on."""
    cdef Number number, delta
    cdef uint8_t digits[32]
    cdef PendingWrite* write
    cdef uint32_t length
    read_value(local, local.reads + touched.read_index, out)
    if out.length > 32 or not number_decode(out.data, out.length, &number):
        number_set(&number, 0)
    write = pending(local, touched.write_index)
    memcpy(&delta, local.scratch.data + write.data, sizeof(Number))
    apply_delta(&number, &delta, write.negative != 0)
    length = number_encode(&number, digits)
    if put(local, touched, WORD_VALUE, digits, length, 0) != OK:
        return GIVE_UP
    write = pending(local, touched.write_index)
    out.present = True
    out.length = length
    out.data = local.scratch.data + write.data
    return OK


cdef inline int add_to_known(
    Local* local, Touched* touched, const Value* value, const Number* delta, bint negative, const Bounds* bounds
) noexcept nogil:
    """Add to a value that the transaction knows already (its own write, or one that it has read)."""
    cdef Number number
    cdef uint8_t digits[32]
    cdef bint beyond
    if not number_decode(value.data, value.length, &number):
        return OUT_OF_BOUNDS
    beyond = number_subtract(&number, delta) if negative else number_add(&number, delta)
    if beyond or not number_is_within(&number, bounds):
        return OUT_OF_BOUNDS
    return put(local, touched, WORD_VALUE, digits, number_encode(&number, digits), 0)


cdef inline bint allowed_below(
    const Number* total, bint negative, const Bounds* bounds, Bounds* allowed
) noexcept nogil:
    """The values below an add of `total` for which the sum stays within bounds; False for none."""
    cdef Number room
    if negative:
        allowed.minimum = bounds.minimum
        if number_add(&allowed.minimum, total):
            return False
        allowed.maximum = bounds.maximum
        if number_add(&allowed.maximum, total):
            number_maximum(&allowed.maximum)
    else:
        allowed.maximum = bounds.maximum
        if number_subtract(&allowed.maximum, total):
            return False
        allowed.minimum = bounds.minimum
        if number_subtract(&allowed.minimum, total):
            number_set(&allowed.minimum, 0)
    room = allowed.maximum
    return number_compare(&room, &allowed.minimum) >= 0


cdef inline bint allowed_with_add(
    Local* local, const Touched* touched, const Bounds* bounds, Bounds* allowed
) noexcept nogil:
    """The values below an add of this transaction for which the sum lies within bounds; False for none."""
    cdef const PendingWrite* write = pending(local, touched.write_index)
    cdef Number total
    memcpy(&total, local.scratch.data + write.data, sizeof(Number))
    return allowed_below(&total, write.negative != 0, bounds, allowed)


cdef inline bint guess_within(Local* local, uint32_t location, const Bounds* allowed) noexcept nogil:
    """Whether what is below lies within `allowed`: as the model believes, or as far as can be seen cheaply; yes where not.

    Only a guess, which the model checks when all below is final; exact where all below is final already. Where the
    source of the state cannot tell, or the transaction had promised not to touch the key, the incarnation is given up.
    """
    cdef Found found
    cdef Number number
    if model_of(local).believes_add(local, location):
        return True
    model_of(local).find(local, location, ADDS_GUESSED, &found)
    if found.kind == FOUND_ESTIMATE or found.kind == FOUND_TOO_MANY:
        return True
    if unlikely_true(found.kind >= FOUND_BROKEN):
        give_up_unread(local, location, &found)
        return True
    return found_number(local, &found, &number) and number_is_within(&number, allowed)


cdef inline int add_blindly(
    Local* local, Touched* touched, const Number* delta, bint negative, const Bounds* bounds
) noexcept nogil:
    """Add to a value that the transaction does not know: record only whether it stays within bounds."""
    cdef Number total = delta[0]
    cdef bint total_negative = negative
    cdef Bounds allowed
    cdef bint possible, within
    cdef uint64_t offset
    if touched.write_index >= 0:
        memcpy(&total, local.scratch.data + pending(local, touched.write_index).data, sizeof(Number))
        if not signed_add(
            &total, pending(local, touched.write_index).negative != 0, delta, negative, &total_negative
        ):
            return OUT_OF_BOUNDS
    possible = allowed_below(&total, total_negative, bounds, &allowed)
    if not possible:
        return OUT_OF_BOUNDS
    within = guess_within(local, touched.location, &allowed)
    if unlikely_true(local.abort != ABORT_NONE):
        return GIVE_UP
    offset = allocate(local, sizeof(Bounds))
    if offset == 0:
        return GIVE_UP
    memcpy(address(local, offset), &allowed, sizeof(Bounds))
    if not append_read(local, touched.location, READ_WITHIN if within else READ_OUTSIDE, offset):
        return GIVE_UP
    local.checks += 1
    if not within:
        return OUT_OF_BOUNDS
    return put(local, touched, WORD_ADD, <uint8_t*>&total, sizeof(Number), total_negative)
