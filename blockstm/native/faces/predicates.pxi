# What transactions asked about keys without reading their values, as bytes that results/predicates.py decodes.


cdef bint is_value_read(const Read* read) noexcept:
    return read.kind == READ_VERSION or read.kind == READ_SUM


cdef bint is_predicate(const Read* read) noexcept:
    """Of what a transaction was told, what is neither a value nor a guess about an add."""
    return (
        read.kind == READ_PRESENT or read.kind == READ_ABSENT
        or read.kind == READ_CHECKED_WITHIN or read.kind == READ_CHECKED_OUTSIDE or read.kind == READ_SCAN
    )


cdef bytes counted(bytes key):
    """A key after its length, a byte."""
    return bytes([len(key)]) + key


cdef bytes encoded_scan(Local* local, const Read* read):
    """The start, the end if there is one, the key that it ended with if it was the last wanted, and those found."""
    cdef Scan* scan = scan_of(local, read)
    cdef const ScanKey* keys = scan_keys(scan)
    cdef uint32_t place
    cdef const KeyRange* wanted = &scan.range
    end = (
        b"" if wanted.end_bytes == SCAN_NO_END
        else PyBytes_FromStringAndSize(<const char*>wanted.end, wanted.end_bytes)
    )
    parts = [
        b"s", bytes([wanted.end_bytes != SCAN_NO_END, scan.last != 0]),
        counted(PyBytes_FromStringAndSize(<const char*>wanted.start, wanted.start_bytes)), counted(end),
        counted(key_at(local, scan.last) if scan.last != 0 else b""),
    ]
    for place in range(scan.count):
        if keys[place].kind == SCAN_FOUND:
            parts.append(counted(key_at(local, keys[place].location)))
    return b"".join(parts)


cdef bytes encoded_predicate(Local* local, const Read* read):
    """A letter for what was asked, and the answer; of a check its bounds follow, 32 bytes each, big-endian.

    A scan is about no single key (see predicate_key), and encodes itself.
    """
    cdef const Bounds* bounds
    if read.kind == READ_PRESENT:
        return b"e1"
    if read.kind == READ_ABSENT:
        return b"e0"
    if read.kind == READ_SCAN:
        return encoded_scan(local, read)
    bounds = <const Bounds*>address(local, read.word)
    answer = b"c1" if read.kind == READ_CHECKED_WITHIN else b"c0"
    return answer + b"".join(
        number.to_bytes(32, "big") for number in (number_to_object(&bounds.minimum), number_to_object(&bounds.maximum))
    )


cdef bytes predicate_key(Local* local, const Read* read):
    """The key that a predicate is about; of a scan no bytes."""
    return b"" if read.kind == READ_SCAN else key_at(local, read.location)
