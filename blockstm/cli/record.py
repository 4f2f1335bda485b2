"""``blockstm record``: make .block files from recorded data, and access traces from .block files."""

from __future__ import annotations

import typer

from blockstm.cli.record_ethereum import ethereum
from blockstm.cli.record_trace import trace

__all__ = ["record_app"]

record_app = typer.Typer(help="Make block files and access traces.")
record_app.command()(ethereum)
record_app.command()(trace)


@record_app.callback()
def record() -> None:
    """Make block files and access traces."""
