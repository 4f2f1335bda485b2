"""``blockstm report``: one page that shows what replays, simulations, inspections and sweeps came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blockstm.cli.options import check_output_path
from blockstm.errors import ReportError
from blockstm.files.content import replace_file
from blockstm.report import read_inputs, report_page

__all__ = ["report"]

InputsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR|JSON...",
        help="Folders of sweeps, output of replay, simulate and inspect with --json, files of --timeline.",
    ),
]
OutputOption = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The page to write.")]
TitleOption = Annotated[str, typer.Option(metavar="TEXT", help="The page's title.")]


def report(
    inputs: InputsArgument,
    output: OutputOption = Path("report.html"),
    title: TitleOption = "blockstm report",
) -> None:
    """Make one self-contained HTML page from the output of other commands.

    Exit status: 0 done, 2 bad usage or bad input.
    """
    check_output_path("--output", output, inputs)
    try:
        # Half a character, as a title or a path may hold, has no UTF-8.
        page = report_page(read_inputs(inputs), str(output), title=title).encode("utf-8", "replace")
    except MemoryError as error:
        raise ReportError("no memory is left for the page; give fewer or smaller inputs") from error
    replace_file(output, page, ReportError)
