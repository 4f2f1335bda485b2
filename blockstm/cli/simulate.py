"""``blockstm simulate``: what a block would take on any number of cores."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from blockstm.cli.blocks import DISAGREES, LoadedBlock, load_executable
from blockstm.cli.columns import Column, print_columns, print_values
from blockstm.cli.figures_text import NONE, milliseconds, per_cent, times
from blockstm.cli.options import (
    CORES_DEFAULT,
    MODEL_DEFAULT,
    AsReplayOption,
    CoresOption,
    CostsOption,
    EvmOption,
    JsonOption,
    MemoryLimitOption,
    ModelOption,
    ProgramsOption,
    TimelineOption,
    check_output_path,
    core_counts,
    import_programs,
    named_in_errors,
    not_negative,
    told_options,
)
from blockstm.cli.outcomes_text import outcome_values, virtual_machine_values
from blockstm.cli.progress import Progress
from blockstm.cli.timelines import timeline_file
from blockstm.errors import UsageError, shown_path
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT
from blockstm.results.outcomes import Outcomes
from blockstm.schema.common import OptionsEntry
from blockstm.schema.simulate import SimulateOutput
from blockstm.simulate import CostModel, Figures, Simulation, default_model, read_model

__all__ = ["simulate"]

SPEED_COLUMNS = (
    Column("cores"), Column("time\nms"), Column("speed-up"), Column("bound:\nchain"), Column("bound:\ngreedy"),
    Column("efficiency"), Column("utilised"),
)  # fmt: skip
WORK_COLUMNS = (
    Column("cores"), Column("exec.\n/ txn"), Column("valid.\n/ txn"), Column("aborts\n/ txn"),
    Column("commit\np50 ms"), Column("commit\np99 ms"), Column("commit\nmax ms"),
)  # fmt: skip


BlocksArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="BLOCK...", help="The block file; with --pipeline, the blocks of the chain."),
]
PipelineOption = Annotated[
    Path | None,
    typer.Option(
        "--pipeline",
        metavar="PIPELINE.toml",
        help="Show what a chain of whole blocks takes: reads, senders, execution, root, disk.",
    ),
]
ROUNDS_PER_GAS_DEFAULT = 1.0
RoundsOption = Annotated[
    float,
    typer.Option(
        callback=not_negative,
        metavar="R",
        help="Work of the program trace: rounds per unit of gas, where no time is recorded.",
    ),
]


def simulate(
    blocks: BlocksArgument = None,
    pipeline: PipelineOption = None,
    cores: CoresOption = CORES_DEFAULT,
    costs: CostsOption = None,
    model: ModelOption = MODEL_DEFAULT,
    evm: EvmOption = None,
    rounds_per_gas: RoundsOption = ROUNDS_PER_GAS_DEFAULT,
    as_replay: AsReplayOption = False,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
    timeline: TimelineOption = None,
) -> None:
    """Show how long a block would take on any number of cores, in modelled time; or a chain of whole blocks.

    Exit status: 0 done, 1 the result of the block disagrees with its own header, 2 bad usage or bad input.
    """
    if programs:
        import_programs(programs)
    if pipeline is not None:
        check_no_cores(cores, timeline)
    elif len(blocks or ()) != 1:
        raise UsageError("give one BLOCK; several, or none, go with --pipeline only")
    counts = core_counts("--cores", cores)
    files = blocks or []
    if timeline is not None:
        check_output_path("--timeline", timeline, [*files, *([] if costs is None else [costs])])
    prices = default_model() if costs is None else read_model(costs)
    options = told_options(
        cost_model=(costs and str(costs), None),
        model=(model, MODEL_DEFAULT),
        evm=(evm, None),
        rounds_per_gas=(rounds_per_gas, ROUNDS_PER_GAS_DEFAULT),
        as_replay=(as_replay, False),
        memory_limit=(memory_limit, MEMORY_LIMIT_BYTES_DEFAULT),
        programs=(programs, None),
    )
    settings = Settings(prices, model, rounds_per_gas, memory_limit, not as_replay)
    if pipeline is not None:
        simulate_chain(
            pipeline, [load_executable(file, evm) for file in files], settings, options if as_json else None
        )
        return
    (block,) = files
    loaded = load_executable(block, evm)
    about = {"command": "simulate", "model": model, "file": str(block)}
    with timeline_file(timeline, **about) as add_timeline:
        with named_in_errors(block):
            simulation = settings.simulation(loaded, max(counts))
            add = None if timeline is None else add_timeline
            figures, outcomes = run(loaded, simulation, counts, add)
        if loaded.has_header_equal is False:
            show(loaded, figures, outcomes, options if as_json else None)
            raise typer.Exit(DISAGREES)
    show(loaded, figures, outcomes, options if as_json else None)


@dataclass(frozen=True)
class Settings:
    """What simulations of blocks have in common; see `blockstm.simulate.Simulation`."""

    costs: CostModel
    model: str
    rounds_per_gas: float
    memory_limit_bytes: int
    recorded_seconds: bool

    def simulation(self, loaded: LoadedBlock, cores_max: int) -> Simulation:
        """Return a simulation of a block, on so many cores at most."""
        return Simulation(
            loaded.executable.block,
            self.costs,
            cores_max,
            model=self.model,
            rounds_per_gas=self.rounds_per_gas,
            memory_limit_bytes=self.memory_limit_bytes,
            recorded_seconds=self.recorded_seconds,
        )


def check_no_cores(cores: str, timeline: Path | None) -> None:
    """Refuse the options that do not go with a pipeline.

    Raises:
        UsageError: one of them is given.
    """
    if cores != CORES_DEFAULT:
        raise UsageError("--cores does not go with --pipeline, whose file says how many; leave it out")
    if timeline is not None:
        raise UsageError("--timeline does not go with --pipeline; leave out one of them")


def simulate_chain(
    path: Path, loaded: Sequence[LoadedBlock], settings: Settings, options: OptionsEntry | None
) -> None:
    """Show what a chain of whole blocks takes.

    Arguments:
        path: the pipeline.
        loaded: the blocks.
        settings: how they are simulated.
        options: what the JSON says of the command's options; None: text is asked for.
    """
    from blockstm.cli.pipeline import order_keeping_model, predictions, read_pipeline, show

    pipeline = read_pipeline(path)
    if (pipeline.block is None) != bool(loaded):
        problem = "describes its block; give no BLOCK" if loaded else "describes no block; give BLOCK"
        raise UsageError(f"{pipeline.name}: {problem}")
    model = order_keeping_model(settings.model)
    simulations = [settings.simulation(each, pipeline.execute.cores) for each in loaded]
    found = predictions(pipeline, loaded, simulations, model)
    show(pipeline, loaded, found, options)
    for each in loaded:
        each.print_disagreements()
    if any(each.has_header_equal is False for each in loaded):
        raise typer.Exit(DISAGREES)


def run(
    loaded: LoadedBlock,
    simulation: Simulation,
    cores: Sequence[int],
    add_timeline: Callable[..., None] | None,
) -> tuple[list[Figures], Outcomes]:
    """Run the block on each number of cores, and show the progress.

    Arguments:
        loaded: the block.
        simulation: of it; closed at the end.
        cores: the numbers of cores.
        add_timeline: takes the timeline of each run, as that of `timeline_file` does; None for no timelines.

    Returns:
        the figures of each, and what came of the transactions, which is the same on any number.
    """
    measured = []
    with simulation, Progress(len(cores)) as progress:
        for count in cores:
            name = "1 core" if count == 1 else f"{count} cores"
            with progress.step(f"{loaded.file.name}: {name}"):
                figures, result = simulation.figures_and_result(count, timeline=add_timeline is not None)
                loaded.check(result)
                if add_timeline is not None:
                    add_timeline(name, result, cores=count, transactions=len(result))
            measured.append(figures)
        outcomes = loaded.outcomes(result)
    return measured, outcomes


def show(
    loaded: LoadedBlock,
    figures: Sequence[Figures],
    outcomes: Outcomes,
    options: OptionsEntry | None,
) -> None:
    """Print the figures, and on standard error where a run disagrees with the header.

    Arguments:
        loaded: the block.
        figures: of each number of cores.
        outcomes: what came of the transactions.
        options: what the JSON says of the command's options; None: text is asked for.
    """
    if options is not None:
        output = SimulateOutput(
            file=str(loaded.file),
            options=options,
            transactions=len(loaded.block),
            virtual_machine=loaded.executable.virtual_machine,
            outcomes=outcomes.entry(),
            header_checks=loaded.header_checks,
            results=tuple(each.entry() for each in figures),
        )
        print(json.dumps(output.as_json()))
    else:
        print_figures(loaded, figures, outcomes)
    loaded.print_disagreements()


def print_figures(loaded: LoadedBlock, figures: Sequence[Figures], outcomes: Outcomes) -> None:
    """Print the figures for each number of cores, and how the transactions ended."""
    print_columns(SPEED_COLUMNS, map(speed_cells, figures))
    print()
    print_columns(WORK_COLUMNS, map(work_cells, figures))
    print()
    first = figures[0]
    print_values(
        {
            "block": shown_path(loaded.file),
            "transactions": f"{first.transactions:,}",
            **virtual_machine_values(loaded.executable.virtual_machine),
            **outcome_values(outcomes),
            "sequential": f"{milliseconds(first.sequential_seconds)} ms; all times are modelled time",
        }
    )


def speed_cells(figures: Figures) -> list[str]:
    """Return the cells of a line about times."""
    return [
        str(figures.cores),
        milliseconds(figures.seconds),
        times(figures.speedup),
        times(figures.bound_critical_path),
        times(figures.bound_greedy),
        per_cent(figures.efficiency, 0),
        per_cent(figures.utilisation, 0),
    ]


def work_cells(figures: Figures) -> list[str]:
    """Return the cells of a line about executions and commits."""
    latency = figures.commit_latency_seconds
    counts = (figures.executions, figures.validations, figures.aborts)
    transactions = figures.transactions
    return [
        str(figures.cores),
        *(f"{count / transactions:.2f}" if transactions else NONE for count in counts),
        *(milliseconds(latency.get(name)) for name in ("p50", "p99", "max")),
    ]
