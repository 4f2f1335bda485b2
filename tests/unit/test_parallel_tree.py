"""A tree whose parts are kept by processes: roots and nodes as in one process, and one error where one dies."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pytest

from blockstm.errors import BlockstmError, EngineError, TreeError, UsageError
from blockstm.trees.binary import EMPTY_ROOT, BinaryTree
from blockstm.trees.nodes import MemoryNodes
from blockstm.trees.parallel import KEYS_AT_ONCE, ParallelTree
from blockstm.trees.tree_worker import IDLE_SECONDS
from tests.support.binary_tree import H, root_of

pytestmark = pytest.mark.usefixtures("leaves_nothing")


def state_of(size: int) -> dict[bytes, bytes]:
    return {b"key %d" % number: b"value %d" % number for number in range(size)}


def opened(state: dict[bytes, bytes]) -> tuple[MemoryNodes, bytes]:
    nodes, tree = MemoryNodes(), BinaryTree(MemoryNodes())
    tree.update(state)
    root, changes = tree.commit()
    nodes.put(changes)
    return nodes, root


@pytest.mark.parametrize(("workers", "size"), [(1, 0), (3, 700)])
def test_it_is_the_tree_of_one_process(workers: int, size: int) -> None:
    chance = random.Random(workers)
    state = state_of(size)
    nodes, root = opened(state)
    nodes_alone = MemoryNodes(nodes._nodes)
    alone = BinaryTree(nodes_alone, root)
    universe = [*state_of(900)]
    with ParallelTree(partial(BinaryTree, nodes, root), workers) as tree:
        assert tree.root == root == root_of(state)
        for count in (0, 1, KEYS_AT_ONCE - 1, 3 * KEYS_AT_ONCE, 5):
            changes: dict[bytes, bytes | None] = {}
            for key in chance.sample(universe, count):
                changes[key] = chance.choice([None, b"", b"other"])
                tree.update({key: b"for a moment"})
                tree.update({key: changes[key]})
            alone.update(changes)
            if count == 3 * KEYS_AT_ONCE:
                time.sleep(4 * IDLE_SECONDS)  # they hash ahead
            committed = tree.commit()
            expected = alone.commit()
            assert committed.root == tree.root == expected.root
            nodes.put(committed.nodes)
            nodes_alone.put(expected.nodes)
            assert nodes._nodes == nodes_alone._nodes
        tree.update(dict.fromkeys(universe))
        assert tree.commit().root == EMPTY_ROOT


class Files:
    """Nodes in files of a folder, which processes share."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, place: bytes, digest: bytes, /) -> bytes | None:
        file = self.folder / place.hex()
        return file.read_bytes() if file.exists() else None

    def put(self, changes: Mapping[bytes, bytes | None]) -> None:
        for place, node in changes.items():
            if node is None:
                (self.folder / place.hex()).unlink()
            else:
                (self.folder / place.hex()).write_bytes(node)


def test_what_was_forgotten_is_read_again(tmp_path: Path) -> None:
    """By the processes, which have only the root's page then, from what was stored meanwhile."""
    nodes = Files(tmp_path)
    state: dict[bytes, bytes | None] = {**state_of(400)}
    with ParallelTree(partial(Forgetful, nodes), 2) as tree:
        tree.update(state)
        nodes.put(tree.commit().nodes)
        for value in (b"one", None, b"two"):
            tree.forget()
            tree.update(dict.fromkeys([*state_of(400)][:80], value))
            state = {**state, **dict.fromkeys([*state_of(400)][:80], value)}
            root, changes = tree.commit()
            assert root == root_of({key: value for key, value in state.items() if value is not None})
            nodes.put(changes)


class Forgetful(BinaryTree):
    """One that keeps no page but the root's."""

    def forget(self) -> None:
        self._pages.forget(0)


def test_the_root_comes_before_the_nodes() -> None:
    """More than a socket holds, which workers cannot hand over while this process sends changes."""
    states = [{b"key %d" % key: b"%d" % value for key in range(6000)} for value in range(3)]
    alone = BinaryTree(MemoryNodes())
    with ParallelTree(partial(BinaryTree, MemoryNodes()), 2) as tree:
        for state in states:
            tree.update(state)
            alone.update(state)
            assert tree.commit_root() == tree.root == alone.commit().root
        nodes = tree.changed_nodes()
        assert len(nodes) > 1000
        again = BinaryTree(MemoryNodes({place: node for place, node in nodes.items() if node}), tree.root)
        again.update(dict.fromkeys(states[0]))
        assert again.commit().root == EMPTY_ROOT
        assert tree.changed_nodes() == {}


def test_a_worker_that_dies_is_told_of_once() -> None:
    tree = ParallelTree(partial(BinaryTree, MemoryNodes()), 2)
    os.kill(tree._workers[1].pid, signal.SIGKILL)
    with pytest.raises(
        EngineError, match="a part of the state tree was killed by SIGKILL; open the tree again"
    ):
        tree.update(state_of(5000))
        tree.commit()
    for call in (tree.commit, tree.forget, partial(tree.update, state_of(KEYS_AT_ONCE))):
        with pytest.raises(EngineError, match="is closed"):
            call()
    tree.close()


def test_what_a_worker_meets_is_told_at_the_commit() -> None:
    nodes, root = opened(state_of(500))
    place = next(place for place in nodes._nodes if place[-1] == 1)
    key = next(key for key in state_of(500) if H(key)[0] >> 4 == place[0] >> 4)
    nodes.put({place: None})
    with ParallelTree(partial(BinaryTree, nodes, root), 2) as tree:
        tree.update({key: b"other"})
        with pytest.raises(
            TreeError, match=f"at path 0x{place.hex()[0]} of the state tree is not among the nodes"
        ):
            tree.commit()
    with ParallelTree(partial(BinaryTree, MemoryNodes()), 2) as tree:
        tree.update({b"key": "text"})  # type: ignore[dict-item]
        with pytest.raises(BlockstmError, match="a value is bytes"):
            tree.commit()


class OnlyHere:
    """Nodes that cannot be read in another process."""

    def __init__(self) -> None:
        self.process = os.getpid()

    def get(self, place: bytes, digest: bytes, /) -> bytes | None:
        if os.getpid() != self.process:
            raise ValueError("not here")
        return opened(state_of(3))[0].get(place, digest)


def test_a_tree_that_cannot_be_opened() -> None:
    with pytest.raises(TreeError, match="is not among the nodes"):
        ParallelTree(partial(BinaryTree, MemoryNodes(), H(b"any")), 2)
    with pytest.raises(EngineError, match="ValueError: not here"):
        ParallelTree(partial(BinaryTree, OnlyHere(), opened(state_of(3))[1]), 2)
    for workers in (0, 17):
        with pytest.raises(UsageError, match="1 to 16"):
            ParallelTree(partial(BinaryTree, MemoryNodes()), workers)
