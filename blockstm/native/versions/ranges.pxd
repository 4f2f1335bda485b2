"""Ranges of keys: what a scan has found, and whether a scan would find the same now.

A scan is a predicate about all keys of a range: which of them have values. A key that gets its first value there, or
loses its value, is another answer; a new value is none. Keys that the scanning transaction had written, deleted or
added to itself are left out: what is below them made no difference.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from blockstm.native.memory.layout cimport KeyRange, Read, SCAN_FOUND, SCAN_NO_END, Scan, ScanKey
from blockstm.native.memory.local cimport Local, STEP_VALIDATE, address, step
from blockstm.native.instruments.mutants cimport MUTANT_PHANTOM_UNNOTICED, mutant
from blockstm.native.versions.key_order cimport first_from, location_is_before, next_in_order, order_node
from blockstm.native.versions.multi_version cimport (
    FOUND_BROKEN, FOUND_ESTIMATE, FOUND_UNKNOWN, Found, find, found_is_present,
)


cdef inline ScanKey* scan_keys(Scan* scan) noexcept nogil:
    return <ScanKey*>(<uint8_t*>scan + sizeof(Scan))


cdef inline Scan* scan_of(Local* local, const Read* read) noexcept nogil:
    """What a READ_SCAN stands for."""
    return <Scan*>address(local, read.word)


cdef inline bint is_before_end(Local* local, uint32_t location, const KeyRange* keys) noexcept nogil:
    return keys.end_bytes == SCAN_NO_END or location_is_before(local, location, keys.end, keys.end_bytes)


cdef inline bint is_still(
    Local* local, uint32_t txn_idx, uint32_t location, bint expected, Found* found
) noexcept nogil:
    """Whether a key has, or has not, a value below a transaction, as it had."""
    step(local, STEP_VALIDATE, location)
    find(local, location, txn_idx, 0, found)
    if found.kind == FOUND_ESTIMATE or found.kind == FOUND_UNKNOWN or found.kind == FOUND_BROKEN:
        return False
    if not expected and mutant(local, MUTANT_PHANTOM_UNNOTICED):
        return True
    return found_is_present(found) == expected


cdef inline uint32_t changed_in_range(Local* local, uint32_t txn_idx, const Read* read, Found* found) noexcept nogil:
    """The first key that would make a scan come to something else now; 0 for none. `found` is what it holds.

    Goes no further than the scan has gone: one that has found as many keys as it wanted ended with the last of them.
    """
    cdef Scan* scan = scan_of(local, read)
    cdef const ScanKey* key = scan_keys(scan)
    cdef const ScanKey* end = key + scan.count
    cdef uint32_t node = first_from(local, scan.range.start, scan.range.start_bytes)
    cdef uint32_t location
    cdef bint is_listed
    while node != 0:
        location = order_node(local, node).location
        if not is_before_end(local, location, &scan.range):
            break
        is_listed = key < end and key.location == location
        if not (is_listed and key.kind != SCAN_FOUND) and not is_still(local, txn_idx, location, is_listed, found):
            return location
        key += is_listed
        if location == scan.last:
            break
        node = next_in_order(local, node)
    return 0
