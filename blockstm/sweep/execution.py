"""Doing runs, one after the other: virtual ones in this process, real ones by an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import groupby
from threading import Lock
from typing import Final

from blockstm.chains.checked import CheckedBlock
from blockstm.engine import Engine
from blockstm.errors import BlockstmError, SweepError, UsageError
from blockstm.measure import Runs, Turn
from blockstm.results.result import Result
from blockstm.simulate import Figures, Reference, Simulation, model_from_text
from blockstm.sweep.points import Run
from blockstm.sweep.rows import Row, row_of
from blockstm.sweep.sources import Source

__all__ = ["execute"]

_ONE_AT_A_TIME: Final = Lock()
"""Held during a run: a cluster's worker may have several threads."""


def execute(runs: Sequence[Run], memory_limit_bytes: int) -> Iterator[Row]:
    """Do runs, and yield the row of each when it is done. Nothing else is done in this process meanwhile.

    Arguments:
        runs: those of one block stand together; all have the same clock.
        memory_limit_bytes: the most memory of the arena.

    Raises:
        SweepError: a run needs more cores than there are.
        BlockstmError: a run failed; the message says which.
    """
    if not runs:
        return
    done = _simulated if runs[0].clock == "virtual" else _executed
    yield from done(runs, memory_limit_bytes)


def _simulated(runs: Sequence[Run], memory_limit_bytes: int) -> Iterator[Row]:
    for source, group in groupby(runs, key=lambda run: run.source):
        of_block = list(group)
        costs = model_from_text(of_block[0].cost_model_text or "", "the cost model")
        cores_max = max(run.cores for run in of_block)
        checked = _checked(source)
        block = checked.executable.block
        with Simulation(block, costs, cores_max, memory_limit_bytes=memory_limit_bytes) as simulation:
            for run in of_block:
                with _ONE_AT_A_TIME:
                    started = datetime.now(UTC)
                    try:
                        figures, result = simulation.figures_and_result(run.cores, model=run.model)
                        _check(checked, result)
                        del result  # kept, it would have its memory copied before the next run
                        columns = _simulated_columns(figures)
                    except UsageError as error:
                        columns = _refused_columns(error)
                    except BlockstmError as error:
                        raise _failed(run, error) from error
                yield row_of(run, started, columns | _machine_columns(checked))


def _simulated_columns(figures: Figures) -> dict[str, object]:
    return {
        "seconds": figures.seconds,
        "sequential_seconds": figures.sequential_seconds,
        "speedup": figures.speedup,
        "executions": figures.executions,
        "validations": figures.validations,
        "aborts": figures.aborts,
        "bound_critical_path": figures.bound_critical_path,
        "bound_greedy": figures.bound_greedy,
        "utilisation": figures.utilisation,
        **_latency_columns(figures.commit_latency_seconds),
    }


def _executed(runs: Sequence[Run], memory_limit_bytes: int) -> Iterator[Row]:
    usable = len(os.sched_getaffinity(0))
    most = max(run.cores for run in runs)
    if most > usable:
        raise SweepError(
            f"cores is {most}, more than the {usable} usable cores of the machine; "
            'leave such numbers out, or use clock = "virtual"'
        )
    with ExitStack() as stack:
        # They are kept for all blocks: workers that wait take no time from those that run.
        engines = {
            cores: stack.enter_context(
                Engine(cores, active_workers=cores, memory_limit_bytes=memory_limit_bytes)
            )
            for cores in sorted({run.cores for run in runs})
        }
        for source, group in groupby(runs, key=lambda run: run.source):
            yield from _executed_block(_checked(source), list(group), engines)


def _executed_block(
    checked: CheckedBlock, runs: Sequence[Run], engines: Mapping[int, Engine]
) -> Iterator[Row]:
    reference: Reference | None = None
    block = checked.executable.block
    warm: dict[tuple[int, str], Runs] = {}
    for run in runs:
        engine = engines[run.cores]
        with _ONE_AT_A_TIME:
            started = datetime.now(UTC)
            try:
                turning = warm.get((run.cores, run.model)) or _warmed_up(engine, checked, run.model)
                warm[run.cores, run.model] = turning
                if reference is None:
                    # Measuring each transaction takes time of its own, so only the bounds come from this run.
                    reference = Reference.of(block, engine.execute(block, "sequential", timed=True))
                started = datetime.now(UTC)
                turn = turning.turn(run.repeat)
                _check_header(checked)
                turning.result = None  # it lies in the memory that the next run takes
                columns = _measured_columns(turn, reference, run.cores)
            except UsageError as error:
                columns = _refused_columns(error)
            except BlockstmError as error:
                raise _failed(run, error) from error
        yield row_of(run, started, columns | _machine_columns(checked))


def _warmed_up(engine: Engine, checked: CheckedBlock, model: str) -> Runs:
    runs = Runs(engine, checked, model)
    runs.warm_up()
    return runs


def _measured_columns(turn: Turn, reference: Reference, cores: int) -> dict[str, object]:
    seconds = turn.figures.wall_seconds
    return {
        "seconds": seconds,
        "sequential_seconds": turn.sequential_seconds,
        "speedup": turn.sequential_seconds / seconds if seconds else None,
        "executions": turn.figures.executions,
        "validations": turn.figures.validations,
        "aborts": turn.figures.aborts,
        "bound_critical_path": reference.bound_critical_path,
        "bound_greedy": reference.bound_greedy(cores),
        **_latency_columns(turn.figures.commit_latency_seconds),
    }


def _refused_columns(error: UsageError) -> dict[str, object]:
    """Return the columns of a run in a model that cannot run the block: the others are run all the same."""
    return {"refused": str(error)}


def _checked(source: Source) -> CheckedBlock:
    block = source.block()
    try:
        checked = CheckedBlock.of(block)
        _ = checked.executable
    except BlockstmError as error:
        raise type(error)(f"{source.name}: {error}") from error
    return checked


def _check(checked: CheckedBlock, result: Result) -> None:
    """Find out whether what came of a run can be trusted."""
    checked.check(result)
    _check_header(checked)


def _check_header(checked: CheckedBlock) -> None:
    different = [
        name.replace("_", " ") for name, equal in (checked.header_checks or {}).items() if equal is False
    ]
    if different:
        raise SweepError(
            f"what came of it disagrees with the block's own header: {', '.join(different)}; look at it with "
            "blockstm replay, and leave the block out"
        )


def _machine_columns(checked: CheckedBlock) -> dict[str, object]:
    return {"virtual_machine": checked.executable.virtual_machine}


def _latency_columns(latency_seconds: Mapping[str, float]) -> dict[str, float]:
    return {f"commit_latency_{name}_seconds": value for name, value in latency_seconds.items()}


def _failed(run: Run, error: BlockstmError) -> BlockstmError:
    """Return the same error with the run in its message."""
    seed = "" if run.seed is None else f", seed {run.seed}"
    return type(error)(
        f"point {run.point} ({run.scenario_name}, {run.model}, {run.cores} cores{seed}): {error}"
    )
