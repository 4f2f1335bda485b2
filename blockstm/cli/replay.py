"""``blockstm replay``: execute recorded blocks, and tell what parallel execution gained."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from blockstm.block import Block
from blockstm.cli.measure import BlockFigures, Totals, measure
from blockstm.cli.options import (
    check_output_path,
    import_programs,
    memory_bytes,
    named_in_errors,
    not_negative,
    positive,
)
from blockstm.cli.progress import Progress
from blockstm.cli.receipts import receipt_lines
from blockstm.cli.tables import print_summary, print_table
from blockstm.engine import Engine
from blockstm.errors import UsageError, shown_path
from blockstm.ethereum.block import EthereumBlock, is_ethereum
from blockstm.files import replace_file
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, WORKERS_MAX

__all__ = ["replay"]

DISAGREES = 1

BlocksArgument = Annotated[list[Path], typer.Argument(metavar="BLOCK", help="Block files to execute.")]
WorkersOption = Annotated[
    int | None,
    typer.Option(min=1, max=WORKERS_MAX, metavar="N", help="Worker processes.", show_default="usable cores"),
]
ModelOption = Annotated[Literal["block-stm", "sequential"], typer.Option(help="The execution model.")]
VerifyOption = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Compare state, receipts and all values read with sequential execution (status 1 if wrong).",
    ),
]
RepeatOption = Annotated[
    int, typer.Option(min=1, metavar="K", help="Run each block K times; the times are medians.")
]
RoundsOption = Annotated[
    float,
    typer.Option(
        callback=not_negative,
        metavar="R",
        help="Work of the program trace: rounds (about 1 ns each) for a unit of gas.",
    ),
]
TimeLimitOption = Annotated[
    float | None,
    typer.Option(
        callback=positive,
        metavar="SECONDS",
        help="A transaction that runs longer fails.",
        show_default="none",
    ),
]
MemoryLimitOption = Annotated[
    int,
    typer.Option(
        parser=memory_bytes,
        metavar="SIZE",
        help="Most memory of the arena: bytes, or as in 512MiB, 2GiB.",
        show_default="1GiB",
    ),
]
ProgramsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE", help="Import the module that defines the blocks' Python programs. May be repeated."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
ReceiptsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the receipts to FILE as JSON Lines, one receipt a line."),
]


def replay(
    blocks: BlocksArgument,
    workers: WorkersOption = None,
    model: ModelOption = "block-stm",
    verify: VerifyOption = False,
    repeat: RepeatOption = 1,
    rounds_per_gas: RoundsOption = 1.0,
    time_limit: TimeLimitOption = None,
    memory_limit: MemoryLimitOption = MEMORY_LIMIT_BYTES_DEFAULT,
    programs: ProgramsOption = None,
    as_json: JsonOption = False,
    receipts: ReceiptsOption = None,
) -> None:
    """Execute recorded blocks in parallel and sequentially, and tell what parallel execution gained.

    Exit status: 0 done, 1 a run disagrees with sequential execution (--verify) or with the block's own header,
    2 bad usage or bad input.
    """
    if programs:
        import_programs(programs)
    if receipts is not None:
        check_output_path("--receipts", receipts, blocks)
    # All before the first run: bad input shows at once, not after minutes of work.
    loaded = [(file, *load(file)) for file in blocks]
    engine = Engine(
        workers,
        memory_limit_bytes=memory_limit,
        time_limit_seconds=time_limit,
        rounds_per_gas=rounds_per_gas,
    )
    measured: list[BlockFigures] = []
    lines: list[bytes] = []
    with engine, Progress(2 * repeat * len(loaded)) as progress:
        for file, block, ethereum in loaded:
            with named_in_errors(file):
                figures, result = measure(
                    engine,
                    file,
                    block,
                    ethereum,
                    model=model,
                    repeat=repeat,
                    verify=verify,
                    progress=progress,
                )
            measured.append(figures)
            if receipts is not None:
                lines.append(receipt_lines(file, result, with_outcome=ethereum is not None))
    disagrees = any(False in (figures.verified, figures.has_header_equal) for figures in measured)
    if receipts is not None and not disagrees:
        replace_file(receipts, b"".join(lines), UsageError)
    show(measured, as_json)
    if disagrees:
        raise typer.Exit(DISAGREES)


def load(file: Path) -> tuple[Block, EthereumBlock | None]:
    """Read a block, and what it says of itself if it is one of Ethereum."""
    block = Block.load(file)
    with named_in_errors(file):
        return block, EthereumBlock.of(block) if is_ethereum(block) else None


def show(measured: list[BlockFigures], as_json: bool) -> None:
    """Print the figures in the form asked for, and on standard error where runs disagree with sequential."""
    if as_json:
        entries = [figures.as_json() for figures in measured]
        totals = Totals.of(measured).as_json()
        print(json.dumps({"schema": 1, "command": "replay", "blocks": entries, "totals": totals}))
    elif len(measured) == 1:
        print_summary(measured[0])
    else:
        print_table(measured)
    for figures in measured:
        for difference in figures.differences or ():
            print(f"disagrees with sequential: {shown_path(figures.file)}: {difference}", file=sys.stderr)
        for name, is_equal in (figures.header_checks or {}).items():
            if is_equal is False:
                check = name.replace("_", " ")
                print(f"disagrees with the header: {shown_path(figures.file)}: {check}", file=sys.stderr)
