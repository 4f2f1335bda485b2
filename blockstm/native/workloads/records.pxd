"""What the workload programs share: how their state is laid out, and how they begin and end.

An *amount* is a number of the state (big-endian, without leading zeros; an absent key is zero) from 0 to AMOUNT_MAX.
A *record* is a fixed number of fields, each 8 bytes, big-endian, two's complement; each field has a range. Both are
checked when they are read: a value that is neither fails the transaction. So what a program computes with is within
the ranges that its file states, whatever the state holds. What is only added to is not read: an add to what is no
number, or to what would be none after it, is refused like any that would leave the limits.

A program works in three steps: it reads, it does its rounds of work, it writes. So what it decides is
decided on values that may be stale by then, as in any program that computes for long.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset, strlen

from blockstm.native.memory.atomics cimport big_endian
from blockstm.native.verbs.context cimport (
    OK, OUT_OF_BOUNDS, Savepoint, Value, ctx_add, ctx_charge, ctx_fail, ctx_location, ctx_read, ctx_revert, ctx_write,
    savepoint_keep, savepoint_open, savepoint_roll_back,
)
from blockstm.native.memory.layout cimport Bounds, Number
from blockstm.native.memory.local cimport ABORT_NONE, Local
from blockstm.native.memory.number cimport number_encode, number_set

cdef extern from *:
    # 128 bits: products of two amounts, or of an amount and two rates, do not overflow.
    ctypedef long long wide "__int128"

cdef enum:
    GAS = 21000                 # of every program, beside a unit for each round of work
    MILLION = 1000000           # rates are in millionths
    KEY_TAG_BYTES = 4
    KEY_NUMBERS_MAX = 3
    FIELDS_MAX = 8
    REFUSED = 3                 # of a nested program: its own failure; what it did is taken back

cdef extern from *:
    """
    #define BLOCKSTM_AMOUNT_MAX ((uint64_t)1 << 62)
    """
    const uint64_t AMOUNT_MAX "BLOCKSTM_AMOUNT_MAX"


cdef inline int revert(Local* local, const char* reason) noexcept nogil:
    return ctx_revert(local, reason, <uint32_t>strlen(reason))


cdef inline int fail(Local* local, const char* reason) noexcept nogil:
    return ctx_fail(local, reason, <uint32_t>strlen(reason))


cdef inline int charge_for(Local* local, uint64_t work) noexcept nogil:
    """Charge what every program costs, and its rounds of work."""
    if ctx_charge(local, GAS) != OK:
        return 1
    return ctx_charge(local, work)


# --- keys ---------------------------------------------------------------------------------------

cdef inline void put_key(
    uint8_t* key, const char* tag, uint32_t count, uint64_t first, uint64_t second, uint64_t third
) noexcept nogil:
    """Write the key that consists of a tag of four bytes and `count` numbers of 8 bytes, big-endian."""
    cdef uint64_t numbers[KEY_NUMBERS_MAX]
    numbers[0] = big_endian(first)
    numbers[1] = big_endian(second)
    numbers[2] = big_endian(third)
    memcpy(key, tag, KEY_TAG_BYTES)
    memcpy(key + KEY_TAG_BYTES, numbers, 8 * count)


cdef inline uint32_t locate(
    Local* local, const char* tag, uint32_t count, uint64_t first, uint64_t second, uint64_t third
) noexcept nogil:
    """The location of a key: see put_key."""
    cdef uint8_t key[KEY_TAG_BYTES + 8 * KEY_NUMBERS_MAX]
    put_key(key, tag, count, first, second, third)
    return ctx_location(local, key, KEY_TAG_BYTES + 8 * count)


# --- amounts ------------------------------------------------------------------------------------

cdef inline int read_amount(Local* local, uint32_t key, uint64_t* out) noexcept nogil:
    cdef Value value
    cdef uint32_t place
    cdef uint64_t amount = 0
    if ctx_read(local, key, &value) != OK:
        return 1
    if value.length > 8:
        return fail(local, "an amount is longer than 8 bytes")
    for place in range(value.length):
        amount = (amount << 8) | value.data[place]
    if amount > AMOUNT_MAX:
        return fail(local, "an amount is over its limit")
    out[0] = amount
    return OK


cdef inline int write_amount(Local* local, uint32_t key, uint64_t amount) noexcept nogil:
    """Write an amount; one over the limit reverts."""
    cdef Number number
    cdef uint8_t digits[32]
    if amount > AMOUNT_MAX:
        return revert(local, "amount over its limit")
    number_set(&number, amount)
    return ctx_write(local, key, digits, number_encode(&number, digits))


cdef inline int add_amount(Local* local, uint32_t key, uint64_t amount, bint negative, uint64_t maximum) noexcept nogil:
    """Add to an amount, or take from it, without reading it; OUT_OF_BOUNDS where it would leave 0..maximum."""
    cdef Number delta
    cdef Bounds bounds
    if amount == 0:
        return OK
    number_set(&delta, amount)
    number_set(&bounds.minimum, 0)
    number_set(&bounds.maximum, maximum)
    return ctx_add(local, key, &delta, negative, &bounds)


cdef inline int pay_in(Local* local, uint32_t key, uint64_t amount) noexcept nogil:
    """Add to an amount; past the limit the program reverts."""
    cdef int code = add_amount(local, key, amount, False, AMOUNT_MAX)
    return revert(local, "amount over its limit") if code == OUT_OF_BOUNDS else code


cdef inline int pay_out(Local* local, uint32_t key, uint64_t amount) noexcept nogil:
    """Take from an amount; where there is less the program reverts."""
    cdef int code = add_amount(local, key, amount, True, AMOUNT_MAX)
    return revert(local, "insufficient funds") if code == OUT_OF_BOUNDS else code


# --- records ------------------------------------------------------------------------------------

cdef inline int find_record(
    Local* local, uint32_t key, int64_t* fields, uint32_t count, bint* present
) noexcept nogil:
    """Read a record; `present` says whether there is one. Without, its fields are zero."""
    cdef Value value
    cdef uint64_t word
    cdef uint32_t place
    memset(fields, 0, 8 * count)
    if key == 0 or ctx_read(local, key, &value) != OK:
        return 1
    present[0] = value.present
    if not value.present:
        return OK
    if value.length != 8 * count:
        return fail(local, "a record is not of its length")
    for place in range(count):
        memcpy(&word, value.data + 8 * place, 8)
        fields[place] = <int64_t>big_endian(word)
    return OK


cdef inline bint within(int64_t field, int64_t least, int64_t most) noexcept nogil:
    return least <= field and field <= most


cdef inline int check_fields(Local* local, bint are_within) noexcept nogil:
    """Fail where the fields of a record that was read are not within their ranges."""
    return OK if are_within else fail(local, "a record is out of its range")


cdef inline int read_record(
    Local* local, uint32_t key, int64_t* fields, uint32_t count, const char* missing
) noexcept nogil:
    """Read a record; where there is none the program reverts, and says what is `missing`."""
    cdef bint present = False
    if find_record(local, key, fields, count, &present) != OK:
        return 1
    return OK if present else revert(local, missing)


cdef inline int write_record(Local* local, uint32_t key, const int64_t* fields, uint32_t count) noexcept nogil:
    cdef uint64_t words[FIELDS_MAX]
    cdef uint32_t place
    for place in range(count):
        words[place] = big_endian(<uint64_t>fields[place])
    return ctx_write(local, key, <const uint8_t*>words, 8 * count)


# --- division -----------------------------------------------------------------------------------

cdef inline wide divided_up(wide a, wide b) noexcept nogil:
    """a / b rounded towards plus infinity; b > 0."""
    return a // b + (1 if a % b > 0 else 0)


cdef inline wide magnitude(wide a) noexcept nogil:
    return -a if a < 0 else a


# --- nested programs ----------------------------------------------------------------------------

cdef inline int end_nested(Local* local, Savepoint* savepoint, int code) noexcept nogil:
    """End a nested program that was begun with savepoint_open and returned `code`.

    OK, and what it did is the caller's; REFUSED, and its writes and events are gone (local.reason says why);
    another: the incarnation is given up.
    """
    if local.abort != ABORT_NONE:
        return 1
    if code == OK:
        savepoint_keep(local, savepoint)
        return OK
    savepoint_roll_back(local, savepoint)
    return REFUSED
