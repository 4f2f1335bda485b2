"""Compare the greedy bound with the best schedule, and print the table of docs/explanation/inspect.md.

    python -m tests.benchmarks.greedy_optimum FOLDER

FOLDER holds a folder a block, with trace.jsonl.zst. Blocks are cut into pieces of 40 transactions, as a solver
finds the best schedule of few only; random blocks have as many. Weights are thousands of gas.

Told is by how much greedy scheduling takes longer than the best schedule. Where that is not known, "worst found" is
against the best that was found, and the other columns are against what the best cannot be below.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from blockstm import Block
from blockstm.analysis import critical_path, dependencies, greedy_schedule
from blockstm.analysis.profile import recorded_profile
from blockstm.blocks.access_trace import read_access_trace
from tests.support.optimum import Compared, compared
from tests.support.small_blocks import SmallBlock, cut, random_block

CORES = (2, 4, 8)
PIECES_MAX = 2
"""Of one block."""
RANDOM_BLOCKS = 25
"""For each number of keys."""
KEYS = (10, 40, 200, 1_000, 10_000)
EFFORT = 1.0
"""How long the solver looks for one schedule at most, in its own seconds."""


def kinds(blocks: Sequence[Block]) -> Iterator[tuple[str, list[SmallBlock]]]:
    """Yield small blocks by kind."""
    yield "recorded", [piece for block in blocks for piece in cut(block, PIECES_MAX)]
    gas_used = [txn.recorded.gas_used or 0 for block in blocks for txn in block.transactions if txn.recorded]
    for keys in KEYS:
        yield f"random, {keys:,} keys", [random_block(seed, keys, gas_used) for seed in range(RANDOM_BLOCKS)]


def of_whole(block: Block, cores: int) -> float:
    """Return by how much greedy scheduling of a whole block takes longer than any schedule must, at most."""
    profile = recorded_profile(block)
    assert profile is not None
    gas_used, graph = profile.gas_used or (), dependencies(profile.accesses)
    least = max(critical_path(graph, gas_used), sum(gas_used) / cores)
    return greedy_schedule(graph, gas_used, cores) / least - 1 if least else 0


def line(name: str, cores: int, found: Sequence[Compared]) -> str:
    """Return a row of the table: by how much greedy scheduling takes longer than the best schedule."""
    proven = [each.greedy / each.best - 1 for each in found if each.is_proven]
    at_most = [each.greedy / each.least - 1 for each in found]
    figures = [
        f"{median(proven):.1%}" if proven else "-",
        f"{median(at_most):.1%}",
        f"{max(each.greedy / each.best - 1 for each in found):.1%}",
        f"{max(at_most):.1%}",
    ]
    cells = [
        name,
        str(cores),
        str(len(found)),
        str(len(proven)),
        *(each.replace("%", " %") for each in figures),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    headings = ["kind", "cores", "blocks", "proven", "median of these", "median", "worst found", "worst"]
    print(f"| {' | '.join(headings)} |")
    print("|" + " --- |" + " ---: |" * (len(headings) - 1))
    blocks = [read_access_trace(path) for path in sorted(Path(sys.argv[1]).glob("*/trace.jsonl.zst"))]
    by_cores: dict[int, list[Compared]] = {cores: [] for cores in CORES}
    for name, small_blocks in kinds(blocks):
        for cores, all_found in by_cores.items():
            found = [compared(block.graph, block.weights, cores, EFFORT) for block in small_blocks]
            all_found += found
            print(line(name, cores, found), flush=True)
    for cores, all_found in by_cores.items():
        print(line("all", cores, all_found))
    print()
    for cores in CORES:
        gaps = [of_whole(block, cores) for block in blocks if block]
        middle, worst = (f"{gap * 100:.1f} %" for gap in (median(gaps), max(gaps)))
        print(f"- whole blocks, {cores} cores: median {middle}, worst {worst}, at most")


if __name__ == "__main__":
    main()
