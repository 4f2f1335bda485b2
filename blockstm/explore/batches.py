"""Schedules in processes of their own: programs run there, and a crash of one ends that process only.

Virtual workers that died stay in memory, and must not be collected (see `trial`). So schedules with deaths run in
batches, each in a process that is thrown away after it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.blocks.pickled import can_load, modules_of, pickled
from blockstm.engine.hosted import transaction_that_ends
from blockstm.errors import ProgramError
from blockstm.explore.explorer import Plan, Report, replay, search
from blockstm.explore.schedules import Schedule
from blockstm.explore.trial import BLOCK_STM
from blockstm.limits import MEMORY_LIMIT_BYTES_EXPLORED
from blockstm.models import Model
from blockstm.processes.host import Host, HostEndedError
from blockstm.processes.pickling import loads

__all__ = ["BATCH_SCHEDULES", "explore", "repeat"]

BATCH_SCHEDULES: Final = 500


def explore(
    block: Block,
    plan: Plan,
    *,
    failures_max: int = 1,
    progress: Callable[[int], None] = lambda schedules: None,
) -> Report:
    """Try the schedules of a plan until enough fail, in processes of their own.

    Arguments:
        block: the block.
        plan: what to try.
        failures_max: after how many failures to stop.
        progress: told now and then how many schedules were tried.

    Raises:
        MemoryLimitError: the block does not fit.
        ProgramError: a program ends the process, or does not reach it.
        EngineError: the process cannot be started.
    """
    if plan.kills == 0:
        report: Report = in_host(block, _search, plan, failures_max, progress=progress)
        progress(report.schedules)
        return report
    report = Report(0, 0, [])
    wanted = plan.schedules or 0
    while report.schedules < wanted and len(report.failures) < failures_max:
        count = min(BATCH_SCHEDULES, wanted - report.schedules)
        batch = replace(plan, first=plan.first + report.schedules, schedules=count)
        part: Report = in_host(block, _search, batch, failures_max - len(report.failures))
        numbered = [replace(failure, number=report.schedules + failure.number) for failure in part.failures]
        report = Report(
            report.schedules + part.schedules, report.steps + part.steps, report.failures + numbered
        )
        progress(report.schedules)
    return report


def repeat(block: Block, schedule: Schedule, mutant: str | None = None, model: Model = BLOCK_STM) -> Report:
    """Run a block under one recorded schedule, in a process of its own.

    Arguments:
        block: the block.
        schedule: the schedule.
        mutant: the mutant of the protocol to run, None for the protocol itself.
        model: the model of execution.

    Raises:
        ScheduleError: the schedule does not fit the block.
        MemoryLimitError: the block does not fit.
        ProgramError: a program ends the process, or does not reach it.
        EngineError: the process cannot be started.
    """
    report: Report = in_host(block, _replay, schedule, mutant, model)
    return report


def in_host(
    block: Block,
    function: Callable[..., Any],
    *arguments: object,
    progress: Callable[[int], None] | None = None,
) -> Any:
    """Call a function with a block in a process of its own; return what it returns, or raise what it raises.

    Arguments:
        block: the block.
        function: one of this module, which takes the block as bytes.
        arguments: further arguments.
        progress: as for `Host.call`.

    Raises:
        ProgramError: the process ended, or the block's programs do not reach it.
    """
    host = Host(__name__)
    try:
        return host.call(function, _packed(host, block), *arguments, progress=progress)
    except HostEndedError as end:
        raise ProgramError(_blamed(block, end.ending)) from None
    finally:
        host.close()


def _packed(host: Host, block: Block) -> bytes:
    """Return the block as bytes that can be read in the host, with programs of modules that it cannot import."""
    packed = pickled(block)
    if host.call(can_load, packed) is None:
        return packed
    packed = pickled(block, modules_of(block))
    if (problem := host.call(can_load, packed)) is not None:
        raise ProgramError(
            f"the block's programs cannot be loaded in another process: {problem}; "
            "what they refer to must be importable there, or be picklable by value"
        )
    return packed


def _blamed(block: Block, ending: str) -> str:
    """Say which transaction ends the process, if it does so in sequential execution, too."""
    blamed = transaction_that_ends(block, MEMORY_LIMIT_BYTES_EXPLORED)
    if blamed is not None:
        return blamed
    return (
        f"the process in which schedules are tried {ending}, though sequential execution does not end it: "
        "a program ends its process when what it reads is stale; have it check what it reads"
    )


# --- in the host ---


def _search(
    packed: bytes, plan: Plan, failures_max: int, progress: Callable[[int], None] = lambda schedules: None
) -> Report:
    return search(loads(packed), plan, failures_max=failures_max, progress=progress)


def _replay(packed: bytes, schedule: Schedule, mutant: str | None, model: Model) -> Report:
    return replay(loads(packed), schedule, mutant, model)
