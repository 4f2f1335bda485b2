"""The programs `blockstm.workloads.place_order` and `cancel_order`: a limit-order book with price-time priority.

A market has a book with two sides, 0 the bids (to buy) and 1 the asks (to sell), of 4,096 price levels each. Keys are a
tag and numbers:

    "obkm" market                       record: fee of the taker in millionths, up to 10**6
    "obkl" market, side, rank           record: the first and the last order of the level's queue. The rank is the price
                                        of an ask, and 4,096 less the price of a bid: the best level is the lowest
    "obko" market, order                record: side, price, account, remaining, previous, next
    "obkb", "obkq" market, account      amounts: what the account has free of base and quote
    "obkf" market                       amount: fees taken

Empty levels are absent. An order scans the levels of the other side, from the best one to its price, for the first that
is there: so it depends on that level, or on there being none, and not on what lies beyond its price. Free balances are
only added to, so they cause no conflicts.

Prices are quote for a unit of base, from 1 to 4,095; quantities up to 2**32. A trade is at the price of the order that
rests. The taker pays a fee of the quote traded, rounded up, once a transaction. A bid locks price * quantity of quote,
an ask its quantity of base; the order itself holds what is locked. An order fills at most 16 others. What is left of it
rests, unless it is immediate or would still cross: then it is cancelled. An account may trade with itself.

Arguments of place_order: market, account, order (a number that no resting order has, from 1 to 2**62), side, price, quantity,
immediate (0 or 1), work; of cancel_order: market, account, order, work; all u64. Events: for each fill the other order,
the price and the quantity, 8 bytes each; b"cancelled" and the quantity where the rest was cancelled. Gas: 21,000 + work,
and 5,000 for each fill.

Reverts: "no such market", "order out of range", "order exists", "insufficient funds", "no such order", "not your order".

Invariant: of each market, free base and the quantities of asks are constant; free quote, price * quantity of bids, and
fees are constant; the best bid is below the best ask; queues and orders agree.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.programs.arguments cimport Arguments, next_u64
from blockstm.native.memory.atomics cimport big_endian
from blockstm.native.verbs.context cimport (
    ABSENT, OK, ctx_charge, ctx_delete, ctx_emit, ctx_exists, ctx_scan, do_work,
)
from blockstm.native.memory.local cimport Local, location_at
from blockstm.native.workloads.records cimport (
    AMOUNT_MAX, MILLION, charge_for, check_fields, divided_up, fail, find_record, locate, pay_in, pay_out, put_key,
    read_record, revert, wide, within, write_record,
)

cdef enum:
    BIDS = 0
    ASKS = 1
    LEVELS = 4096
    LEVEL_KEY_BYTES = 28
    MATCHES_MAX = 16
    FILL_GAS = 5000
    LEVEL_FIELDS = 2
    ORDER_FIELDS = 6

cdef struct Order:
    int64_t side
    int64_t price
    int64_t account
    int64_t remaining
    int64_t previous
    int64_t next

cdef struct Level:
    int64_t first
    int64_t last

cdef extern from *:
    """
    #define BLOCKSTM_QUANTITY_MAX ((uint64_t)1 << 32)
    """
    const uint64_t QUANTITY_MAX "BLOCKSTM_QUANTITY_MAX"


# --- levels -------------------------------------------------------------------------------------

cdef inline uint64_t rank_of(uint64_t side, uint64_t price) noexcept nogil:
    """The place of a price among those of a side, the best one first; and back again."""
    return price if side == ASKS else LEVELS - price


cdef inline uint32_t level_key(Local* local, uint64_t market, uint64_t side, uint64_t price) noexcept nogil:
    return locate(local, "obkl", 3, market, side, rank_of(side, price))


cdef inline int best_within(
    Local* local, uint64_t market, uint64_t side, uint64_t limit, uint64_t* price, bint* found
) noexcept nogil:
    """Find the best level of a side, if it is within a limit; depends on no more than that."""
    cdef uint8_t start[LEVEL_KEY_BYTES]
    cdef uint8_t end[LEVEL_KEY_BYTES]
    cdef uint32_t key = 0, count = 0
    cdef uint64_t rank
    put_key(start, "obkl", 3, market, side, 0)
    put_key(end, "obkl", 3, market, side, rank_of(side, limit) + 1)
    if ctx_scan(local, start, LEVEL_KEY_BYTES, end, LEVEL_KEY_BYTES, 1, &key, &count) != OK:
        return 1
    found[0] = count != 0
    if not found[0]:
        return OK
    if location_at(local, key).key_bytes != LEVEL_KEY_BYTES:
        return fail(local, "the key of a level is not of its length")
    memcpy(&rank, location_at(local, key).key + (LEVEL_KEY_BYTES - 8), 8)
    rank = big_endian(rank)
    if rank == 0:
        return fail(local, "a level has no price")
    price[0] = rank_of(side, rank)
    return OK


# --- queues -------------------------------------------------------------------------------------

cdef inline uint32_t order_key(Local* local, uint64_t market, uint64_t number) noexcept nogil:
    return locate(local, "obko", 2, market, number, 0)


cdef inline int read_order(
    Local* local, uint64_t market, uint64_t number, Order* order, const char* missing
) noexcept nogil:
    if read_record(local, order_key(local, market, number), <int64_t*>order, ORDER_FIELDS, missing) != OK:
        return 1
    return check_fields(
        local,
        within(order.side, BIDS, ASKS) and within(order.price, 1, LEVELS - 1)
        and within(order.remaining, 1, <int64_t>QUANTITY_MAX)
        and within(order.previous, 0, <int64_t>AMOUNT_MAX) and within(order.next, 0, <int64_t>AMOUNT_MAX),
    )


cdef inline int write_order(Local* local, uint64_t market, uint64_t number, const Order* order) noexcept nogil:
    return write_record(local, order_key(local, market, number), <const int64_t*>order, ORDER_FIELDS)


cdef inline int find_level(Local* local, uint32_t key, Level* level, bint* present) noexcept nogil:
    if find_record(local, key, <int64_t*>level, LEVEL_FIELDS, present) != OK:
        return 1
    if not present[0]:
        return OK
    return check_fields(
        local, within(level.first, 1, <int64_t>AMOUNT_MAX) and within(level.last, 1, <int64_t>AMOUNT_MAX)
    )


cdef inline int read_level(Local* local, uint32_t key, Level* level) noexcept nogil:
    cdef bint present = False
    if find_level(local, key, level, &present) != OK:
        return 1
    return OK if present else revert(local, "a level is missing")


cdef inline int append_order(Local* local, uint64_t market, uint64_t number, Order* order) noexcept nogil:
    """Put an order at the end of its level's queue."""
    cdef uint32_t key = level_key(local, market, <uint64_t>order.side, <uint64_t>order.price)
    cdef Level level
    cdef Order last
    cdef bint occupied = False
    if find_level(local, key, &level, &occupied) != OK:
        return 1
    order.previous = 0
    order.next = 0
    if occupied:
        order.previous = level.last
        if read_order(local, market, <uint64_t>level.last, &last, "a queue is broken") != OK:
            return 1
        last.next = <int64_t>number
        if write_order(local, market, <uint64_t>level.last, &last) != OK:
            return 1
    else:
        level.first = <int64_t>number
    level.last = <int64_t>number
    if write_record(local, key, <const int64_t*>&level, LEVEL_FIELDS) != OK:
        return 1
    return write_order(local, market, number, order)


cdef inline int remove_order(Local* local, uint64_t market, uint64_t number, const Order* order) noexcept nogil:
    """Take an order out of its queue, wherever it stands there."""
    cdef uint32_t key = level_key(local, market, <uint64_t>order.side, <uint64_t>order.price)
    cdef Level level
    cdef Order neighbour
    if ctx_delete(local, order_key(local, market, number)) != OK:
        return 1
    if order.previous != 0:
        if read_order(local, market, <uint64_t>order.previous, &neighbour, "a queue is broken") != OK:
            return 1
        neighbour.next = order.next
        if write_order(local, market, <uint64_t>order.previous, &neighbour) != OK:
            return 1
    if order.next != 0:
        if read_order(local, market, <uint64_t>order.next, &neighbour, "a queue is broken") != OK:
            return 1
        neighbour.previous = order.previous
        if write_order(local, market, <uint64_t>order.next, &neighbour) != OK:
            return 1
    if order.previous != 0 and order.next != 0:
        return OK
    if order.previous == 0 and order.next == 0:
        return ctx_delete(local, key)
    if read_level(local, key, &level) != OK:
        return 1
    if order.previous == 0:
        level.first = order.next
    else:
        level.last = order.previous
    return write_record(local, key, <const int64_t*>&level, LEVEL_FIELDS)


# --- trading ------------------------------------------------------------------------------------

cdef inline uint32_t base_of(Local* local, uint64_t market, uint64_t account) noexcept nogil:
    return locate(local, "obkb", 2, market, account, 0)


cdef inline uint32_t quote_of(Local* local, uint64_t market, uint64_t account) noexcept nogil:
    return locate(local, "obkq", 2, market, account, 0)


cdef inline int emit_fill(Local* local, uint64_t number, uint64_t price, uint64_t quantity) noexcept nogil:
    cdef uint64_t words[3]
    words[0] = big_endian(number)
    words[1] = big_endian(price)
    words[2] = big_endian(quantity)
    return ctx_emit(local, <const uint8_t*>words, 24)


cdef inline int emit_cancelled(Local* local, uint64_t quantity) noexcept nogil:
    cdef uint8_t event[17]
    cdef uint64_t word = big_endian(quantity)
    memcpy(event, <const char*>"cancelled", 9)
    memcpy(event + 9, &word, 8)
    return ctx_emit(local, event, 17)


cdef inline int fill_first(
    Local* local, uint64_t market, uint64_t side, uint64_t price, uint64_t* remaining, uint64_t* traded
) noexcept nogil:
    """Trade with the first order of a level: pay its account, and take it away where nothing is left of it."""
    cdef Level level
    cdef Order maker
    cdef uint64_t quantity
    cdef int code
    if read_level(local, level_key(local, market, side, price), &level) != OK:
        return 1
    if read_order(local, market, <uint64_t>level.first, &maker, "a queue is broken") != OK:
        return 1
    quantity = remaining[0]
    if quantity > <uint64_t>maker.remaining:
        quantity = <uint64_t>maker.remaining
    if ctx_charge(local, FILL_GAS) != OK or emit_fill(local, <uint64_t>level.first, price, quantity) != OK:
        return 1
    if side == ASKS:
        code = pay_in(local, quote_of(local, market, <uint64_t>maker.account), quantity * price)
    else:
        code = pay_in(local, base_of(local, market, <uint64_t>maker.account), quantity)
    if code != OK:
        return code
    remaining[0] -= quantity
    traded[0] += quantity * price
    maker.remaining -= <int64_t>quantity
    if maker.remaining == 0:
        return remove_order(local, market, <uint64_t>level.first, &maker)
    return write_order(local, market, <uint64_t>level.first, &maker)


cdef inline int settle_taker(
    Local* local, uint64_t market, uint64_t account, const Order* order, uint64_t filled, uint64_t traded, uint64_t fee
) noexcept nogil:
    """Take from the account what its order cost and what rests of it locks; pay it what it got, and the fee."""
    cdef uint64_t resting = <uint64_t>order.remaining
    cdef uint32_t base = base_of(local, market, account)
    cdef uint32_t quote = quote_of(local, market, account)
    if base == 0 or quote == 0:
        return 1
    if order.side == BIDS:
        if pay_out(local, quote, traded + fee + resting * <uint64_t>order.price) != OK:
            return 1
        if pay_in(local, base, filled) != OK:
            return 1
    else:
        if pay_out(local, base, filled + resting) != OK or pay_in(local, quote, traded - fee) != OK:
            return 1
    if fee == 0:
        return OK
    return pay_in(local, locate(local, "obkf", 1, market, 0, 0), fee)


cdef inline int trade(
    Local* local, uint64_t market, uint64_t number, Order* order, bint immediate, int64_t fee, uint64_t work
) noexcept nogil:
    """Match an order against the other side, then let it rest or cancel what is left."""
    cdef uint64_t other = ASKS if order.side == BIDS else BIDS
    cdef uint64_t quantity = <uint64_t>order.remaining
    cdef uint64_t remaining = quantity, limit = <uint64_t>order.price, traded = 0, price = 0
    cdef uint32_t fills = 0
    cdef bint crosses = False
    if best_within(local, market, other, limit, &price, &crosses) != OK:
        return 1
    do_work(local, work)
    while crosses and remaining > 0 and fills < MATCHES_MAX:
        if fill_first(local, market, other, price, &remaining, &traded) != OK:
            return 1
        fills += 1
        if remaining > 0 and best_within(local, market, other, limit, &price, &crosses) != OK:
            return 1
    order.remaining = 0 if immediate or crosses else <int64_t>remaining
    if remaining > 0 and order.remaining == 0 and emit_cancelled(local, remaining) != OK:
        return 1
    if settle_taker(
        local, market, <uint64_t>order.account, order, quantity - remaining, traded,
        <uint64_t>divided_up(<wide>traded * fee, MILLION),
    ) != OK:
        return 1
    return append_order(local, market, number, order) if order.remaining > 0 else OK


cdef inline void place_order(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Order order
    cdef uint64_t market, account, number, side, price, quantity, immediate, work
    cdef uint32_t key
    cdef int code
    cdef int64_t fee = 0
    arguments.next = data
    market = next_u64(&arguments)
    account = next_u64(&arguments)
    number = next_u64(&arguments)
    side = next_u64(&arguments)
    price = next_u64(&arguments)
    quantity = next_u64(&arguments)
    immediate = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if side > ASKS or immediate > 1 or number == 0 or number > AMOUNT_MAX:
        revert(local, "order out of range")
        return
    if price == 0 or price >= LEVELS or quantity == 0 or quantity > QUANTITY_MAX:
        revert(local, "order out of range")
        return
    if read_record(local, locate(local, "obkm", 1, market, 0, 0), &fee, 1, "no such market") != OK:
        return
    if check_fields(local, within(fee, 0, MILLION)) != OK:
        return
    key = order_key(local, market, number)
    if key == 0:
        return
    code = ctx_exists(local, key)
    if code != ABSENT:
        if code == OK:
            revert(local, "order exists")
        return
    order.side = <int64_t>side
    order.price = <int64_t>price
    order.account = <int64_t>account
    order.remaining = <int64_t>quantity
    order.previous = 0
    order.next = 0
    trade(local, market, number, &order, immediate != 0, fee, work)


cdef inline void cancel_order(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Order order
    cdef uint64_t market, account, number, work
    arguments.next = data
    market = next_u64(&arguments)
    account = next_u64(&arguments)
    number = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if read_order(local, market, number, &order, "no such order") != OK:
        return
    if order.account != <int64_t>account:
        revert(local, "not your order")
        return
    do_work(local, work)
    if remove_order(local, market, number, &order) != OK:
        return
    if order.side == BIDS:
        pay_in(local, quote_of(local, market, account), <uint64_t>(order.price * order.remaining))
    else:
        pay_in(local, base_of(local, market, account), <uint64_t>order.remaining)
