"""The programs `blockstm.workloads.mint` and `blockstm.workloads.mint_commutative`: an NFT mint, one hot key.

Arguments of both: collection (a record: supply, price; each an amount's range), minted, revenue, balance (keys of amounts); then of mint:
minter u64; of mint_commutative: token (the key of the token, an amount: its owner, plus one), minter u64; of both:
work u64. The minter pays the price and owns the token.

`mint` reads minted and writes one more; the new number is the token's: its key is "nft." and the number. Every two
mints conflict. `mint_commutative` adds one to minted within 0..supply, and the price to revenue: no two of them
conflict, but for balances; the minter chooses the token. Gas: 21,000 + work.

Reverts: "no such collection", "sold out", "token exists", "insufficient funds", "amount over its limit".

Invariant: minted is at most the supply, and is the number of tokens; revenue is minted times the price;
balances and revenue together are constant.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from blockstm.native.programs.arguments cimport Arguments, next_key, next_u64
from blockstm.native.verbs.context cimport OK, OUT_OF_BOUNDS, Value, ctx_emit, ctx_read, do_work
from blockstm.native.memory.local cimport Local
from blockstm.native.workloads.records cimport (
    AMOUNT_MAX, add_amount, charge_for, check_fields, locate, pay_in, pay_out, read_amount, read_record, revert, within,
    write_amount,
)

cdef enum:
    SUPPLY = 0
    PRICE = 1
    COLLECTION_FIELDS = 2


cdef inline int read_collection(Local* local, uint32_t key, int64_t* collection) noexcept nogil:
    if read_record(local, key, collection, COLLECTION_FIELDS, "no such collection") != OK:
        return 1
    return check_fields(
        local,
        within(collection[SUPPLY], 0, <int64_t>AMOUNT_MAX) and within(collection[PRICE], 0, <int64_t>AMOUNT_MAX),
    )


cdef inline int write_token(Local* local, uint32_t token, uint64_t minter) noexcept nogil:
    cdef Value value
    if token == 0 or ctx_read(local, token, &value) != OK:
        return 1
    if value.present:
        return revert(local, "token exists")
    if minter >= AMOUNT_MAX:
        return revert(local, "amount over its limit")
    if write_amount(local, token, minter + 1) != OK:
        return 1
    return ctx_emit(local, <const uint8_t*>b"minted", 6)


cdef inline void mint(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef uint32_t collection_key, minted_key, revenue_key, balance_key
    cdef uint64_t minter, work, minted = 0, revenue = 0, balance = 0
    cdef int64_t collection[COLLECTION_FIELDS]
    arguments.next = data
    collection_key = next_key(&arguments)
    minted_key = next_key(&arguments)
    revenue_key = next_key(&arguments)
    balance_key = next_key(&arguments)
    minter = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if read_collection(local, collection_key, collection) != OK:
        return
    if read_amount(local, minted_key, &minted) != OK or read_amount(local, revenue_key, &revenue) != OK:
        return
    if read_amount(local, balance_key, &balance) != OK:
        return
    do_work(local, work)
    if minted >= <uint64_t>collection[SUPPLY]:
        revert(local, "sold out")
        return
    if balance < <uint64_t>collection[PRICE]:
        revert(local, "insufficient funds")
        return
    if write_amount(local, minted_key, minted + 1) != OK:
        return
    if write_amount(local, revenue_key, revenue + <uint64_t>collection[PRICE]) != OK:
        return
    if write_amount(local, balance_key, balance - <uint64_t>collection[PRICE]) == OK:
        write_token(local, locate(local, "nft.", 1, minted + 1, 0, 0), minter)


cdef inline void mint_commutative(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments
    cdef uint32_t collection_key, minted_key, revenue_key, balance_key, token
    cdef uint64_t minter, work
    cdef int64_t collection[COLLECTION_FIELDS]
    cdef int code
    arguments.next = data
    collection_key = next_key(&arguments)
    minted_key = next_key(&arguments)
    revenue_key = next_key(&arguments)
    balance_key = next_key(&arguments)
    token = next_key(&arguments)
    minter = next_u64(&arguments)
    work = next_u64(&arguments)
    if charge_for(local, work) != OK:
        return
    if read_collection(local, collection_key, collection) != OK:
        return
    do_work(local, work)
    code = add_amount(local, minted_key, 1, False, <uint64_t>collection[SUPPLY])
    if code == OUT_OF_BOUNDS:
        revert(local, "sold out")
    if code != OK:
        return
    if pay_out(local, balance_key, <uint64_t>collection[PRICE]) != OK:
        return
    if pay_in(local, revenue_key, <uint64_t>collection[PRICE]) == OK:
        write_token(local, token, minter)
