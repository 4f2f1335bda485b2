"""``blockstm record``: make .block files from recorded data, and access traces from .block files."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from blockstm.chains import recorder_of, recorders
from blockstm.cli.record_chain import recorder_command
from blockstm.cli.record_trace import trace

__all__ = ["record_app"]


class RecordGroup(TyperGroup):
    """The commands of this file, and one for each chain that has a recorder: found when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name all commands."""
        return sorted({*super().list_commands(ctx), *recorders()})

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None if there is none of this name."""
        if (own := super().get_command(ctx, cmd_name)) is not None:
            return own
        recorder = recorder_of(cmd_name)
        return None if recorder is None else recorder_command(cmd_name, recorder)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that arguments begin with; a misspelt one is compared with those of chains, too."""
        if self.get_command(ctx, args[0]) is None:
            for name, recorder in recorders().items():
                self.add_command(recorder_command(name, recorder), name)
        return super().resolve_command(ctx, args)


record_app = typer.Typer(
    help="Make block files and access traces.",
    cls=RecordGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
)
record_app.command()(trace)


@record_app.callback()
def record() -> None:
    """Make block files and access traces."""
