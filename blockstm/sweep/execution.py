"""Doing runs, one after the other: virtual ones in this process, real ones by an engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import groupby
from threading import Lock
from typing import Final

from blockstm.blocks.block import Block
from blockstm.chains.checked import CheckedBlock
from blockstm.engine import Engine
from blockstm.errors import BlockstmError, SweepError
from blockstm.measure import Runs
from blockstm.simulate import Figures, Reference, Simulation, model_from_text
from blockstm.sweep.points import MODEL, Run
from blockstm.sweep.rows import Row, row_of
from blockstm.workloads import scenario_from_text

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
    for text, group in groupby(runs, key=lambda run: run.scenario_text):
        of_block = list(group)
        first = of_block[0]
        model = model_from_text(first.cost_model_text or "", "the cost model")
        cores_max = max(run.cores for run in of_block)
        block = _block(first, text)
        with Simulation(block, model, cores_max, memory_limit_bytes=memory_limit_bytes) as simulation:
            for run in of_block:
                with _ONE_AT_A_TIME:
                    started = datetime.now(UTC)
                    try:
                        figures = simulation.figures(run.cores)
                    except BlockstmError as error:
                        raise _failed(run, error) from error
                yield row_of(run, started, _simulated_columns(figures))


def _simulated_columns(figures: Figures) -> Row:
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
        for text, group in groupby(runs, key=lambda run: run.scenario_text):
            of_block = list(group)
            yield from _executed_block(_block(of_block[0], text), of_block, engines)


def _executed_block(block: Block, runs: Sequence[Run], engines: Mapping[int, Engine]) -> Iterator[Row]:
    reference: Reference | None = None
    warm: dict[int, Runs] = {}
    for run in runs:
        engine = engines[run.cores]
        with _ONE_AT_A_TIME:
            try:
                if run.cores not in warm:
                    warm[run.cores] = Runs(engine, CheckedBlock(block, None), MODEL)
                    warm[run.cores].warm_up()
                if reference is None:
                    # Measuring each transaction takes time of its own, so only the bounds come from this run.
                    reference = Reference.of(block, engine.execute(block, "sequential", timed=True))
                started = datetime.now(UTC)
                turn = warm[run.cores].turn(run.repeat)
            except BlockstmError as error:
                raise _failed(run, error) from error
        seconds = turn.figures.wall_seconds
        columns = {
            "seconds": seconds,
            "sequential_seconds": turn.sequential_seconds,
            "speedup": turn.sequential_seconds / seconds if seconds else None,
            "executions": turn.figures.executions,
            "validations": turn.figures.validations,
            "aborts": turn.figures.aborts,
            "bound_critical_path": reference.bound_critical_path,
            "bound_greedy": reference.bound_greedy(run.cores),
            **_latency_columns(turn.figures.commit_latency_seconds),
        }
        yield row_of(run, started, columns)


def _block(run: Run, text: str) -> Block:
    return scenario_from_text(text, f"{run.scenario_name}.toml").block()


def _latency_columns(latency_seconds: Mapping[str, float]) -> dict[str, float]:
    return {f"commit_latency_{name}_seconds": value for name, value in latency_seconds.items()}


def _failed(run: Run, error: BlockstmError) -> BlockstmError:
    """Return the same error with the run in its message."""
    return type(error)(
        f"point {run.point} ({run.scenario_name}, {run.cores} cores, seed {run.seed}): {error}"
    )
