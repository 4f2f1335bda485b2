"""``blockstm replay``: execute recorded blocks, and show what parallel execution gained."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from blockstm.cli.accounts import accounts_after, check_accounts_option
from blockstm.cli.blocks import DISAGREES, LoadedBlock, block_files, load_executable
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
from blockstm.cli.replay_store import ChainRun, StoreOptions, run_chain
from blockstm.cli.store_text import print_chain
from blockstm.cli.store_timeline import StoreTimeline
from blockstm.cli.tables import print_blocks, print_summary
from blockstm.cli.timelines import timeline_file
from blockstm.engine import Engine
from blockstm.errors import UsageError, printable, shown_path
from blockstm.files.content import replace_file
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, WORKERS_MAX
from blockstm.measure import measure, steps_of
from blockstm.results.perfetto import writing_timelines
from blockstm.schema.common import OptionsEntry
from blockstm.schema.replay import ReplayOutput
from blockstm.settlement.ledger import IN_FLIGHT_DEFAULT, IN_FLIGHT_MAX, Settle
from blockstm.store.state_trees import TREE_BINARY
from blockstm.trees.parallel import TREE_WORKERS_MAX

__all__ = ["replay"]

BlocksArgument = Annotated[
    list[Path],
    typer.Argument(metavar="BLOCK", help="Block files to execute; a folder stands for those in it, by name."),
]
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


StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="STORE",
        help="Execute the blocks one after the other on the state of this store, and store what they change.",
    ),
]
TreeOption = Annotated[
    Literal["binary", "none"] | None,
    typer.Option(help="What commits to the state of a store that is made.", show_default="binary"),
]
SettleOption = Annotated[
    Literal["sync", "async"] | None,
    typer.Option(help="Whether the next block waits until one is durable.", show_default="async"),
]
InFlightOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=IN_FLIGHT_MAX,
        metavar="N",
        help="How many blocks may be executed and not durable.",
        show_default=str(IN_FLIGHT_DEFAULT),
    ),
]
TreeWorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=TREE_WORKERS_MAX,
        metavar="N",
        help="How many processes share the tree of the state.",
        show_default="1: none of its own",
    ),
]
ResumeOption = Annotated[bool, typer.Option("--resume", help="Go on after the last block of the store.")]


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
    store: StoreOption = None,
    tree: TreeOption = None,
    settle: SettleOption = None,
    in_flight: InFlightOption = None,
    tree_workers: TreeWorkersOption = None,
    resume: ResumeOption = False,
) -> None:
    """Execute recorded blocks in parallel and sequentially, and show what parallel execution gained.

    With --store, execute them once, one after the other on the state that the last one has left, and store it.

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
    chosen = store_options(store, tree, settle, in_flight, tree_workers, resume)
    if chosen is not None:
        refuse_with_store(repeat=repeat != 1, receipts=receipts, accounts=accounts)
    # All before the first run: bad input shows at once, not after minutes of work.
    loaded = [load_executable(file, evm) for file in block_files(blocks)]
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
    if chosen is not None:
        with engine, store_timeline(timeline, model=model) as spans, Progress(len(loaded)) as progress:
            run = run_chain(
                loaded, engine, chosen, model=model, verify=verify, progress=progress, timeline=spans
            )
        show_chain(run, options, as_json)
        return
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


def store_options(
    store: Path | None,
    tree: str | None,
    settle: Settle | None,
    in_flight: int | None,
    tree_workers: int | None,
    resume: bool,
) -> StoreOptions | None:
    """Return how blocks are stored; None where they are not.

    Raises:
        UsageError: an option is given that is for a store only.
    """
    given = {
        "--tree": tree,
        "--settle": settle,
        "--in-flight": in_flight,
        "--tree-workers": tree_workers,
        "--resume": resume or None,
    }
    if store is not None:
        return StoreOptions(
            path=store,
            tree=tree or TREE_BINARY,
            settle=settle or "async",
            in_flight=in_flight or IN_FLIGHT_DEFAULT,
            tree_workers=tree_workers or 1,
            resume=resume,
        )
    for option, value in given.items():
        if value is not None:
            raise UsageError(
                f"{option} says how blocks are stored, and they are not: add --store, or leave it out"
            )
    return None


@contextmanager
def store_timeline(path: Path | None, model: str) -> Iterator[StoreTimeline | None]:
    """Yield what takes the timeline of blocks that are stored; None where none is asked for."""
    if path is None:
        yield None
        return
    with writing_timelines(path, {"command": "replay", "model": model}, UsageError) as writer:
        spans = StoreTimeline(path, writer)
        yield spans
        spans.end()


def refuse_with_store(**given: object) -> None:
    """Refuse options that say what is done with single runs.

    Raises:
        UsageError: one is given.
    """
    for name, value in given.items():
        if value:
            raise UsageError(
                f"--{name} does not go with --store, which executes each block once; leave out one of them"
            )


def show_chain(run: ChainRun, options: OptionsEntry, as_json: bool) -> None:
    """Print what came of blocks that were stored, in the form asked for; exits with 1 where a run disagrees."""
    if as_json:
        output = ReplayOutput(
            options=options, blocks=tuple(each.entry for each in run.blocks), store=run.store
        )
        print(json.dumps(output.as_json()))
    else:
        print_chain(run)
    for each in run.blocks:
        print_differences(each.loaded, each.entry.differences)
    if run.disagrees:
        raise typer.Exit(DISAGREES)


def print_differences(loaded: LoadedBlock, differences: Sequence[str]) -> None:
    """Say on standard error where runs disagree with what must be."""
    for difference in differences:
        print(
            f"disagrees with sequential: {shown_path(loaded.file)}: {printable(difference)}", file=sys.stderr
        )
    loaded.print_disagreements()


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
        print_differences(of_file, each.figures.differences or ())
