"""The native program `transfer`: move an amount between two balances.

Arguments: sender key, receiver key, amount u256, work u64. Charges 21,000 + work gas; reads both
balances; does `work` rounds of work; reverts with "insufficient funds" where the sender has less than
the amount, with "balance overflow" where the receiver would pass 2**256 - 1; writes both.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.programs.arguments cimport Arguments, next_key, next_u64, next_u256
from blockstm.native.verbs.context cimport (
    OK, Value, ctx_charge, ctx_fail, ctx_read, ctx_revert, ctx_write, do_work,
)
from blockstm.native.memory.layout cimport Number
from blockstm.native.memory.local cimport Local
from blockstm.native.memory.number cimport (
    number_add, number_compare, number_decode, number_encode, number_subtract,
)


cdef inline int read_balance(Local* local, uint32_t key, Number* out) noexcept nogil:
    cdef Value value
    if ctx_read(local, key, &value) != OK:
        return 1
    if not number_decode(value.data, value.length, out):
        return ctx_fail(local, "NotANumber: a balance is longer than 32 bytes", 45)
    return OK


cdef inline int write_balance(Local* local, uint32_t key, const Number* balance) noexcept nogil:
    cdef uint8_t digits[32]
    return ctx_write(local, key, digits, number_encode(balance, digits))


cdef inline void transfer(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Number amount, balance, received
    cdef uint32_t sender, receiver
    cdef uint64_t work
    arguments.next = data
    sender = next_key(&arguments)
    receiver = next_key(&arguments)
    next_u256(&arguments, &amount)
    work = next_u64(&arguments)
    if ctx_charge(local, 21000) != OK or ctx_charge(local, work) != OK:
        return
    if read_balance(local, sender, &balance) != OK or read_balance(local, receiver, &received) != OK:
        return
    if work != 0:
        do_work(local, work)
    if number_compare(&balance, &amount) < 0:
        ctx_revert(local, "insufficient funds", 18)
        return
    number_subtract(&balance, &amount)
    if sender == receiver:
        received = balance
    if number_add(&received, &amount):
        ctx_revert(local, "balance overflow", 16)
        return
    if write_balance(local, sender, &balance) == OK:
        write_balance(local, receiver, &received)
