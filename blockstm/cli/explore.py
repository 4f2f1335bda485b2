"""``blockstm explore``: run a block under adversarial schedules, and check each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from blockstm.block import Block
from blockstm.cli.options import JsonOption, ProgramsOption, import_programs, named_in_errors
from blockstm.cli.progress import Progress
from blockstm.controlled.batches import explore as explore_block
from blockstm.controlled.batches import repeat
from blockstm.controlled.explorer import KILLS_MAX, Plan, Report
from blockstm.controlled.schedules import WORKERS_MAX, Schedule
from blockstm.errors import UsageError, shown_path

__all__ = ["explore"]

FAILED = 1
SCHEDULES_DEFAULT = 1000

StrategyName = Literal["random", "pct", "exhaustive"]
BlockArgument = Annotated[Path, typer.Argument(metavar="BLOCK", help="The block file.")]
WorkersOption = Annotated[int, typer.Option(min=1, max=WORKERS_MAX, metavar="N", help="Virtual workers.")]
StrategyOption = Annotated[StrategyName, typer.Option(help="Who goes on at each step.")]
SchedulesOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="The most schedules.", show_default="1000; exhaustive: all"),
]
SeedOption = Annotated[
    int, typer.Option(min=0, metavar="S", help="Where the chances of random and pct start.")
]
DepthOption = Annotated[
    int, typer.Option(min=1, max=100, metavar="D", help="Of pct: one more than its changes of priority.")
]
PreemptionsOption = Annotated[
    int, typer.Option(min=0, max=100, metavar="P", help="Of exhaustive: the most preemptions of a schedule.")
]
KillOption = Annotated[
    int,
    typer.Option(min=0, max=KILLS_MAX, metavar="N", help="Of random and pct: the most deaths a schedule."),
]
ReplayOption = Annotated[
    str | None, typer.Option(metavar="STRING", help="Run this one schedule, as a failure printed it.")
]


def explore(
    block: BlockArgument,
    workers: WorkersOption = 2,
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

    Exit status: 0 nothing found, 1 a schedule failed, 2 bad usage or bad input.
    """
    if programs:
        import_programs(programs)
    if kill and strategy == "exhaustive":
        raise UsageError("--kill goes with --strategy random or pct: choose one of them")
    recorded = None if replay is None else Schedule.parse(replay)
    if schedules is None and strategy != "exhaustive":
        schedules = SCHEDULES_DEFAULT
    plan = Plan(strategy, workers, schedules, seed, depth, preemptions, kill)
    loaded = Block.load(block)
    with named_in_errors(block):
        if recorded is not None:
            report = repeat(loaded, recorded)
        else:
            with Progress(schedules) as progress:
                report = explore_block(loaded, plan, progress=progress.count)
    name = strategy if recorded is None else "replay"
    print(json.dumps(as_object(report, block, name, plan)) if as_json else as_text(report))
    if report.failures:
        raise typer.Exit(FAILED)


def as_object(report: Report, block: Path, strategy: str, plan: Plan) -> dict[str, object]:
    """Return what --json prints."""
    return {
        "schema": 1,
        "command": "explore",
        "file": shown_path(block),
        "strategy": strategy,
        "seed": plan.seed,
        "schedules": report.schedules,
        "pruned": report.pruned,
        "steps": report.steps,
        "failures": [
            {
                "schedule": str(failure.found.schedule),
                "check": failure.found.check,
                "message": failure.found.message,
                "shortest": str(failure.shortest.schedule),
                "interleaving": failure.lines,
            }
            for failure in report.failures
        ],
    }


def as_text(report: Report) -> str:
    """Return what people read."""
    schedules = "1 schedule" if report.schedules == 1 else f"{report.schedules:,} schedules"
    pruned = f" ({report.pruned:,} of them pruned)" if report.pruned else ""
    came_to = "no failure" if not report.failures else "FAILED"
    lines = [f"{schedules}{pruned}, {report.steps:,} steps: {came_to}"]
    for failure in report.failures:
        lines += [
            "",
            f"check     {failure.found.check}: {failure.found.message}",
            f"schedule  {failure.found.schedule}",
        ]
        if failure.shortest.schedule != failure.found.schedule:
            lines += [
                f"shortest  {failure.shortest.schedule}",
                f"          {failure.shortest.check}: {failure.shortest.message}",
            ]
        lines += ["", *failure.lines]
    return "\n".join(lines)
