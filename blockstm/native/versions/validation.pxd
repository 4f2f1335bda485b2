"""Validation: would the transaction read now what it has read?"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from blockstm.native.memory.atomics cimport unlikely_true
from blockstm.native.memory.layout cimport (
    Bounds, Number, READ_ABSENT, READ_CHECKED_OUTSIDE, READ_CHECKED_WITHIN, READ_OUTSIDE, READ_PRESENT, READ_SUM,
    READ_SCAN, READ_WITHIN, Read, Record, WORD_VALUE,
)
from blockstm.native.memory.local cimport Local, STEP_VALIDATE, address, location_at, step
from blockstm.native.versions.multi_version cimport (
    BASE_TXN, FOUND_ABSENT, FOUND_BROKEN, FOUND_ESTIMATE, FOUND_SUM, FOUND_UNKNOWN, FOUND_VALUE, Found, find,
    found_is_present, found_number, newest_below, record_bytes, record_of, word_kind, word_txn,
)
from blockstm.native.instruments.mutants cimport (
    MUTANT_CHECK_NOT_REPEATED, MUTANT_EXISTENCE_NOT_REPEATED, MUTANT_VALUES_COMPARED, mutant,
)
from blockstm.native.versions.ranges cimport changed_in_range
from blockstm.native.memory.number cimport number_encode, number_is_within
from blockstm.native.instruments.timeline cimport (
    CAUSE_ESTIMATE, CAUSE_GONE, CAUSE_NONE, CAUSE_VERSION, pack_cause,
)


cdef inline bint same_sum(Local* local, const Read* read, const Found* found) noexcept nogil:
    """Whether the adds below still come to the number that was read.

    Adds are compared by what they come to, since the collector turns each into a plain value as it
    commits; an ESTIMATE among them has been ruled out by find().
    """
    cdef uint8_t digits[32]
    cdef Record* seen = record_of(local, read.word)
    cdef Record* now
    if found.kind == FOUND_SUM:
        return number_encode(&found.sum, digits) == seen.length and memcmp(
            digits, record_bytes(seen), seen.length
        ) == 0
    if found.kind != FOUND_VALUE:
        return False
    now = record_of(local, found.word)
    return now.length == seen.length and memcmp(record_bytes(now), record_bytes(seen), seen.length) == 0


cdef inline bint same_value(Local* local, const Read* read, const Found* found) noexcept nogil:
    """What a validation by value would ask (see mutants): whether another version holds the same bytes."""
    cdef Record* seen = record_of(local, read.word)
    cdef Record* now = record_of(local, found.word)
    if found.kind != FOUND_VALUE or word_kind(read.word) != WORD_VALUE:
        return False
    return now.length == seen.length and memcmp(record_bytes(now), record_bytes(seen), seen.length) == 0


cdef inline bint is_of_block(uint64_t word) noexcept nogil:
    """Whether a transaction of the block wrote that version."""
    return word != 0 and word_txn(word) != BASE_TXN


cdef inline uint32_t cause_of(Local* local, uint32_t txn_idx, const Read* read, const Found* found) noexcept nogil:
    """Why a read is stale, and which transaction caused that: the highest below whose version it concerns.

    An ESTIMATE is its writer's. Else, of the version read and the one that is there now, it is the higher one's: a
    higher one has come; or the one read is of a higher one, and has gone. Where adds have come onto a version that
    was read, all of them are new, and the newest stands for them. Which of the adds of a sum has changed, or which
    version a check has seen, the read set does not tell. For the timeline only: nothing depends on it.
    """
    cdef uint64_t now = found.word
    if found.kind == FOUND_ESTIMATE:
        return pack_cause(CAUSE_ESTIMATE, found.blocker)
    if read.kind == READ_SUM or is_check(read):
        return CAUSE_NONE
    if found.kind != FOUND_VALUE and found.kind != FOUND_ABSENT:
        now = newest_below(local, location_at(local, read.location), txn_idx)
    if is_of_block(read.word) and (not is_of_block(now) or word_txn(now) < word_txn(read.word)):
        return pack_cause(CAUSE_GONE, word_txn(read.word))
    return pack_cause(CAUSE_VERSION, word_txn(now)) if is_of_block(now) else CAUSE_NONE


cdef inline bint is_version(const Found* found) noexcept nogil:
    """Whether what was found is one version, which its word names."""
    return found.kind == FOUND_VALUE or found.kind == FOUND_ABSENT or found.kind == FOUND_BROKEN


cdef inline bint is_check(const Read* read) noexcept nogil:
    return read.kind == READ_CHECKED_WITHIN or read.kind == READ_CHECKED_OUTSIDE


cdef inline bint is_existence(const Read* read) noexcept nogil:
    return read.kind == READ_PRESENT or read.kind == READ_ABSENT


cdef inline bint check_is_same(Local* local, const Read* read, const Found* found) noexcept nogil:
    """Whether a number that was found lies within the bounds of a check, or outside, as the program was told."""
    cdef Number number
    cdef bint within = found_number(local, found, &number) and number_is_within(
        &number, <const Bounds*>address(local, read.word)
    )
    return within == (read.kind == READ_CHECKED_WITHIN)


cdef inline bint tells_the_same(Local* local, const Read* read, const Found* found) noexcept nogil:
    """Whether a read, or a predicate, would be answered now as it was, by what was found."""
    if found.kind == FOUND_ESTIMATE or found.kind == FOUND_UNKNOWN:
        return False
    if is_existence(read):
        if mutant(local, MUTANT_EXISTENCE_NOT_REPEATED):
            return True
        return found.kind != FOUND_BROKEN and found_is_present(found) == (read.kind == READ_PRESENT)
    if is_check(read):
        if mutant(local, MUTANT_CHECK_NOT_REPEATED):
            return True
        return found.kind != FOUND_BROKEN and check_is_same(local, read, found)
    if read.kind == READ_SUM:
        return same_sum(local, read, found)
    if is_version(found) and found.word == read.word:
        return True
    return mutant(local, MUTANT_VALUES_COMPARED) and same_value(local, read, found)


cdef inline uint32_t cause_in_range(
    Local* local, uint32_t txn_idx, uint32_t location, const Found* found
) noexcept nogil:
    """Why a scan is stale: as cause_of, but which version of that key the scan has seen the read set does not tell."""
    cdef uint64_t now
    if found.kind == FOUND_ESTIMATE:
        return pack_cause(CAUSE_ESTIMATE, found.blocker)
    now = newest_below(local, location_at(local, location), txn_idx)
    return pack_cause(CAUSE_VERSION, word_txn(now)) if is_of_block(now) else CAUSE_NONE


cdef inline bint scan_is_same(Local* local, uint32_t txn_idx, const Read* read, uint32_t* cause) noexcept nogil:
    """Whether a scan would find the same keys now; else `cause` says why."""
    cdef Found found
    cdef uint32_t changed = changed_in_range(local, txn_idx, read, &found)
    if changed != 0:
        cause[0] = cause_in_range(local, txn_idx, changed, &found)
    return changed == 0


cdef inline bint read_set_is_valid(
    Local* local, uint32_t txn_idx, const Read* reads, uint32_t count, uint32_t* cause
) noexcept nogil:
    """Whether each key still holds the version read, and none is an ESTIMATE; else `cause` says why (see cause_of).

    Versions are compared, never values: an equal value by another incarnation may be about to change. Predicates are
    asked again, and compared by their answers: whatever changes one by a publication, an abort or a tombstone moves the
    validation index back, as for a read.
    What the source has not been asked for, no transaction has read: so where only that is left, the read is stale.
    Checks of adds (READ_WITHIN, READ_OUTSIDE) are the collector's, when all below is final.
    """
    cdef Found found
    cdef uint32_t index
    for index in range(count):
        if reads[index].kind == READ_WITHIN or reads[index].kind == READ_OUTSIDE:
            continue
        if reads[index].kind == READ_SCAN:
            if not scan_is_same(local, txn_idx, reads + index, cause):
                return False
            continue
        step(local, STEP_VALIDATE, reads[index].location)
        find(local, reads[index].location, txn_idx, 0 if is_existence(reads + index) else 0xFFFFFFFF, &found)
        if not tells_the_same(local, reads + index, &found):
            cause[0] = cause_of(local, txn_idx, reads + index, &found)
            return False
    return True


cdef enum:
    SUMS_KEPT = 8

cdef struct Sums:               # numbers below a transaction, by location, as they were found while checking its adds
    uint32_t count
    uint32_t locations[SUMS_KEPT]
    Number numbers[SUMS_KEPT]


cdef inline bint known_sum(const Sums* sums, uint32_t location, Number* out) noexcept nogil:
    """The number at a location, where it was kept."""
    cdef uint32_t index
    for index in range(sums.count):
        if sums.locations[index] == location:
            out[0] = sums.numbers[index]
            return True
    return False


cdef inline bint check_holds(Local* local, uint32_t txn_idx, const Read* read, Sums* sums) noexcept nogil:
    """Whether what is below an add still lies where the program was told. All below is final, so what is kept in `sums`
    (NULL: nothing) stays so.

    Where only the source could tell, and this worker cannot ask it, that is not known: it does as far as can be seen
    (see commit_next). Where the source cannot tell, the program must be run again, to find out.
    """
    cdef Found found
    cdef Number number
    cdef bint within
    find(local, read.location, txn_idx, 0xFFFFFFFF, &found)
    if unlikely_true(found.kind == FOUND_UNKNOWN or found.kind == FOUND_BROKEN):
        return found.kind == FOUND_UNKNOWN and local.ask_source == NULL
    within = found_number(local, &found, &number)
    if within and sums != NULL and sums.count < SUMS_KEPT:
        sums.locations[sums.count] = read.location
        sums.numbers[sums.count] = number
        sums.count += 1
    within = within and number_is_within(&number, <const Bounds*>address(local, read.word))
    return within == (read.kind == READ_WITHIN)


cdef inline const Read* wrong_check(
    Local* local, uint32_t txn_idx, const Read* reads, uint32_t count, Sums* sums
) noexcept nogil:
    """The first thing that the program was told about its adds and that is not so; NULL for none.

    Asked when all below is final. For `sums` see check_holds.
    """
    cdef uint32_t index
    for index in range(count):
        if (reads[index].kind == READ_WITHIN or reads[index].kind == READ_OUTSIDE) and not check_holds(
            local, txn_idx, reads + index, sums
        ):
            return reads + index
    return NULL
