"""What the root of the binary state tree costs: of a whole state, and after a block, in one process and in several.

    python -m tests.benchmarks.tree_table [--keys N] [--changed N] [--many N] [--workers 1,2] [--rounds 9]

A block changes `--changed` keys of `--keys`. Its root is computed with all pages in memory; with those that
`forget` leaves, the others being read from a dict and checked; and with none. These times include that the changed
pages are handed out as bytes, that of the whole tree does not. Then the same state is kept by worker processes: the
whole tree, blocks as above, and blocks of `--many` changed keys; told are the times from the first change to the
root, and to the changed pages, and the processor time that this process and the busiest worker took, which tells
more where other programs run. Ways take turns; each figure is the least of the rounds.
"""

from __future__ import annotations

import argparse
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from blockstm.trees import BinaryTree, MemoryNodes, ParallelTree, StateTree, state_root

Changes = dict[bytes, bytes | None]
KEY_BYTES = 20
VALUE_BYTES = 32


def milliseconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return (time.perf_counter() - begin) * 1e3


def block_of(chance: random.Random, keys: list[bytes], count: int) -> Changes:
    return {key: chance.randbytes(VALUE_BYTES) for key in chance.sample(keys, count)}


def told(name: str, least: float, against: float | None = None) -> None:
    print(f"| {name} | {least:,.1f} | {'' if against is None else f'{against / least:.1f} x'} |", flush=True)


def committed(tree: StateTree, changes: Changes, nodes: MemoryNodes | None = None) -> float:
    def work() -> None:
        tree.update(changes)
        done.append(tree.commit())

    done: list[tuple[bytes, dict[bytes, bytes | None]]] = []
    taken = milliseconds(work)
    if nodes is not None:
        nodes.put(done[0][1])
    return taken


def in_one_process(state: dict[bytes, bytes], changed: int, rounds: int) -> None:
    chance, keys = random.Random(2), [*state]
    whole = min(milliseconds(lambda: state_root(state)) for _ in range(min(rounds, 3)))
    told(f"whole tree of {len(state):,} keys", whole)
    nodes, tree = MemoryNodes(), BinaryTree(MemoryNodes())
    committed(tree, dict(state), nodes)
    warm, kept, cold = [], [], []
    reading = BinaryTree(nodes, tree.root)
    for _ in range(rounds):
        changes = block_of(chance, keys, changed)
        cold.append(milliseconds(lambda: opened_and_committed(nodes, tree.root, changes)))  # noqa: B023
        kept.append(committed(reading, changes))
        warm.append(committed(tree, changes, nodes))
        assert tree.root == reading.root
        reading.forget()
    told(f"{changed:,} changed, all pages in memory", min(warm), whole)
    told(f"{changed:,} changed, as after forget", min(kept[1:] or kept), whole)
    told(f"{changed:,} changed, no page in memory", min(cold), whole)
    tree.update(block_of(chance, keys, changed))
    print(f"\n{len(tree.commit().nodes):,} pages change, {len(nodes):,} are there\n")


def opened_and_committed(nodes: MemoryNodes, root: bytes, changes: Changes) -> None:
    tree = BinaryTree(nodes, root)
    tree.update(changes)
    tree.commit()


@dataclass(frozen=True)
class Times:
    """What a block took, in milliseconds."""

    root: float
    """From the first change to the root."""
    pages: float
    """And to the changed pages."""
    here: float
    worker: float
    """Processor time of this process, and of the busiest worker."""


def in_several(state: dict[bytes, bytes], changed: Iterable[int], workers: list[int], rounds: int) -> None:
    chance, keys = random.Random(3), [*state]
    times: dict[tuple[str, int], list[Times]] = defaultdict(list)
    with ExitStack() as stack:
        trees = {
            count: stack.enter_context(ParallelTree(partial(BinaryTree, MemoryNodes()), count))
            for count in workers
        }
        for count, tree in trees.items():
            times["whole tree", count].append(rooted(tree, dict(state)))
        for size in changed:
            for _ in range(rounds):
                changes = block_of(chance, keys, size)
                for count, tree in trees.items():
                    times[f"{size:,} changed", count].append(rooted(tree, changes))
                assert len({tree.root for tree in trees.values()}) == 1
    columns = [field.name for field in fields(Times)]
    print(
        f"| | workers | {' | '.join(columns)} | root against the first |\n|---|{'---:|' * (len(columns) + 2)}"
    )
    for (name, count), each in times.items():
        least = [min(getattr(one, column) for one in each) for column in columns]
        against = min(one.root for one in times[name, workers[0]]) / least[0]
        print(f"| {name} | {count} | {' | '.join(f'{one:,.1f}' for one in least)} | {against:.2f} x |")


def rooted(tree: ParallelTree, changes: Changes) -> Times:
    begin, here, before = time.perf_counter(), time.process_time(), processor_milliseconds(tree)
    tree.update(changes)
    tree.commit_root()
    root = time.perf_counter()
    tree.changed_nodes()
    pages = time.perf_counter()
    taken = (after - each for each, after in zip(before, processor_milliseconds(tree), strict=True))
    return Times((root - begin) * 1e3, (pages - begin) * 1e3, (time.process_time() - here) * 1e3, max(taken))


def processor_milliseconds(tree: ParallelTree) -> list[float]:
    """The processor time that each worker has taken so far."""
    return [int(Path(f"/proc/{each.pid}/schedstat").read_text().split()[0]) / 1e6 for each in tree._workers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--changed", type=int, default=1000)
    parser.add_argument("--many", type=int, default=50_000)
    parser.add_argument(
        "--workers", type=lambda text: [int(each) for each in text.split(",")], default=[1, 2]
    )
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    chance = random.Random(1)
    state = {chance.randbytes(KEY_BYTES): chance.randbytes(VALUE_BYTES) for _ in range(arguments.keys)}
    print("| | ms | against the first |\n|---|---:|---:|")
    in_one_process(state, arguments.changed, arguments.rounds)
    in_several(state, (arguments.changed, arguments.many), arguments.workers, arguments.rounds)


if __name__ == "__main__":
    main()
