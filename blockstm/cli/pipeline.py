"""``blockstm simulate --pipeline``: what a chain of whole blocks would take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from blockstm.chains import conventions_of
from blockstm.cli.blocks import LoadedBlock
from blockstm.cli.columns import Column, print_columns, print_values
from blockstm.cli.figures_text import NONE, milliseconds, per_cent
from blockstm.cli.options import named_in_errors
from blockstm.cli.progress import Progress
from blockstm.errors import UsageError, counted, install_extra, shown_path
from blockstm.models import Model, model_of
from blockstm.schema.common import LatencyEntry, OptionsEntry
from blockstm.schema.pipeline import ChainBlockEntry, PipelineModeEntry, PipelineOutput, StageEntry
from blockstm.simulate import Simulation

try:
    from blockstm.pipeline import (
        BlockWork,
        Executor,
        Pipeline,
        Prediction,
        engine_executor,
        given_executor,
        predict,
        read_pipeline,
        work_of_figures,
        work_of_run,
    )
except ModuleNotFoundError as error:
    if error.name != "simpy":
        raise
    raise UsageError(
        f"--pipeline needs simpy, which is not installed; {install_extra('pipeline')}"
    ) from error

__all__ = ["order_keeping_model", "predictions", "read_pipeline", "show"]

CHAIN_COLUMNS = (
    Column("mode", is_number=False), Column("ms a\nblock"), Column("blocks\n/ s"), Column("txns\n/ s"),
    Column("Mgas\n/ s"), Column("takes longest", is_number=False),
)  # fmt: skip
LATENCY_COLUMNS = (
    Column("mode", is_number=False), Column("confirmed\np50 ms"), Column("confirmed\np99 ms"),
    Column("durable\np50 ms"), Column("durable\np99 ms"),
)  # fmt: skip


def order_keeping_model(text: str) -> Model:
    """Return the model of a name, for blocks that follow each other.

    Raises:
        UsageError: there is none of that name, or it does not keep the order of a block.
    """
    model = model_of(text)
    if not model.keeps_order:
        raise UsageError(
            f"--model {text}: changes the order of a block, so nothing is final in order before its end, which a "
            "pipeline builds on; choose another model"
        )
    return model


def predictions(
    pipeline: Pipeline, loaded: Sequence[LoadedBlock], simulations: Sequence[Simulation], model: Model
) -> list[Prediction]:
    """Execute the blocks, and return what becomes of the chain; say how far that is.

    Arguments:
        pipeline: the pipeline.
        loaded: the blocks; none where the pipeline describes one.
        simulations: of each of them; closed at the end.
        model: the model of execution.
    """
    with ExitStack() as stack:
        for simulation in simulations:
            stack.enter_context(simulation)
        progress = stack.enter_context(Progress(len(loaded) + 1))
        works = []
        for block, simulation in zip(loaded, simulations, strict=True):
            with progress.step(str(block.file.name)), named_in_errors(block.file):
                works.append(engine_work(block, simulation, pipeline, model))
        if pipeline.block is not None and pipeline.execute.seconds is not None:
            work = work_of_figures(pipeline.name, pipeline.block)
            works.append((work, given_executor(work, pipeline.execute.seconds, pipeline.execute.cores)))
        with progress.step("the chain"):
            return predict(pipeline, works)


def engine_work(
    loaded: LoadedBlock, simulation: Simulation, pipeline: Pipeline, model: Model
) -> tuple[BlockWork, Executor]:
    """Return what a block asks for, and the engine that executes it."""
    result = simulation.run_sequentially()
    loaded.check(result)
    block = loaded.executable.block
    work = work_of_run(shown_path(loaded.file), block, result, conventions_of(block.chain))
    return work, engine_executor(work, simulation, pipeline.execute.cores, model)


def show(
    pipeline: Pipeline,
    loaded: Sequence[LoadedBlock],
    found: Sequence[Prediction],
    options: OptionsEntry | None,
) -> None:
    """Print what becomes of the chain.

    Arguments:
        pipeline: the pipeline.
        loaded: the blocks.
        found: of each mode.
        options: what the JSON says of the command's options; None: text is asked for.
    """
    if options is not None:
        output = PipelineOutput(
            pipeline=pipeline.name,
            files=tuple(str(block.file) for block in loaded),
            options=options,
            results=tuple(map(mode_entry, found)),
        )
        print(json.dumps(output.as_json()))
        return
    print_columns(CHAIN_COLUMNS, map(chain_cells, found))
    print()
    print_columns(LATENCY_COLUMNS, map(latency_cells, found))
    print()
    print_columns(stage_columns(found), stage_rows(found))
    print()
    print_values(
        {
            "pipeline": pipeline.name,
            "chain": f"{counted(len(found[0].blocks), 'block')}, {counted(found[0].transactions, 'transaction')}",
            "times": "modelled",
        }
    )


def mode_entry(found: Prediction) -> PipelineModeEntry:
    """Return what the JSON says of a mode."""
    return PipelineModeEntry(
        mode=found.mode,
        transactions=found.transactions,
        gas=found.gas,
        seconds=found.seconds,
        seconds_per_block=found.seconds_per_block,
        blocks_per_second=found.per_second(len(found.blocks)),
        transactions_per_second=found.per_second(found.transactions),
        gas_per_second=found.per_second(found.gas) if found.gas else None,
        bottleneck=found.bottleneck,
        stages={name: StageEntry(each.seconds, each.utilisation) for name, each in found.stages.items()},
        confirmed_latency_seconds=LatencyEntry(**found.confirmed_latency_seconds),
        durable_latency_seconds=LatencyEntry(**found.durable_latency_seconds),
        blocks=tuple(
            ChainBlockEntry(
                block=times.name,
                arrived_seconds=times.arrived,
                begun_seconds=times.begun,
                confirmed_seconds=times.confirmed,
                valid_seconds=times.valid,
                durable_seconds=times.durable,
            )
            for times in found.blocks
        ),
    )


def chain_cells(found: Prediction) -> list[str]:
    """Return the cells of a line about the chain."""
    blocks, transactions = found.per_second(len(found.blocks)), found.per_second(found.transactions)
    gas = found.per_second(found.gas) if found.gas else None
    return [
        found.mode,
        milliseconds(found.seconds_per_block),
        NONE if blocks is None else f"{blocks:,.2f}",
        NONE if transactions is None else f"{transactions:,.0f}",
        NONE if gas is None else f"{gas / 1e6:,.1f}",
        found.bottleneck or NONE,
    ]


def latency_cells(found: Prediction) -> list[str]:
    """Return the cells of a line about latencies."""
    latencies = (found.confirmed_latency_seconds, found.durable_latency_seconds)
    return [found.mode, *(milliseconds(each.get(name)) for each in latencies for name in ("p50", "p99"))]


def stage_columns(found: Sequence[Prediction]) -> list[Column]:
    """Return the columns of the table of stages: two for each mode."""
    columns = [Column("stage", is_number=False)]
    for each in found:
        columns += [Column(f"{each.mode}\nms"), Column("used")]
    return columns


def stage_rows(found: Sequence[Prediction]) -> Iterator[list[str]]:
    """Yield a line for each stage: what it takes by itself, and how much of what it has is in use, in each mode."""
    for stage in found[0].stages:
        row = [stage]
        for each in found:
            figures = each.stages[stage]
            row += [milliseconds(figures.seconds), per_cent(figures.utilisation)]
        yield row
