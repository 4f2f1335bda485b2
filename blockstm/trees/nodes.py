"""Where a tree's nodes are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

__all__ = ["PLACE_BYTES_MAX", "MemoryNodes", "Nodes"]

PLACE_BYTES_MAX: Final = 120
"""Places become keys of a store."""


class Nodes(Protocol):
    """What a tree reads its nodes from."""

    def get(self, place: bytes, digest: bytes, /) -> bytes | None:
        """Return a node; None where there is none.

        Arguments:
            place: where it stands in its tree, by which a store finds it; at most PLACE_BYTES_MAX bytes.
            digest: what its parent says of it, by which a witness finds it.
        """
        ...


class MemoryNodes:
    """Nodes that are kept in memory, by place.

    Arguments:
        nodes: those that are there at first; copied.
    """

    def __init__(self, nodes: Mapping[bytes, bytes] | None = None) -> None:
        """Keep them."""
        self._nodes = dict(nodes or {})

    def get(self, place: bytes, digest: bytes, /) -> bytes | None:
        """Return a node by its place."""
        return self._nodes.get(place)

    def put(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Take what a commit has changed: nodes by place, None for one that is gone."""
        for place, node in changes.items():
            if node is None:
                self._nodes.pop(place, None)
            else:
                self._nodes[place] = node

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self._nodes)
