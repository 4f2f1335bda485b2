"""Options that several commands have, and values that need more than a type: sizes, numbers, files to write."""

from __future__ import annotations

import importlib
import math
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from blockstm.errors import BlockstmError, UsageError, shown, shown_path
from blockstm.limits import WORKERS_MAX
from blockstm.models import MODELS, BlockStm, Model, model_of
from blockstm.programs.program import look_for_main_in
from blockstm.schema.common import OptionsEntry

__all__ = [
    "CORES_DEFAULT",
    "MODEL_DEFAULT",
    "AsReplayOption",
    "CoresOption",
    "CostsOption",
    "EvmOption",
    "JsonOption",
    "MemoryLimitOption",
    "ModelOption",
    "ProgramsOption",
    "TimeLimitOption",
    "TimelineOption",
    "VerifyOption",
    "check_output_path",
    "core_counts",
    "import_programs",
    "known_model",
    "memory_bytes",
    "model_list",
    "named_in_errors",
    "not_negative",
    "positive",
    "told_options",
]

UNITS = {"": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}
SIZE = re.compile(r"(\d{1,20}) *(|KiB|MiB|GiB|TiB)", re.IGNORECASE | re.ASCII)


def memory_bytes(text: str | int) -> int:
    """Return the bytes of a size such as ``512MiB``, ``2GiB`` or ``1048576``.

    Raises:
        typer.BadParameter: it is not a size.
    """
    matched = SIZE.fullmatch(str(text).strip())
    if matched is None:
        raise typer.BadParameter(
            f"{text!r} is not a size; give bytes, or a whole number with KiB, MiB or GiB, as in 512MiB"
        )
    return int(matched[1]) * UNITS[matched[2].lower()]


def known_model(name: str | None) -> str | None:
    """Return the text of a model of execution as `model_of` takes it; None where none is given.

    Raises:
        typer.BadParameter: there is none of that name, or it has no such options.
    """
    if name is not None:
        try:
            model_of(name)
        except UsageError as error:
            raise typer.BadParameter(str(error)) from None
    return name


def core_counts(option: str, text: str) -> list[int]:
    """Return the numbers of a list such as ``1,2,4``, each from 1 to 256, without repetitions.

    Arguments:
        option: the option that gives them, for the message.
        text: the list.

    Raises:
        UsageError: it is not such a list.
    """
    counts = []
    for part in text.split(","):
        if not re.fullmatch(r" *\d{1,3} *", part, re.ASCII) or not 1 <= int(part) <= WORKERS_MAX:
            raise UsageError(
                f"{option}: {shown(part)} is not a number of {option.removeprefix('--')}; "
                f"give whole numbers from 1 to {WORKERS_MAX}, as in 1,2,4"
            )
        counts.append(int(part))
    return list(dict.fromkeys(counts))


def model_list(option: str, text: str) -> list[Model]:
    """Return the models of a list such as ``block-stm,hinted:60``, without repetitions.

    Arguments:
        option: the option that gives them, for the message.
        text: the list.

    Raises:
        UsageError: there is none of a name, or it has no such options.
    """
    try:
        return list(dict.fromkeys(model_of(part.strip()) for part in text.split(",")))
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from error


def not_negative(value: float) -> float:
    """Return a finite number that is not below zero.

    Raises:
        typer.BadParameter: it is not one.
    """
    if not (math.isfinite(value) and value >= 0):
        raise typer.BadParameter(f"{value} is out of range; give a finite number, 0 or more")
    return value


def positive(value: float | None) -> float | None:
    """Return None or a finite number above zero.

    Raises:
        typer.BadParameter: it is neither.
    """
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value} is out of range; give a finite number above 0")
    return value


@contextmanager
def named_in_errors(file: Path) -> Iterator[None]:
    """Put the name of a file before the messages of errors of ours that are met inside."""
    try:
        yield
    except BlockstmError as error:
        raise type(error)(f"{shown_path(file)}: {error}") from error


def told_options(**options: tuple[Any, object]) -> OptionsEntry:
    """Return what a command's JSON output says of options, so that a report can tell how to repeat it.

    Arguments:
        options: the value of each, and its default, which is not told.
    """
    return OptionsEntry(**{name: value for name, (value, default) in options.items() if value != default})


def check_output_path(option: str, path: Path, inputs: Iterable[Path]) -> None:
    """Find out before the work begins whether a file can be written.

    Arguments:
        option: the option that names the file, for the message.
        path: where the file shall be.
        inputs: files that must not be overwritten.

    Raises:
        UsageError: it cannot, or something is there that must not be replaced.
    """
    name = f"{option} {shown_path(path)}"
    folder = Path(os.path.realpath(path)).parent
    if not folder.is_dir():
        raise UsageError(f"{name}: its folder does not exist; make it, or choose another")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{name}: its folder cannot be written to; choose another")
    if path.exists():
        if not path.is_file():
            raise UsageError(f"{name}: is not a regular file; name another")
        if any(path.samefile(file) for file in inputs if file.exists()):
            raise UsageError(f"{name}: is an input of this command; name another file")


def import_programs(modules: Iterable[str]) -> None:
    """Import the modules that define the Python programs of a block, also from the current folder.

    Arguments:
        modules: dotted names.

    Raises:
        UsageError: one cannot be imported.
    """
    names = list(modules)
    here = os.getcwd()
    if names and here not in sys.path and "" not in sys.path:
        # As ``python -m blockstm`` would have it; the command in a venv's bin/ starts without. Only where it is
        # asked for: Python imports some modules late, or tries names that it has on other systems only.
        sys.path.insert(0, here)
    for name in names:
        try:
            importlib.import_module(name)
            look_for_main_in(name)
        except (Exception, SystemExit) as error:
            raise UsageError(
                f"--programs {name}: importing it raised {type(error).__name__}: {error}; "
                "give the dotted name of a module in the current folder or on PYTHONPATH"
            ) from error


MemoryLimitOption = Annotated[
    int,
    typer.Option(
        parser=memory_bytes,
        metavar="SIZE",
        help="Memory limit of the arena: bytes, or as in 512MiB, 2GiB.",
        show_default="1GiB",
    ),
]
ProgramsOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="MODULE", help="Import the module that defines a block's Python programs. May be repeated."
    ),
]
TimelineOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write a timeline of what each worker did to FILE, for ui.perfetto.dev."
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        callback=known_model,
        autocompletion=lambda: list(MODELS),
        metavar="|".join(MODELS),
        help="The execution model.",
    ),
]
EvmOption = Annotated[
    Literal["native", "py-evm"] | None,
    typer.Option(
        help="What executes the transactions of an Ethereum block.",
        show_default="native where it is installed",
    ),
]
MODEL_DEFAULT: Final = BlockStm.name
CORES_DEFAULT: Final = "1,2,4,8,16,32,64"
CoresOption = Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of cores.")]
CostsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="COSTS.toml",
        help="The cost model, as calibrate writes it.",
        show_default="the one that comes with blockstm",
    ),
]
AsReplayOption = Annotated[
    bool,
    typer.Option("--as-replay", help="Use rounds of work, as replay does, instead of the recorded times."),
]
VerifyOption = Annotated[
    bool,
    typer.Option(
        "--verify",
        help="Compare state, receipts and all values read with sequential execution (status 1 if they differ).",
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
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, and nothing else.")]
