"""How close simulation comes: predicted against measured times, and the Block-STM paper's experiments, predicted.

    python -m tests.benchmarks.fidelity SHARED [--costs COSTS.toml] [--repeat K] [-o docs/explanation/fidelity.md]

SHARED/ethereum holds the recorded access traces. Wants the machine to itself. Progress is on standard error.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import blockstm
from blockstm.blocks.access_trace import read_access_trace
from blockstm.programs.built_in import trace
from blockstm.simulate import CostModel, Simulation, default_model, read_model
from tests.benchmarks.workloads import transfers

ACCOUNTS = (2, 10, 100, 1_000, 10_000)
WORK = (1_000, 5_000, 20_000, 100_000)
GRID_TXNS = 1_000
WORST = 0.15
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
    median_seconds: float
    least_seconds: float
    predicted_seconds: float

    @property
    def error(self) -> float:
        """Predicted over measured time (median), less 1."""
        return self.predicted_seconds / self.median_seconds - 1

    @property
    def error_of_least(self) -> float:
        """Predicted over the least measured time, less 1."""
        return self.predicted_seconds / self.least_seconds - 1


def grid() -> Iterator[tuple[str, blockstm.Block]]:
    """Yield the transfers."""
    for accounts in ACCOUNTS:
        for work in WORK:
            yield f"{accounts:,} accounts, {work:,} rounds", transfers(accounts, work, GRID_TXNS)


def traces(shared: Path) -> Iterator[tuple[str, blockstm.Block]]:
    """Yield the real access traces but those without transactions."""
    for file in sorted(shared.glob("ethereum/*/trace.jsonl.zst"), key=lambda file: int(file.parent.name)):
        block = read_access_trace(file)
        if block.transactions:
            yield f"Ethereum {file.parent.name}", block


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
                yield Row(name, label, median(times[1:]), min(times[1:]), result.stats.wall_seconds)


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


@dataclass(frozen=True)
class Payments:
    """The predicted speed-ups of payments of one shape in blocks of one size."""

    name: str
    reads: int
    writes: int
    txns: int
    speedups: dict[tuple[int, int], float]
    """By accounts and threads."""


def predict_paper(model: CostModel) -> Iterator[Payments]:
    """Predict the paper's experiments."""
    for name, reads, writes, rate in PAPER:
        rounds = round(1e9 / rate / model.round)
        for txns in PAPER_TXNS:
            speedups = {}
            for accounts in PAPER_ACCOUNTS:
                print(f"{name}, {txns:,}, {accounts:,} accounts", file=sys.stderr)
                block = paper_block(accounts, reads, writes, txns, rounds)
                with Simulation(block, model, max(PAPER_THREADS)) as simulation:
                    sequential = simulation.run_sequentially().stats.wall_seconds
                    for threads in PAPER_THREADS:
                        seconds = simulation.run(threads).stats.wall_seconds
                        speedups[accounts, threads] = sequential / seconds
            yield Payments(name, reads, writes, txns, speedups)


def paper_lines(payments: Sequence[Payments]) -> Iterator[str]:
    """Yield the tables of the paper's experiments."""
    for each in payments:
        shape = f"{each.reads} reads, {each.writes} writes, blocks of {each.txns:,}"
        yield f"\n{each.name}, {shape}: speed-up over sequential\n"
        yield "| accounts | " + " | ".join(f"{threads} threads" for threads in PAPER_THREADS) + " |"
        yield "|---|" + "---|" * len(PAPER_THREADS)
        for accounts in PAPER_ACCOUNTS:
            cells = [f"{each.speedups[accounts, threads]:.2f} x" for threads in PAPER_THREADS]
            yield f"| {accounts:,} | " + " | ".join(cells) + " |"


def kept_under_contention(payments: Sequence[Payments]) -> str:
    """Tell what part of the most threads' speed is left with 100 accounts, of that with 10,000."""
    threads = max(PAPER_THREADS)
    return " and ".join(
        f"{each.speedups[100, threads] / each.speedups[10_000, threads]:.2f}"
        for each in payments
        if each.txns == max(PAPER_TXNS)
    )


def lost_without_parallelism(payments: Sequence[Payments]) -> str:
    """Tell the most that is lost with two accounts."""
    return (
        f"at most {1 - min(each.speedups[2, threads] for each in payments for threads in PAPER_THREADS):.0%}"
    )


def fidelity_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the comparison with what was measured."""
    groups = {way: [row for row in rows if row.way == way] for way in ("sequential", "1 worker", "2 workers")}
    groups["1 and 2 workers (aim 5 %, 15 %)"] = groups["1 worker"] + groups["2 workers"]
    yield "| runs | median error | worst | over 15 % | median error, of the least times | worst | over 15 % |"
    yield "|---|---|---|---|---|---|---|"
    for name, group in groups.items():
        cells = []
        for errors in ([row.error for row in group], [row.error_of_least for row in group]):
            sizes = [abs(error) for error in errors]
            over = sum(size > WORST for size in sizes)
            cells.append(f"{median(sizes):.1%} | {max(sizes):.1%} | {over} of {len(sizes)}")
        yield f"| {name} | {' | '.join(cells)} |"
    yield "\n| block | run | median ms | least ms | predicted ms | error | of the least |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        times = (row.median_seconds, row.least_seconds, row.predicted_seconds)
        cells = [f"{seconds * 1e3:.3f}" for seconds in times]
        yield f"| {row.block} | {row.way} | {' | '.join(cells)} | {row.error:+.1%} | {row.error_of_least:+.1%} |"


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--costs", type=Path)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    model = read_model(arguments.costs) if arguments.costs else default_model()
    blocks = [*traces(arguments.shared), *grid()]
    measured = list(compare(blocks, model, arguments.repeat))
    payments = list(predict_paper(model))
    page = (
        (Path(__file__).parent / "fidelity.txt")
        .read_text("utf-8")
        .format(
            repeat=arguments.repeat,
            machine=f"{platform.machine()} with {os.cpu_count()} cores",
            measured="\n".join(fidelity_lines(measured)),
            paper="\n".join(paper_lines(payments)),
            kept=kept_under_contention(payments),
            lost=lost_without_parallelism(payments),
        )
    )
    if arguments.output:
        arguments.output.write_text(page, "utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()
