"""The program `blockstm.workloads.payment`: a payment with the accesses of the paper's payments.

Arguments: sender and receiver (keys of amounts), sender_counts and receiver_counts (keys of amounts, each one more
after the payment: sequence numbers, numbers of withdrawals and deposits), settings (keys of amounts that are only
read, such as those of a chain's configuration), amount u64, work u64.

With c1 and c2 counts and s settings it reads 2 + c1 + c2 + s keys and writes 2 + c1 + c2. Gas: 21,000 + work.

Reverts: "payments are halted" where a setting is zero, "same account", "insufficient funds", "amount over its limit".

Invariant: the sum of all balances is constant; all counts of senders come to as much as those of receivers where each
has the same number of them.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.programs.arguments cimport Arguments, next_key, next_keys, next_u64
from blockstm.native.verbs.context cimport OK, do_work
from blockstm.native.memory.local cimport Local
from blockstm.native.workloads.records cimport charge_for, read_amount, revert, write_amount


cdef inline int read_settings(Local* local, const uint32_t* keys, uint64_t count) noexcept nogil:
    cdef uint64_t place, setting = 0
    for place in range(count):
        if read_amount(local, keys[place], &setting) != OK:
            return 1
        if setting == 0:
            return revert(local, "payments are halted")
    return OK


cdef inline int read_all(Local* local, const uint32_t* keys, uint64_t count) noexcept nogil:
    cdef uint64_t place, ignored = 0
    for place in range(count):
        if read_amount(local, keys[place], &ignored) != OK:
            return 1
    return OK


cdef inline int count_up(Local* local, const uint32_t* keys, uint64_t count) noexcept nogil:
    cdef uint64_t place, number = 0
    for place in range(count):
        if read_amount(local, keys[place], &number) != OK or write_amount(local, keys[place], number + 1) != OK:
            return 1
    return OK


cdef inline void payment(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef uint32_t sender, receiver
    cdef const uint32_t* sender_counts
    cdef const uint32_t* receiver_counts
    cdef const uint32_t* settings
    cdef uint64_t sent = 0, received = 0, setting_count = 0
    cdef uint64_t amount, work, balance = 0, other = 0
    arguments.next = data
    sender = next_key(&arguments)
    receiver = next_key(&arguments)
    sender_counts = next_keys(&arguments, &sent)
    receiver_counts = next_keys(&arguments, &received)
    settings = next_keys(&arguments, &setting_count)
    amount = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if sender == receiver:
        revert(local, "same account")
        return
    if read_settings(local, settings, setting_count) != OK:
        return
    if read_amount(local, sender, &balance) != OK or read_amount(local, receiver, &other) != OK:
        return
    if read_all(local, sender_counts, sent) != OK or read_all(local, receiver_counts, received) != OK:
        return
    do_work(local, work)
    if balance < amount:
        revert(local, "insufficient funds")
        return
    if write_amount(local, sender, balance - amount) != OK or write_amount(local, receiver, other + amount) != OK:
        return
    if count_up(local, sender_counts, sent) == OK:
        count_up(local, receiver_counts, received)
