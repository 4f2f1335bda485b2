"""Schedules with deaths, in processes that are thrown away.

Virtual workers that died stay in memory, and must not be collected (see `trial`). So schedules with deaths run in
batches, each in a process of its own, which ends without cleaning up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import cloudpickle

from blockstm.block import Block
from blockstm.controlled.explorer import Plan, Report, replay, search
from blockstm.controlled.schedules import Schedule
from blockstm.engine.process import HASH_SEED
from blockstm.errors import BlockstmError, EngineError

__all__ = ["BATCH_SCHEDULES", "explore", "repeat"]

BATCH_SCHEDULES: Final = 500

BOOTSTRAP: Final = (
    "import json, sys; "
    "sys.path[:] = json.loads(sys.argv.pop()); "
    "from blockstm.controlled.batches import main; "
    "main()"
)


def explore(
    block: Block,
    plan: Plan,
    *,
    failures_max: int = 1,
    progress: Callable[[int], None] = lambda schedules: None,
) -> Report:
    """Try the schedules of a plan until enough fail; where workers die, in other processes.

    Arguments:
        block: the block.
        plan: what to try.
        failures_max: after how many failures to stop.
        progress: told now and then how many schedules were tried.

    Raises:
        MemoryLimitError: the block does not fit.
        EngineError: another process failed.
    """
    if plan.kills == 0:
        return search(block, plan, failures_max=failures_max, progress=progress)
    report = Report(0, 0, [])
    wanted = plan.schedules or 0
    while report.schedules < wanted and len(report.failures) < failures_max:
        count = min(BATCH_SCHEDULES, wanted - report.schedules)
        batch = replace(plan, first=plan.first + report.schedules, schedules=count)
        part: Report = in_child(search_batch, block, batch, failures_max - len(report.failures))
        numbered = [replace(failure, number=report.schedules + failure.number) for failure in part.failures]
        report = Report(
            report.schedules + part.schedules, report.steps + part.steps, report.failures + numbered
        )
        progress(report.schedules)
    return report


def search_batch(block: Block, plan: Plan, failures_max: int) -> Report:
    """Search in this process."""
    return search(block, plan, failures_max=failures_max)


def repeat(block: Block, schedule: Schedule, mutant: str | None = None) -> Report:
    """Run a block under one recorded schedule; where workers die, in another process.

    Arguments:
        block: the block.
        schedule: the schedule.
        mutant: the mutant of the protocol to run, None for the protocol itself.

    Raises:
        ScheduleError: the schedule does not fit the block.
        MemoryLimitError: the block does not fit.
        EngineError: the other process failed.
    """
    if min(schedule.decisions, default=0) >= 0:
        return replay(block, schedule, mutant)
    report: Report = in_child(replay, block, schedule, mutant)
    return report


def in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process of its own and return what it returns, or raise what it raises.

    Raises:
        EngineError: the process ended without an answer.
    """
    done = subprocess.run(
        [sys.executable, "-c", BOOTSTRAP, json.dumps(sys.path)],
        input=cloudpickle.dumps((function, arguments)),
        stdout=subprocess.PIPE,
        env={**HASH_SEED, **os.environ},
        check=False,
    )
    if done.returncode != 0:
        raise EngineError(
            f"the process that tries schedules ended with status {done.returncode}: report this as a bug"
        )
    answer, error = cloudpickle.loads(done.stdout)
    if error is not None:
        raise error
    return answer


def main() -> None:
    """Be the other process: take a call from standard input, answer on standard output."""
    function, arguments = cloudpickle.load(sys.stdin.buffer)
    answer, raised = None, None
    try:
        answer = function(*arguments)
    except BlockstmError as error:
        raised = error
    sys.stdout.buffer.write(cloudpickle.dumps((answer, raised)))
    sys.stdout.buffer.flush()
    os._exit(0)  # nothing is collected: see trial
