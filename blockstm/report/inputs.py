"""Reading what a report is made of: JSON objects of the commands, timelines, folders of sweeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from blockstm.errors import ReportError, shown, shown_path
from blockstm.files.content import ContentError, TooLargeError, content_pieces, open_input, reason_of
from blockstm.files.strict_json import decode_json
from blockstm.report.results import Comparison, Inspection, Replay, Simulation
from blockstm.report.sweeps import Sweep, read_sweep
from blockstm.report.timelines import Timeline
from blockstm.schema.entry import SCHEMA
from blockstm.schema.fields import Fields

__all__ = ["Inputs", "read_inputs"]

JSON_BYTES_MAX: Final = 1 << 27
BRACKETS_MAX: Final = 2_000_000
"""Objects and lists: an empty one takes 3 bytes of a file, and 72 of memory."""
COMMAS_MAX: Final = 10_000_000
"""Of values that are neither: each takes 4 times the memory, or 16."""
READABLE: Final = (
    "the output of replay, simulate, compare or inspect with --json, a timeline, or a sweep's folder"
)


@dataclass
class Inputs:
    """What a report is made of, each kind in the order in which it was given.

    Arguments:
        paths: as they were given.
        raw: what was read, as it was, for the page's data: by path. Not of timelines, which may be large.
    """

    paths: list[str] = field(default_factory=list)
    replays: list[Replay] = field(default_factory=list)
    simulations: list[Simulation] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    inspections: list[Inspection] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    timelines: list[Timeline] = field(default_factory=list)
    raw: dict[str, Any] = field(default_factory=dict)


def read_inputs(paths: Iterable[Path]) -> Inputs:
    """Read files and folders; what is in a file tells what it is.

    Arguments:
        paths: JSON files, plain or zstd-compressed, and sweeps' folders.

    Raises:
        ReportError: one of them cannot be read, is too large, or is not what a report is made of.
    """
    inputs = Inputs()
    for path in paths:
        name = shown_path(path)
        if name in inputs.paths:
            raise ReportError(f"{name}: is named twice; name it once")
        inputs.paths.append(name)
        if path.is_dir():
            sweep, columns = read_sweep(path)
            inputs.sweeps.append(sweep)
            inputs.raw[name] = columns
        else:
            content = _read_json(path)
            try:
                _add(inputs, name, content)
            except ContentError as error:
                raise ReportError(f"{name}: {error}") from error
    return inputs


def _add(inputs: Inputs, name: str, content: Any) -> None:
    """Put the content of a file where it belongs.

    Raises:
        ContentError: it does not belong anywhere, or is not as it must be.
    """
    if isinstance(content, list):
        content = {"traceEvents": content}  # the format's other form: the events alone
    fields = Fields(content)
    if fields.has("traceEvents"):
        inputs.timelines.append(Timeline.of(name, fields))
        return
    if not fields.has("command"):
        raise ContentError(f"has neither a command nor traceEvents; give {READABLE}")
    if fields.value("schema") != SCHEMA:
        raise ContentError(
            f"schema is {shown(fields.value('schema'))}, not {SCHEMA}; make it with this version of blockstm"
        )
    command = fields.text("command")
    if command not in _KINDS:
        raise ContentError(f"is the output of {shown(command)}, which has no report; give {READABLE}")
    _KINDS[command](inputs, name, fields)
    inputs.raw[name] = content


_KINDS: Final[Mapping[str, Callable[[Inputs, str, Fields], None]]] = {
    "replay": lambda inputs, name, fields: inputs.replays.append(Replay.of(name, fields)),
    "simulate": lambda inputs, name, fields: inputs.simulations.append(Simulation.of(name, fields)),
    "compare": lambda inputs, name, fields: inputs.comparisons.append(Comparison.of(name, fields)),
    "inspect": lambda inputs, name, fields: inputs.inspections.append(Inspection.of(name, fields)),
}


def _bounded(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces of a JSON text as long as what it holds stays small.

    Raises:
        TooLargeError: it has too many brackets or commas, those in its texts included.
    """
    brackets = commas = 0
    for piece in pieces:
        brackets += piece.count(b"{") + piece.count(b"[")
        commas += piece.count(b",")
        for number, most, what in (
            (brackets, BRACKETS_MAX, "brackets ({ and [)"),
            (commas, COMMAS_MAX, "commas"),
        ):
            if number > most:
                raise TooLargeError(f"has more than {most} {what}, which is the limit; split it")
        yield piece


def _read_json(path: Path) -> Any:
    with open_input(path, ReportError) as file:
        try:
            return decode_json(b"".join(_bounded(content_pieces(file, JSON_BYTES_MAX))).decode())
        except TooLargeError as error:
            problem = str(error)
        except UnicodeDecodeError as error:
            problem = f"byte {error.start} is not text in UTF-8"
        except ValueError as error:
            problem = str(error)
        except MemoryError:
            problem = "no memory is left to read it"
        except OSError as error:
            problem = f"cannot be read: {reason_of(error)}"
    raise ReportError(f"{shown_path(path)}: {problem}; give {READABLE}")
