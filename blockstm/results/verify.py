"""Compare what two runs of a block gave: the check behind ``--verify``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain, islice, zip_longest
from typing import TYPE_CHECKING

from blockstm.errors import UsageError
from blockstm.results.predicates import decode_predicates
from blockstm.results.receipts import STATUSES

if TYPE_CHECKING:
    from blockstm.native._core import Snapshot
    from blockstm.results.result import Result

__all__ = ["DIFFERENCES_MAX", "differences"]

DIFFERENCES_MAX = 10

# A value may be 64 KiB long; a message shows this much of it.
SHOWN_BYTES = 32


def differences(result: Result, reference: Result, limit: int = DIFFERENCES_MAX) -> list[str]:
    """Return where two runs differ, in messages of one line each; an empty list if they agree.

    Compared are the final state, every receipt (status, gas used, error, events; not the time of its commit)
    and every key and value that each final incarnation read, and every predicate that it asked. The messages take
    turns between state, receipts and reads, so that one kind does not crowd out the others.

    Arguments:
        result: the run in question.
        reference: the run that is right, usually the sequential one of the same block.
        limit: the most messages.
    """
    ours, theirs = result._snapshot, reference._snapshot
    if len(ours) != len(theirs):
        return [f"the block: {len(ours)} transactions instead of {len(theirs)}"]
    turns = zip_longest(
        state_differences(result, reference),
        receipt_differences(ours, theirs),
        read_differences(ours, theirs),
    )
    messages = (message for message in chain.from_iterable(turns) if message is not None)
    return list(islice(messages, limit))


def state_differences(result: Result, reference: Result) -> Iterator[str]:
    """Yield a message for each key whose final value differs, in the order of keys."""
    ours: Mapping[bytes, bytes | None]
    theirs: Mapping[bytes, bytes | None]
    try:
        ours, theirs = result.state, reference.state
    except UsageError:  # the source of the state cannot list it; both runs start from the same one
        ours, theirs = result.changes, reference.changes
    if ours == theirs:
        return
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            yield f"state: key {shown(key)} holds {shown(ours.get(key))} instead of {shown(theirs.get(key))}"


def receipt_differences(ours: Snapshot, theirs: Snapshot) -> Iterator[str]:
    """Yield a message for each field of a receipt that differs, in the preset order."""
    for txn_idx in range(len(ours)):
        if (mine := raw_receipt(ours, txn_idx)) == (other := raw_receipt(theirs, txn_idx)):
            continue
        place = f"transaction {txn_idx}"
        if mine[0] != other[0]:
            yield f"{place}: status is {STATUSES[mine[0]]} instead of {STATUSES[other[0]]}"
        if mine[1] != other[1]:
            yield f"{place}: gas_used is {mine[1]} instead of {other[1]}"
        if mine[2] != other[2]:
            yield f"{place}: error is {mine[2]!r} instead of {other[2]!r}"
        yield from event_differences(place, mine[3], other[3])


def raw_receipt(snapshot: Snapshot, txn_idx: int) -> tuple[int, int, str | None, list[bytes]]:
    """Read what counts of a receipt without making one."""
    return (
        snapshot.status(txn_idx),
        snapshot.gas_used(txn_idx),
        snapshot.error(txn_idx),
        snapshot.events(txn_idx),
    )


def event_differences(place: str, ours: list[bytes], theirs: list[bytes]) -> Iterator[str]:
    """Yield a message for a different number of events, else for each event that differs."""
    if len(ours) != len(theirs):
        yield f"{place}: {len(ours)} events instead of {len(theirs)}"
        return
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        if mine != other:
            yield f"{place}: event {number} is {shown(mine)} instead of {shown(other)}"


def read_differences(ours: Snapshot, theirs: Snapshot) -> Iterator[str]:
    """Yield a message for the first read of each transaction that differs; later ones follow from it."""
    for txn_idx in range(len(ours)):
        if (mine := ours.reads(txn_idx)) != (other := theirs.reads(txn_idx)):
            yield f"transaction {txn_idx}: {first_read_difference(mine, other)}"
        elif (asked := ours.predicates(txn_idx)) != (other_asked := theirs.predicates(txn_idx)):
            yield f"transaction {txn_idx}: {first_predicate_difference(asked, other_asked)}"


def first_predicate_difference(ours: list[tuple[bytes, bytes]], theirs: list[tuple[bytes, bytes]]) -> str:
    """Describe the first place where two unequal lists of predicates part."""
    decoded = zip(decode_predicates(ours), decode_predicates(theirs), strict=False)
    for number, (mine, other) in enumerate(decoded):
        if mine != other:
            return f"predicate {number} is {mine} instead of {other}"
    return f"{len(ours)} predicates instead of {len(theirs)}"


def first_read_difference(
    ours: list[tuple[bytes, bytes | None]], theirs: list[tuple[bytes, bytes | None]]
) -> str:
    """Describe the first place where two unequal lists of reads part."""
    for number, ((my_key, mine), (other_key, other)) in enumerate(zip(ours, theirs, strict=False)):
        if my_key != other_key:
            return f"read {number} is of key {shown(my_key)} instead of key {shown(other_key)}"
        if mine != other:
            return f"read {number}, of key {shown(my_key)}, saw {shown(mine)} instead of {shown(other)}"
    return f"{len(ours)} reads instead of {len(theirs)}"


def shown(data: bytes | None) -> str:
    """Write bytes as hex, long ones shortened; None is ``nothing``."""
    if data is None:
        return "nothing"
    if len(data) <= 2 * SHOWN_BYTES:
        return f"0x{data.hex()}"
    return f"0x{data[:SHOWN_BYTES].hex()}... ({len(data)} bytes)"
