"""Ethereum's Merkle Patricia trie (Yellow Paper, appendix D), sparse: only the nodes that are needed are read.

    trie = PatriciaTrie(MemoryNodes(), EMPTY_TRIE_ROOT)
    trie.update({b"key": b"value"})
    root, nodes = trie.commit()

A node stands at a place: the trie's prefix, a byte that says how many nibbles lead to it, and these nibbles, two in
a byte. One of fewer than 32 bytes has no place, as its parent holds it.

Which nodes a change needs depends on what it comes to, not on the order of the steps: those on the way to each key
that is set or removed, and, where a branch is left with one child, that child. A witness that has these is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from blockstm.native._trees import EMPTY_TRIE_ROOT, PatriciaTries
from blockstm.trees.nodes import Nodes
from blockstm.trees.state_tree import TreeChanges

__all__ = ["EMPTY_TRIE_ROOT", "PatriciaTrie"]

_NIBBLES_KEPT: Final = 4
"""How deep nodes lie that are kept when others are forgotten."""


class PatriciaTrie:
    """A trie with keys of 1 to 32 bytes, of which none begins with another.

    Arguments:
        nodes: what it is read from.
        root: its root hash; EMPTY_TRIE_ROOT for one that holds nothing.
        prefix: stands before the places of its nodes.
        name: what messages call it.
    """

    def __init__(
        self, nodes: Nodes, root: bytes = EMPTY_TRIE_ROOT, *, prefix: bytes = b"", name: str = "the trie"
    ) -> None:
        """Open it; nothing is read yet."""
        self._tries = PatriciaTries(nodes.get)
        self._trie = self._tries.open(prefix, name, root)
        self._root = root

    @property
    def root(self) -> bytes:
        """The root hash at the last commit."""
        return self._root

    def get(self, key: bytes) -> bytes | None:
        """Return the value at a key, None for none.

        Raises:
            TreeError: a node on the way to it is missing or damaged.
        """
        return self._tries.get(self._trie, key)

    def update(self, changes: Mapping[bytes, bytes | None], /) -> None:
        """Give keys values; None: no value. May be called many times before a commit.

        Raises:
            TreeError: a node on the way to a key is missing or damaged; then nothing is changed.
            UsageError: a key begins with another, is empty or too long, or a value is empty; the trie is of no use
                any more.
        """
        for key in changes:
            self._tries.get(self._trie, key)
        for key, value in changes.items():
            if value is None:
                self._tries.remove(self._trie, key)
            else:
                self._tries.put(self._trie, key, value)

    def commit(self) -> TreeChanges:
        """Return the next root hash, and the nodes that have changed.

        Raises:
            TreeError: the only child left of a branch is missing or damaged; the trie is of no use any more.
        """
        self._tries.commit([self._trie])
        self._root = self._tries.root(self._trie)
        return TreeChanges(self._root, self._tries.take_changes())

    def forget(self) -> None:
        """Keep only nodes that lie near the root; all that have been handed out are stored now."""
        self._tries.forget(self._trie, _NIBBLES_KEPT)
