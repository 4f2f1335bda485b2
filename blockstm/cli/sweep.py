"""``blockstm sweep``: a grid of blocks, models, cores, seeds and repeats; each run a row of one table."""

from __future__ import annotations

import json
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blockstm.cli.columns import print_wrapped
from blockstm.cli.options import memory_bytes, model_list
from blockstm.cli.progress import Progress
from blockstm.cli.sweep_tables import points_of, print_speedups
from blockstm.errors import UsageError, install_extra, shown_path
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, WORKERS_MAX
from blockstm.schema.sweep import SweepOutput
from blockstm.sweep import Outcome, Run, Sweep, carry_out, read_sweep, runs_of
from blockstm.sweep.carryout import Executor, InProcess

if TYPE_CHECKING:
    from blockstm.sweep.storage import ResultsFolder

__all__ = ["sweep"]

_OWN_PACKAGE = "blockstm"

SweepArgument = Annotated[Path, typer.Argument(metavar="SWEEP", help="The sweep's definition, a TOML file.")]
OutputOption = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="DIR", help="The folder for the results; made if it does not exist."
    ),
]
ModelsOption = Annotated[
    str | None,
    typer.Option(
        "--models",
        "--model",
        metavar="M,M,...",
        help="Execution models, where the definition names none.",
        show_default="block-stm",
    ),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS", help="Do the runs on an existing Dask cluster, such as tcp://127.0.0.1:8786."
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=WORKERS_MAX,
        metavar="N",
        help="Processes for virtual runs; runs under the real clock go one at a time.",
        show_default="usable cores",
    ),
]
MemoryLimitOption = Annotated[
    int,
    typer.Option(
        parser=memory_bytes,
        metavar="SIZE",
        help="Memory limit of the arena of each run: bytes, or as in 512MiB, 2GiB.",
        show_default="1GiB",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]


def sweep(
    definition: SweepArgument,
    output: OutputOption,
    models: ModelsOption = None,
    scheduler: SchedulerOption = None,
    workers: WorkersOption = None,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    as_json: JsonOption = False,
) -> None:
    """Run a grid of blocks, models, cores, seeds and repeats, and write a table with a row for each run.

    The same command goes on where an interrupted one stopped. Exit status: 0 done, 2 bad usage or bad input.
    """
    if scheduler is not None and workers is not None:
        raise UsageError(
            "--workers does not go with --scheduler, whose cluster has workers of its own; leave out one of them"
        )
    chosen = None if models is None else list(map(str, model_list("--models", models)))
    defined = read_sweep(definition, chosen)
    runs = runs_of(defined)
    try:
        from blockstm.sweep.storage import ResultsFolder

        executor = executor_for(defined, scheduler, workers, memory_limit)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing == _OWN_PACKAGE:
            raise
        raise UsageError(
            f"sweep needs {missing}, which is not installed; {install_extra('sweep')}"
        ) from error
    with ResultsFolder(output, defined.text, runs) as folder:
        outcome = follow(defined, runs, folder, executor)
        found = folder.rows
    if as_json:
        printed = SweepOutput(
            sweep=defined.name,
            folder=str(folder.path),
            results=str(folder.results),
            clock=defined.clock,
            runs=outcome.runs,
            executed=outcome.executed,
            wall_seconds=outcome.seconds,
            points=tuple(point.entry() for point in points_of(defined, found)),
        )
        print(json.dumps(printed.as_json()))
        return
    print_speedups(defined, found)
    before = outcome.runs - outcome.executed
    resumed = f"; {before:,} were finished before" if before else ""
    print_wrapped(
        f"{shown_path(folder.results)}: {outcome.executed:,} runs in {outcome.seconds:.1f} s{resumed}"
    )


def executor_for(
    defined: Sweep, scheduler: str | None, workers: int | None, memory_limit_bytes: int
) -> AbstractContextManager[Executor]:
    """Return what shall do the runs: a cluster, or for one process and for the real clock here, this process."""
    processes = workers or min(len(os.sched_getaffinity(0)), WORKERS_MAX)
    if scheduler is None and (defined.clock == "real" or processes == 1):
        return nullcontext(InProcess(memory_limit_bytes))
    from blockstm.sweep.cluster import Cluster

    return Cluster(scheduler, processes, memory_limit_bytes)


def follow(
    defined: Sweep, runs: list[Run], folder: ResultsFolder, executor: AbstractContextManager[Executor]
) -> Outcome:
    """Carry the sweep out, show the progress, and tell how to go on if it is interrupted."""
    missing = sum(run.cost for run in folder.missing)
    whole = sum(run.cost for run in runs)

    def label(finished: int) -> str:
        return f"{shown_path(defined.name)}: {finished:,} of {len(runs):,} runs"

    with Progress(whole, is_estimate=True) as progress:

        def show(finished: int, cost: int) -> None:
            progress.label(label(finished))
            progress.count(whole - missing + cost)

        show(len(folder.rows), 0)
        try:
            if not folder.missing:
                return Outcome(len(runs), 0, 0.0)
            with executor as doing:
                return carry_out(folder, doing, show)
        except KeyboardInterrupt:
            print(
                f"interrupted: {label(len(folder.rows))} are finished; the same command goes on from there",
                file=sys.stderr,
            )
            raise
