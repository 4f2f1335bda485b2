"""``blockstm calibrate``: measure the cost model of this machine."""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from blockstm.cli.columns import Column, print_columns
from blockstm.cli.options import check_output_path
from blockstm.errors import UsageError
from blockstm.files.content import replace_file
from blockstm.simulate import model_text
from blockstm.simulate.calibration import Calibration, calibrate

__all__ = ["calibrate_command"]

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="COSTS.toml", help="Write the model to a file instead of printing it."
    ),
]
RepeatOption = Annotated[
    int, typer.Option(min=1, metavar="K", help="Run each block K times; the least time counts.")
]


def calibrate_command(output: OutOption = None, repeat: RepeatOption = 15) -> None:
    """Measure this machine's cost model with the real engine, for simulate.

    It needs two cores to itself for about a minute. Exit status: 0 done, 2 bad usage.
    """
    if output is not None:
        check_output_path("--output", output, ())
    found = calibrate(repeat, lambda label: print(label, file=sys.stderr))
    text = model_text(
        found.model, [f"Measured by blockstm calibrate on {platform.machine()}, {repeat} runs of each block."]
    )
    if output is not None:
        replace_file(output, text.encode(), UsageError)
    print(text)
    print_fits(found)


def print_fits(found: Calibration) -> None:
    """Print how close the model comes to the runs that it was measured from."""
    columns = (
        Column("run", is_number=False),
        Column("measured\nms"),
        Column("predicted\nms"),
        Column("error"),
    )
    rows = (
        (
            fit.name,
            f"{fit.measured_seconds * 1e3:,.3f}",
            f"{fit.predicted_seconds * 1e3:,.3f}",
            f"{fit.error:+.1%}",
        )
        for fit in found.fits
    )
    print_columns(columns, rows)
    errors = [abs(fit.error) for fit in found.fits]
    print(f"\nerrors: median {median(errors):.1%}, worst {max(errors):.1%}")
