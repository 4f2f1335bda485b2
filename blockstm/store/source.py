"""A store as what blocks and trees ask: the values of its state, the nodes of its tree."""

from __future__ import annotations

from typing import Final

from blockstm.errors import shown_path
from blockstm.store.environment import Environment, environment_at

__all__ = ["KEY_PREFIX", "StoreSource", "StoredNodes", "key_stored", "value_of", "value_stored"]

KEY_PREFIX: Final = b"k"
"""Stands before each key of the state: one may be empty, which LMDB's cannot."""
_PRESENT: Final = b"\x01"
_ABSENT: Final = b"\x00"
"""A key that a block has deleted; of one that is not there at all, no block has said anything."""


def key_stored(key: bytes) -> bytes:
    """Return what a key of the state is in the store."""
    return KEY_PREFIX + key


def value_stored(value: bytes | None) -> bytes:
    """Return what a value is in the store; None: the key is absent."""
    return _ABSENT if value is None else _PRESENT + value


def value_of(stored: bytes | None) -> bytes | None:
    """Return the value that stands in the store; None where the key is absent, or nothing stands there."""
    return None if stored is None or stored == _ABSENT else stored[1:]


class _Opened:
    """A store that is opened when it is first asked, in each process that this is pickled to.

    It is pickled as its path: for each block that is the same, so workers keep what they have open.
    """

    __slots__ = ("_environment", "_path")

    def __init__(self, path: str) -> None:
        """Refer to the store."""
        self._path = path
        self._environment: Environment | None = None

    def _open(self) -> Environment:
        if self._environment is None:
            self._environment = environment_at(self._path)
        return self._environment

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the path."""
        return type(self), (self._path,)

    def __repr__(self) -> str:
        """Say which store it is."""
        return f"<{type(self).__name__} {shown_path(self._path)}>"


class StoreSource(_Opened):
    """The state of a store as a source of blocks. Workers read it each through an environment of its own.

    It answers from the last block that is durable. What blocks above that have changed, the block that is executed
    has to know (`Block.on`).

    Arguments:
        path: the store's file.
    """

    __slots__ = ()

    def get(self, key: bytes) -> bytes | None:
        """Return what the key holds; None where it is absent."""
        environment = self._open()
        return value_of(environment.get(environment.state, key_stored(key)))

    def __eq__(self, other: object) -> bool:
        """Two are equal when their files are."""
        return self._path == other._path if isinstance(other, StoreSource) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


class StoredNodes(_Opened):
    """The nodes of a store's tree, by their places, as the last durable block left them.

    Arguments:
        path: the store's file.
    """

    __slots__ = ()

    def get(self, place: bytes, digest: bytes, /) -> bytes | None:
        """Return the node at a place; None where there is none. `digest` is of no use here."""
        environment = self._open()
        return environment.get(environment.nodes, place)
