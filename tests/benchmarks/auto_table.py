"""How `auto` compares with the better of sequential execution and Block-STM, over contention, work and workers.

Prints a table, and draws it with `-o`: a cell for each block of transfers and number of workers, in modelled and in
real time. The figure is the time of the better of the two over that of `auto`: 1 is as good, 0.95 is 5 % slower.

    python -m tests.benchmarks.auto_table [-o docs/images/auto.svg]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import blockstm
from blockstm.simulate import Simulation, default_model
from tests.benchmarks.workloads import interleaved, transfers, wall_seconds

ACCOUNTS: Final = (2, 10, 100, 1_000, 10_000)
ROUNDS: Final = (0, 500, 2_000, 15_000)
CORES: Final = (1, 2, 4, 8, 16, 32, 64)
WORKERS: Final = (1, 2)
TRANSACTIONS: Final = 5_000
TURNS: Final = 15
MODELS: Final = ("sequential", "block-stm", "auto")
CELL_WIDTH: Final = 52
CELL_HEIGHT: Final = 22
LEFT: Final = 150
TOP: Final = 46
# From clearly slower to as good: each colour from that ratio on.
COLOURS: Final = ((0.0, "#b2182b"), (0.8, "#ef8a62"), (0.9, "#fddbc7"), (0.95, "#d1e5f0"), (1.0, "#67a9cf"))


@dataclass(frozen=True)
class Row:
    """A block, and the ratio for each number of cores and then of workers."""

    accounts: int
    rounds: int
    microseconds: float
    ratios: tuple[float, ...]

    @property
    def name(self) -> str:
        """What the block is called."""
        return f"{self.accounts:,} accounts, {self.microseconds:.1f} us"


def ratio(seconds: Sequence[float]) -> float:
    """Return the time of the better of the first two over the third."""
    return min(seconds[:2]) / seconds[2]


def rows() -> Iterator[Row]:
    """Measure each block."""
    with blockstm.Engine(workers=1) as one, blockstm.Engine(workers=2) as two:
        for rounds in ROUNDS:
            for accounts in ACCOUNTS:
                block = transfers(accounts, rounds, TRANSACTIONS)
                with Simulation(block, default_model(), max(CORES)) as simulation:
                    sequential = simulation.run_sequentially().stats.wall_seconds
                    ratios = [
                        ratio(
                            [
                                sequential,
                                *(
                                    simulation.run(cores, model=model).stats.wall_seconds
                                    for model in MODELS[1:]
                                ),
                            ]
                        )
                        for cores in CORES
                    ]
                for engine in (one, two):
                    turns = [partial(wall_seconds, engine, block, model) for model in MODELS]
                    ratios.append(ratio(interleaved(turns, TURNS)))
                yield Row(accounts, rounds, sequential / TRANSACTIONS * 1e6, tuple(ratios))


def colour_of(value: float) -> str:
    """Return the colour of a ratio."""
    return [colour for least, colour in COLOURS if round(value, 2) >= least][-1]


def drawing(measured: Sequence[Row]) -> str:
    """Return an SVG: a row for each block, a column for each number of cores or workers."""
    columns = [*(f"{cores}" for cores in CORES), *(f"{workers}" for workers in WORKERS)]
    width = LEFT + CELL_WIDTH * len(columns) + 10
    height = TOP + CELL_HEIGHT * len(measured) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{LEFT}" y="16">modelled cores</text>',
        f'<text x="{LEFT + CELL_WIDTH * len(CORES)}" y="16">real workers</text>',
    ]
    for place, column in enumerate(columns):
        parts.append(f'<text x="{LEFT + CELL_WIDTH * place + 18}" y="{TOP - 10}">{column}</text>')
    for line, row in enumerate(measured):
        y = TOP + CELL_HEIGHT * line
        parts.append(f'<text x="4" y="{y + 15}">{row.name}</text>')
        for place, value in enumerate(row.ratios):
            x = LEFT + CELL_WIDTH * place
            parts.append(
                f'<rect x="{x}" y="{y}" width="{CELL_WIDTH - 2}" height="{CELL_HEIGHT - 2}" '
                f'fill="{colour_of(value)}"/><text x="{x + 12}" y="{y + 15}">{value:.2f}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def main() -> None:
    """Measure, print, and draw."""
    parser = argparse.ArgumentParser(description="Compare auto with the better of sequential and block-stm.")
    parser.add_argument("-o", "--output", type=Path, help="the SVG to write")
    output: Path | None = parser.parse_args().output
    heads = [*(f"{cores} cores" for cores in CORES), *(f"{workers} workers" for workers in WORKERS)]
    print("| block |", " | ".join(heads), "|")
    print("|---|" + "---|" * len(heads))
    measured = []
    for row in rows():
        measured.append(row)
        print(f"| {row.name} |", " | ".join(f"{value:.2f}" for value in row.ratios), "|", flush=True)
    if output is not None:
        output.write_text(drawing(measured))


if __name__ == "__main__":
    main()
