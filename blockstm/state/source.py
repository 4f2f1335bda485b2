"""Sources of state: what keys hold before a block, asked for when a transaction first touches one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

__all__ = ["MappingSource", "StateSource"]


@runtime_checkable
class StateSource(Protocol):
    """What tells the value of a key before a block: any object with this method.

    It is pickled to each worker process. That asks its own copy, from one thread, when a transaction touches a key
    that nobody has asked for yet; two workers may ask for one key at the same time, and the answer that comes first
    counts. Speculative executions ask, too: for keys that no transaction comes to touch. During a block the source
    must give the same answer for the same key in every process. A source that is pickled to the same bytes as the
    last block's stays in the workers as it is, with whatever it keeps open.

    Where an execution that counts touches a key for which the source raises, or answers something other than None
    or bytes of up to 64 KiB, the block fails with StateSourceError.

    A source that has a method `items()`, as a dict has, is able to list what it holds: then results tell the whole
    state after the block (`Result.state`), and else only what the block has changed in it (`Result.changes`).
    """

    def get(self, key: bytes, /) -> bytes | None:
        """Return what the key holds, at most 64 KiB; None where it is absent."""


class MappingSource:
    """A mapping as a source: of a large one only the keys that transactions touch are laid out in shared memory.

    A plain mapping given to a Block is laid out there whole, which is faster where most of it is touched.

    Arguments:
        values: values by key. It is neither copied nor checked; it must not change while blocks refer to it.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        """Refer to the mapping."""
        self._values = values

    def get(self, key: bytes, /) -> bytes | None:
        """Return what the key holds; None where it is absent."""
        return self._values.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Go through all keys and values."""
        return self._values.items()

    def __eq__(self, other: object) -> bool:
        """Two are equal when their mappings are."""
        return self._values == other._values if isinstance(other, MappingSource) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle a dict, whatever the mapping is."""
        return MappingSource, (dict(self._values),)

    def __repr__(self) -> str:
        """Say how many keys there are."""
        return f"<MappingSource of {len(self._values)} keys>"
