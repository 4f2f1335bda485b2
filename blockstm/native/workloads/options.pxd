"""The programs `blockstm.workloads.option_*`: capped, cash-settled options and strategies of several legs.

Keys are a tag and numbers; all is in whole quote units:

    "opts" series           record: its number, kind (0 call, 1 put), strike, cap (the most that one option pays), bid,
                            ask, and the price at which it expired (-1: it has not)
    "optp" account, series  record: the size of a position (negative: written)
    "optc" account          amount: cash
    "optl" series           amount: what is locked for its written options
    "optf", "optm"          the fees, an amount; the fee of a leg, a record

Prices, caps and fees are from 0 to 2**30, positions up to 2**30 either way.

An option pays min(max(price - strike, 0), cap), a put min(max(strike - price, 0), cap). The writer of options locks
their cap. Premiums are at the maker's ask or bid: whole numbers, so nothing is rounded.

`option_strategy` pays the fee of each of its legs, and then trades all legs or none: the legs are a nested program
(a savepoint), and each leg is one in it. Where a leg fails, no leg has happened; the fee stays paid, and the event says
which leg and why. A leg's word is quantity * 2**32 + limit * 2 + (1 to sell); there are at most 4 legs.
`option_quote` sets bid and ask, `option_expire` the price at expiry, `option_claim` pays out a position.

Arguments of strategy: series keys (one a leg), account u64, maker u64, leg_1 to leg_4 u64 (words), work u64; of quote:
series key, bid u64, ask u64, work u64; of expire: series key, price u64, work u64; of claim: series key, account u64,
work u64. Events of strategy: "filled" or "rejected: leg N: why". Gas: 21,000 + work, and 10,000 for each leg.

Reverts: "insufficient funds" (for the fee), "bad strategy", "same account", "no such series", "quote out of range", "price out of range",
"has expired", "has not expired", "nothing to claim". Legs fail with "no such series", "has expired", "quantity out of
range", "price over the limit", "price under the limit", "insufficient funds", "position out of range".

Invariant: of each series, sizes add up to zero, and what is locked is the cap of each written option, or after expiry
what its positions still have to claim; cash, locked and fees together are constant.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.programs.arguments cimport Arguments, next_key, next_keys, next_u64
from blockstm.native.verbs.context cimport (
    OK, Savepoint, ctx_charge, ctx_emit, ctx_revert, do_work, savepoint_open,
)
from blockstm.native.memory.local cimport Local
from blockstm.native.workloads.records cimport (
    REFUSED, charge_for, check_fields, end_nested, find_record, locate, magnitude, pay_in, pay_out, read_record, revert,
    within, write_record,
)

cdef enum:
    CALL = 0
    PUT = 1
    SERIES_FIELDS = 7
    LEGS_MAX = 4
    LEG_GAS = 10000
    QUANTITY_OF_LEG_MAX = 1 << 20
    QUOTE_MAX = 1 << 30
    POSITION_MAX = 1 << 30
    REASON_SHOWN_MAX = 64

cdef struct Series:
    int64_t number
    int64_t kind
    int64_t strike
    int64_t cap
    int64_t bid
    int64_t ask
    int64_t expired_at

cdef struct Leg:
    uint32_t series
    uint64_t account
    uint64_t maker
    uint64_t quantity
    uint64_t limit
    bint sells


cdef inline uint32_t cash_of(Local* local, uint64_t account) noexcept nogil:
    return locate(local, "optc", 1, account, 0, 0)


cdef inline uint32_t position_of(Local* local, uint64_t account, const Series* series) noexcept nogil:
    return locate(local, "optp", 2, account, <uint64_t>series.number, 0)


cdef inline int read_series(Local* local, uint32_t key, Series* series) noexcept nogil:
    if read_record(local, key, <int64_t*>series, SERIES_FIELDS, "no such series") != OK:
        return 1
    return check_fields(
        local,
        within(series.kind, CALL, PUT) and within(series.strike, 0, QUOTE_MAX) and within(series.cap, 0, QUOTE_MAX)
        and within(series.bid, 0, QUOTE_MAX) and within(series.ask, 0, QUOTE_MAX)
        and within(series.expired_at, -1, QUOTE_MAX),
    )


cdef inline int find_position(Local* local, uint32_t key, int64_t* size) noexcept nogil:
    """Read a position; absent it is zero."""
    cdef bint present = False
    if find_record(local, key, size, 1, &present) != OK:
        return 1
    return check_fields(local, within(size[0], -POSITION_MAX, POSITION_MAX))


cdef inline int64_t payoff(const Series* series) noexcept nogil:
    """What one option of a series that has expired pays."""
    cdef int64_t value = series.expired_at - series.strike
    if series.kind != CALL:
        value = -value
    if value < 0:
        return 0
    return value if value < series.cap else series.cap


# --- legs ---------------------------------------------------------------------------------------

cdef inline int move_amount(Local* local, uint32_t payer, uint32_t payee, uint64_t amount) noexcept nogil:
    """Pay; where the payer has too little the program reverts."""
    if payer == 0 or payee == 0 or pay_out(local, payer, amount) != OK:
        return 1
    return pay_in(local, payee, amount)


cdef inline int change_position(
    Local* local, const Series* series, uint64_t account, int64_t change
) noexcept nogil:
    """Add to a position, and lock or free what its written options may have to pay."""
    cdef uint32_t key = position_of(local, account, series)
    cdef uint32_t cash = cash_of(local, account)
    cdef uint32_t locked = locate(local, "optl", 1, <uint64_t>series.number, 0, 0)
    cdef int64_t size = 0, before, after
    if find_position(local, key, &size) != OK:
        return 1
    before = -size if size < 0 else 0
    size += change
    after = -size if size < 0 else 0
    if magnitude(size) > POSITION_MAX:
        return revert(local, "position out of range")
    if after > before and move_amount(local, cash, locked, <uint64_t>((after - before) * series.cap)) != OK:
        return 1
    if before > after and move_amount(local, locked, cash, <uint64_t>((before - after) * series.cap)) != OK:
        return 1
    return write_record(local, key, &size, 1)


cdef inline int trade_leg(Local* local, const Leg* leg) noexcept nogil:
    """Trade one leg with its maker."""
    cdef Series series
    cdef uint64_t price, payer = leg.account, payee = leg.maker
    cdef int64_t change = <int64_t>leg.quantity
    if ctx_charge(local, LEG_GAS) != OK or read_series(local, leg.series, &series) != OK:
        return 1
    if series.expired_at >= 0:
        return revert(local, "has expired")
    if leg.quantity == 0 or leg.quantity > QUANTITY_OF_LEG_MAX:
        return revert(local, "quantity out of range")
    price = <uint64_t>(series.bid if leg.sells else series.ask)
    if leg.sells:
        if price < leg.limit:
            return revert(local, "price under the limit")
        change = -change
        payer = leg.maker
        payee = leg.account
    elif price > leg.limit:
        return revert(local, "price over the limit")
    if move_amount(local, cash_of(local, payer), cash_of(local, payee), price * leg.quantity) != OK:
        return 1
    if change_position(local, &series, leg.account, change) != OK:
        return 1
    return change_position(local, &series, leg.maker, -change)


cdef inline int trade_legs(
    Local* local, uint64_t account, uint64_t maker, const uint32_t* series, const uint64_t* words, uint64_t count,
    uint64_t* failed,
) noexcept nogil:
    """Trade all legs, each as a nested program; the first that fails fails the whole, for the same reason."""
    cdef Savepoint savepoint
    cdef Leg leg
    cdef uint8_t reason[REASON_SHOWN_MAX]
    cdef uint32_t length
    cdef uint64_t place
    cdef int code
    leg.account = account
    leg.maker = maker
    for place in range(count):
        leg.series = series[place]
        leg.quantity = words[place] >> 32
        leg.limit = <uint32_t>words[place] >> 1
        leg.sells = words[place] & 1
        savepoint_open(local, &savepoint)
        code = end_nested(local, &savepoint, trade_leg(local, &leg))
        if code == REFUSED:
            failed[0] = place
            length = shown_reason(local, reason)
            return ctx_revert(local, <const char*>reason, length)
        if code != OK:
            return code
    return OK


cdef inline uint32_t shown_reason(Local* local, uint8_t* out) noexcept nogil:
    """Copy why a nested program failed; the length of it."""
    cdef uint32_t length = <uint32_t>local.reason.length
    if length > REASON_SHOWN_MAX:
        length = REASON_SHOWN_MAX
    memcpy(out, local.reason.data, length)
    return length


cdef inline int emit_rejected(Local* local, uint64_t failed) noexcept nogil:
    cdef uint8_t event[17 + REASON_SHOWN_MAX]
    memcpy(event, <const char*>"rejected: leg 0: ", 17)
    event[14] += <uint8_t>(failed + 1)
    return ctx_emit(local, event, 17 + shown_reason(local, event + 17))


cdef inline void option_strategy(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Savepoint savepoint
    cdef const uint32_t* series
    cdef uint64_t words[LEGS_MAX]
    cdef uint64_t count = 0, account, maker, failed = 0, work
    cdef int64_t fee = 0
    cdef int code, place
    arguments.next = data
    series = next_keys(&arguments, &count)
    account = next_u64(&arguments)
    maker = next_u64(&arguments)
    for place in range(LEGS_MAX):
        words[place] = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if count == 0 or count > LEGS_MAX:
        revert(local, "bad strategy")
        return
    if account == maker:
        revert(local, "same account")
        return
    if read_record(local, locate(local, "optm", 0, 0, 0, 0), &fee, 1, "bad strategy") != OK:
        return
    if check_fields(local, within(fee, 0, QUOTE_MAX)) != OK:
        return
    if move_amount(
        local, cash_of(local, account), locate(local, "optf", 0, 0, 0, 0), <uint64_t>fee * count
    ) != OK:
        return
    do_work(local, work)
    savepoint_open(local, &savepoint)
    code = end_nested(local, &savepoint, trade_legs(local, account, maker, series, words, count, &failed))
    if code == OK:
        ctx_emit(local, <const uint8_t*>"filled", 6)
    elif code == REFUSED:
        emit_rejected(local, failed)


# --- the life of a series -----------------------------------------------------------------------

cdef inline void option_quote(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Series series
    cdef uint32_t key
    cdef uint64_t bid, ask, work
    arguments.next = data
    key = next_key(&arguments)
    bid = next_u64(&arguments)
    ask = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK or read_series(local, key, &series) != OK:
        return
    do_work(local, work)
    if bid > ask or ask > <uint64_t>series.cap:
        revert(local, "quote out of range")
        return
    if series.expired_at >= 0:
        revert(local, "has expired")
        return
    series.bid = <int64_t>bid
    series.ask = <int64_t>ask
    write_record(local, key, <const int64_t*>&series, SERIES_FIELDS)


cdef inline void option_expire(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Series series
    cdef uint32_t key
    cdef uint64_t price, work
    arguments.next = data
    key = next_key(&arguments)
    price = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK or read_series(local, key, &series) != OK:
        return
    do_work(local, work)
    if price > QUOTE_MAX:
        revert(local, "price out of range")
        return
    if series.expired_at >= 0:
        revert(local, "has expired")
        return
    series.expired_at = <int64_t>price
    write_record(local, key, <const int64_t*>&series, SERIES_FIELDS)


cdef inline void option_claim(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Series series
    cdef uint32_t key, position
    cdef uint64_t account, work, claimed
    cdef int64_t size = 0
    arguments.next = data
    key = next_key(&arguments)
    account = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK or read_series(local, key, &series) != OK:
        return
    position = position_of(local, account, &series)
    if find_position(local, position, &size) != OK:
        return
    do_work(local, work)
    if series.expired_at < 0:
        revert(local, "has not expired")
        return
    if size == 0:
        revert(local, "nothing to claim")
        return
    if size > 0:
        claimed = <uint64_t>(size * payoff(&series))
    else:
        claimed = <uint64_t>(-size * (series.cap - payoff(&series)))
    if move_amount(
        local, locate(local, "optl", 1, <uint64_t>series.number, 0, 0), cash_of(local, account), claimed
    ) != OK:
        return
    size = 0
    write_record(local, position, &size, 1)
