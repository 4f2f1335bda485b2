"""What a chain of blocks takes on a store: confirmed and durable latency, and the whole run over its longest stage.

    python -m tests.benchmarks.settlement_table [--blocks 100] [--transactions 2000] [--turns 3] [--workers 1]

Each way is run by turns on the same chain, without a store first: then each block starts from the last one's state
in memory. Latencies count from a block's beginning, its loading included, until its last transaction was final.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import monotonic_ns
from typing import NamedTuple

from blockstm import Block, Engine, Ledger, Store
from blockstm.results.result import nearest_rank
from blockstm.settlement import Confirmed, Durable
from blockstm.settlement.figures import BlockTimes, stages_of
from blockstm.workloads import scenario_from_text

SCENARIO = """
workload = "transfers"
transactions = {transactions}
[transfers]
accounts = 10000
work = {work}
"""
WARM_BLOCKS = 5
"""Of which nothing is told: the first one brings the state, and processes warm up."""
WAYS = (
    ("sync", 1, "none"),
    ("sync", 1, "binary"),
    ("async", 4, "none"),
    ("async", 4, "binary"),
)


HEAD = """\
| way | confirmed p50 (ms) | p99 (ms) | over without, p50 / p99 | durable p50 (ms) | execution (s) | root (s)\
 | storing (s) | all (s) | over the longest stage |
|---|---|---|---|---|---|---|---|---|---|"""


class Run(NamedTuple):
    """One run of the chain; latencies of its blocks in ms."""

    confirmed: list[float]
    durable: list[float]
    stages: tuple[float, float, float, float]
    """Execution, root, storing, and the whole run, in seconds."""


def without_store(engine: Engine, blocks: Sequence[Block]) -> Run:
    state = dict(blocks[0].state)
    confirmed = []
    for block in blocks:
        placed = Block(block.transactions, state)
        began = monotonic_ns()
        result = engine.execute(placed)
        confirmed.append((result._snapshot.end_ns - began) / 1e6)
        state = dict(result.state)
    total = sum(confirmed[WARM_BLOCKS:]) / 1e3
    return Run(confirmed[WARM_BLOCKS:], [], (total, 0.0, 0.0, total))


def on_store(
    engine: Engine, blocks: Sequence[Block], path: Path, settle: str, in_flight: int, tree: str
) -> Run:
    confirmed: dict[int, Confirmed] = {}
    times: list[BlockTimes] = []
    with (
        Store.create(path, chain="scenario", tree=tree) as store,
        Ledger(engine, store, settle=settle, in_flight=in_flight) as ledger,  # type: ignore[arg-type]
    ):
        for event in ledger.run(blocks):
            if isinstance(event, Durable):
                times.append(BlockTimes.of(confirmed.pop(event.number), event))
            else:
                confirmed[event.number] = event
    path.unlink()
    times = times[WARM_BLOCKS:]
    return Run(
        [each.confirmed_seconds * 1e3 for each in times],
        [each.durable_seconds * 1e3 for each in times],
        tuple(stages_of(times)),  # type: ignore[arg-type]
    )


def line(name: str, runs: Sequence[Run], before: Sequence[Run]) -> str:
    """Medians over the turns."""

    def middle(values: Sequence[float]) -> float:
        return median(values)

    p50 = middle([nearest_rank(sorted(run.confirmed), 50) for run in runs])
    p99 = middle([nearest_rank(sorted(run.confirmed), 99) for run in runs])
    p99_before = middle([nearest_rank(sorted(run.confirmed), 99) for run in before])
    p50_before = middle([nearest_rank(sorted(run.confirmed), 50) for run in before])
    durable = [nearest_rank(sorted(run.durable), 50) for run in runs if run.durable]
    stages = [middle([run.stages[place] for run in runs]) for place in range(4)]
    over = middle([run.stages[3] / max(run.stages[0], run.stages[1] + run.stages[2]) for run in runs])
    return (
        f"| {name} | {p50:.1f} | {p99:.1f} | {p50 / p50_before:.2f} / {p99 / p99_before:.2f} | "
        f"{f'{middle(durable):.1f}' if durable else '-'} | {stages[0]:.2f} | {stages[1]:.2f} | {stages[2]:.2f} | "
        f"{stages[3]:.2f} | {over:.2f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--blocks", type=int, default=100)
    parser.add_argument("--transactions", type=int, default=2000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--work", type=int, nargs="*", default=[0, 5_000, 20_000], help="ns a transaction")
    parser.add_argument("--workers", type=int, default=1, help="one less than cores leaves one to settlement")
    parser.add_argument("--folder", type=Path, help="where stores are put; a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for work in options.work:
            text = SCENARIO.format(transactions=options.transactions, work=work)
            blocks = list(scenario_from_text(text, "chain.toml").chain(options.blocks + WARM_BLOCKS))
            runs: dict[str, list[Run]] = {}
            with Engine(options.workers) as engine:
                for _ in range(options.turns):
                    runs.setdefault("without a store", []).append(without_store(engine, blocks))
                    for settle, in_flight, tree in WAYS:
                        name = f"{settle}, tree {tree}"
                        path = Path(folder) / "state.lmdb"
                        runs.setdefault(name, []).append(
                            on_store(engine, blocks, path, settle, in_flight, tree)
                        )
            shape = f"{options.transactions} transfers a block, {work / 1000:g} us of work each"
            print(f"\n{shape}, {options.workers} workers\n")
            print(HEAD)
            for name, of_way in runs.items():
                print(line(name, of_way, runs["without a store"]), flush=True)


if __name__ == "__main__":
    main()
