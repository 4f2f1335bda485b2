"""What each shipped scenario gains on two real workers and on modelled cores.

This is a table of docs/reference/workloads.md:

    python -m tests.benchmarks.workloads_table [-o docs/reference/workloads.md]

Runs take turns, real times are medians. With -o the table of that page is replaced.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import blockstm
from blockstm.results.verify import differences
from blockstm.simulate import Simulation, default_model
from blockstm.workloads import read_scenario
from tests.benchmarks.workloads import ROOT, interleaved, wall_seconds

CORES = (8, 32)
HEADINGS = (
    "scenario",
    "txns",
    "2 workers, real",
    "aborts / txn",
    *(f"{n} cores" for n in CORES),
    "bound: chain",
)
TABLE = re.compile(rf"^\| {HEADINGS[0]} \| {HEADINGS[1]} \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)


def row(engine: blockstm.Engine, path: Path, rounds: int) -> list[str]:
    """Measure one scenario, after checking that what comes of it is right."""
    scenario = read_scenario(path)
    block = scenario.block()
    result, in_order = engine.execute(block), engine.execute(block, "sequential")
    wrong = differences(result, in_order) + scenario.invariant_failures(block.state, result.state)
    if wrong:
        raise SystemExit(f"{path}: {wrong[0]}")
    parallel, sequential = interleaved(
        [lambda: wall_seconds(engine, block), lambda: wall_seconds(engine, block, "sequential")], rounds
    )
    with Simulation(block, default_model(), cores_max=max(CORES)) as simulation:
        figures = [simulation.figures(cores) for cores in CORES]
    bound = figures[0].bound_critical_path
    return [
        f"`{path.stem}`",
        f"{len(block):,}",
        f"{sequential / parallel:.2f} x",
        f"{result.stats.aborts / len(block):.2f}",
        *(f"{entry.speedup:.2f} x" for entry in figures),
        "-" if bound is None else f"{bound:.1f} x",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, help="the page whose table to replace")
    parser.add_argument("--rounds", type=int, default=5, help="runs each way")
    arguments = parser.parse_args()
    lines = [f"| {' | '.join(HEADINGS)} |", "|---|" + "---:|" * (len(HEADINGS) - 1)]
    with blockstm.Engine(workers=2) as engine:
        for path in sorted((ROOT / "scenarios").glob("*.toml")):
            print(path.name, file=sys.stderr)
            lines.append(f"| {' | '.join(row(engine, path, arguments.rounds))} |")
    table = "\n".join(lines)
    if arguments.output is None:
        print(table)
        return
    page, count = TABLE.subn(lambda _: table, arguments.output.read_text())
    if count != 1:
        raise SystemExit(f"{arguments.output}: holds {count} such tables instead of one")
    arguments.output.write_text(page)


if __name__ == "__main__":
    main()
