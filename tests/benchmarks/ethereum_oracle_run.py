"""Compare the engine with the execution specifications on all recorded blocks and on many made-up ones.

    python -m tests.benchmarks.ethereum_oracle_run FOLDER [NUMBER...] [--seeds N] [--first SEED]

FOLDER/ethereum holds a folder a block, as nodes write them. Of each block all is compared that
tests/support/ethereum/agreement.py compares, and its accesses with the recorded trace; of each fork the block with
all that is hard, and N random blocks. The first difference ends it with a traceback. All 46 blocks take some six
minutes, a hundred seeds of every fork some ten.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from blockstm import Engine
from tests.ethereum_synthetic.chain import NUMBER_AND_TIME
from tests.ethereum_synthetic.randomblocks import random_block
from tests.ethereum_synthetic.scenarios import scenario_block
from tests.support.ethereum.access_traces import differences, read_trace
from tests.support.ethereum.agreement import assert_agrees, assert_synthetic_agrees, recorded
from tests.support.ethereum.oracle import execute, read_json

WORKERS = 2


def run_recorded(engine: Engine, folder: Path) -> None:
    """Compare one recorded block."""
    told = read_json(folder / "block.json.zst")
    hashes = folder / "blockhashes.json.zst"
    oracle = execute(
        told, read_json(folder / "prestate.json.zst"), read_json(hashes) if hashes.exists() else {}
    )
    assert oracle.differences(told) == {}
    block = recorded(folder)
    result = assert_agrees(engine, block, told, oracle)
    assert list(differences(block, result, read_trace(folder / "trace.jsonl.zst"))) == []


def run_synthetic(engine: Engine, fork: str, seed: int | None) -> None:
    """Compare the block of a seed, or the one with all that is hard."""
    made = scenario_block(fork) if seed is None else random_block(fork, seed)
    with tempfile.TemporaryDirectory() as folder:
        assert_synthetic_agrees(engine, made, Path(folder))


def run_all(engine: Engine, folders: list[Path], seeds: range) -> Iterator[str]:
    """Compare one block after the other; yield the name of each that is to come."""
    for folder in folders:
        yield f"block {folder.name}"
        run_recorded(engine, folder)
    for seed in (None, *seeds):
        for fork in NUMBER_AND_TIME:
            yield f"{fork}, {'scenario' if seed is None else f'seed {seed}'}"
            run_synthetic(engine, fork, seed)


def main() -> None:
    """Run what the arguments say, and count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("numbers", nargs="*", help="only these blocks")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--first", type=int, default=1000, help="the first seed")
    arguments = parser.parse_args()
    every = [entry for entry in (arguments.folder / "ethereum").iterdir() if entry.name.isdigit()]
    folders = sorted(every, key=lambda entry: int(entry.name))
    if arguments.numbers:
        folders = [entry for entry in folders if entry.name in arguments.numbers]
    seeds = range(arguments.first, arguments.first + arguments.seeds)
    count = len(folders) + len(NUMBER_AND_TIME) * (1 + len(seeds))
    began = time.monotonic()
    with Engine(WORKERS, active_workers=WORKERS) as engine:
        for done, name in enumerate(run_all(engine, folders, seeds)):
            print(f"{done} of {count}, {time.monotonic() - began:.0f} s: {name}", file=sys.stderr)
    print(f"{count} blocks agree: {len(folders)} recorded, {count - len(folders)} made up.")


if __name__ == "__main__":
    main()
