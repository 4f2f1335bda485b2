"""What every tree over a state can do, and what one that falls into parts can do besides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

__all__ = ["DividedTree", "PartChanges", "StateTree", "TreeChanges"]


class TreeChanges(NamedTuple):
    """What a commit has come to."""

    root: bytes
    """The tree's next root."""
    nodes: dict[bytes, bytes | None]
    """The nodes that have changed since the commit before, by place; None: gone."""


class StateTree(Protocol):
    """A tree that is opened on nodes and a root, takes changes of its state, and gives its next root.

    The nodes that a commit hands out are kept in memory until `forget` is called, so they may be stored later. Use
    it in one thread at a time.
    """

    @property
    def root(self) -> bytes:
        """The root at the last commit."""
        ...

    def update(self, changes: Mapping[bytes, bytes | None], /) -> None:
        """Give state keys values; None: no value. May be called many times before a commit.

        Raises:
            TreeError: a node that is needed is missing, or is not what its parent says; then nothing is changed.
        """
        ...

    def commit(self) -> TreeChanges:
        """Return the root of the state as it is now, and the nodes that have changed."""
        ...

    def forget(self) -> None:
        """Let go of nodes: all that have been handed out are stored now, where they can be read again."""
        ...


class PartChanges(NamedTuple):
    """What a commit of some parts of a tree has come to."""

    parts: dict[int, bytes]
    """By first nibble, what the top has to know of each part that may have changed, in the tree's own form."""
    nodes: dict[bytes, bytes | None]
    """As of `TreeChanges`, without those that stand above the parts."""


class DividedTree(StateTree, Protocol):
    """A tree that falls into sixteen parts by the first nibble of its paths, none of which depends on another.

    So several processes can each open the whole tree, update only parts of their own, and commit those; one more
    opens it and joins them, and only that one knows the tree's top from then on. What stands above the parts is
    read when the tree is opened, and never again.
    """

    def nibbles(self, keys: Sequence[bytes], /) -> bytes:
        """Return the parts, 0 to 15, in which state keys lie, a byte each."""
        ...

    def hash_ahead(self) -> None:
        """Hash now what is not likely to change again before the next commit."""
        ...

    def commit_parts(self) -> PartChanges:
        """Commit the parts that were updated here."""
        ...

    def join(self, parts: Mapping[int, bytes], /) -> TreeChanges:
        """Commit to parts that others have committed; the nodes are those above them.

        Arguments:
            parts: what `commit_parts` said of those that have changed.
        """
        ...
