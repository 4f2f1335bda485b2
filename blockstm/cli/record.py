"""``blockstm record``: make .block files from recorded data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from blockstm.accesstrace import read_access_trace
from blockstm.cli.record_ethereum import ethereum
from blockstm.errors import UsageError, shown_path

__all__ = ["record_app"]

record_app = typer.Typer(help="Make .block files from recorded data.")
record_app.command()(ethereum)


@record_app.callback()
def record() -> None:
    """Make .block files from recorded data."""


@record_app.command()
def trace(
    source: Annotated[
        Path, typer.Argument(metavar="IN.jsonl[.zst]", help="An access trace: JSON Lines, plain or zstd.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT.block", help="The block file to write.")
    ],
) -> None:
    """Make a block file from an access trace: what each transaction of a real block read, wrote and added."""
    block = read_access_trace(source)
    if output.exists() and os.path.samefile(source, output):
        raise UsageError(f"{shown_path(output)}: is the trace itself; name another file after -o")
    block.save(output)
    print(f"{shown_path(output)}: {len(block):,} transactions, {output.stat().st_size:,} bytes")
