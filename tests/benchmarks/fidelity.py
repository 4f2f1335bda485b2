"""How close simulation comes: predicted against measured times, and the Block-STM paper's experiments, predicted.

    python -m tests.benchmarks.fidelity [--model COSTS.toml] [--repeat K] [--traces FOLDER] [-o docs/fidelity.md]

Wants the machine to itself. Progress is on standard error.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import blockstm
from blockstm.programs import trace
from blockstm.simulate import CostModel, Simulation, default_model, read_model
from tests.benchmarks.workloads import ROOT, transfers

ACCOUNTS = (2, 10, 100, 1_000, 10_000)
WORK = (1_000, 5_000, 20_000, 100_000)
GRID_TXNS = 1_000
WAYS = (("sequential", 1), ("block-stm", 1), ("block-stm", 2))

PAPER_THREADS = (1, 2, 4, 8, 16, 32)
PAPER_ACCOUNTS = (2, 10, 100, 1_000, 10_000)
PAPER_TXNS = (1_000, 10_000)
# name, reads, writes, sequential transactions a second: the paper's 110,000 at 20 x, and 170,000 at 17 x
PAPER = (("Diem peer-to-peer", 21, 4, 5_500), ("Aptos peer-to-peer", 8, 5, 10_000))


@dataclass(frozen=True)
class Row:
    """One block run in one way."""

    block: str
    way: str
    measured_seconds: float
    predicted_seconds: float

    @property
    def error(self) -> float:
        """Predicted over measured time, less 1."""
        return self.predicted_seconds / self.measured_seconds - 1


def grid() -> Iterator[tuple[str, blockstm.Block]]:
    """Yield the transfers."""
    for accounts in ACCOUNTS:
        for work in WORK:
            yield f"{accounts:,} accounts, {work:,} rounds", transfers(accounts, work, GRID_TXNS)


def traces(folders: Sequence[Path]) -> Iterator[tuple[str, blockstm.Block]]:
    """Yield the real access traces."""
    for folder in folders:
        for file in sorted(folder.glob("ethereum-*.block")):
            yield file.stem, blockstm.Block.load(file)


def compare(blocks: Sequence[tuple[str, blockstm.Block]], model: CostModel, repeat: int) -> Iterator[Row]:
    """Run each block in each way, by turns, and predict it; the figures are medians."""
    with blockstm.Engine(1) as one, blockstm.Engine(2, active_workers=2) as two:
        engines = {1: one, 2: two}
        for number, (name, block) in enumerate(blocks):
            print(f"{number + 1} of {len(blocks)}: {name}", file=sys.stderr)
            seen: list[list[float]] = [[] for _ in WAYS]
            for _ in range(repeat + 1):
                for (way, workers), times in zip(WAYS, seen, strict=True):
                    times.append(engines[workers].execute(block, way).stats.wall_seconds)
            with Simulation(block, model, 2, recorded_seconds=False) as simulation:
                predicted = [simulation.run_sequentially(), simulation.run(1), simulation.run(2)]
            for label, times, result in zip(
                ("sequential", "1 worker", "2 workers"), seen, predicted, strict=True
            ):
                yield Row(name, label, median(times[1:]), result.stats.wall_seconds)


def paper_block(accounts: int, reads: int, writes: int, txns: int, rounds: int) -> blockstm.Block:
    """Payments as the paper has them: two accounts, of which some values each are read and written.

    What is read and not written are values that all payments read.
    """
    chance = random.Random(1)
    common = [b"common-%d" % index for index in range(reads - writes)]
    transactions = []
    for _ in range(txns):
        pair = chance.sample(range(accounts), 2)
        own = [b"%d-%d" % (pair[index % 2], index // 2) for index in range(writes)]
        transactions.append(trace.txn(common + own, own, {}, rounds))
    return blockstm.Block(transactions, {key: bytes(32) for key in common})


def paper_lines(model: CostModel) -> Iterator[str]:
    """Yield the tables of the paper's experiments."""
    for name, reads, writes, rate in PAPER:
        rounds = round(1e9 / rate / model.round)
        for txns in PAPER_TXNS:
            yield f"\n{name}, {reads} reads, {writes} writes, blocks of {txns:,}: speed-up over sequential\n"
            yield "| accounts | " + " | ".join(f"{threads} threads" for threads in PAPER_THREADS) + " |"
            yield "|---|" + "---|" * len(PAPER_THREADS)
            for accounts in PAPER_ACCOUNTS:
                print(f"{name}, {txns:,}, {accounts:,} accounts", file=sys.stderr)
                block = paper_block(accounts, reads, writes, txns, rounds)
                with Simulation(block, model, max(PAPER_THREADS)) as simulation:
                    sequential = simulation.run_sequentially().stats.wall_seconds
                    cells = [
                        f"{sequential / simulation.run(threads).stats.wall_seconds:.2f} x"
                        for threads in PAPER_THREADS
                    ]
                yield f"| {accounts:,} | " + " | ".join(cells) + " |"


def fidelity_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the comparison with what was measured."""
    for way in ("sequential", "1 worker", "2 workers"):
        errors = [abs(row.error) for row in rows if row.way == way]
        yield f"- {way}: median error {median(errors):.1%}, worst {max(errors):.1%}, {len(errors)} blocks"
    errors = [abs(row.error) for row in rows if row.way != "sequential"]
    yield f"- 1 and 2 workers together: median {median(errors):.1%} (aim 5 %), worst {max(errors):.1%} (aim 15 %)\n"
    yield "| block | run | measured ms | predicted ms | error |\n|---|---|---|---|---|"
    for row in rows:
        measured, predicted = row.measured_seconds * 1e3, row.predicted_seconds * 1e3
        yield f"| {row.block} | {row.way} | {measured:.3f} | {predicted:.3f} | {row.error:+.1%} |"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--traces", type=Path, action="append", default=[ROOT / "scenarios"])
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--without-paper", action="store_true")
    arguments = parser.parse_args()
    model = read_model(arguments.model) if arguments.model else default_model()
    blocks = [*traces(arguments.traces), *grid()]
    text = (Path(__file__).parent / "fidelity.txt").read_text("utf-8")
    measured = "\n".join(fidelity_lines(list(compare(blocks, model, arguments.repeat))))
    paper = "" if arguments.without_paper else "\n".join(paper_lines(model))
    page = text.replace("{measured}", measured).replace("{paper}", paper)
    if arguments.output:
        arguments.output.write_text(page, "utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
