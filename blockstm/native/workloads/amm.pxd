"""The programs `blockstm.workloads.swap`, `add_liquidity` and `remove_liquidity`: constant-product pools with fees.

State: a pool is a record of its number, its two tokens' numbers, their reserves, its shares, and its fee in millionths.
A balance is a record of a token's number and an amount of it; a holding is a record of a pool's number and shares of it.
Reserves and amounts are whole units of a token, up to 2**56; a swap is of up to 2**50. A pool's reserves and shares are
at least 1, its fee is below 10**6.

`swap` goes through up to 8 pools, each paying out what the next one takes, all or nothing. A pool with reserves x and y
gives for dx floor(y * dx * (10**6 - fee) / (x * 10**6 + dx * (10**6 - fee))), and keeps all of dx: what is rounded off
and the fee stay in the pool. `add_liquidity` gives the most whole shares for which the amounts offered suffice, and
takes for them the reserves' parts rounded up. `remove_liquidity` pays the parts rounded down. Gas: 21,000 + work.

Arguments of swap: pools keys, paid_from, paid_to (balances), directions u64 (bit i: pool i takes its second token),
amount_in u64, minimum_out u64, work u64. Of add_liquidity: pool, first, second (balances), holding, first_most u64,
second_most u64, work u64. Of remove_liquidity: pool, first, second, holding, shares u64, work u64.

Reverts: "no such pool", "no such balance", "no such holding", "wrong token", "wrong pool", "bad path", "amount out of
range", "same balance", "insufficient funds", "amount too small", "less than the minimum", "pool is full",
"insufficient shares".

Invariant: x * y / shares**2 of a pool never goes down, so neither does x * y while its shares do not change; of each
token, balances and reserves together are constant; the shares held are those of the pool but for the first ones, which
no account holds.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from blockstm.native.programs.arguments cimport Arguments, next_key, next_keys, next_u64
from blockstm.native.verbs.context cimport OK, do_work
from blockstm.native.memory.local cimport Local
from blockstm.native.workloads.records cimport (
    MILLION, charge_for, check_fields, divided_up, read_record, revert, wide, within, write_record,
)

cdef enum:
    NUMBER = 0
    FIRST_TOKEN = 1             # the second token's number stands after it
    FIRST_RESERVE = 3           # the second's after it
    SHARES = 5
    FEE = 6
    POOL_FIELDS = 7
    HELD_OF = 0                 # of a balance its token, of a holding its pool
    HELD = 1
    HELD_FIELDS = 2
    HOPS_MAX = 8

cdef extern from *:
    """
    #define BLOCKSTM_RESERVE_MAX ((int64_t)1 << 56)
    #define BLOCKSTM_SWAP_MAX ((uint64_t)1 << 50)
    """
    const int64_t RESERVE_MAX "BLOCKSTM_RESERVE_MAX"
    const uint64_t SWAP_MAX "BLOCKSTM_SWAP_MAX"


cdef inline int read_pool(Local* local, uint32_t key, int64_t* pool) noexcept nogil:
    """Read a pool. It has something of both tokens, and shares: what is divided by is never zero."""
    if read_record(local, key, pool, POOL_FIELDS, "no such pool") != OK:
        return 1
    return check_fields(
        local,
        within(pool[FIRST_RESERVE], 1, RESERVE_MAX) and within(pool[FIRST_RESERVE + 1], 1, RESERVE_MAX)
        and within(pool[SHARES], 1, RESERVE_MAX) and within(pool[FEE], 0, MILLION - 1),
    )


cdef inline int read_held(
    Local* local, uint32_t key, int64_t* held, int64_t of, const char* missing, const char* wrong
) noexcept nogil:
    """Read a balance or a holding, and check what it is of."""
    if read_record(local, key, held, HELD_FIELDS, missing) != OK:
        return 1
    if check_fields(local, within(held[HELD], 0, RESERVE_MAX)) != OK:
        return 1
    return OK if held[HELD_OF] == of else revert(local, wrong)


cdef inline int change_balance(Local* local, uint32_t key, int64_t token, int64_t amount) noexcept nogil:
    """Pay into a balance, or out of it where the amount is negative."""
    cdef int64_t balance[HELD_FIELDS]
    if read_held(local, key, balance, token, "no such balance", "wrong token") != OK:
        return 1
    balance[HELD] += amount
    if balance[HELD] < 0:
        return revert(local, "insufficient funds")
    if balance[HELD] > RESERVE_MAX:
        return revert(local, "amount out of range")
    return write_record(local, key, balance, HELD_FIELDS)


cdef inline int swap_in_pool(
    Local* local, uint32_t key, uint32_t side, int64_t* token, uint64_t* amount, bint is_first
) noexcept nogil:
    """Swap an amount of a token in one pool; both become what comes out. The first pool says which token it takes."""
    cdef int64_t pool[POOL_FIELDS]
    cdef int64_t* taken
    cdef int64_t* given
    cdef wide after_fee, out
    if read_pool(local, key, pool) != OK:
        return 1
    taken = pool + FIRST_RESERVE + side
    given = pool + FIRST_RESERVE + 1 - side
    if not is_first and pool[FIRST_TOKEN + side] != token[0]:
        return revert(local, "bad path")
    if taken[0] + <int64_t>amount[0] > RESERVE_MAX:
        return revert(local, "pool is full")
    after_fee = <wide>amount[0] * (MILLION - pool[FEE])
    out = given[0] * after_fee // (<wide>taken[0] * MILLION + after_fee)
    if out == 0:
        return revert(local, "amount too small")
    taken[0] += <int64_t>amount[0]
    given[0] -= <int64_t>out
    amount[0] = <uint64_t>out
    token[0] = pool[FIRST_TOKEN + 1 - side]
    return write_record(local, key, pool, POOL_FIELDS)


cdef inline void swap(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef const uint32_t* pools
    cdef uint32_t paid_from, paid_to
    cdef uint64_t hops = 0, hop, directions, amount_in, amount, minimum_out, work
    cdef int64_t first_token, token = 0
    cdef int64_t pool[POOL_FIELDS]
    arguments.next = data
    pools = next_keys(&arguments, &hops)
    paid_from = next_key(&arguments)
    paid_to = next_key(&arguments)
    directions = next_u64(&arguments)
    amount_in = next_u64(&arguments)
    minimum_out = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if hops == 0 or hops > HOPS_MAX:
        revert(local, "bad path")
        return
    if amount_in == 0 or amount_in > SWAP_MAX:
        revert(local, "amount out of range")
        return
    if paid_from == paid_to:
        revert(local, "same balance")
        return
    if read_pool(local, pools[0], pool) != OK:
        return
    first_token = pool[FIRST_TOKEN + (directions & 1)]
    if change_balance(local, paid_from, first_token, -<int64_t>amount_in) != OK:
        return
    do_work(local, work)
    amount = amount_in
    for hop in range(hops):
        if amount > SWAP_MAX:
            revert(local, "amount out of range")
            return
        if swap_in_pool(local, pools[hop], (directions >> hop) & 1, &token, &amount, hop == 0) != OK:
            return
    if amount < minimum_out:
        revert(local, "less than the minimum")
        return
    change_balance(local, paid_to, token, <int64_t>amount)


cdef inline int read_position(
    Local* local, uint32_t pool_key, int64_t* pool, uint32_t holding_key, int64_t* holding
) noexcept nogil:
    if read_pool(local, pool_key, pool) != OK:
        return 1
    return read_held(local, holding_key, holding, pool[NUMBER], "no such holding", "wrong pool")


cdef inline int move_liquidity(
    Local* local, uint32_t pool_key, int64_t* pool, uint32_t first, uint32_t second,
    uint32_t holding_key, int64_t* holding, int64_t first_amount, int64_t second_amount, int64_t shares,
) noexcept nogil:
    """Put amounts into a pool for shares of it; all three negative to take them out."""
    pool[FIRST_RESERVE] += first_amount
    pool[FIRST_RESERVE + 1] += second_amount
    pool[SHARES] += shares
    holding[HELD] += shares
    if pool[FIRST_RESERVE] > RESERVE_MAX or pool[FIRST_RESERVE + 1] > RESERVE_MAX or pool[SHARES] > RESERVE_MAX:
        return revert(local, "pool is full")
    if holding[HELD] > RESERVE_MAX:
        return revert(local, "pool is full")
    if change_balance(local, first, pool[FIRST_TOKEN], -first_amount) != OK:
        return 1
    if change_balance(local, second, pool[FIRST_TOKEN + 1], -second_amount) != OK:
        return 1
    if write_record(local, pool_key, pool, POOL_FIELDS) != OK:
        return 1
    return write_record(local, holding_key, holding, HELD_FIELDS)


cdef inline void add_liquidity(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef uint32_t pool_key, first, second, holding_key
    cdef uint64_t first_most, second_most, work
    cdef int64_t pool[POOL_FIELDS]
    cdef int64_t holding[HELD_FIELDS]
    cdef wide shares, other
    arguments.next = data
    pool_key = next_key(&arguments)
    first = next_key(&arguments)
    second = next_key(&arguments)
    holding_key = next_key(&arguments)
    first_most = next_u64(&arguments)
    second_most = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if first_most > SWAP_MAX or second_most > SWAP_MAX:
        revert(local, "amount out of range")
        return
    if read_position(local, pool_key, pool, holding_key, holding) != OK:
        return
    do_work(local, work)
    shares = <wide>first_most * pool[SHARES] // pool[FIRST_RESERVE]
    other = <wide>second_most * pool[SHARES] // pool[FIRST_RESERVE + 1]
    if other < shares:
        shares = other
    if shares == 0:
        revert(local, "amount too small")
        return
    if shares > RESERVE_MAX:
        revert(local, "pool is full")
        return
    move_liquidity(
        local, pool_key, pool, first, second, holding_key, holding,
        <int64_t>divided_up(shares * pool[FIRST_RESERVE], pool[SHARES]),
        <int64_t>divided_up(shares * pool[FIRST_RESERVE + 1], pool[SHARES]),
        <int64_t>shares,
    )


cdef inline void remove_liquidity(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef uint32_t pool_key, first, second, holding_key
    cdef uint64_t shares, work
    cdef int64_t pool[POOL_FIELDS]
    cdef int64_t holding[HELD_FIELDS]
    arguments.next = data
    pool_key = next_key(&arguments)
    first = next_key(&arguments)
    second = next_key(&arguments)
    holding_key = next_key(&arguments)
    shares = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if shares == 0 or shares > <uint64_t>RESERVE_MAX:
        revert(local, "amount out of range")
        return
    if read_position(local, pool_key, pool, holding_key, holding) != OK:
        return
    do_work(local, work)
    if holding[HELD] < <int64_t>shares or pool[SHARES] <= <int64_t>shares:
        revert(local, "insufficient shares")
        return
    move_liquidity(
        local, pool_key, pool, first, second, holding_key, holding,
        -<int64_t>(<wide>shares * pool[FIRST_RESERVE] // pool[SHARES]),
        -<int64_t>(<wide>shares * pool[FIRST_RESERVE + 1] // pool[SHARES]),
        -<int64_t>shares,
    )
