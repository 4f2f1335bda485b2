"""``blockstm record trace``: make a block file of an access trace, or the access trace of a block."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from blockstm.blocks.access_trace import read_access_trace
from blockstm.cli.blocks import DISAGREES, load_executable
from blockstm.cli.columns import print_wrapped
from blockstm.cli.options import (
    EvmOption,
    ProgramsOption,
    check_output_path,
    import_programs,
    known_model,
    memory_bytes,
    named_in_errors,
)
from blockstm.cli.progress import Progress
from blockstm.engine import Engine
from blockstm.errors import UsageError, shown_path
from blockstm.limits import MEMORY_LIMIT_BYTES_DEFAULT, WORKERS_MAX
from blockstm.models import MODELS, Model, Sequential, model_of
from blockstm.results.access_trace_writer import write_access_trace

__all__ = ["trace"]


OutputOption = Annotated[
    Path,
    typer.Option(
        "--output", "-o", metavar="OUT", help="The file to write: a block, or with --from an access trace."
    ),
]
TraceArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="TRACE",
        help="An access trace to make a block of: JSON Lines, plain or zstd.",
        show_default=False,
    ),
]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="BLOCK", help="A block to run and to make an access trace of."),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=WORKERS_MAX,
        metavar="N",
        help="Worker processes that run BLOCK.",
        show_default="1 for sequential, else usable cores",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        callback=known_model,
        autocompletion=lambda: list(MODELS),
        metavar="|".join(MODELS),
        help="How BLOCK is run; only the times depend on it.",
        show_default=Sequential.name,
    ),
]
MemoryLimitOption = Annotated[
    int | None,
    typer.Option(
        parser=memory_bytes,
        metavar="SIZE",
        help="Memory limit of the arena in which BLOCK is run: bytes, or as in 512MiB, 2GiB.",
        show_default="1GiB",
    ),
]


def trace(
    output: OutputOption,
    source: TraceArgument = None,
    from_block: FromOption = None,
    workers: WorkersOption = None,
    model: ModelOption = None,
    evm: EvmOption = None,
    memory_limit: MemoryLimitOption = None,
    programs: ProgramsOption = None,
) -> None:
    """Make a block file of an access trace, or with --from the access trace of a block.

    An access trace says what each transaction of a block read, wrote and added. Exit status: 0 done, 1 the result
    of the block disagrees with its own header, 2 bad usage or bad input.
    """
    if source is None and from_block is None:
        raise UsageError("nothing to record: give an access trace, or --from and a block")
    if source is None:
        assert from_block is not None
        import_programs(programs or ())
        count = trace_of_block(
            from_block, output, workers, model_of(model or Sequential()), memory_limit, evm
        )
    else:
        given = {
            "--from": from_block,
            "--workers": workers,
            "--model": model,
            "--evm": evm,
            "--memory-limit": memory_limit,
            "--programs": programs or None,
        }
        if extra := [option for option, value in given.items() if value is not None]:
            raise UsageError(
                f"{extra[0]} is for making a trace of a block, but {shown_path(source)} is to become a block; "
                "leave out one of them"
            )
        count = block_of_trace(source, output)
    print_wrapped(f"{shown_path(output)}: {count:,} transactions, {output.stat().st_size:,} bytes")


def block_of_trace(source: Path, output: Path) -> int:
    """Write the block that an access trace describes; return how many transactions it has."""
    block = read_access_trace(source)
    if output.exists() and os.path.samefile(source, output):
        raise UsageError(f"{shown_path(output)}: is the trace itself; name another file after -o")
    block.save(output)
    return len(block)


def trace_of_block(
    source: Path, output: Path, workers: int | None, model: Model, memory_limit: int | None, evm: str | None
) -> int:
    """Run a block, and write its access trace; return how many transactions it has."""
    check_output_path("-o", output, [source])
    loaded = load_executable(source, evm)
    if not model.is_parallel and workers is None:
        workers = 1  # no more take part
    if memory_limit is None:
        memory_limit = MEMORY_LIMIT_BYTES_DEFAULT
    with Engine(workers, memory_limit_bytes=memory_limit) as engine, Progress(2) as progress:
        with named_in_errors(source):
            with progress.step(f"{source.name}: warming up"):
                engine.warm_up(loaded.executable.block, model)
            with progress.step(f"{source.name}: {model}"):
                result = engine.execute(loaded.executable.block, model, timed=True)
            loaded.check(result)
        if loaded.has_header_equal is False:
            loaded.print_disagreements()
            raise typer.Exit(DISAGREES)
        write_access_trace(loaded.block, result, output)
    return len(loaded.block)
