"""What a block of short transactions costs beside its run: getting into the engine, and out as a result.

    python -m tests.benchmarks.loading_table [--rounds 7] [--calls 9]

For 10,000 transfers without work: the time inside the run, and what the whole call takes over that, in nanoseconds
a transaction. The block is there as objects (`again`: it has been executed before; `new`: it has not; `made`: the
call makes it of its transactions and state), in a file, or as an Arrow table; `kept`: as `again`, while the last
result is in use. The ways take turns; each figure is the median of the medians of rounds.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import pyarrow

import blockstm
from blockstm.programs.built_in import transfer
from tests.benchmarks.workloads import TXNS, transfers

ACCOUNTS = (2, 10, 100, 1_000, 10_000)
WORKERS = (1, 2)

Way = Callable[[], blockstm.Block]


def tables(block: blockstm.Block) -> tuple[pyarrow.Table, pyarrow.Table]:
    """A block of transfers as tables of transactions and of the state."""
    senders, receivers, amounts, _ = zip(*(txn.arguments for txn in block), strict=True)
    keys = [pyarrow.array(each, pyarrow.binary()) for each in (senders, receivers)]
    transactions = pyarrow.table({"sender": keys[0], "receiver": keys[1], "amount": pyarrow.array(amounts)})
    state = {"key": list(block.state), "value": list(block.state.values())}
    return transactions, pyarrow.table(
        {name: pyarrow.array(each, pyarrow.binary()) for name, each in state.items()}
    )


def ways(accounts: int, folder: Path) -> Mapping[str, Way]:
    """How the block is there before the call, by name."""
    block = transfers(accounts, 0)
    path = folder / f"{accounts}.block"
    block.save(path)
    state, (table, state_table) = dict(block.state), tables(block)
    return {
        "again": lambda: block,
        "made": lambda: blockstm.Block(block.transactions, state),
        "file": lambda: blockstm.Block.load(path),
        "arrow": lambda: blockstm.Block.from_arrow(table, state_table, program=transfer),
    }


def seconds(engine: blockstm.Engine, way: Way, *, is_new: bool = False) -> tuple[float, float]:
    """How long the run took, and how long the call took over that."""
    block = way() if is_new else None
    begin = time.perf_counter()
    result = engine.execute(way() if block is None else block)
    whole = time.perf_counter() - begin
    return result.stats.wall_seconds, whole - result.stats.wall_seconds


def kept_seconds(engine: blockstm.Engine, way: Way) -> tuple[float, float]:
    """As `seconds`, while the result of the call before is in use."""
    last = engine.execute(way())
    measured = seconds(engine, way)
    assert len(last)
    return measured


def row(engine: blockstm.Engine, accounts: int, folder: Path, rounds: int, calls: int) -> list[float]:
    """The figures of one number of accounts: the run, and each way over it."""
    given = ways(accounts, folder)
    runs: dict[str, Callable[[], tuple[float, float]]] = {
        "again": lambda: seconds(engine, given["again"]),
        "kept": lambda: kept_seconds(engine, given["again"]),
        "new": lambda: seconds(engine, given["made"], is_new=True),
        **{name: (lambda way=given[name]: seconds(engine, way)) for name in ("made", "file", "arrow")},
    }
    medians: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    for _ in range(rounds + 1):
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for _ in range(calls):
            for name, run in runs.items():
                seen[name].append(run())
        for name, times in seen.items():
            within, over = zip(*times, strict=True)
            medians[name].append((median(within), median(over)))
    within = median([pair[0] for pair in medians["again"][1:]])
    over = [median([pair[1] for pair in medians[name][1:]]) for name in runs]
    return [within, *over]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds of which each gives a median")
    parser.add_argument("--calls", type=int, default=9, help="calls each way in a round")
    arguments = parser.parse_args()
    print("| workers | accounts | run | + again | + kept | + new | + made | + file | + arrow |")
    print("|---:|---:|" + "---:|" * 7)
    with tempfile.TemporaryDirectory() as folder:
        for workers in WORKERS:
            with blockstm.Engine(workers) as engine:
                for accounts in ACCOUNTS:
                    figures = row(engine, accounts, Path(folder), arguments.rounds, arguments.calls)
                    cells = [f"{each / TXNS * 1e9:.0f}" for each in figures]
                    print(f"| {workers} | {accounts:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
