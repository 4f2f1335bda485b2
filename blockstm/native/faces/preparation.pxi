# What is known of a block's transactions before it starts, laid out for its model.


cdef uint32_t known_location(Local* local, bytes key) except 0:
    cdef uint32_t location = find_or_insert(local, <const uint8_t*>key, <uint32_t>len(key))
    if location == 0:
        raise MemoryLimitError(memory_limit_message(local))
    return location


cdef uint64_t lay_out_numbers(Local* local, numbers) except 0:
    """The offset of these numbers, each of 32 bits."""
    cdef uint64_t offset = take_zeroed(local, (len(numbers) + 1) * sizeof(uint32_t))
    cdef Py_ssize_t place
    for place, number in enumerate(numbers):
        (<uint32_t*>address(local, offset))[place] = number
    return offset


cdef list located_accesses(Local* local, accesses):
    """The keys of one transaction by location, ascending, with how it accesses each."""
    cdef dict kinds = {}
    for kind, keys in zip((ACCESS_READ, ACCESS_WRITE, ACCESS_ADD), accesses):
        for key in keys:
            location = known_location(local, key)
            kinds[location] = kinds.get(location, 0) | kind
    return sorted(kinds.items())


cdef int lay_out_accesses(Local* local, Preparation* laid_out, accesses) except -1:
    """The accesses of all transactions, one after the other."""
    cdef list located = [located_accesses(local, each) for each in accesses]
    cdef uint32_t* begins
    cdef Access* access
    cdef uint32_t begin = 0
    if len(located) != local.header.txn_count:
        raise EngineError(f"a preparation tells the accesses of {len(located)} transactions, not of {local.header.txn_count}")
    laid_out.access_begins = take_zeroed(local, (local.header.txn_count + 1) * <uint64_t>sizeof(uint32_t))
    laid_out.accesses = take_zeroed(local, (sum(map(len, located)) + 1) * sizeof(Access))
    begins = <uint32_t*>address(local, laid_out.access_begins)
    access = <Access*>address(local, laid_out.accesses)
    for txn_idx, entries in enumerate(located):
        begins[txn_idx] = begin
        for location, kinds in entries:
            access[begin].location = location
            access[begin].kinds = kinds
            begin += 1
    begins[local.header.txn_count] = begin
    return 0


cdef int check_permutation(Local* local, numbers, str what) except -1:
    if sorted(numbers) != list(range(local.header.txn_count)):
        raise EngineError(f"a preparation's {what} does not name each transaction once")
    return 0


cdef int lay_out_preparation(Local* local, preparation) except -1:
    """Lay out a `blockstm.models.Preparation`, for a block that has been laid out."""
    cdef Header* header = local.header
    cdef uint64_t offset = take_zeroed(local, sizeof(Preparation))
    cdef Preparation* laid_out = <Preparation*>address(local, offset)
    if preparation.order is not None:
        check_permutation(local, preparation.order, "order")
        header.order = lay_out_numbers(local, preparation.order)
    if preparation.accesses is not None:
        lay_out_accesses(local, laid_out, preparation.accesses)
    if preparation.ranks is not None:
        check_permutation(local, preparation.ranks, "ranks")
        laid_out.ranks = lay_out_numbers(local, preparation.ranks)
    if preparation.lanes is not None:
        laid_out.lanes = lay_out_numbers(local, preparation.lanes)
        laid_out.lane_count = <uint32_t>(len(preparation.lanes) - 1)
    header.preparation = offset
    return 0
