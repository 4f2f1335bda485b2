"""Which tree commits to the state of a store."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from blockstm.errors import StoreError, shown, shown_path
from blockstm.store.store import TREE_NONE, Store
from blockstm.trees.binary import EMPTY_ROOT, BinaryTree
from blockstm.trees.nodes import MemoryNodes, Nodes
from blockstm.trees.state_tree import DividedTree

__all__ = ["TREE_BINARY", "StoredState", "new_tree", "open_tree", "tree_opener"]

TREE_BINARY: Final = "binary"


def tree_opener(store: Store) -> Callable[[], DividedTree] | None:
    """Return what opens the tree of a store as its last block left it, here or where it is pickled to.

    None where it has none.

    Raises:
        StoreError: the store names one that is not known here.
    """
    kind = _kind_of(store)
    return None if kind is None else partial(kind, store.nodes, store.root or EMPTY_ROOT)


def open_tree(store: Store) -> DividedTree | None:
    """Return the tree of a store as its last block left it; None where it has none.

    Raises:
        StoreError: the store names one that is not known here.
        TreeError: its root cannot be read.
    """
    opener = tree_opener(store)
    return None if opener is None else opener()


def new_tree(store: Store) -> DividedTree | None:
    """Return an empty tree of the kind that a store has, in memory; None where it has none.

    Raises:
        StoreError: the store names one that is not known here.
    """
    kind = _kind_of(store)
    return None if kind is None else kind(MemoryNodes(), EMPTY_ROOT)


class StoredState:
    """A store whose tree is the binary one, as something of which can be proved what it holds.

    Arguments:
        store: the store.

    Raises:
        StoreError: it has another tree.
    """

    def __init__(self, store: Store) -> None:
        """Refer to the store."""
        if store.tree != TREE_BINARY:
            raise StoreError(
                f"{shown_path(store.path)}: its tree is {shown(store.tree)}, and proofs are of a binary one; make "
                "the store with --tree binary"
            )
        self._store = store
        self.root: bytes = store.root or EMPTY_ROOT
        """The root of its state."""
        self.nodes: Nodes = store.nodes
        """The pages of its tree."""

    def value(self, key: bytes, /) -> bytes | None:
        """Return the value of a key; None for a key without one."""
        return self._store.value(key)


def _kind_of(store: Store) -> Callable[[Nodes, bytes], DividedTree] | None:
    if store.tree == TREE_NONE:
        return None
    if store.tree == TREE_BINARY:
        return BinaryTree
    raise StoreError(
        f"{shown_path(store.path)}: its tree is {shown(store.tree)}, which is not known here; make the store anew"
    )
