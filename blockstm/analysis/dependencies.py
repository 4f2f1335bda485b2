"""The dependencies between the transactions of a block, from what they read, wrote and added."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from blockstm.block import Block
from blockstm.programs import trace

__all__ = ["Accesses", "accesses_of", "dependencies"]


@dataclass(frozen=True, slots=True)
class Accesses:
    """The keys that a transaction accessed.

    Arguments:
        reads: those that it read.
        writes: those that it wrote or deleted.
        adds: those that it added to without reading.
    """

    reads: Collection[bytes]
    writes: Collection[bytes]
    adds: Collection[bytes]


def accesses_of(block: Block) -> list[Accesses]:
    """Return the accesses of a block of `trace` transactions, which say them in their arguments."""
    accesses = []
    for transaction in block.transactions:
        assert transaction.program is trace, "only a transaction of the program trace says what it accesses"
        reads, writes, adds = transaction.arguments[:3]
        accesses.append(Accesses(reads, writes, adds))  # type: ignore[arg-type]
    return accesses


def dependencies(accesses: Iterable[Accesses]) -> list[set[int]]:
    """Return for each transaction, in the preset order, the earlier ones that it must wait for.

    Who reads a key waits for its last writer, and for all who have added to it since then. Writers do not wait for
    earlier writers, as each has a version of its own, and adds do not wait at all.
    """
    last_writer: dict[bytes, int] = {}
    adders: dict[bytes, list[int]] = {}
    waits: list[set[int]] = []
    for txn_idx, access in enumerate(accesses):
        waits_for: set[int] = set()
        for key in access.reads:
            if key in last_writer:
                waits_for.add(last_writer[key])
            waits_for.update(adders.get(key, ()))
        waits.append(waits_for)
        for key in access.writes:
            last_writer[key] = txn_idx
            adders.pop(key, None)
        for key in access.adds:
            adders.setdefault(key, []).append(txn_idx)
    return waits
