"""The state of a controlled run as a number, to recognise one that was seen before.

What can follow depends on shared memory and on where each worker stands. Shared memory is hashed byte by byte: all
that the block uses of the arena, and of the workers' slots what the protocol reads. Where a worker stands follows
from its *history* since its last *clean point*, where it holds nothing over but its Local and `what` of the point:
these two, shared memory as it was there, and as it was at each step since. Nothing else runs within a step, and
programs are deterministic, so a worker with the same history stands at the same place and holds the same.

Clean points are the beginning of a round of the worker loop, the beginning of an incarnation, and the steps IDLE and
SLEEP. Of Local there matters what hash_local takes; the rest belongs to an incarnation and is reset at its beginning.

So equal numbers mean equal states, but for collisions (one in 2**64 for each pair). Equal states may have different
numbers: memory that is no longer used counts, too, and the offsets of what lies in it.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.atomics cimport multiply_fold
from blockstm.native.memory.layout cimport HASH_TABLES_MAX, Header, WORKERS_MAX, WorkerSlot
from blockstm.native.memory.local cimport Local, address, slot_at

cdef struct Gap:                # bytes that a worker has taken and not handed out
    uint64_t begin
    uint64_t end


cdef inline uint64_t mix(uint64_t digest, uint64_t word) noexcept nogil:
    return multiply_fold(digest ^ word, <uint64_t>0x9FB21C651E98DF25) ^ digest >> 32 ^ digest << 32


cdef inline uint64_t hash_bytes(uint64_t digest, const void* data, uint64_t length) noexcept nogil:
    """Hash a multiple of 8 bytes: two independent chains of folded 128-bit products, then one of the two."""
    cdef const uint64_t* word = <const uint64_t*>data
    cdef const uint64_t* end = word + length // 8
    cdef uint64_t first = digest ^ <uint64_t>0xD6E8FEB86659FD93
    cdef uint64_t second = digest ^ length
    while end - word >= 4:
        first = multiply_fold(first ^ word[0], word[1] ^ <uint64_t>0xA0761D6478BD642F) ^ word[1]
        second = multiply_fold(second ^ word[2], word[3] ^ <uint64_t>0xE7037ED1A0B428DB) ^ word[3]
        word += 4
    while word < end:
        first = mix(first, word[0])
        word += 1
    return mix(first, second)


cdef inline uint64_t hash_slot(uint64_t digest, WorkerSlot* slot) noexcept nogil:
    """What the protocol reads of a slot. Its counters of executions and the like decide nothing."""
    cdef uint64_t words[8]
    cdef uint32_t index
    words[0] = slot.published
    words[1] = slot.chunk_tip
    words[2] = slot.chunk_end
    words[3] = slot.running
    words[4] = slot.live_reads if slot.live_read_count != 0 else 0
    words[5] = slot.live_read_count
    words[6] = slot.reads_are_final if slot.running != 0 else 0
    words[7] = slot.intent_count
    digest = hash_bytes(digest, words, sizeof(words))
    for index in range(slot.intent_count):
        digest = mix(digest, slot.intents[index])
    return digest


cdef inline uint32_t find_gaps(Local* local, Gap* gaps) noexcept nogil:
    """The parts of the arena that are taken and hold nothing yet, in their order; how many."""
    cdef uint32_t count = 0
    cdef uint32_t worker, place
    cdef WorkerSlot* slot
    for worker in range(local.header.worker_slots + 1):
        slot = slot_at(local, worker)
        if slot.chunk_end == 0:
            continue
        place = count
        while place > 0 and gaps[place - 1].begin > slot.chunk_tip:
            gaps[place] = gaps[place - 1]
            place -= 1
        gaps[place].begin = slot.chunk_tip
        gaps[place].end = slot.chunk_end
        count += 1
    return count


cdef inline uint64_t hash_shared(Local* local) noexcept nogil:
    """A hash of all that is shared. What is allocated and not yet written is zero (see Probe.clear)."""
    cdef Header* header = local.header
    cdef Gap gaps[WORKERS_MAX + 1]
    cdef uint8_t* rest = <uint8_t*>&header.done
    cdef uint64_t digest = hash_bytes(0, header.tables, sizeof(uint64_t) * HASH_TABLES_MAX)
    cdef uint64_t begin = header.block_begin
    cdef uint64_t end = header.bump if header.bump < header.limit_bytes else header.limit_bytes
    cdef uint32_t count = find_gaps(local, gaps)
    cdef uint32_t index
    digest = mix(digest, header.key_order)
    digest = hash_bytes(digest, rest, <uint64_t>(<uint8_t*>(header + 1) - rest))
    for index in range(header.worker_slots):
        digest = hash_slot(digest, slot_at(local, index))
    for index in range(count):
        digest = hash_bytes(digest, address(local, begin), gaps[index].begin - begin)
        begin = gaps[index].end
    return hash_bytes(digest, address(local, begin), end - begin)


cdef inline uint64_t hash_local(Local* local, uint32_t kind, uint64_t what) noexcept nogil:
    """A hash of all that a worker holds over at a clean point."""
    cdef uint64_t words[5]
    words[0] = local.worker
    words[1] = 0 if local.reads == NULL else <uint64_t>(<uint8_t*>local.reads - local.base)
    words[2] = local.read_capacity
    words[3] = kind
    words[4] = what
    return hash_bytes(hash_bytes(1, words, sizeof(words)), local.own, sizeof(local.own))
