"""The command line: ``blockstm COMMAND ...``. The only part of the package that prints.

- `columns`, `figures_text`, `outcomes_text`: text that fits the terminal; how figures and outcomes are written.
- `options`, `progress`: the options that several commands have; progress of long work.
- `receipts`, `timelines`: the files of `--receipts` and `--timeline`.
- `blocks`, `accounts`: the block files that commands work on; the option `--accounts`.
- `replay_figures`, `tables`: what the command `replay` reports, and how that is shown.
- `store_timeline`, `replay_store`, `store_text`, `replay`: the same of blocks that are stored; the command.
- `inspection_text`, `inspect`: the command `inspect`.
- `compare_text`, `compare`: the command `compare`.
- `pipeline`, `simulate`: the command `simulate`: chains of whole blocks, the command.
- `explore`, `calibrate`, `generate`, `report`: a command each.
- `sweep_tables`, `sweep`: the command `sweep`.
- `state`: the commands `state snapshot`, `restore` and `info`.
- `keys`, `prove`, `verify_proof`: keys of states; the commands `prove` and `verify-proof`.
- `record_trace`, `record_chain`, `record`: the command `record`: access traces, and each chain that has a recorder.

Exit status: 0 done, 1 the run disagrees with sequential execution, 2 bad usage or bad input (one line on
standard error says what, where and the fix), 130 interrupted, 141 the reader of standard output went away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from blockstm.errors import BlockstmError, printable, shown_path
from blockstm.files.descriptors import fill_standard

__all__ = ["app", "main"]

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

# What to do about the commonest refusals of the operating system.
FIXES: dict[type[OSError], str] = {
    FileNotFoundError: "no such file or folder; check the path",
    IsADirectoryError: "is a folder; name a file",
    NotADirectoryError: "a part of the path is not a folder; check the path",
    PermissionError: "permission denied; allow access or choose another path",
}

COMMANDS: Final = {
    "replay": "replay",
    "inspect": "inspect",
    "explore": "explore",
    "simulate": "simulate",
    "compare": "compare",
    "sweep": "sweep",
    "report": "report",
    "calibrate": "calibrate_command",
    "generate": "generate",
    "record": "record_app",
    "state": "state_app",
    "prove": "prove_command",
    "verify-proof": "verify_proof",
}
"""The commands, in the order of the help: in the module of each name, what carries it out."""


class CommandGroup(TyperGroup):
    """The commands, each imported when it is asked for: one needs a fraction of what all of them import."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name all commands."""
        return [*COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command, or None if there is none of this name."""
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            self.add_command(imported(cmd_name), cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that arguments begin with; a misspelt one is compared with all."""
        if self.get_command(ctx, args[0]) is None:
            for name in COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


def imported(name: str) -> Any:
    """Import the module of a command, and make the command that the command line is parsed by."""
    command = getattr(import_module(f"blockstm.cli.{name.replace('-', '_')}"), COMMANDS[name])
    if not isinstance(command, typer.Typer):
        function, command = command, typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        command.command(name)(function)
    made = typer.main.get_command(command)
    made.name = name
    return made


app = typer.Typer(cls=CommandGroup, add_completion=False, pretty_exceptions_enable=False)


def print_version(wanted: bool) -> None:
    """Print the version and end, if `wanted`."""
    if wanted:
        from blockstm import __version__  # its look-up imports more than some commands need

        print(f"blockstm {__version__}")
        raise typer.Exit


@app.callback()
def blockstm(
    version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Execute blocks of transactions speculatively in parallel, and see what it gains."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status; prints no traceback for anything a user can cause.

    `arguments`: what follows the command's name; those of this process if None.
    """
    fill_standard()  # or a file that a command opens is written into by what prints
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        # A file name may hold bytes that the terminal's encoding cannot show.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        status = run(sys.argv[1:] if arguments is None else arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        discard_output()
        return BROKEN_PIPE
    except (typer.TyperException, BlockstmError, OSError) as error:
        if isinstance(error, OSError):
            discard_output()
        if sys.stderr is not None:  # it is None where it was closed, which `print` takes for standard output
            with suppress(OSError):
                print(f"error: {one_line(error)}", file=sys.stderr)
        return BAD_INPUT


def run(arguments: Sequence[str]) -> int:
    """Parse and carry out one command; errors are left to the caller."""
    command = typer.main.get_command(app)
    try:
        with command.make_context("blockstm", list(arguments)) as context:
            command.invoke(context)
    except typer.Exit as leave:
        return leave.exit_code
    return 0


def one_line(error: Exception) -> str:
    """Describe an error of the user's in one line: what, where and the fix."""
    if isinstance(error, typer.TyperException):
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "blockstm"
        message = f"{error.format_message().rstrip('.')}; see '{command} --help'"
    elif isinstance(error, OSError):
        reason = FIXES.get(type(error), error.strerror or str(error))
        message = reason if error.filename is None else f"{shown_path(os.fsdecode(error.filename))}: {reason}"
    else:
        message = str(error)
    return printable(" ".join(message.split()))


def discard_output() -> None:
    """Send what is left in standard output's buffer nowhere, so that Python's own last flush cannot fail."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
