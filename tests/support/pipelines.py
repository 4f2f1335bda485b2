"""Pipelines and blocks for tests, whose times are whole seconds so that a reader can follow them by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from blockstm.pipeline import Pipeline, Prediction, given_executor, predict, work_of_figures
from blockstm.pipeline.definition import (
    BlockFigures,
    ExecuteStage,
    OtherStage,
    PersistStage,
    ReadStage,
    RootStage,
    SenderStage,
)
from blockstm.pipeline.latency import Constant

TWO_TRANSACTIONS: Final = BlockFigures(transactions=2, gas=100, reads=2, accounts=2, value_bytes=20)
"""Each reads an entry that nobody has read, and changes an account of its own."""

EXAMPLE: Final = Pipeline(
    name="example",
    modes=("overlapped",),
    blocks=1,
    in_flight=1,
    root_delay=0,
    interval_seconds=0.0,
    seed=0,
    block=TWO_TRANSACTIONS,
    read=ReadStage(Constant(1.0)),
    senders=SenderStage(1.0),
    execute=ExecuteStage(1, 4.0),
    root=RootStage(seconds_per_account=3.0, seconds=1.0),
    other=OtherStage(1.0),
    persist=PersistStage(sync_seconds=5.0),
)


def changed(**changes: Any) -> Pipeline:
    """The example with some fields changed; those of a stage by a mapping."""
    stages = {
        name: replace(getattr(EXAMPLE, name), **value)
        for name, value in changes.items()
        if isinstance(value, dict)
    }
    return replace(EXAMPLE, **(changes | stages))


def predicted(pipeline: Pipeline) -> Prediction:
    """What becomes of a chain of the pipeline's own block, in its first mode."""
    return all_predicted(pipeline)[0]


def all_predicted(pipeline: Pipeline) -> list[Prediction]:
    """What becomes of a chain of the pipeline's own block, in each of its modes."""
    assert pipeline.block is not None and pipeline.execute.seconds is not None
    work = work_of_figures(pipeline.name, pipeline.block)
    return predict(pipeline, [(work, given_executor(work, pipeline.execute.seconds, pipeline.execute.cores))])
