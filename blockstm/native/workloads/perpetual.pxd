"""The programs `blockstm.workloads.perpetual_*`: perpetual futures with isolated margin.

Keys are a tag and numbers:

    "prpm" market           record: initial margin, maintenance margin, liquidation fee, trading fee, in millionths
    "prpp" market           record: the round of the oracle that set the mark price, and that price
    "prpf" market           amount: cumulative funding of one unit long, in millionths of a quote, plus 2**61
    "prpa" market, account  record: collateral, size (negative: short), entry notional (what the size cost, negative
                            for a short), and the cumulative funding up to which it is settled
    "prpw" account          amount: what the account has outside of markets
    "prpi", "prpb", "prpd"  amounts of a market: insurance fund; bad debt; dust in millionths of a quote

Units: prices are quote for a unit of size, 1 to 2**30; sizes up to 2**30; collateral, notionals, funding and rounds up to
2**60; margins and fees up to 10**6. Equity is collateral + size * mark price - entry notional.

`trade` matches a buyer and a seller at the mark price, so sizes balance. Reducing a position realises its part of the
entry notional, rounded against him. Funding is settled whenever a position is touched, as a change of its entry
notional: payments rounded up, receipts down; what that leaves is dust, counted exactly. Fees and margins are rounded up,
liquidation fees down.

Margin after a trade: at least maintenance for a pure reduction, else initial; and collateral never negative.
`liquidate` works only on a position below maintenance: the keeper takes over all of it at the mark price, and gets the
liquidation fee as far as collateral is left. A deficit is paid by the insurance fund; where the fund has not all of it,
the whole deficit becomes bad debt and the fund stays as it is.

All trades of a market read its mark price and its funding, so these are never read and then written. `set_price` asks
whether there is a price and whether its round is below the new one, which is a bound on the record as a number, and not
what the price is; `fund` adds. So neither depends on the one before it, and trades that only read do not wait for each
other.

Arguments, all u64, work last: deposit and withdraw: market, account, amount; trade: market, buyer, seller, size;
set_price: market, price, round (more than the last); fund: market, rate in millionths of the price up to 100,000,
negative (0 or 1: shorts pay longs); liquidate: market, account, keeper. Event of liquidate: account, size, deficit,
8 bytes each. Gas: 21,000 + work.

Reverts: "no such market", "no such account", "amount out of range", "size out of range", "price out of range", "rate out
of range", "stale round", "same account", "insufficient funds", "insufficient margin", "position out of range", "no
position", "not liquidatable".

Invariant: of each market, sizes add up to zero; of all markets and wallets together, in millionths, collateral less
entry notional, size times settled funding, insurance less bad debt, dust and wallets come to a constant; no collateral is
negative.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from blockstm.native.programs.arguments cimport Arguments, next_u64
from blockstm.native.memory.atomics cimport big_endian
from blockstm.native.verbs.context cimport (
    ABSENT, OK, OUT_OF_BOUNDS, ctx_add, ctx_check, ctx_emit, ctx_exists, do_work,
)
from blockstm.native.memory.layout cimport Bounds, Number
from blockstm.native.memory.local cimport Local
from blockstm.native.memory.number cimport number_set
from blockstm.native.workloads.records cimport (
    AMOUNT_MAX, MILLION, add_amount, charge_for, check_fields, divided_up, find_record, locate, magnitude, pay_in,
    pay_out, read_amount, read_record, revert, wide, within, write_record,
)

cdef enum:
    SIZE_MAX = 1 << 30
    PRICE_MAX = 1 << 30
    RATE_MAX = 100000
    MARKET_FIELDS = 4
    MARK_FIELDS = 2
    POSITION_FIELDS = 4

cdef extern from *:
    """
    #define BLOCKSTM_NOTIONAL_MAX ((int64_t)1 << 60)
    #define BLOCKSTM_FUNDING_ZERO ((int64_t)1 << 61)
    """
    const int64_t NOTIONAL_MAX "BLOCKSTM_NOTIONAL_MAX"
    const int64_t FUNDING_ZERO "BLOCKSTM_FUNDING_ZERO"      # as an amount, which has no sign

cdef struct Market:
    int64_t initial
    int64_t maintenance
    int64_t liquidation_fee
    int64_t trading_fee

cdef struct Mark:
    int64_t round
    int64_t price

cdef struct Position:
    int64_t collateral
    int64_t size
    int64_t entry
    int64_t funding

# What a transaction sees of a market, and what it adds to its amounts in the end.
cdef struct View:
    uint64_t number
    Market market
    int64_t price
    int64_t funding
    uint64_t dust
    uint64_t fees


# --- markets and positions ----------------------------------------------------------------------

cdef inline uint32_t of_market(Local* local, const char* tag, uint64_t market) noexcept nogil:
    return locate(local, tag, 1, market, 0, 0)


cdef inline int read_market(Local* local, uint64_t number, Market* market) noexcept nogil:
    if read_record(
        local, of_market(local, "prpm", number), <int64_t*>market, MARKET_FIELDS, "no such market"
    ) != OK:
        return 1
    return check_fields(
        local,
        within(market.initial, 0, MILLION) and within(market.maintenance, 0, MILLION)
        and within(market.liquidation_fee, 0, MILLION) and within(market.trading_fee, 0, MILLION),
    )


cdef inline int read_mark(Local* local, uint64_t market, Mark* mark) noexcept nogil:
    if read_record(local, of_market(local, "prpp", market), <int64_t*>mark, MARK_FIELDS, "no such market") != OK:
        return 1
    return check_fields(local, within(mark.price, 1, PRICE_MAX) and within(mark.round, 0, NOTIONAL_MAX))


cdef inline int read_view(Local* local, uint64_t market, View* view) noexcept nogil:
    cdef Mark mark
    cdef uint64_t funding = 0
    view.number = market
    view.dust = 0
    view.fees = 0
    if read_market(local, market, &view.market) != OK or read_mark(local, market, &mark) != OK:
        return 1
    view.price = mark.price
    if read_amount(local, of_market(local, "prpf", market), &funding) != OK:
        return 1
    view.funding = <int64_t>funding - FUNDING_ZERO
    return check_fields(local, within(view.funding, -NOTIONAL_MAX, NOTIONAL_MAX))


cdef inline uint32_t position_key(Local* local, uint64_t market, uint64_t account) noexcept nogil:
    return locate(local, "prpa", 2, market, account, 0)


cdef inline int find_position_of(
    Local* local, uint64_t market, uint64_t account, Position* position, bint* present
) noexcept nogil:
    """Read a position; `present` says whether there is one. Without, its fields are zero."""
    if find_record(
        local, position_key(local, market, account), <int64_t*>position, POSITION_FIELDS, present
    ) != OK:
        return 1
    return check_fields(
        local,
        within(position.collateral, 0, NOTIONAL_MAX) and within(position.size, -SIZE_MAX, SIZE_MAX)
        and within(position.entry, -NOTIONAL_MAX, NOTIONAL_MAX)
        and within(position.funding, -NOTIONAL_MAX, NOTIONAL_MAX),
    )


cdef inline int read_position_of(Local* local, uint64_t market, uint64_t account, Position* position) noexcept nogil:
    cdef bint present = False
    if find_position_of(local, market, account, position, &present) != OK:
        return 1
    return OK if present else revert(local, "no such account")


cdef inline int write_position(
    Local* local, uint64_t market, uint64_t account, const Position* position
) noexcept nogil:
    """Write a position; one over a limit reverts."""
    if magnitude(position.size) > SIZE_MAX or magnitude(position.entry) > NOTIONAL_MAX:
        return revert(local, "position out of range")
    if position.collateral > NOTIONAL_MAX:
        return revert(local, "position out of range")
    return write_record(
        local, position_key(local, market, account), <const int64_t*>position, POSITION_FIELDS
    )


cdef inline int settle_funding(Local* local, View* view, Position* position) noexcept nogil:
    """Bring a position's entry notional up to date with the funding; the rounding is dust."""
    cdef wide scaled = <wide>position.size * (<wide>view.funding - position.funding)
    cdef wide payment = divided_up(scaled, MILLION)
    if magnitude(payment + position.entry) > NOTIONAL_MAX:
        return revert(local, "position out of range")
    position.entry += <int64_t>payment
    position.funding = view.funding
    view.dust += <uint64_t>(payment * MILLION - scaled)
    return OK


cdef inline int change_size(Local* local, Position* position, int64_t change, int64_t price) noexcept nogil:
    """Add to a position at a price; what closes a part of it realises that part's profit or loss."""
    cdef wide closed = 0, part, collateral, entry = position.entry, size = position.size
    if (size > 0) != (change > 0) and size != 0:
        closed = size
        if magnitude(change) < magnitude(size):
            closed = -<wide>change
        part = divided_up(entry * magnitude(closed), magnitude(size))
        collateral = position.collateral + closed * price - part
        if magnitude(collateral) > NOTIONAL_MAX:
            return revert(local, "position out of range")
        position.collateral = <int64_t>collateral
        entry -= part
    entry += (change + closed) * price
    size += change
    if magnitude(entry) > NOTIONAL_MAX or magnitude(size) > SIZE_MAX:
        return revert(local, "position out of range")
    position.entry = <int64_t>entry
    position.size = <int64_t>size
    return OK


cdef inline bint has_margin(const Position* position, int64_t price, int64_t rate) noexcept nogil:
    """Whether equity is at least the part of the notional that a rate asks for."""
    cdef wide notional = <wide>position.size * price
    return position.collateral + notional - position.entry >= divided_up(magnitude(notional) * rate, MILLION)


cdef inline int check_margin(
    Local* local, const View* view, const Position* position, int64_t size_before
) noexcept nogil:
    """Revert where a position that was changed has too little margin."""
    cdef bint reduced = (
        magnitude(position.size) <= magnitude(size_before) and (position.size >= 0) == (size_before >= 0)
    )
    cdef int64_t rate = view.market.maintenance if reduced else view.market.initial
    if position.collateral < 0 or not has_margin(position, view.price, rate):
        return revert(local, "insufficient margin")
    return OK


cdef inline int close_view(Local* local, const View* view) noexcept nogil:
    """Add dust and fees to the market's amounts, without reading them."""
    if view.dust != 0 and pay_in(local, of_market(local, "prpd", view.number), view.dust) != OK:
        return 1
    if view.fees != 0 and pay_in(local, of_market(local, "prpi", view.number), view.fees) != OK:
        return 1
    return OK


# --- deposits -----------------------------------------------------------------------------------

cdef inline void perpetual_deposit(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Market rules
    cdef Position position
    cdef uint64_t market, account, amount, work
    cdef bint present = False
    arguments.next = data
    market = next_u64(&arguments)
    account = next_u64(&arguments)
    amount = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if amount == 0 or amount > <uint64_t>NOTIONAL_MAX:
        revert(local, "amount out of range")
        return
    if read_market(local, market, &rules) != OK:
        return
    if find_position_of(local, market, account, &position, &present) != OK:
        return
    do_work(local, work)
    if pay_out(local, of_market(local, "prpw", account), amount) != OK:
        return
    position.collateral += <int64_t>amount
    write_position(local, market, account, &position)


cdef inline void perpetual_withdraw(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Position position
    cdef View view
    cdef uint64_t market, account, amount, work
    arguments.next = data
    market = next_u64(&arguments)
    account = next_u64(&arguments)
    amount = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if amount == 0 or amount > <uint64_t>NOTIONAL_MAX:
        revert(local, "amount out of range")
        return
    if read_view(local, market, &view) != OK or read_position_of(local, market, account, &position) != OK:
        return
    do_work(local, work)
    if settle_funding(local, &view, &position) != OK:
        return
    position.collateral -= <int64_t>amount
    if position.collateral < 0 or not has_margin(&position, view.price, view.market.initial):
        revert(local, "insufficient margin")
        return
    if write_position(local, market, account, &position) != OK or close_view(local, &view) != OK:
        return
    pay_in(local, of_market(local, "prpw", account), amount)


# --- trading ------------------------------------------------------------------------------------

cdef inline int trade_side(
    Local* local, View* view, uint64_t account, Position* position, int64_t change
) noexcept nogil:
    cdef int64_t before = position.size
    cdef int64_t fee = <int64_t>divided_up(
        magnitude(change) * view.price * view.market.trading_fee, MILLION
    )
    if settle_funding(local, view, position) != OK or change_size(local, position, change, view.price) != OK:
        return 1
    position.collateral -= fee
    view.fees += <uint64_t>fee
    if check_margin(local, view, position, before) != OK:
        return 1
    return write_position(local, view.number, account, position)


cdef inline void perpetual_trade(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Position bought, sold
    cdef View view
    cdef uint64_t market, buyer, seller, size, work
    arguments.next = data
    market = next_u64(&arguments)
    buyer = next_u64(&arguments)
    seller = next_u64(&arguments)
    size = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if size == 0 or size > SIZE_MAX:
        revert(local, "size out of range")
        return
    if buyer == seller:
        revert(local, "same account")
        return
    if read_view(local, market, &view) != OK:
        return
    if read_position_of(local, market, buyer, &bought) != OK or read_position_of(local, market, seller, &sold) != OK:
        return
    do_work(local, work)
    if trade_side(local, &view, buyer, &bought, <int64_t>size) != OK:
        return
    if trade_side(local, &view, seller, &sold, -<int64_t>size) == OK:
        close_view(local, &view)


# --- oracle and funding -------------------------------------------------------------------------

cdef inline bint is_newer(Local* local, uint32_t key, uint64_t number) noexcept nogil:
    """Whether a round is above that of a mark price; else the program has been reverted, or is to return.

    The round is the high half of the record, so all records of earlier rounds are below number * 2**64, at any price.
    """
    cdef Bounds earlier
    cdef int code
    if number == 0 or number > <uint64_t>NOTIONAL_MAX:
        revert(local, "stale round")
        return False
    number_set(&earlier.minimum, 0)
    number_set(&earlier.maximum, <uint64_t>-1)
    earlier.maximum.limb[1] = number - 1
    code = ctx_check(local, key, &earlier)
    if code == OUT_OF_BOUNDS:
        revert(local, "stale round")
    return code == OK


cdef inline void perpetual_set_price(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Mark mark
    cdef uint64_t market, price, number, work
    cdef uint32_t key
    cdef int code
    arguments.next = data
    market = next_u64(&arguments)
    price = next_u64(&arguments)
    number = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if price == 0 or price > PRICE_MAX:
        revert(local, "price out of range")
        return
    key = of_market(local, "prpp", market)
    if key == 0:
        return
    code = ctx_exists(local, key)
    if code != OK:
        if code == ABSENT:
            revert(local, "no such market")
        return
    do_work(local, work)
    if not is_newer(local, key, number):
        return
    mark.round = <int64_t>number
    mark.price = <int64_t>price
    write_record(local, key, <const int64_t*>&mark, MARK_FIELDS)


cdef inline int add_funding(Local* local, uint64_t market, uint64_t amount, bint negative) noexcept nogil:
    """Change what a unit long has to pay in all, without reading it."""
    cdef uint32_t key = of_market(local, "prpf", market)
    cdef Number delta
    cdef Bounds bounds
    if key == 0:
        return 1
    if amount == 0:
        return OK
    number_set(&delta, amount)
    number_set(&bounds.minimum, <uint64_t>(FUNDING_ZERO - NOTIONAL_MAX))
    number_set(&bounds.maximum, <uint64_t>(FUNDING_ZERO + NOTIONAL_MAX))
    return ctx_add(local, key, &delta, negative, &bounds)


cdef inline void perpetual_fund(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Market rules
    cdef Mark mark
    cdef uint64_t market, rate, negative, work
    arguments.next = data
    market = next_u64(&arguments)
    rate = next_u64(&arguments)
    negative = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if rate > RATE_MAX or negative > 1:
        revert(local, "rate out of range")
        return
    if read_market(local, market, &rules) != OK or read_mark(local, market, &mark) != OK:
        return
    do_work(local, work)
    if add_funding(local, market, <uint64_t>mark.price * rate, negative != 0) == OUT_OF_BOUNDS:
        revert(local, "rate out of range")


# --- liquidation --------------------------------------------------------------------------------

cdef inline int pay_deficit(Local* local, uint64_t market, uint64_t deficit) noexcept nogil:
    """Take a deficit from the insurance fund, or all of it becomes bad debt."""
    cdef int code = add_amount(local, of_market(local, "prpi", market), deficit, True, AMOUNT_MAX)
    if code == OUT_OF_BOUNDS:
        return pay_in(local, of_market(local, "prpb", market), deficit)
    return code


cdef inline int emit_liquidation(Local* local, uint64_t account, int64_t size, uint64_t deficit) noexcept nogil:
    cdef uint64_t words[3]
    words[0] = big_endian(account)
    words[1] = big_endian(<uint64_t>size)
    words[2] = big_endian(deficit)
    return ctx_emit(local, <const uint8_t*>words, 24)


cdef inline int take_over(
    Local* local, View* view, uint64_t account, Position* taken, uint64_t keeper, Position* keeping
) noexcept nogil:
    """Move a position that has been found below maintenance to the keeper."""
    cdef int64_t size = taken.size, before = keeping.size
    cdef int64_t fee = <int64_t>(magnitude(size) * view.price * view.market.liquidation_fee // MILLION)
    cdef uint64_t deficit = 0
    if change_size(local, taken, -size, view.price) != OK or change_size(local, keeping, size, view.price) != OK:
        return 1
    if taken.collateral < 0:
        deficit = <uint64_t>-taken.collateral
        fee = 0
        taken.collateral = 0
    elif fee > taken.collateral:
        fee = taken.collateral
    taken.collateral -= fee
    keeping.collateral += fee
    if check_margin(local, view, keeping, before) != OK:
        return 1
    if deficit != 0 and pay_deficit(local, view.number, deficit) != OK:
        return 1
    if write_position(local, view.number, account, taken) != OK:
        return 1
    if write_position(local, view.number, keeper, keeping) != OK:
        return 1
    return emit_liquidation(local, account, size, deficit)


cdef inline void perpetual_liquidate(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef Position taken, keeping
    cdef View view
    cdef uint64_t market, account, keeper, work
    arguments.next = data
    market = next_u64(&arguments)
    account = next_u64(&arguments)
    keeper = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if account == keeper:
        revert(local, "same account")
        return
    if read_view(local, market, &view) != OK or read_position_of(local, market, account, &taken) != OK:
        return
    if settle_funding(local, &view, &taken) != OK:
        return
    do_work(local, work)
    if taken.size == 0:
        revert(local, "no position")
        return
    if has_margin(&taken, view.price, view.market.maintenance):
        revert(local, "not liquidatable")
        return
    if read_position_of(local, market, keeper, &keeping) != OK or settle_funding(local, &view, &keeping) != OK:
        return
    if take_over(local, &view, account, &taken, keeper, &keeping) == OK:
        close_view(local, &view)
