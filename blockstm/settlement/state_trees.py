"""Which tree commits to the state of a store."""

from __future__ import annotations

from typing import Final

from blockstm.errors import StoreError, shown, shown_path
from blockstm.store.store import TREE_NONE, Store
from blockstm.trees.binary import EMPTY_ROOT, BinaryTree
from blockstm.trees.state_tree import StateTree

__all__ = ["TREE_BINARY", "open_tree"]

TREE_BINARY: Final = "binary"


def open_tree(store: Store) -> StateTree | None:
    """Return the tree of a store as its last block left it; None where it has none.

    Raises:
        StoreError: the store names one that is not known here.
        TreeError: its root cannot be read.
    """
    if store.tree == TREE_NONE:
        return None
    if store.tree == TREE_BINARY:
        return BinaryTree(store.nodes, store.root or EMPTY_ROOT)
    raise StoreError(
        f"{shown_path(store.path)}: its tree is {shown(store.tree)}, which is not known here; make the store anew"
    )
