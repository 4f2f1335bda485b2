"""The keys that the running transaction has touched, and its pending writes: private memory of one worker."""

from libc.stdint cimport int32_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memmove, memset

from blockstm.native.memory.atomics cimport copy_small, unlikely_true
from blockstm.native.memory.layout cimport FAILURE_MEMORY_LIMIT
from blockstm.native.memory.buffers cimport reserve, reserve_in_place
from blockstm.native.memory.local cimport Bytes, Local, NOT_READ, PendingWrite, Touched, Undo, fail_block

# What a verb returns.
cdef enum:
    OK = 0
    GIVE_UP = 1                 # the incarnation is given up, or its outcome is decided: return at once
    OUT_OF_BOUNDS = 2           # add: refused, nothing changed; check: what the key holds is not within the bounds
    ABSENT = 3                  # exists: the key has no value


cdef inline bint grow_touched(Local* local) noexcept nogil:
    """Double the table of touched keys; False (and the block failed) without memory."""
    cdef uint32_t mask = local.touched_mask * 2 + 1
    cdef Touched* table = <Touched*>calloc(mask + 1, sizeof(Touched))
    cdef uint32_t old, place
    if table == NULL:
        fail_block(local, FAILURE_MEMORY_LIMIT)
        return False
    for old in range(local.touched_mask + 1):
        if local.touched[old].epoch == local.touched_epoch:
            place = (local.touched[old].location * <uint32_t>0x9E3779B1) >> 7
            while table[place & mask].epoch == local.touched_epoch:
                place += 1
            table[place & mask] = local.touched[old]
    free(local.touched)
    local.touched = table
    local.touched_mask = mask
    return True


cdef inline Touched* touch(Local* local, uint32_t location) noexcept nogil:
    """What the running transaction has done to a key so far; NULL without memory.

    It is good until the next call for another key, which may move the table.
    """
    cdef uint32_t place
    cdef Touched* touched
    if local.touched_count * 2 > local.touched_mask and not grow_touched(local):
        return NULL
    place = (location * <uint32_t>0x9E3779B1) >> 7
    while True:
        touched = local.touched + (place & local.touched_mask)
        if touched.epoch != local.touched_epoch:
            touched.epoch = local.touched_epoch
            touched.location = location
            touched.read_index = NOT_READ
            touched.write_index = -1
            touched.place = 0
            local.touched_count += 1
            return touched
        if touched.location == location:
            return touched
        place += 1


cdef inline Touched* touched_already(Local* local, uint32_t location) noexcept nogil:
    """What the running transaction has done to a key so far; NULL for nothing. Good until the next call of `touch`."""
    cdef uint32_t place = (location * <uint32_t>0x9E3779B1) >> 7
    cdef Touched* touched
    while True:
        touched = local.touched + (place & local.touched_mask)
        if touched.epoch != local.touched_epoch:
            return NULL
        if touched.location == location:
            return touched
        place += 1


cdef inline PendingWrite* pending(Local* local, int32_t index) noexcept nogil:
    return <PendingWrite*>local.writes.data + index


cdef inline bint make_room(Local* local, Bytes* buffer, uint64_t length, const uint8_t** data) noexcept nogil:
    """Room for `length` bytes more; False (and the block failed) without memory.

    Invariant: `data` points to the same bytes as before, which may lie in the buffer itself (a reason that is made of
    the last one does): where the buffer moves, so does the pointer.
    """
    cdef uint8_t* before = buffer.data
    cdef bint inside = before != NULL and before <= data[0] and data[0] < before + buffer.capacity
    if not reserve(local, buffer, buffer.length + length):
        return False
    if inside:
        data[0] = buffer.data + (data[0] - before)
    return True


cdef inline bint append(Local* local, Bytes* buffer, const void* data, uint64_t length) noexcept nogil:
    """Append bytes, which may lie in the buffer itself; False (and the block failed) without memory."""
    cdef const uint8_t* source = <const uint8_t*>data
    cdef uint8_t* end
    if not make_room(local, buffer, length, &source):
        return False
    end = buffer.data + buffer.length
    if unlikely_true(source < end + length and end < source + length):
        memmove(end, source, length)    # a reason that is made of the last one
    elif length != 0:
        copy_small(end, source, length)
    buffer.length += length
    return True


cdef inline bint remember(Local* local, Touched* touched, bint created) noexcept nogil:
    """Note how to take back a change, where a savepoint is open."""
    cdef Undo undo
    if local.depth == 0:
        return True
    memset(&undo, 0, sizeof(Undo))
    undo.touched = touched.location
    undo.created = created
    undo.write_index = <uint32_t>touched.write_index
    if not created:
        undo.before = pending(local, touched.write_index)[0]
    return append(local, &local.undo, &undo, sizeof(Undo))


cdef inline int put(
    Local* local, Touched* touched, uint32_t kind, const uint8_t* data, uint32_t length, uint32_t negative
) noexcept nogil:
    """Replace the transaction's pending write of a key by `data`, which may be what ctx_read has handed out.

    Invariant: what the write held before, and every value that was read, stays readable where it is until the
    incarnation ends: the scratch buffer is appended to only, and kept where it is when it grows.
    """
    cdef PendingWrite* write
    cdef bint created = touched.write_index < 0
    if created:
        if not reserve(local, &local.writes, (local.write_count + 1) * sizeof(PendingWrite)):
            return GIVE_UP
        touched.write_index = <int32_t>local.write_count
        local.write_count += 1
    if not remember(local, touched, created):
        return GIVE_UP
    write = pending(local, touched.write_index)
    write.location = touched.location
    write.kind = kind
    write.length = length
    write.negative = negative
    write.data = local.scratch.length
    if not reserve_in_place(local, &local.scratch, local.scratch.length + length):
        return GIVE_UP
    if length != 0:
        copy_small(local.scratch.data + local.scratch.length, data, length)
    local.scratch.length += length
    return OK
