"""Where the time of many cores goes, in modelled time.

    python -m tests.benchmarks.many_workers [--cores 16,32,64] [SCENARIO.toml | BLOCK.block ...]

For each block and number of cores: the speed-up and its greedy bound, and of all the cores' time the percentage
that

- was over before the worker was woken (or after it was done),
- went into executions that stayed, and into those in vain: aborted later, given up, or suspended,
- into validations, and into commits,
- was spent looking for a task and pausing, and asleep,
- and the rest: handing tasks out, publishing, waking others, and waiting for their cache lines;

then, for each transaction, how many cache lines a core fetched from another: those of the two indices from which
tasks are handed out, keys, transactions, and all others.

Without arguments: the payments of scenarios/sweeps/contention.toml between more and more accounts, and some
scenarios.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import blockstm
from blockstm.simulate import Simulation, default_model
from blockstm.workloads import read_scenario
from tests.benchmarks.workloads import ROOT

SCENARIOS: Final = ROOT / "scenarios"
SUMMARY: Final = (__doc__ or "").partition("\n")[0]
ACCOUNTS: Final = (10, 50, 100, 200, 1_000, 10_000)
OTHERS: Final = ("amm-swaps", "exchange-day", "orderbook", "perpetual", "transfers-uniform")
IN_VAIN: Final = ("aborted", "doomed", "suspended")
VALIDATING: Final = ("validation", "abort", "overtaken")
IDLE: Final = ("look", "pause")
HEAD: Final = (
    "block", "cores", "speed-up", "bound",
    "not begun", "kept", "in vain", "valid.", "commit", "looking", "asleep", "rest",
    "indices", "keys", "txns", "others",
)  # fmt: skip


def blocks(paths: list[Path]) -> Iterator[tuple[str, blockstm.Block]]:
    """Yield what is simulated, by name."""
    for path in paths:
        yield path.stem, read_scenario(path).block() if path.suffix == ".toml" else blockstm.Block.load(path)
    if not paths:
        payments = read_scenario(SCENARIOS / "transfers-aptos.toml")
        for accounts in ACCOUNTS:
            yield f"{accounts:,} accounts", payments.with_parameters({"transfers.accounts": accounts}).block()
        for name in OTHERS:
            yield name, read_scenario(SCENARIOS / f"{name}.toml").block()


def shares(simulation: Simulation, cores: int) -> tuple[list[float], list[float]]:
    """Run a block once; return speed-up and bound, and what HEAD says after them."""
    figures, result = simulation.figures_and_result(cores, timeline=True)
    assert result.timeline is not None
    spans: Counter[str] = Counter()
    for span in result.timeline:
        spans[span.kind] += span.end_ns - span.begin_ns
    all_ns = figures.seconds * 1e9 * cores
    prices = default_model().prices()
    looking = sum(simulation.counts()[name] * prices[name] for name in IDLE)
    busy = (figures.utilisation or 0) * all_ns
    told = [
        spans["execution"],
        sum(spans[kind] for kind in IN_VAIN),
        sum(spans[kind] for kind in VALIDATING),
        spans["commit"],
    ]
    away = all_ns - busy - looking - spans["sleep"]
    parts = [max(away, 0), *told, looking, spans["sleep"], busy - sum(told)]
    fetched = dict(simulation.transfers())
    lines = [
        fetched.pop("execution index") + fetched.pop("validation index"),
        fetched.pop("keys"),
        fetched.pop("transactions"),
        sum(fetched.values()),
    ]
    return (
        [figures.speedup or 0, figures.bound_greedy or 0],
        [*(100 * part / all_ns for part in parts), *(each / len(result) for each in lines)],
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.benchmarks.many_workers", description=SUMMARY)
    parser.add_argument("--cores", default="32", help="how many, with commas")
    parser.add_argument("paths", nargs="*", type=Path, help="scenarios, or block files")
    options = parser.parse_args()
    numbers = [int(each) for each in options.cores.split(",")]
    print(f"| {' | '.join(HEAD)} |", f"|---|{'---:|' * (len(HEAD) - 1)}", sep="\n")
    for name, block in blocks(options.paths):
        with Simulation(block, default_model(), max(numbers)) as simulation:
            for cores in numbers:
                speeds, rest = shares(simulation, cores)
                cells = [*(f"{each:.2f}" for each in speeds), *(f"{each:.0f}" for each in rest[:8])]
                cells += [f"{each:.1f}" for each in rest[8:]]
                print(f"| {name} | {cores} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
