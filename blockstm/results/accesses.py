"""What each transaction of a block that was run read, changed and added in the end.

docs/reference/access-trace.md says what counts as a write and as an add. None of it depends on how the block was
run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from blockstm.blocks.block import Block
from blockstm.errors import UsageError
from blockstm.results.predicates import Predicate, Scanned
from blockstm.results.result import Result

__all__ = ["NetAccesses", "net_accesses"]

_FOREIGN_RESULT: Final = "the result is not that of this block; give the block that was executed"


@dataclass(frozen=True, slots=True)
class NetAccesses:
    """What a transaction read, and what it changed in the end.

    Arguments:
        reads: the keys that it read from below, in the order first read, then those of which it only asked
            something (see Result.predicates): of a scan those that it found, and those that an earlier
            transaction of the block has deleted where it looked.
        writes: the keys that hold something else after it than before.
        adds: by key that it added to without reading it, the magnitude of what it added.
    """

    reads: list[bytes]
    writes: list[bytes]
    adds: dict[bytes, int]


def net_accesses(block: Block, result: Result) -> Iterator[NetAccesses]:
    """Yield the accesses of each transaction, in the preset order; they are the same however the block was run.

    Arguments:
        block: the block.
        result: what came of it.

    Raises:
        UsageError: the result is not that of the block.
    """
    if len(result) != len(block):
        raise UsageError(_FOREIGN_RESULT)
    state = dict(block.state)
    deleted: set[bytes] = set()
    for txn_idx in range(len(block)):
        keys = [key for key, _ in result.reads(txn_idx)]
        asked = chain.from_iterable(_asked(each, deleted) for each in result.predicates(txn_idx))
        reads = list(dict.fromkeys([*keys, *asked]))
        writes, adds = _changes(state, result, txn_idx, set(reads))
        for key in chain(writes, adds):
            (deleted.discard if key in state else deleted.add)(key)
        yield NetAccesses(reads, writes, adds)
    if state != result.state:
        raise UsageError(_FOREIGN_RESULT)


def _asked(predicate: Predicate, deleted: set[bytes]) -> list[bytes]:
    """Return the keys that an answer depends on, given those that the block has deleted so far."""
    if not isinstance(predicate, Scanned):
        return [predicate.key]
    return sorted({*predicate.keys, *filter(predicate.covers, deleted)})


def _changes(
    state: dict[bytes, bytes], result: Result, txn_idx: int, reads: set[bytes]
) -> tuple[list[bytes], dict[bytes, int]]:
    """Carry the state over a transaction; return the keys that it changed, and amounts by key that it added.

    Raises:
        UsageError: it cannot have had this state below.
    """
    writes: list[bytes] = []
    adds: dict[bytes, int] = {}
    for key, value in result.writes(txn_idx):
        if value != state.get(key):
            writes.append(key)
        if value is None:
            state.pop(key, None)
        else:
            state[key] = value
    for key, delta in result.adds(txn_idx):
        before = state.get(key)
        number = int.from_bytes(before or b"", "big") + delta
        if number < 0:
            raise UsageError(_FOREIGN_RESULT)
        state[key] = number.to_bytes((number.bit_length() + 7) // 8, "big")
        if key not in reads:
            if delta != 0:
                adds[key] = abs(delta)
        elif state[key] != before:
            writes.append(key)
    return writes, adds
