"""The native program `trace`: do again what a recorded transaction did to the state.

Arguments: reads keys, writes keys, adds, gas u64. Charges the gas; reads the recorded keys in order and
digests its own index and every value; does work in proportion to its gas; writes to each recorded write
key 32 bytes derived from the digest and the key; applies each recorded add. One stale read anywhere
changes the final state. docs/reference/access-trace.md specifies the digest.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.programs.arguments cimport Arguments, next_key, next_keys, next_u64, next_u256, skip_adds
from blockstm.native.verbs.context cimport (
    OK, OUT_OF_BOUNDS, Value, ctx_add, ctx_charge, ctx_fail, ctx_read, ctx_write, do_work,
)
from blockstm.native.memory.layout cimport Bounds, Location, Number
from blockstm.native.memory.local cimport Local, location_at
from blockstm.native.memory.number cimport number_maximum, number_set
from blockstm.native.instruments.virtual_time cimport charge_rounds
from blockstm.native.verbs.work cimport whole_units

cdef enum:
    DIGEST_ROUNDS = 20          # about as long as digesting, or deriving, 32 bytes takes


cdef inline uint64_t mix(uint64_t word) noexcept nogil:
    """The finalizer of SplitMix64 (Steele, Lea, Flood 2014)."""
    word = (word ^ (word >> 30)) * <uint64_t>0xBF58476D1CE4E5B9
    word = (word ^ (word >> 27)) * <uint64_t>0x94D049BB133111EB
    return word ^ (word >> 31)


cdef inline uint64_t absorb(uint64_t digest, const uint8_t* data, uint32_t length) noexcept nogil:
    """Digest a byte string: its length, then its 8-byte little-endian words, the last one zero-padded."""
    cdef uint64_t word
    cdef uint32_t place = 0
    digest = mix(digest ^ <uint64_t>length)
    while place < length:
        word = 0
        memcpy(&word, data + place, 8 if length - place >= 8 else length - place)
        digest = mix(digest + word)
        place += 8
    return digest


cdef inline int write_derived(Local* local, uint32_t key, uint64_t digest) noexcept nogil:
    cdef uint64_t words[4]
    cdef uint64_t seed
    cdef uint32_t index
    cdef Location* location = location_at(local, key)
    charge_rounds(local, DIGEST_ROUNDS)
    seed = absorb(digest, location.key, location.key_bytes)
    for index in range(4):
        words[index] = mix(seed + <uint64_t>0x9E3779B97F4A7C15 * (index + 1))
    return ctx_write(local, key, <const uint8_t*>words, 32)


cdef inline int apply_adds(Local* local, Arguments* arguments) noexcept nogil:
    cdef uint64_t count = next_u64(arguments)
    cdef uint64_t index
    cdef uint32_t key
    cdef Number amount
    cdef Bounds bounds
    cdef int code
    number_set(&bounds.minimum, 0)
    number_maximum(&bounds.maximum)
    for index in range(count):
        key = next_key(arguments)
        next_u256(arguments, &amount)
        code = ctx_add(local, key, &amount, False, &bounds)
        if code == OUT_OF_BOUNDS:
            return ctx_fail(local, "BoundsError: an add would pass 2**256 - 1", 41)
        if code != OK:
            return code
    return OK


cdef inline void trace(Local* local, const uint8_t* data, uint32_t length) noexcept nogil:
    cdef Arguments arguments, adds
    cdef Value value
    cdef uint64_t digest, gas, index, read_count, write_count
    cdef const uint32_t* reads
    cdef const uint32_t* writes
    arguments.next = data
    reads = next_keys(&arguments, &read_count)
    writes = next_keys(&arguments, &write_count)
    adds = arguments
    skip_adds(&arguments)
    gas = next_u64(&arguments)
    if ctx_charge(local, gas) != OK:
        return
    digest = mix(<uint64_t>local.txn_idx + 1)
    for index in range(read_count):
        if ctx_read(local, reads[index], &value) != OK:
            return
        digest = mix(digest + (1 if value.present else 0))
        charge_rounds(local, DIGEST_ROUNDS)
        if value.present:
            digest = absorb(digest, value.data, value.length)
    do_work(local, whole_units(<double>gas * local.header.rounds_per_gas))
    for index in range(write_count):
        if write_derived(local, writes[index], digest) != OK:
            return
    apply_adds(local, &adds)
