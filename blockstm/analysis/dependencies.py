"""The dependencies between the transactions of a block, from what they read, wrote and added."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

__all__ = ["Accesses", "dependencies"]


class Accesses(Protocol):
    """The keys that a transaction accessed, such as `NetAccesses` has."""

    @property
    def reads(self) -> Iterable[bytes]:
        """Those that it read."""

    @property
    def writes(self) -> Iterable[bytes]:
        """Those that it wrote or deleted."""

    @property
    def adds(self) -> Iterable[bytes]:
        """Those that it added to without reading."""


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
