"""The programs `blockstm.workloads.option_*`: capped, cash-settled options and strategies of several legs.

State: a series is a record of its number, its kind (0 call, 1 put), strike, cap (the most that one option pays), bid,
ask, and the price at which it expired (-1: it has not). A position is a record of a series' number and a size (negative:
written). Cash, what a series has locked, and the fees are amounts; the fee of a leg is a record. All in whole quote units.

An option pays min(max(price - strike, 0), cap), a put min(max(strike - price, 0), cap). Who writes options locks their
cap. Premiums are at the maker's ask or bid: whole numbers, so nothing is rounded.

`option_strategy` pays the fee of each of its legs, and then trades all legs or none: the legs are a nested program
(a savepoint), and each leg is one in it. Where a leg fails, no leg has happened; the fee stays paid, and the event says
which leg and why. A leg's word is quantity * 2**32 + limit * 2 + (1 to sell). Its five keys stand in `legs` one after the
other: series, own position, maker's position, maker's cash, locked. At most 4 legs; the words of the others are 0.
`option_quote` sets bid and ask, `option_expire` the price at expiry, `option_claim` pays out a position.

Arguments of strategy: cash, fees, fee (keys), legs keys, leg_1 to leg_4 u64, work u64; of quote: series, bid u64,
ask u64, work u64; of expire: series, price u64, work u64; of claim: series, position, cash, locked, work u64. Events of
strategy: "filled" or "rejected: leg N: why". Gas: 21,000 + work, and 10,000 for each leg.

Reverts: "insufficient funds" (for the fee), "bad strategy", "no such series", "quote out of range", "price out of range",
"has expired", "has not expired", "nothing to claim". Legs fail with "no such series", "has expired", "quantity out of
range", "same account", "price over the limit", "price under the limit", "insufficient funds", "wrong series",
"position out of range".

Invariant: of each series, sizes add up to zero, and what is locked is the cap of each written option, or after expiry
what its positions still have to claim; cash, locked and fees together are constant.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from arguments cimport Arguments, next_key, next_keys, next_u64
from context cimport OK, Savepoint, ctx_charge, ctx_emit, ctx_revert, do_work, savepoint_open
from local cimport Local
from records cimport (
    REFUSED, charge_for, end_nested, find_record, magnitude, pay_in, pay_out, read_record, revert, write_record,
)

cdef enum:
    CALL = 0
    SERIES_FIELDS = 7
    HOLDING_FIELDS = 2
    LEGS_MAX = 4
    LEG_KEYS = 5
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

cdef struct Holding:
    int64_t series
    int64_t size

cdef struct Leg:
    uint32_t series
    uint32_t position
    uint32_t maker_position
    uint32_t maker_cash
    uint32_t locked
    uint64_t quantity
    uint64_t limit
    bint sells


cdef inline int read_series(Local* local, uint32_t key, Series* series) noexcept nogil:
    return read_record(local, key, <int64_t*>series, SERIES_FIELDS, "no such series")


cdef inline int64_t payoff(const Series* series) noexcept nogil:
    """What one option of a series that has expired pays."""
    cdef int64_t value = series.expired_at - series.strike
    if series.kind != CALL:
        value = -value
    if value < 0:
        return 0
    return value if value < series.cap else series.cap


# --- legs ---------------------------------------------------------------------------------------

cdef inline int change_holding(
    Local* local, const Series* series, uint32_t key, uint32_t cash, uint32_t locked, int64_t change
) noexcept nogil:
    """Add to a position, and lock or free what its written options may have to pay."""
    cdef Holding holding
    cdef bint present = False
    cdef int64_t before, after
    if find_record(local, key, <int64_t*>&holding, HOLDING_FIELDS, &present) != OK:
        return 1
    if present and holding.series != series.number:
        return revert(local, "wrong series")
    before = -holding.size if holding.size < 0 else 0
    holding.series = series.number
    holding.size += change
    after = -holding.size if holding.size < 0 else 0
    if magnitude(holding.size) > POSITION_MAX:
        return revert(local, "position out of range")
    if after > before:
        if pay_out(local, cash, <uint64_t>((after - before) * series.cap)) != OK:
            return 1
        if pay_in(local, locked, <uint64_t>((after - before) * series.cap)) != OK:
            return 1
    elif before > after:
        if pay_out(local, locked, <uint64_t>((before - after) * series.cap)) != OK:
            return 1
        if pay_in(local, cash, <uint64_t>((before - after) * series.cap)) != OK:
            return 1
    return write_record(local, key, <const int64_t*>&holding, HOLDING_FIELDS)


cdef inline int trade_leg(Local* local, uint32_t cash, const Leg* leg) noexcept nogil:
    """Trade one leg with its maker."""
    cdef Series series
    cdef uint64_t price, premium
    cdef int64_t change = <int64_t>leg.quantity
    cdef uint32_t payer = cash, payee = leg.maker_cash
    if ctx_charge(local, LEG_GAS) != OK or read_series(local, leg.series, &series) != OK:
        return 1
    if series.expired_at >= 0:
        return revert(local, "has expired")
    if leg.quantity == 0 or leg.quantity > QUANTITY_OF_LEG_MAX:
        return revert(local, "quantity out of range")
    if leg.position == leg.maker_position or cash == leg.maker_cash:
        return revert(local, "same account")
    price = <uint64_t>(series.bid if leg.sells else series.ask)
    if leg.sells:
        if price < leg.limit:
            return revert(local, "price under the limit")
        change = -change
        payer = leg.maker_cash
        payee = cash
    elif price > leg.limit:
        return revert(local, "price over the limit")
    premium = price * leg.quantity
    if pay_out(local, payer, premium) != OK or pay_in(local, payee, premium) != OK:
        return 1
    if change_holding(local, &series, leg.position, cash, leg.locked, change) != OK:
        return 1
    return change_holding(local, &series, leg.maker_position, leg.maker_cash, leg.locked, -change)


cdef inline int trade_legs(
    Local* local, uint32_t cash, const uint32_t* keys, const uint64_t* words, uint64_t count, uint64_t* failed
) noexcept nogil:
    """Trade all legs, each as a nested program; the first that fails fails the whole, for the same reason."""
    cdef Savepoint savepoint
    cdef Leg leg
    cdef uint8_t reason[REASON_SHOWN_MAX]
    cdef uint32_t length
    cdef uint64_t place
    cdef int code
    for place in range(count):
        memcpy(&leg, keys + LEG_KEYS * place, LEG_KEYS * sizeof(uint32_t))
        leg.quantity = words[place] >> 32
        leg.limit = <uint32_t>words[place] >> 1
        leg.sells = words[place] & 1
        savepoint_open(local, &savepoint)
        code = end_nested(local, &savepoint, trade_leg(local, cash, &leg))
        if code == REFUSED:
            failed[0] = place
            length = <uint32_t>local.reason.length
            if length > REASON_SHOWN_MAX:
                length = REASON_SHOWN_MAX
            memcpy(reason, local.reason.data, length)
            return ctx_revert(local, <const char*>reason, length)
        if code != OK:
            return code
    return OK


cdef inline int emit_rejected(Local* local, uint64_t failed) noexcept nogil:
    cdef uint8_t event[17 + REASON_SHOWN_MAX]
    cdef uint32_t length = <uint32_t>local.reason.length
    if length > REASON_SHOWN_MAX:
        length = REASON_SHOWN_MAX
    memcpy(event, <const char*>"rejected: leg 0: ", 17)
    event[14] += <uint8_t>(failed + 1)
    memcpy(event + 17, local.reason.data, length)
    return ctx_emit(local, event, 17 + length)


cdef inline void option_strategy(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Savepoint savepoint
    cdef uint32_t cash, fees, fee_key
    cdef const uint32_t* keys
    cdef uint64_t words[LEGS_MAX]
    cdef uint64_t key_count = 0, count, failed = 0, work
    cdef int64_t fee = 0
    cdef int code, place
    arguments.next = data
    cash = next_key(&arguments)
    fees = next_key(&arguments)
    fee_key = next_key(&arguments)
    keys = next_keys(&arguments, &key_count)
    for place in range(LEGS_MAX):
        words[place] = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    count = key_count // LEG_KEYS
    if count == 0 or count > LEGS_MAX or key_count % LEG_KEYS != 0:
        revert(local, "bad strategy")
        return
    if read_record(local, fee_key, &fee, 1, "bad strategy") != OK:
        return
    if pay_out(local, cash, <uint64_t>fee * count) != OK or pay_in(local, fees, <uint64_t>fee * count) != OK:
        return
    do_work(local, work)
    savepoint_open(local, &savepoint)
    code = end_nested(local, &savepoint, trade_legs(local, cash, keys, words, count, &failed))
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
    cdef Holding holding
    cdef uint32_t key, position, cash, locked
    cdef uint64_t work, claimed
    cdef bint present = False
    arguments.next = data
    key = next_key(&arguments)
    position = next_key(&arguments)
    cash = next_key(&arguments)
    locked = next_key(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK or read_series(local, key, &series) != OK:
        return
    if find_record(local, position, <int64_t*>&holding, HOLDING_FIELDS, &present) != OK:
        return
    do_work(local, work)
    if series.expired_at < 0:
        revert(local, "has not expired")
        return
    if not present or holding.size == 0 or holding.series != series.number:
        revert(local, "nothing to claim")
        return
    if holding.size > 0:
        claimed = <uint64_t>(holding.size * payoff(&series))
    else:
        claimed = <uint64_t>(-holding.size * (series.cap - payoff(&series)))
    if pay_out(local, locked, claimed) != OK or pay_in(local, cash, claimed) != OK:
        return
    holding.size = 0
    write_record(local, position, <const int64_t*>&holding, HOLDING_FIELDS)
