"""Storing blocks that breaks off: killed at each step, killed at random, cut off by a loss of power; for tests.

What each block changes follows from its number, so what a store must hold after it is known.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from blockstm.settlement.events import Announced
from blockstm.settlement.settler import Settler
from blockstm.store.record import Outcome
from blockstm.store.state_trees import open_tree
from blockstm.store.store import Store
from blockstm.trees.binary import state_root

KEYS = 40
STEPS = ("begin", "values", "nodes", "record", "durable", "rooted")


@cache
def changes_of(number: int) -> dict[bytes, bytes | None]:
    """What a block changes."""
    chance = random.Random(number)
    return {
        b"key%02d" % chance.randrange(KEYS): None
        if chance.random() < 0.2
        else chance.randbytes(chance.randrange(90))
        for _ in range(12)
    }


@cache
def state_after(number: int) -> dict[bytes, bytes]:
    """What a store must hold after a block."""
    if number == 0:
        return {}
    state: dict[bytes, bytes | None] = {**state_after(number - 1), **changes_of(number)}
    return {key: value for key, value in state.items() if value is not None}


@cache
def root_after(number: int) -> bytes:
    return state_root(state_after(number))


def outcomes_of(number: int) -> list[Outcome]:
    return [(0, number, None, [])]


def faults_of(path: Path, durable: int) -> list[str]:
    """What is wrong with a store of which so many blocks were said to be durable; nothing after a good one."""
    with Store(path) as store:
        head = store.head or 0
        if not durable <= head <= durable + 1:
            return [f"block {durable} was durable, and the last one is {head}"]
        if dict(store.items()) != state_after(head):
            return [f"the state is not that after block {head}"]
        blocks = list(store.blocks())
        if [block.number for block in blocks] != list(range(1, head + 1)):
            return [f"of {head} blocks {[block.number for block in blocks]} are there"]
        for block in blocks:
            if (block.root, block.outcomes) != (root_after(block.number), outcomes_of(block.number)):
                return [f"block {block.number} is not as it was stored"]
        tree = open_tree(store)
        if head and tree is not None:
            tree.update({key: None for key in state_after(head)})  # reads every node
            if tree.commit().root != state_root({}):
                return [f"the tree after block {head} does not hold the state"]
    return []


def store_blocks(
    path: Path, first: int, end: int, step: Callable[[str], object], told: Callable[[int], object]
) -> None:
    """Store the blocks from `first` up to `end`; `told` is called with each that is durable."""
    with Store(path) as store:
        settler = Settler(store, open_tree(store), step)
        for number in range(first, end):
            settler.begin(Announced(0, number, None, {}))
            settler.add(changes_of(number))
            settler.end(outcomes_of(number))
            told(number)


def in_child(work: Callable[[int], object]) -> tuple[int, bytes]:
    """Do work in a fork, which writes to a descriptor; return how it ended, and what it has written."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        status = 1
        try:
            work(write)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        told = pipe.read()
    return os.waitpid(pid, 0)[1], told


def killed_at_steps(folder: Path, blocks: int) -> int:
    """Kill whoever stores blocks at each of its steps; return how many there were."""
    steps = 0
    while True:
        path = folder / f"{steps}.lmdb"
        Store.create(path, tree="binary").close()

        def work(write: int, path: Path = path, left: int = steps) -> None:
            def step(name: str) -> None:
                nonlocal left
                assert name in STEPS
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

            store_blocks(path, 1, blocks + 1, step, lambda number: os.write(write, bytes([number])))

        ended, told = in_child(work)
        check(path, told[-1] if told else 0)
        resume(path, blocks)
        if ended == 0:
            return steps
        assert ended == signal.SIGKILL
        steps += 1


def check(path: Path, durable: int) -> None:
    if found := faults_of(path, durable):
        sys.exit(f"{path}: {found[0]}")


def resume(path: Path, end: int) -> None:
    """Go on after the last block, and compare with what an uninterrupted run comes to."""

    def work(write: int) -> None:
        with Store(path) as store:
            head = store.head or 0
        store_blocks(path, head + 1, end + 1, lambda name: None, lambda number: None)

    ended, _ = in_child(work)
    assert ended == 0
    check(path, end)


def killed_at_random(folder: Path, times: int, seed: int) -> int:
    """Kill whoever stores blocks after a random time, so many times; return how many blocks were stored."""
    chance = random.Random(seed)
    stored, path = 0, folder / "random.lmdb"
    head = 0
    Store.create(path, tree="binary").close()
    for _ in range(times):
        if head > 200:  # numbers are told as bytes
            stored, head = stored + head, 0
            path.unlink()
            Store.create(path, tree="binary").close()

        def work(write: int, head: int = head) -> None:
            os.write(write, bytes([head]))
            store_blocks(
                path, head + 1, 250, lambda name: None, lambda number: os.write(write, bytes([number]))
            )

        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            work(write)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as pipe:
            pipe.read(1)  # it has begun
            time.sleep(chance.random() * 0.02)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            told = pipe.read()
        durable = told[-1] if told else head
        check(path, durable)
        with Store(path) as store:
            head = store.head or 0
    return stored + head


if __name__ == "__main__":
    kind, folder, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    print(
        killed_at_steps(folder, count)
        if kind == "steps"
        else killed_at_random(folder, count, int(sys.argv[4]))
    )
