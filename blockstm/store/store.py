"""The store: a state on disk, and the blocks that led to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Self

from blockstm.errors import StoreError, shown, shown_path
from blockstm.store.environment import Environment, environment_at, keep_open, naming
from blockstm.store.record import StoredBlock, decode_object, encode_object, no_such_block
from blockstm.store.source import KEY_PREFIX, StoredNodes, StoreSource, key_stored, value_of, value_stored

__all__ = ["TREE_NONE", "Store"]

FORMAT: Final = "blockstm-store"
VERSION: Final = 1
TREE_NONE: Final = "none"
"""The tree of a store that commits to no root."""
NUMBER_BYTES: Final = 8

_ABOUT: Final = b"about"
_HEAD: Final = b"head"


def _no_step(name: str) -> None:
    pass


class Store:
    """A state on disk, of the blocks of one chain, one after the other. Use it in a `with` statement, or close it.

    Any number of processes may have it open; one at a time may append blocks.

    Arguments:
        path: the file; beside it there is another one of the same name with `-lock` at its end.

    Raises:
        StoreError: there is no such file, it is damaged or foreign, or of another version; names the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a store that is there."""
        self.path = os.path.realpath(os.fspath(path))
        """The file."""
        self._environment = environment_at(self.path)
        with naming(self.path):
            about = decode_object(self._environment.get(self._environment.about, _ABOUT), self.path)
        if about.get("format") != FORMAT:
            raise StoreError(f"{shown_path(self.path)}: is no store of blockstm; give another file")
        if about.get("version") != VERSION:
            raise StoreError(
                f"{shown_path(self.path)}: is of version {shown(about.get('version'))} of the format, but this is "
                f"version {VERSION}; make it anew from its blocks"
            )
        self.chain: str | None = about.get("chain")
        """The chain whose blocks it holds."""
        self.tree: str = about.get("tree", TREE_NONE)
        """The kind of tree that commits to its state."""

    @classmethod
    def create(
        cls, path: str | os.PathLike[str], *, chain: str | None = None, tree: str = TREE_NONE
    ) -> Store:
        """Make a store without blocks.

        Arguments:
            path: the file, which must not be there.
            chain: the chain whose blocks it will hold; None for blocks that name none.
            tree: the kind of tree that commits to its state.

        Raises:
            StoreError: the file is there already, or cannot be made.
        """
        file = os.path.realpath(os.fspath(path))
        if os.path.lexists(file):
            raise StoreError(f"{shown_path(file)}: is there already; open it, or name another file")
        environment = Environment(file, is_new=True)
        with naming(file), environment.lmdb.begin(write=True) as transaction:
            about = {"format": FORMAT, "version": VERSION, "chain": chain, "tree": tree}
            transaction.put(_ABOUT, encode_object(about), db=environment.about)
        keep_open(file, environment)
        return cls(file)

    @property
    def head(self) -> int | None:
        """The number of the last block; None before the first."""
        with naming(self.path):
            head = self._environment.get(self._environment.about, _HEAD)
        return None if head is None else int.from_bytes(head, "big")

    @property
    def root(self) -> bytes | None:
        """The root of the state after the last block; None before the first, and without a tree."""
        head = self.head
        return None if head is None else self.block(head).root

    def block(self, number: int) -> StoredBlock:
        """Return what is kept of a block.

        Raises:
            StoreError: it is not in the store.
        """
        with naming(self.path):
            content = self._environment.get(self._environment.blocks, number.to_bytes(NUMBER_BYTES, "big"))
        if content is None:
            raise no_such_block(self.path, number)
        return StoredBlock.decode(content, self.path)

    def blocks(self) -> Iterator[StoredBlock]:
        """Go through all blocks in their order."""
        with naming(self.path), self._environment.lmdb.begin(db=self._environment.blocks) as transaction:
            for _, content in transaction.cursor():
                yield StoredBlock.decode(content, self.path)

    def value(self, key: bytes, /) -> bytes | None:
        """Return what a key holds after the last block; None where it is absent."""
        return self.told(key)[1]

    @property
    def source(self) -> StoreSource:
        """The state, as blocks ask for it."""
        return StoreSource(self.path)

    @property
    def nodes(self) -> StoredNodes:
        """The nodes of the tree."""
        return StoredNodes(self.path)

    def told(self, key: bytes) -> tuple[bool, bytes | None]:
        """Return whether any block has said what a key holds, and that; None: it is absent."""
        with naming(self.path):
            stored = self._environment.get(self._environment.state, key_stored(key))
        return stored is not None, value_of(stored)

    def told_many(self, keys: Iterable[bytes]) -> dict[bytes, bytes | None]:
        """Return what keys hold after the last block; None for each that is absent."""
        wanted = list(keys)
        told: dict[bytes, bytes | None] = dict.fromkeys(wanted)
        environment = self._environment
        with (
            naming(self.path),
            environment.lmdb.begin(db=environment.state) as transaction,
            transaction.cursor() as cursor,
        ):
            for key, stored in cursor.getmulti([KEY_PREFIX + key for key in wanted]):
                told[key[len(KEY_PREFIX) :]] = value_of(stored)
        return told

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through the state after the last block, in the order of the keys."""
        with naming(self.path), self._environment.lmdb.begin(db=self._environment.state) as transaction:
            for key, stored in transaction.cursor():
                if (value := value_of(stored)) is not None:
                    yield key[len(KEY_PREFIX) :], value

    def all_nodes(self) -> Iterator[tuple[bytes, bytes]]:
        """Go through the nodes of the tree, by their places."""
        with naming(self.path), self._environment.lmdb.begin(db=self._environment.nodes) as transaction:
            yield from transaction.cursor()

    def append(
        self,
        block: StoredBlock,
        values: Mapping[bytes, bytes | None],
        nodes: Mapping[bytes, bytes | None],
        step: Callable[[str], object] | None = None,
    ) -> None:
        """Append a block, whole or not at all. When this returns it is durable.

        Arguments:
            block: what is kept of it; its number follows that of the last one.
            values: what keys hold that it has changed; None: they are absent.
            nodes: nodes of the tree that it has changed, by place; None: they are gone.
            step: called at each step with its name; an exception that it raises breaks off there.

        Raises:
            StoreError: another block is the next, or the block cannot be written.
        """
        environment = self._environment
        step = step or _no_step
        step("begin")
        with naming(self.path):
            environment.lmdb.reader_check()  # of dead readers pages would be kept
            with environment.lmdb.begin(write=True) as transaction:
                head = transaction.get(_HEAD, db=environment.about)
                if head is not None and block.number != int.from_bytes(head, "big") + 1:
                    raise StoreError(
                        f"{shown_path(self.path)}: block {block.number} does not follow block "
                        f"{int.from_bytes(head, 'big')}, the last one; append the one after that"
                    )
                for key, value in values.items():
                    transaction.put(key_stored(key), value_stored(value), db=environment.state)
                step("values")
                for place, node in nodes.items():
                    if node is None:
                        transaction.delete(place, db=environment.nodes)
                    else:
                        transaction.put(place, node, db=environment.nodes)
                step("nodes")
                number = block.number.to_bytes(NUMBER_BYTES, "big")
                transaction.put(number, block.encode(), db=environment.blocks)
                transaction.put(_HEAD, number, db=environment.about)
                step("record")
        step("durable")

    def sizes_bytes(self) -> dict[str, int]:
        """Return how much each kind of content takes, in whole pages, and the file."""
        environment = self._environment
        sizes = {}
        with environment.lmdb.begin() as transaction:
            for name in ("state", "nodes", "blocks"):
                told = transaction.stat(getattr(environment, name))
                pages = told["branch_pages"] + told["leaf_pages"] + told["overflow_pages"]
                sizes[name] = pages * told["psize"]
        return {**sizes, "file": os.stat(self.path).st_size}

    def close(self) -> None:
        """Let go of it. May be called again; sources of it go on."""
        self.__dict__.pop("_environment", None)

    def __enter__(self) -> Self:
        """Return the store; it is closed at the end of the `with` statement."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()

    def __repr__(self) -> str:
        """Say which store it is."""
        return f"<Store {shown_path(self.path)}>"
