"""Snapshots: states taken out of stores, whole or as what has changed, and put into new stores."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Final

from blockstm.errors import SnapshotError, StoreError, shown, shown_path
from blockstm.store.record import StoredBlock, encode_outcomes
from blockstm.store.snapshot_file import (
    Pair,
    SnapshotHeader,
    read_header,
    read_pairs,
    trained,
    write_snapshot,
)
from blockstm.store.state_trees import new_tree, open_tree
from blockstm.store.store import Store
from blockstm.trees.state_tree import StateTree

__all__ = ["is_sound", "read_state", "restore", "take_snapshot"]

KEYS_AT_ONCE: Final = 10_000
"""Keys that a tree is given together."""


def take_snapshot(
    store: Store, path: str | os.PathLike[str], since: Sequence[str | os.PathLike[str]] = ()
) -> SnapshotHeader:
    """Write a snapshot of the state of a store, and return what it says of itself.

    Arguments:
        store: the store.
        path: the file to write.
        since: a whole snapshot, and those that follow it, each since the one before: then the new one tells what
            has changed since the last of these. All of them are read into memory.

    Raises:
        StoreError: the store has no block.
        SnapshotError: one of the files cannot be read or written, or is not one of an earlier state of this store.
    """
    head = store.head
    if head is None:
        raise StoreError(f"{shown_path(store.path)}: has no block yet, so no state; store one")
    if not since:
        dictionary = trained(store.items())
        keys = sum(1 for _ in store.items())
        header = SnapshotHeader(store.chain, store.tree, head, store.root, keys, dictionary=dictionary)
        write_snapshot(path, header, store.items(), dictionary)
        return header
    base, before, dictionary = read_state(since)
    _check_same(since[-1], base, store, head)
    changed = list(_changes(before, dict(store.items())))
    header = SnapshotHeader(
        store.chain, store.tree, head, store.root, len(changed), base_number=base.number, base_root=base.root
    )
    write_snapshot(path, header, changed, dictionary)
    return header


def read_state(
    files: Sequence[str | os.PathLike[str]],
) -> tuple[SnapshotHeader, dict[bytes, bytes], bytes]:
    """Return what a whole snapshot and those that follow it come to: the last header, the values, the dictionary.

    Raises:
        SnapshotError: one cannot be read, or does not follow the one before; names the file.
    """
    last: SnapshotHeader | None = None
    values: dict[bytes, bytes] = {}
    dictionary = b""
    for file in files:
        header = read_header(file)
        _check_follows(file, header, last)
        dictionary = header.dictionary if last is None else dictionary
        for key, value in read_pairs(file, dictionary):
            if value is None:
                values.pop(key, None)
            else:
                values[key] = value
        last = header
    if last is None:
        raise SnapshotError("no snapshot is named; name a whole one, and those that follow it")
    return last, values, dictionary


def restore(files: Sequence[str | os.PathLike[str]], path: str | os.PathLike[str]) -> Store:
    """Make a store of snapshots, whose root is computed anew and compared; return it.

    It has one block, the one after which the last snapshot was taken, without its transactions.

    Arguments:
        files: a whole snapshot, and those that follow it, each since the one before.
        path: the store to make.

    Raises:
        SnapshotError: a file cannot be read, does not follow, or does not hold the state that it says.
        StoreError: the store is there already, or cannot be made.
    """
    header, values, _ = read_state(files)
    store = Store.create(path, chain=header.chain, tree=header.tree)
    try:
        root, nodes = _tree_of(open_tree(store), values.items())
        if root != header.root:
            raise SnapshotError(
                f"{shown_path(files[-1])}: its state has root {shown(root)}, and it says {shown(header.root)}; "
                "make the snapshots anew"
            )
        store.append(StoredBlock(header.number, root, 0, None, encode_outcomes([])), values, nodes)
    except BaseException:
        store.close()
        for file in (Path(path), Path(f"{os.fspath(path)}-lock")):
            file.unlink(missing_ok=True)
        raise
    return store


def is_sound(store: Store) -> bool:
    """Tell whether a store holds what it says: the root of its values, each node of their tree, every block.

    All of it is computed anew, in memory.

    Raises:
        StoreError: it is damaged.
    """
    for block in store.blocks():
        if len(block.outcomes) not in (0, block.transactions):
            return False
    root, nodes = _tree_of(new_tree(store), store.items())
    stored = dict(store.all_nodes())
    return root == store.root and stored == {place: node for place, node in nodes.items() if node is not None}


def _tree_of(
    tree: StateTree | None, values: Iterable[tuple[bytes, bytes]]
) -> tuple[bytes | None, Mapping[bytes, bytes | None]]:
    """Give a tree, which is empty, all values; return its root and its nodes."""
    if tree is None:
        return None, {}
    pairs = iter(values)
    while some := dict(islice(pairs, KEYS_AT_ONCE)):
        tree.update(some)
    return tree.commit()


def _changes(before: Mapping[bytes, bytes], after: Mapping[bytes, bytes]) -> Iterator[Pair]:
    """Yield what has changed, in the order of the keys."""
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield key, after.get(key)


def _check_follows(file: str | os.PathLike[str], header: SnapshotHeader, last: SnapshotHeader | None) -> None:
    """Check that a snapshot belongs where it stands.

    Raises:
        SnapshotError: it does not.
    """
    if last is None:
        if not header.is_whole:
            raise SnapshotError(
                f"{shown_path(file)}: tells only what has changed since block {header.base_number}; name the "
                "snapshots before it first"
            )
    elif (header.base_number, header.base_root, header.chain) != (last.number, last.root, last.chain):
        since = "is whole" if header.is_whole else f"tells what has changed since block {header.base_number}"
        raise SnapshotError(
            f"{shown_path(file)}: {since}, and the one before it is of block {last.number}; name each after the "
            "one that it follows"
        )


def _check_same(file: str | os.PathLike[str], base: SnapshotHeader, store: Store, head: int) -> None:
    """Check that a snapshot is of an earlier state of a store.

    Raises:
        SnapshotError: it is not, as far as can be known.
    """
    if (base.chain, base.tree) != (store.chain, store.tree) or base.number > head:
        raise SnapshotError(
            f"{shown_path(file)}: is of block {base.number} of chain {base.chain or 'none'}, tree {base.tree}; "
            f"{shown_path(store.path)} of block {head} of chain {store.chain or 'none'}, tree {store.tree}"
        )
    stored = next((block for block in store.blocks() if block.number == base.number), None)
    if stored is not None and stored.root != base.root:
        raise SnapshotError(
            f"{shown_path(file)}: block {base.number} has another root than in {shown_path(store.path)}; name a "
            "snapshot of this store"
        )
