"""``blockstm simulate``: what a block would take on any number of cores."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from blockstm.block import Block
from blockstm.cli.options import (
    JsonOption,
    MemoryLimitOption,
    ProgramsOption,
    TimelineOption,
    check_output_path,
    import_programs,
    named_in_errors,
    not_negative,
)
from blockstm.cli.progress import Progress
from blockstm.cli.tables import NONE, milliseconds, print_wide, times
from blockstm.cli.timelines import timeline_file
from blockstm.errors import UsageError, shown, shown_path
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, WORKERS_MAX
from blockstm.simulate import Figures, Simulation, default_model, read_model

__all__ = ["simulate"]

COLUMNS = (
    "cores", "time\nms", "speed-up", "efficiency", "utilised", "exec.\n/ txn", "valid.\n/ txn", "aborts\n/ txn",
    "commit\np50 ms", "\np99 ms", "\nmax ms", "bound:\nchain", "\ngreedy",
)  # fmt: skip


def core_counts(text: str) -> list[int]:
    """Return the numbers of a list such as ``1,2,4``, each from 1 to 256, without repetitions.

    Raises:
        UsageError: it is no such list.
    """
    counts = []
    for part in text.split(","):
        if not re.fullmatch(r" *\d{1,3} *", part, re.ASCII) or not 1 <= int(part) <= WORKERS_MAX:
            raise UsageError(
                f"--cores: {shown(part)} is no number of cores; "
                f"give whole numbers from 1 to {WORKERS_MAX}, as in 1,2,4"
            )
        counts.append(int(part))
    return list(dict.fromkeys(counts))


BlockArgument = Annotated[Path, typer.Argument(metavar="BLOCK", help="The block file.")]
CoresOption = Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of cores.")]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        metavar="COSTS.toml",
        help="The cost model, as calibrate writes it.",
        show_default="the one that comes with blockstm",
    ),
]
RoundsOption = Annotated[
    float,
    typer.Option(
        callback=not_negative,
        metavar="R",
        help="Work of the program trace: rounds for a unit of gas, where no time is recorded.",
    ),
]
AsReplayOption = Annotated[
    bool,
    typer.Option(
        "--as-replay", help="Take rounds of work, as replay does them, and not the times that were recorded."
    ),
]


def simulate(
    block: BlockArgument,
    cores: CoresOption = "1,2,4,8,16,32,64",
    model: ModelOption = None,
    rounds_per_gas: RoundsOption = 1.0,
    as_replay: AsReplayOption = False,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
    timeline: TimelineOption = None,
) -> None:
    """Tell what a block would take on any number of cores, in modelled time.

    Exit status: 0 done, 2 bad usage or bad input.
    """
    if programs:
        import_programs(programs)
    counts = core_counts(cores)
    if timeline is not None:
        check_output_path("--timeline", timeline, [block, *([] if model is None else [model])])
    costs = default_model() if model is None else read_model(model)
    loaded = Block.load(block)
    with named_in_errors(block):
        simulation = Simulation(
            loaded,
            costs,
            max(counts),
            rounds_per_gas=rounds_per_gas,
            memory_limit_bytes=memory_limit,
            recorded_seconds=not as_replay,
        )
        figures = run(block, simulation, counts, timeline)
    if as_json:
        results = [each.as_json() for each in figures]
        entry = {"schema": 1, "command": "simulate", "file": str(block), "transactions": len(loaded)}
        print(json.dumps(entry | {"results": results}))
    else:
        print_figures(block, figures)


def run(file: Path, simulation: Simulation, cores: Sequence[int], timeline: Path | None) -> list[Figures]:
    """Run the block on each number of cores, show the progress, and write the timelines where they are wanted."""
    measured = []
    about = {"command": "simulate", "model": "block-stm", "file": str(file)}
    with timeline_file(timeline, **about) as add_timeline, simulation, Progress(len(cores)) as progress:
        for count in cores:
            name = "1 core" if count == 1 else f"{count} cores"
            with progress.step(f"{file.name}: {name}"):
                figures, result = simulation.figures_and_result(count, timeline=timeline is not None)
                add_timeline(name, result, cores=count, transactions=len(result))
            measured.append(figures)
    return measured


def print_figures(file: Path, figures: Sequence[Figures]) -> None:
    """Print a line for each number of cores."""
    first = figures[0]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for heading in COLUMNS:
        table.add_column(heading, justify="right", no_wrap=True)
    for each in figures:
        table.add_row(*cells(each))
    print_wide(table)
    print(
        f"\n{shown_path(file)}: {first.transactions:,} transactions, modelled time; "
        f"sequential {milliseconds(first.sequential_seconds)} ms"
    )


def cells(figures: Figures) -> list[str]:
    """Return the cells of a line."""
    latency = figures.commit_latency_seconds
    counts = (figures.executions, figures.validations, figures.aborts)
    transactions = figures.transactions
    return [
        str(figures.cores),
        milliseconds(figures.seconds),
        times(figures.speedup),
        share(figures.efficiency),
        share(figures.utilisation),
        *(f"{count / transactions:.2f}" if transactions else NONE for count in counts),
        *(milliseconds(latency.get(name)) for name in ("p50", "p99", "max")),
        times(figures.bound_critical_path),
        times(figures.bound_greedy),
    ]


def share(value: float | None) -> str:
    """Write a share of 1 as per cent."""
    return NONE if value is None else f"{value * 100:.0f} %"
