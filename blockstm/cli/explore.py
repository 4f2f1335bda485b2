"""``blockstm explore``: run a block under adversarial schedules, and check each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from blockstm.cli.blocks import LoadedBlock, load_executable
from blockstm.cli.columns import print_values, print_wrapped
from blockstm.cli.options import (
    MODEL_DEFAULT,
    EvmOption,
    JsonOption,
    ModelOption,
    ProgramsOption,
    import_programs,
    named_in_errors,
)
from blockstm.cli.progress import Progress
from blockstm.engine import Engine
from blockstm.errors import UsageError, shown_path
from blockstm.explore.batches import explore as explore_block
from blockstm.explore.batches import repeat
from blockstm.explore.explorer import KILLS_MAX, Plan, Report
from blockstm.explore.schedules import WORKERS_MAX, Schedule
from blockstm.models import Sequential, model_of
from blockstm.schema.explore import ExploreOutput, FailureEntry

__all__ = ["explore"]

FAILED = 1
SCHEDULES_DEFAULT = 1000

StrategyName = Literal["random", "pct", "exhaustive"]
BlockArgument = Annotated[Path, typer.Argument(metavar="BLOCK", help="The block file.")]
WorkersOption = Annotated[int, typer.Option(min=1, max=WORKERS_MAX, metavar="N", help="Virtual workers.")]
StrategyOption = Annotated[
    StrategyName, typer.Option(help="How the worker that goes on is chosen at each step.")
]
SchedulesOption = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="How many schedules to run at most.", show_default="1000; exhaustive: all"
    ),
]
SeedOption = Annotated[int, typer.Option(min=0, metavar="S", help="Seed of random and pct.")]
DepthOption = Annotated[
    int, typer.Option(min=1, max=100, metavar="D", help="For pct: one more than its changes of priority.")
]
PreemptionsOption = Annotated[
    int, typer.Option(min=0, max=100, metavar="P", help="For exhaustive: the most preemptions in a schedule.")
]
KillOption = Annotated[
    int,
    typer.Option(
        min=0, max=KILLS_MAX, metavar="N", help="For random and pct: the most deaths in a schedule."
    ),
]
ReplayOption = Annotated[
    str | None, typer.Option(metavar="STRING", help="Run only this schedule, as printed with a failure.")
]


def explore(
    block: BlockArgument,
    workers: WorkersOption = 2,
    model: ModelOption = MODEL_DEFAULT,
    evm: EvmOption = None,
    strategy: StrategyOption = "random",
    schedules: SchedulesOption = None,
    seed: SeedOption = 0,
    depth: DepthOption = 3,
    preemptions: PreemptionsOption = 2,
    kill: KillOption = 0,
    replay: ReplayOption = None,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a block under adversarial schedules, and check the protocol and the result of each.

    Stops at the first schedule that fails, and shows the shortest one found that fails in the same way.

    Exit status: 0 nothing found, 1 a schedule failed, or the result of the block disagrees with its own header,
    2 bad usage or bad input.
    """
    if programs:
        import_programs(programs)
    if kill and strategy == "exhaustive":
        raise UsageError("--kill goes with --strategy random or pct: choose one of them")
    recorded = None if replay is None else Schedule.parse(replay)
    if schedules is None and strategy != "exhaustive":
        schedules = SCHEDULES_DEFAULT
    plan = Plan(strategy, workers, schedules, seed, depth, preemptions, kill, model=model_of(model))
    loaded = load_executable(block, evm)
    with named_in_errors(block):
        check(loaded)
        if recorded is not None:
            report = repeat(loaded.executable.block, recorded, model=plan.model)
        else:
            with Progress(schedules) as progress:
                report = explore_block(loaded.executable.block, plan, progress=progress.count)
    name = strategy if recorded is None else "replay"
    if as_json:
        print(json.dumps(output_of(report, loaded, name, plan).as_json()))
    else:
        print_report(report)
    loaded.print_disagreements()
    if report.failures or loaded.has_header_equal is False:
        raise typer.Exit(FAILED)


def check(loaded: LoadedBlock) -> None:
    """Find out whether a block that has a header can be executed: schedules of failing transactions prove nothing.

    Raises:
        BlockstmError: it cannot.
    """
    if loaded.chain_block is not None:
        with Engine(1) as engine:
            loaded.check(engine.execute(loaded.executable.block, Sequential()))


def output_of(report: Report, loaded: LoadedBlock, strategy: str, plan: Plan) -> ExploreOutput:
    """Return what the JSON output says."""
    return ExploreOutput(
        file=shown_path(loaded.file),
        virtual_machine=loaded.executable.virtual_machine,
        strategy=strategy,
        seed=plan.seed,
        schedules=report.schedules,
        pruned=report.pruned,
        steps=report.steps,
        failures=tuple(
            FailureEntry(
                schedule=str(failure.found.schedule),
                check=failure.found.check,
                message=failure.found.message,
                shortest=str(failure.shortest.schedule),
                interleaving=tuple(failure.lines),
            )
            for failure in report.failures
        ),
    )


def print_report(report: Report) -> None:
    """Print what people read. Schedules stay whole, however long they are: they are there to be copied."""
    schedules = "1 schedule" if report.schedules == 1 else f"{report.schedules:,} schedules"
    pruned = f" ({report.pruned:,} of them pruned)" if report.pruned else ""
    came_to = "no failure" if not report.failures else "FAILED"
    print_wrapped(f"{schedules}{pruned}, {report.steps:,} steps: {came_to}")
    for failure in report.failures:
        print()
        print_values({"check": f"{failure.found.check}: {failure.found.message}"})
        print(f"schedule  {failure.found.schedule}")
        if failure.shortest.schedule != failure.found.schedule:
            print(f"shortest  {failure.shortest.schedule}")
            print_wrapped(f"{failure.shortest.check}: {failure.shortest.message}", indent=" " * 10)
        print()
        for line in failure.lines:
            print_wrapped(line)
