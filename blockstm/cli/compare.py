"""``blockstm compare``: models of execution side by side on the same blocks."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from blockstm.cli.blocks import DISAGREES, LoadedBlock, load_executable
from blockstm.cli.compare_text import ComparedFile, print_comparisons
from blockstm.cli.options import (
    CORES_DEFAULT,
    AsReplayOption,
    CostsOption,
    EvmOption,
    JsonOption,
    MemoryLimitOption,
    ProgramsOption,
    TimeLimitOption,
    VerifyOption,
    core_counts,
    import_programs,
    model_list,
    named_in_errors,
    not_negative,
    told_options,
)
from blockstm.cli.progress import Progress, named_steps
from blockstm.compare import Comparison, compare_measured, compare_simulated, engines_of, gains_of, verdict_of
from blockstm.compare.measured import measured_steps
from blockstm.compare.simulated import simulated_steps
from blockstm.errors import UsageError, printable, shown_path
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT
from blockstm.models import MODELS, Model
from blockstm.schema.common import OptionsEntry
from blockstm.schema.compare import ComparedBlockEntry, CompareOutput
from blockstm.simulate import default_model, read_model

__all__ = ["compare"]

BlocksArgument = Annotated[list[Path], typer.Argument(metavar="BLOCK", help="Block files to execute.")]
ModelsOption = Annotated[
    str,
    typer.Option(
        metavar="M,M,...",
        help=f"Execution models ({', '.join(MODELS)}), with their options; the others are set against the first.",
    ),
]
CoresOption = Annotated[
    str | None,
    typer.Option(metavar="N,N,...", help="Numbers of modelled cores.", show_default=CORES_DEFAULT),
]
WorkersOption = Annotated[
    str | None,
    typer.Option(
        metavar="N,N,...", help="Numbers of worker processes: execute and measure, in place of modelled time."
    ),
]
REPEAT_DEFAULT = 5
RepeatOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="K",
        help="With --workers: run each block K times in each model; the times are medians.",
        show_default=str(REPEAT_DEFAULT),
    ),
]
ROUNDS_PER_GAS_DEFAULT = 1.0
RoundsOption = Annotated[
    float,
    typer.Option(
        callback=not_negative,
        metavar="R",
        help="Work of the program trace: rounds per unit of gas, where no recorded time counts.",
    ),
]
MODELS_DEFAULT = ",".join(name for name, model in MODELS.items() if model.is_parallel)

Comparer = Callable[..., Comparison]
"""Takes a block, and as `step` what is entered for each run."""


def compare(
    blocks: BlocksArgument,
    models: ModelsOption = MODELS_DEFAULT,
    cores: CoresOption = None,
    workers: WorkersOption = None,
    repeat: RepeatOption = None,
    verify: VerifyOption = False,
    costs: CostsOption = None,
    evm: EvmOption = None,
    rounds_per_gas: RoundsOption = ROUNDS_PER_GAS_DEFAULT,
    as_replay: AsReplayOption = False,
    time_limit: TimeLimitOption = None,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run blocks in several models of execution, in modelled or in real time, and say which suits each.

    Exit status: 0 done, 1 a run disagrees with sequential execution (--verify) or with the block's own header,
    2 bad usage or bad input.
    """
    if programs:
        import_programs(programs)
    chosen = model_list("--models", models)
    if workers is None:
        check_unused({"--repeat": repeat, "--time-limit": time_limit}, "measured time: give --workers")
        counts = core_counts("--cores", CORES_DEFAULT if cores is None else cores)
        steps = simulated_steps(chosen, counts)
    else:
        unused = {"--cores": cores, "--costs": costs, "--as-replay": as_replay or None}
        check_unused(unused, "modelled time: leave out --workers")
        counts = core_counts("--workers", workers)
        repeat = repeat or REPEAT_DEFAULT
        steps = measured_steps(chosen, counts, repeat)
    prices = default_model() if costs is None else read_model(costs)
    # All before the first run: bad input shows at once, not after minutes of work.
    loaded = [load_executable(file, evm) for file in blocks]
    with ExitStack() as stack:
        comparer: Comparer
        if workers is None:
            comparer = partial(
                compare_simulated,
                models=chosen,
                cores=counts,
                costs=prices,
                rounds_per_gas=rounds_per_gas,
                memory_limit_bytes=memory_limit,
                recorded_seconds=not as_replay,
                verify=verify,
            )
        else:
            engines = engines_of(
                counts,
                memory_limit_bytes=memory_limit,
                time_limit_seconds=time_limit,
                rounds_per_gas=rounds_per_gas,
            )
            comparer = partial(
                compare_measured,
                models=chosen,
                engines=stack.enter_context(engines),
                repeat=repeat or REPEAT_DEFAULT,
                verify=verify,
            )
        compared = compare_all(loaded, comparer, steps)
    options = told_options(
        cost_model=(costs and str(costs), None),
        evm=(evm, None),
        rounds_per_gas=(rounds_per_gas, ROUNDS_PER_GAS_DEFAULT),
        as_replay=(as_replay, False),
        time_limit=(time_limit, None),
        memory_limit=(memory_limit, MEMORY_LIMIT_BYTES_DEFAULT),
        programs=(programs, None),
    )
    if as_json:
        print(json.dumps(output_of(compared, loaded, chosen, repeat, options).as_json()))
    else:
        print_comparisons(compared, gains_of([each.comparison for each in compared]))
    if disagree(compared, loaded):
        raise typer.Exit(DISAGREES)


def check_unused(given: Mapping[str, object], belongs: str) -> None:
    """Check that options which belong to the other clock are not given.

    Raises:
        UsageError: one is; the message names it.
    """
    for option, value in given.items():
        if value is not None:
            raise UsageError(f"{option} goes with {belongs}, or leave {option} out")


def compare_all(loaded: Sequence[LoadedBlock], comparer: Comparer, steps: int) -> list[ComparedFile]:
    """Compare the models on each block, and show the progress.

    Arguments:
        loaded: the blocks.
        comparer: compares the models on one.
        steps: how many runs that takes.
    """
    compared = []
    with Progress(steps * len(loaded)) as progress:
        for each in loaded:
            with named_in_errors(each.file):
                comparison = comparer(each, step=named_steps(progress, each.file.name))
            compared.append(ComparedFile(each.file, comparison, verdict_of(comparison)))
    return compared


def output_of(
    compared: Sequence[ComparedFile],
    loaded: Sequence[LoadedBlock],
    models: Sequence[Model],
    repeat: int | None,
    options: OptionsEntry,
) -> CompareOutput:
    """Return what the JSON output says.

    Arguments:
        compared: what came of each block.
        loaded: the blocks.
        models: the models that were asked for.
        repeat: how often each was run; None in modelled time.
        options: those of the command.
    """
    checks = [each.comparison.verified for each in compared]
    return CompareOutput(
        clock=compared[0].comparison.clock,
        models=tuple(map(str, models)),
        runs=repeat,
        verified=None if None in checks else all(checks),
        options=options,
        blocks=tuple(map(block_entry, compared, loaded)),
        gains=tuple(gain.entry() for gain in gains_of([each.comparison for each in compared])),
    )


def block_entry(compared: ComparedFile, loaded: LoadedBlock) -> ComparedBlockEntry:
    """Return what the JSON output says of a block."""
    comparison = compared.comparison
    return ComparedBlockEntry(
        file=str(compared.file),
        chain=loaded.block.chain,
        number=loaded.block.number,
        transactions=comparison.transactions,
        virtual_machine=comparison.virtual_machine,
        outcomes=comparison.outcomes.entry(),
        header_checks=comparison.header_checks,
        longest_chain=comparison.longest_chain,
        independent_share=comparison.independent_share,
        results=tuple(run.compared_entry(comparison.first_for(run)) for run in comparison.runs),
        refused=tuple(refused.entry() for refused in comparison.refused),
        suits=compared.verdict.suits,
        why=compared.verdict.why,
        differences=tuple(comparison.differences or ()),
    )


def disagree(compared: Sequence[ComparedFile], loaded: Sequence[LoadedBlock]) -> bool:
    """Say on standard error where runs disagree with what must be, and return whether any does."""
    for each, of_file in zip(compared, loaded, strict=True):
        for difference in each.comparison.differences or ():
            print(
                f"disagrees with sequential: {shown_path(each.file)}: {printable(difference)}",
                file=sys.stderr,
            )
        of_file.print_disagreements()
    verified = any(each.comparison.differences for each in compared)
    return verified or any(each.has_header_equal is False for each in loaded)
