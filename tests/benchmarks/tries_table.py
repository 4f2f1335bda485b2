"""What the root of Ethereum's state costs, in milliseconds.

    python -m tests.benchmarks.tries_table [--accounts 100000] [--changed 1000 3000] [--rounds 5] [--blocks FILE...]

For a made-up state in memory: the whole of it from nothing; then blocks that each change the balances of some
accounts, a tenth of them with a slot more: where nodes are read and checked again for each block, and where they
stay in memory. Changes are told first (`update`), and hashed then (`commit`). For block files with a witness: the
root after the block, from the witness. Each figure is the least of the rounds.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable
from pathlib import Path

from blockstm import Block, Engine
from blockstm.chains.checked import CheckedBlock
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.ethereum.checking.roots import root_after
from blockstm.ethereum.rules.keys import EXISTS, balance_key, existence_key, storage_key
from blockstm.ethereum.state_trie import EthereumStateTree
from blockstm.trees.nodes import MemoryNodes
from blockstm.trees.state_tree import TreeChanges

SLOT_SHARE = 10
SLOTS = 20
"""How many slots each of these accounts has before."""

Changes = dict[bytes, bytes | None]


def milliseconds(run: Callable[[], object]) -> float:
    begin = time.perf_counter()
    run()
    return (time.perf_counter() - begin) * 1e3


def made(chance: random.Random, accounts: int) -> tuple[list[bytes], Changes]:
    """Addresses, and the state that they have."""
    addresses = [chance.randbytes(20) for _ in range(accounts)]
    state: Changes = {}
    for place, address in enumerate(addresses):
        state[existence_key(address)] = EXISTS
        state[balance_key(address)] = b"\x01" + chance.randbytes(7)
        if place % SLOT_SHARE == 0:
            state |= {storage_key(address, slot): b"\x01" for slot in range(SLOTS)}
    return addresses, state


def changes_of(chance: random.Random, addresses: list[bytes], changed: int) -> Changes:
    """What a block changes."""
    chosen = chance.sample(range(len(addresses)), changed)
    changes: Changes = {balance_key(addresses[place]): b"\x01" + chance.randbytes(7) for place in chosen}
    with_slots = (addresses[place] for place in chosen if place % SLOT_SHARE == 0)
    return changes | {storage_key(address, chance.getrandbits(64)): b"\x02" for address in with_slots}


def of_state(accounts: int, counts: list[int], rounds: int) -> None:
    chance = random.Random(1)
    addresses, state = made(chance, accounts)
    nodes = MemoryNodes()
    tree = EthereumStateTree(nodes)
    told, hashed, committed = timed(tree, state)
    nodes.put(committed.nodes)
    print(f"| the whole state, {len(state):,} keys | {told:.1f} | {hashed:.1f} |")
    for changed in counts:
        read, kept = [], []
        for _ in range(rounds):
            changes = changes_of(chance, addresses, changed)
            other = EthereumStateTree(nodes, tree.root)
            read.append(timed(other, changes)[:2])
            *times, committed = timed(tree, changes)
            kept.append(times)
            nodes.put(committed.nodes)
        for name, found in (("read", read), ("in memory", kept)):
            told, hashed = (min(each) for each in zip(*found, strict=True))
            print(f"| {changed:,} changed accounts, nodes {name} | {told:.1f} | {hashed:.1f} |")


def timed(tree: EthereumStateTree, changes: Changes) -> tuple[float, float, TreeChanges]:
    """How long a tree takes to be told of changes, and to commit to them; and what that comes to."""
    told = milliseconds(lambda: tree.update(changes))
    begin = time.perf_counter()
    committed = tree.commit()
    return told, (time.perf_counter() - begin) * 1e3, committed


def of_block(path: Path, rounds: int) -> None:
    block = Block.load(path)
    ethereum = EthereumBlock.of(block)
    with Engine(1) as engine:
        result = engine.execute(CheckedBlock.of(block).executable.block)
    after = ExecutedBlock(ethereum, result).state_after
    found = min(milliseconds(lambda: root_after(ethereum, after)) for _ in range(rounds))
    count = 0 if ethereum.witness is None else len(ethereum.witness.nodes)
    print(f"| block {block.number}, {len(block)} transactions, witness of {count:,} nodes | | {found:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--changed", type=int, nargs="+", default=[1_000, 3_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--blocks", type=Path, nargs="*", default=[])
    arguments = parser.parse_args()
    print("| state | update, ms | commit, ms |\n|---|---:|---:|")
    of_state(arguments.accounts, arguments.changed, arguments.rounds)
    for path in arguments.blocks:
        of_block(path, arguments.rounds)


if __name__ == "__main__":
    main()
