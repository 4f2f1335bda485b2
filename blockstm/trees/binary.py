"""The project's own state tree: a binary one over hashes of keys, as docs/reference/state-root.md defines it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from blockstm.native._trees import BinaryPages, first_nibbles
from blockstm.trees.nodes import MemoryNodes, Nodes
from blockstm.trees.state_tree import PartChanges, TreeChanges

__all__ = ["EMPTY_ROOT", "ROOT_BYTES", "BinaryTree", "state_root"]

ROOT_BYTES: Final = 32
EMPTY_ROOT: Final = bytes(ROOT_BYTES)
"""The root of the empty state."""
ROOT_PLACE: Final = b"\x00"
"""Where the page at the root stands."""
KEPT_NIBBLES: Final = 3
"""Pages at paths of at most so many nibbles stay in memory: 4,369 of at most 1.6 kilobytes."""
AHEAD_NIBBLES: Final = 3
"""Pages at paths of at least so many nibbles are hashed ahead: a block changes few of them twice."""


class BinaryTree:
    """The binary tree of a state: a `DividedTree`. Its nodes are pages; each is checked when it is read.

    Arguments:
        nodes: its pages.
        root: its root; the default is that of the empty state.

    Raises:
        UsageError: the root has not 32 bytes.
        TreeError: the root's page is missing, or is not what the root says.
    """

    def __init__(self, nodes: Nodes, root: bytes = EMPTY_ROOT) -> None:
        """Open it, and read the root's page; the others are read when they are needed."""
        self._pages = BinaryPages(nodes, root)
        self._root = root

    @property
    def root(self) -> bytes:
        """The root at the last commit."""
        return self._root

    def update(self, changes: Mapping[bytes, bytes | None], /) -> None:
        """Give keys values; None: no value. Keys and values are hashed, and pages changed, but not hashed.

        Arguments:
            changes: values by key; keys of at most 64 bytes.

        Raises:
            ProgramError: a key is not bytes.
            LimitError: a key is longer than 64 bytes.
            UsageError: a value is not bytes.
            TreeError: a page is missing, or is not what its parent says. After each of these, nothing is changed.
        """
        self._pages.update([*changes], [*changes.values()])

    def commit(self) -> TreeChanges:
        """Return the root of the state as it is now, and the pages that have changed since the last commit."""
        self._pages.hash_from(0)
        self._root = self._pages.root
        return TreeChanges(self._root, self._pages.hand_out())

    def forget(self) -> None:
        """Let go of the pages that have been handed out; those near the root stay."""
        self._pages.forget(KEPT_NIBBLES)

    def nibbles(self, keys: Sequence[bytes], /) -> bytes:
        """Return the first nibbles of keys' paths, a byte each."""
        return first_nibbles(keys)

    def hash_ahead(self) -> None:
        """Hash the pages that have changed and lie so deep that few are likely to change again."""
        self._pages.hash_from(AHEAD_NIBBLES)

    def commit_parts(self) -> PartChanges:
        """Commit what was changed here; the root's page, which others change as well, is left out."""
        self._pages.hash_from(1)
        parts = self._pages.parts()
        nodes = self._pages.hand_out()
        nodes.pop(ROOT_PLACE, None)
        return PartChanges(parts, nodes)

    def join(self, parts: Mapping[int, bytes], /) -> TreeChanges:
        """Commit to parts that were committed elsewhere; the only page that comes of that is the root's.

        Arguments:
            parts: by first nibble, the slot of the root's page: nothing, a leaf, or the digest of a page.
        """
        self._pages.put_parts(dict(parts))
        return self.commit()


def state_root(state: Mapping[bytes, bytes]) -> bytes:
    """Return the root of the binary tree over a whole state; 32 bytes.

    Arguments:
        state: values by key; keys of at most 64 bytes.

    Raises:
        ProgramError: a key is not bytes.
        LimitError: a key is longer than 64 bytes.
        UsageError: a value is not bytes.
    """
    pages = BinaryPages(MemoryNodes(), EMPTY_ROOT)
    pages.update([*state], [*state.values()])
    pages.hash_from(0)
    return pages.root
