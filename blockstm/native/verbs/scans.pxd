"""Scans: which keys of a range have values, in the order of their bytes.

What is found is a predicate (see versions/ranges): to read the values is another matter. A scan waits at an ESTIMATE,
as a read does.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from blockstm.native.instruments.virtual_time cimport charge_scan
from blockstm.native.memory.allocation cimport allocate
from blockstm.native.memory.buffers cimport reserve
from blockstm.native.memory.layout cimport (
    READ_SCAN, SCAN_FOUND, SCAN_OWN, SCAN_OWN_ABSENT, Scan, ScanKey, WORD_DELETE,
)
from blockstm.native.memory.local cimport Local, Touched, address
from blockstm.native.verbs.model cimport ADDS_SCANNED, model_of
from blockstm.native.verbs.reads cimport append_read, is_answer
from blockstm.native.verbs.touched cimport GIVE_UP, OK, pending, touched_already
from blockstm.native.versions.key_order cimport first_from, next_in_order, order_node
from blockstm.native.versions.key_table cimport order_keys
from blockstm.native.versions.multi_version cimport Found, found_is_present
from blockstm.native.versions.ranges cimport is_before_end, scan_keys


cdef inline bint note_scanned(Local* local, uint32_t location, uint32_t kind) noexcept nogil:
    """Put a key on the list of the scan that is under way; False (and the block failed) without memory."""
    cdef ScanKey key
    if not reserve(local, &local.scanned, local.scanned.length + sizeof(ScanKey)):
        return False
    key.location = location
    key.kind = kind
    memcpy(local.scanned.data + local.scanned.length, &key, sizeof(ScanKey))
    local.scanned.length += sizeof(ScanKey)
    return True


cdef inline int look_at_key(Local* local, uint32_t location, bint* present) noexcept nogil:
    """Whether a key has a value for the running transaction; it is listed where that matters for the scan."""
    cdef const Touched* touched = touched_already(local, location)
    cdef Found found
    if touched != NULL and touched.write_index >= 0:
        present[0] = pending(local, touched.write_index).kind != WORD_DELETE
        return OK if note_scanned(local, location, SCAN_OWN if present[0] else SCAN_OWN_ABSENT) else GIVE_UP
    model_of(local).find(local, location, ADDS_SCANNED, &found)
    if not is_answer(local, location, &found):
        return GIVE_UP
    present[0] = found_is_present(&found)
    if not present[0]:
        return OK
    return OK if note_scanned(local, location, SCAN_FOUND) else GIVE_UP


cdef inline int record_scan(Local* local, Scan* scan) noexcept nogil:
    """Put a finished scan into the read set, with the keys that it has listed."""
    cdef uint64_t offset = allocate(local, sizeof(Scan) + local.scanned.length)
    if offset == 0:
        return GIVE_UP
    scan.count = <uint32_t>(local.scanned.length // sizeof(ScanKey))
    memcpy(address(local, offset), scan, sizeof(Scan))
    if local.scanned.length != 0:
        memcpy(scan_keys(<Scan*>address(local, offset)), local.scanned.data, local.scanned.length)
    return OK if append_read(local, 0, READ_SCAN, offset) else GIVE_UP


cdef inline int scan_range(Local* local, Scan* scan, uint32_t limit, uint32_t* keys, uint32_t* count) noexcept nogil:
    """Find up to `limit` keys of a range that have values, and record what was found."""
    cdef uint32_t node, location
    cdef bint present = False
    if not model_of(local).may_scan(local) or not order_keys(local, &scan.range):
        return GIVE_UP
    charge_scan(local)
    local.scanned.length = 0
    node = first_from(local, scan.range.start, scan.range.start_bytes)
    while node != 0 and scan.last == 0:
        location = order_node(local, node).location
        if not is_before_end(local, location, &scan.range):
            break
        if look_at_key(local, location, &present) != OK:
            return GIVE_UP
        if present:
            keys[count[0]] = location
            count[0] += 1
            if count[0] == limit:
                scan.last = location
        node = next_in_order(local, node)
    return record_scan(local, scan)
