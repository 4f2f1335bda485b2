"""Execute real Ethereum blocks, compare each with its header, and print a table.

The table is that of docs/explanation/ethereum-corpus.md.

    python -m tests.benchmarks.ethereum_corpus FOLDER [NUMBER...] [--repeat K] [--evm native|py-evm]

FOLDER holds a folder a block, with block.json.zst, prestate.json.zst and (where used) blockhashes.json.zst, as
nodes write them. Each block runs by turns sequentially and with 1, 2 and 4 workers, K times after one run to warm
up; times are medians. The bound is greedy scheduling on two cores of the recorded dependencies, weighted by the
medians of the seconds that each transaction took in the sequential runs. "In situ" is the same schedule with the
seconds that each transaction took in a run of two workers, over the time of that run: what is lost to scheduling
and speculation alone, where two busy cores are slower than one.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import blockstm
from blockstm.analysis import dependencies, greedy_schedule
from blockstm.chains.checked import CheckedBlock
from blockstm.ethereum.block import EthereumBlock
from blockstm.ethereum.checking.checks import ExecutedBlock
from blockstm.ethereum.recording.record import read_ethereum
from blockstm.ethereum.virtual_machine import VIRTUAL_MACHINES
from blockstm.results.accesses import net_accesses
from blockstm.results.result import Result
from blockstm.results.verify import differences

WORKERS = (1, 2, 4)
LONG_SECONDS = 0.001
"""Blocks that take longer are long."""


@dataclass(frozen=True)
class Row:
    """What was measured of one block."""

    number: int
    fork: str
    transactions: int
    gas_used: int
    sequential_seconds: float
    seconds: dict[int, float]
    bound: float
    in_situ: float
    checks: dict[str, bool | None]
    executions: int

    @property
    def is_equal(self) -> bool:
        """Whether nothing differs from the header."""
        return False not in self.checks.values()

    @property
    def share_of_bound(self) -> float:
        """Speed-up of two workers over the bound."""
        return self.speedup / self.bound

    @property
    def speedup(self) -> float:
        """Speed-up of two workers; that of an empty block is 1."""
        return self.sequential_seconds / self.seconds[2] if self.transactions else 1.0

    def cells(self) -> list[str]:
        """Return the cells of the table's line."""
        rate = self.gas_used / 1e6 / self.sequential_seconds if self.sequential_seconds else 0
        times = [self.sequential_seconds, *(self.seconds[workers] for workers in WORKERS)]
        return [
            f"{self.number:,}",
            self.fork.replace("_", " "),
            f"{self.transactions:,}",
            f"{self.gas_used / 1e6:.2f}",
            *(f"{1e3 * seconds:,.1f}" for seconds in times),
            f"{rate:.1f}",
            f"{self.speedup:.2f}",
            f"{self.bound:.2f}",
            f"{self.share_of_bound:.2f}",
            f"{self.in_situ:.2f}",
            *(verdict(self.checks[name]) for name in ("gas_used", "logs_bloom", "receipts_root")),
        ]


HEADINGS = (
    "block", "fork", "txns", "Mgas", "sequential ms", "1 worker ms", "2 workers ms", "4 workers ms",
    "Mgas/s", "speed-up of 2", "bound", "share", "in situ", "gas", "bloom", "receipts",
)  # fmt: skip


def verdict(is_equal: bool | None) -> str:
    """Word a header check."""
    return "-" if is_equal is None else "equal" if is_equal else "DIFFERS"


def load(folder: Path) -> blockstm.Block:
    """Make the block of a folder."""
    hashes = folder / "blockhashes.json.zst"
    return read_ethereum(
        folder / "block.json.zst",
        folder / "prestate.json.zst",
        block_hashes_path=hashes if hashes.exists() else None,
    )


def seconds_of_each(result: Result) -> list[float]:
    """Return how long each transaction ran."""
    return [result.execution_seconds(txn_idx) or 0.0 for txn_idx in range(len(result))]


def measure(
    engines: dict[int, blockstm.Engine], recorded: blockstm.Block, repeat: int, evm: str | None = None
) -> Row:
    """Run a block by turns."""
    sequential: list[float] = []
    seconds: dict[int, list[float]] = {workers: [] for workers in WORKERS}
    each_seconds: list[list[float]] = []
    checks: dict[str, bool | None] = {}
    in_situ: list[float] = []
    waits: list[set[int]] = []
    ethereum = EthereumBlock.of(recorded)
    block = CheckedBlock.of(recorded, evm).executable.block
    for turn in range(repeat + 1):
        reference = engines[1].execute(block, "sequential", timed=True)
        runs = {workers: engines[workers].execute(block, timed=True) for workers in WORKERS}
        for result in (reference, *runs.values()):
            for name, is_equal in ExecutedBlock(ethereum, result).header_checks().items():
                checks[name] = is_equal and checks.get(name, True)
        for workers, result in runs.items():
            found = differences(result, reference)
            if found:
                sys.exit(f"block {block.number}, {workers} workers: {found}")
        if turn == 0:  # the workers decode each transaction and each code once
            waits = dependencies(net_accesses(block, reference))
            continue
        sequential.append(reference.stats.wall_seconds)
        each_seconds.append(seconds_of_each(reference))
        two = runs[2]
        in_situ.append(greedy_schedule(waits, seconds_of_each(two), 2) / (two.stats.wall_seconds or 1.0))
        for workers, result in runs.items():
            seconds[workers].append(result.stats.wall_seconds)
    medians = [median(times) for times in zip(*each_seconds, strict=True)]
    return Row(
        number=block.number or 0,
        fork=str(block.meta["ethereum"]["fork"]),  # type: ignore[index]
        transactions=len(block),
        gas_used=reference.gas_used,
        sequential_seconds=median(sequential),
        seconds={workers: median(times) for workers, times in seconds.items()},
        bound=sum(medians) / greedy_schedule(waits, medians, 2) if medians else 1.0,
        in_situ=median(in_situ),
        checks=checks,
        executions=runs[2].stats.executions,
    )


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the table and its totals."""
    yield "| " + " | ".join(HEADINGS) + " |"
    yield "|" + " --- |" * 2 + " ---: |" * (len(HEADINGS) - 5) + " --- |" * 3
    for row in rows:
        yield "| " + " | ".join(row.cells()) + " |"
    gas, total = sum(row.gas_used for row in rows), sum(row.sequential_seconds for row in rows)
    long = [row for row in rows if row.sequential_seconds > LONG_SECONDS]
    yield ""
    yield f"- {len(rows)} blocks, {sum(row.is_equal for row in rows)} of them equal to their headers in every run."
    yield f"- Sequential: {gas / 1e6:.1f} Mgas in {total:.3f} s: {gas / 1e6 / total:.1f} Mgas/s."
    for workers in WORKERS:
        spent = sum(row.seconds[workers] for row in rows)
        yield f"- {workers} worker{'s' if workers > 1 else ''}: {spent:.3f} s, {total / spent:.2f} x."
    if long:
        shares = sorted(row.share_of_bound for row in long)
        gained = sorted(row.sequential_seconds / row.seconds[2] for row in long)
        yield (
            f"- {len(long)} blocks of more than {LONG_SECONDS} s, speed-up of 2 workers: "
            f"least {gained[0]:.2f}, median {median(gained):.2f}, most {gained[-1]:.2f}."
        )
        yield (
            f"- Of these, share of the bound with 2 workers: "
            f"least {shares[0]:.2f}, median {median(shares):.2f}, most {shares[-1]:.2f}; "
            f"{sum(share >= 0.93 for share in shares)} are at 0.93 or more."
        )
        shares = sorted(row.in_situ for row in long)
        yield (
            f"- The same in situ: least {shares[0]:.2f}, median {median(shares):.2f}, most {shares[-1]:.2f}; "
            f"{sum(share >= 0.93 for share in shares)} are at 0.93 or more."
        )


def main() -> None:
    """Run all blocks of a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("numbers", nargs="*", help="only these blocks")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--evm", choices=VIRTUAL_MACHINES, help="default: native where it is installed")
    arguments = parser.parse_args()
    folders = [entry for entry in arguments.folder.iterdir() if entry.name.isdigit()]
    if arguments.numbers:
        folders = [entry for entry in folders if entry.name in arguments.numbers]
    rows = []
    engines = {workers: blockstm.Engine(workers) for workers in WORKERS}
    try:
        for folder in sorted(folders, key=lambda entry: int(entry.name)):
            block = load(folder)
            rows.append(measure(engines, block, arguments.repeat, arguments.evm))
            print("\t".join(rows[-1].cells()), file=sys.stderr)
    finally:
        for engine in engines.values():
            engine.close()
    print("\n".join(lines(rows)))


if __name__ == "__main__":
    main()
