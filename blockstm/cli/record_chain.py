"""``blockstm record CHAIN``: block files of what a chain's nodes tell, made by the chain's recorder."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import typer

from blockstm.chains import Recorder, RecorderOption
from blockstm.cli.columns import print_wrapped
from blockstm.errors import printable, shown_path

__all__ = ["recorder_command"]

OUTPUT = "output"
OutputOption = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT.block", help="The block file to write.")
]


def recorder_command(name: str, recorder: Recorder) -> Any:
    """Return the command that a recorder is run by; its options are those of the recorder, and ``--output``.

    Arguments:
        name: the command's name, that of the chain.
        recorder: what it runs.
    """

    def record(**values: Any) -> None:
        output: Path = values.pop(OUTPUT)
        made = recorder.record(output, **values)
        print_wrapped(
            f"{shown_path(output)}: {len(made.block):,} transactions, {output.stat().st_size:,} bytes"
        )
        for note in made.notes:
            print(f"note: {printable(note)}")

    # Typer looks at a function's signature to find out its options.
    record.__signature__ = Signature(list(_parameters(recorder)))  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command(name, help=recorder.summary)(record)
    return typer.main.get_command(app)


def _parameters(recorder: Recorder) -> Iterator[Parameter]:
    yield from (_parameter(option) for option in recorder.options if option.required)
    yield Parameter(OUTPUT, Parameter.KEYWORD_ONLY, annotation=OutputOption)
    yield from (_parameter(option) for option in recorder.options if not option.required)


def _parameter(option: RecorderOption) -> Parameter:
    flag = f"--{option.name.replace('_', '-')}"
    told = typer.Option(flag, metavar=option.metavar or None, help=option.help)
    kind: Any = option.kind
    default: object = Parameter.empty
    if option.kind is bool:
        default = False
    elif not option.required:
        kind, default = kind | None, None
    return Parameter(option.name, Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, told])
