"""``blockstm replay``: execute recorded blocks, and show what parallel execution gained."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from blockstm.cli.accounts import accounts_after, check_accounts_option
from blockstm.cli.blocks import DISAGREES, LoadedBlock, load_executable
from blockstm.cli.options import (
    MODEL_DEFAULT,
    EvmOption,
    JsonOption,
    MemoryLimitOption,
    ModelOption,
    ProgramsOption,
    TimeLimitOption,
    TimelineOption,
    VerifyOption,
    check_output_path,
    import_programs,
    named_in_errors,
    not_negative,
    told_options,
)
from blockstm.cli.progress import Progress, named_steps
from blockstm.cli.receipts import receipt_lines
from blockstm.cli.replay_figures import MeasuredBlock, Totals
from blockstm.cli.tables import print_blocks, print_summary
from blockstm.cli.timelines import timeline_file
from blockstm.engine import Engine
from blockstm.errors import UsageError, printable, shown_path
from blockstm.files.content import replace_file
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, WORKERS_MAX
from blockstm.measure import measure, steps_of
from blockstm.schema.common import OptionsEntry
from blockstm.schema.replay import ReplayOutput

__all__ = ["replay"]

BlocksArgument = Annotated[list[Path], typer.Argument(metavar="BLOCK", help="Block files to execute.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, max=WORKERS_MAX, metavar="N", help="Worker processes.", show_default="usable cores"),
]
RepeatOption = Annotated[
    int, typer.Option(min=1, metavar="K", help="Run each block K times; the times are medians.")
]
ROUNDS_PER_GAS_DEFAULT = 1.0
RoundsOption = Annotated[
    float,
    typer.Option(
        callback=not_negative,
        metavar="R",
        help="Work of the program trace: rounds (about 1 ns each) per unit of gas.",
    ),
]
ReceiptsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the receipts to FILE as JSON Lines, one receipt per line."),
]
AccountsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write the accounts after the block to FILE, where its chain has accounts (Ethereum: JSON).",
    ),
]


def replay(
    blocks: BlocksArgument,
    workers: WorkersOption = None,
    model: ModelOption = MODEL_DEFAULT,
    evm: EvmOption = None,
    verify: VerifyOption = False,
    repeat: RepeatOption = 1,
    rounds_per_gas: RoundsOption = ROUNDS_PER_GAS_DEFAULT,
    time_limit: TimeLimitOption = None,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
    receipts: ReceiptsOption = None,
    timeline: TimelineOption = None,
    accounts: AccountsOption = None,
) -> None:
    """Execute recorded blocks in parallel and sequentially, and show what parallel execution gained.

    Exit status: 0 done, 1 a run disagrees with sequential execution (--verify) or with the block's own header,
    2 bad usage or bad input.
    """
    if programs:
        import_programs(programs)
    if receipts is not None:
        check_output_path("--receipts", receipts, blocks)
    if timeline is not None:
        check_output_path("--timeline", timeline, blocks)
        if receipts is not None and os.path.realpath(receipts) == os.path.realpath(timeline):
            raise UsageError(f"--timeline {shown_path(timeline)}: is the file of --receipts; name another")
    # All before the first run: bad input shows at once, not after minutes of work.
    loaded = [load_executable(file, evm) for file in blocks]
    if accounts is not None:
        check_accounts_option(accounts, [receipts, timeline], loaded)
    engine = Engine(
        workers,
        memory_limit_bytes=memory_limit,
        time_limit_seconds=time_limit,
        rounds_per_gas=rounds_per_gas,
    )
    options = told_options(
        evm=(evm, None),
        rounds_per_gas=(rounds_per_gas, ROUNDS_PER_GAS_DEFAULT),
        time_limit=(time_limit, None),
        memory_limit=(memory_limit, MEMORY_LIMIT_BYTES_DEFAULT),
        programs=(programs, None),
    )
    measured: list[MeasuredBlock] = []
    lines: list[bytes] = []
    found: bytes = b""
    steps = steps_of(repeat, timeline=timeline is not None) * len(loaded)
    with timeline_file(timeline, command="replay", model=model) as add_timeline:
        with engine, Progress(steps) as progress:
            for each in loaded:
                with named_in_errors(each.file):
                    measurement = measure(
                        each,
                        engine,
                        model=model,
                        repeat=repeat,
                        verify=verify,
                        timeline=timeline is not None,
                        step=named_steps(progress, each.file.name),
                    )
                result = measurement.result
                measured.append(MeasuredBlock.of(each, measurement))
                if receipts is not None:
                    lines.append(receipt_lines(each.file, result, each.chain_block))
                if accounts is not None:
                    found = accounts_after(each, result)
                add_timeline(
                    each.file.name,
                    result,
                    file=str(each.file),
                    workers=measurement.active_workers,
                    transactions=len(each.block),
                )
        if any(each.figures.disagrees for each in measured):
            show(measured, loaded, options, as_json)
            raise typer.Exit(DISAGREES)
    if receipts is not None:
        replace_file(receipts, b"".join(lines), UsageError)
    if accounts is not None:
        replace_file(accounts, found, UsageError)
    show(measured, loaded, options, as_json)


def show(
    measured: Sequence[MeasuredBlock],
    loaded: list[LoadedBlock],
    options: OptionsEntry,
    as_json: bool,
) -> None:
    """Print the figures in the form asked for, and on standard error where runs disagree with what must be.

    Arguments:
        measured: what came of each block.
        loaded: the blocks.
        options: what the JSON says of the command's options.
        as_json: whether JSON is asked for.
    """
    if as_json:
        output = ReplayOutput(
            options=options,
            blocks=tuple(each.entry() for each in measured),
            totals=Totals.of(each.figures for each in measured).entry(),
        )
        print(json.dumps(output.as_json()))
    elif len(measured) == 1:
        print_summary(measured[0])
    else:
        print_blocks(measured)
    for each, of_file in zip(measured, loaded, strict=True):
        for difference in each.figures.differences or ():
            print(
                f"disagrees with sequential: {shown_path(each.file)}: {printable(difference)}",
                file=sys.stderr,
            )
        of_file.print_disagreements()
