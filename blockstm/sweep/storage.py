"""The folder of a sweep: what is finished is in it for good, however the sweep ends.

A finished run is a line of the journal, written to disk before it counts as finished: a checksum, and the row as
JSON. A line that was cut short has a wrong checksum and counts for nothing. The table is made from the journal,
whole or not at all, whenever the command ends in good order.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Self

from blake3 import blake3

from blockstm import __version__
from blockstm.errors import SweepError, one_line, shown, shown_path
from blockstm.files.content import read_bytes, reason_of, replace_file
from blockstm.files.strict_json import decode_json
from blockstm.sweep.parquet import parquet_bytes
from blockstm.sweep.points import Run
from blockstm.sweep.rows import Row, problem_of
from blockstm.sweep.table import SweepTable

__all__ = ["ResultsFolder"]

MANIFEST: Final = "manifest.json"
DEFINITION: Final = "sweep.toml"
JOURNAL: Final = "runs.journal"
RESULTS: Final = "results.parquet"

_FORMAT: Final = "blockstm-sweep"
_FORMAT_VERSION: Final = 1
_CHECKSUM_CHARACTERS: Final = 16
_MANIFEST_BYTES_MAX: Final = 1 << 16
_LINE_BYTES_MAX: Final = 1 << 14
"""Of a row in the journal: several times what the longest scenario and cost model take."""


class ResultsFolder:
    """The folder of one sweep, which no other process can use meanwhile; a context manager.

    Arguments:
        path: the folder; made if it is not there.
        definition: the sweep's text, which is kept in it.
        runs: all runs of the sweep.

    Raises:
        SweepError: on entering: it cannot be used, is in use, or holds something else.
    """

    def __init__(self, path: Path, definition: str, runs: Sequence[Run]) -> None:
        """Keep what the folder shall hold; touches nothing yet."""
        self.path = path
        self._definition = definition
        self._runs = {run.run_id: run for run in runs}
        self._rows: dict[str, Row] = {}
        self._lock = -1
        self._journal = -1

    @property
    def results(self) -> Path:
        """The table."""
        return self.path / RESULTS

    @property
    def rows(self) -> list[Row]:
        """The rows of the finished runs, in the order of the sweep."""
        return [self._rows[run_id] for run_id in self._runs if run_id in self._rows]

    @property
    def table(self) -> SweepTable:
        """The same rows as a table for data tools."""
        return SweepTable(self.rows)

    @property
    def missing(self) -> list[Run]:
        """The runs that are not finished."""
        return [run for run_id, run in self._runs.items() if run_id not in self._rows]

    def __enter__(self) -> Self:
        """Take the folder, and read what is finished."""
        place = shown_path(self.path)
        try:
            self.path.mkdir(exist_ok=True)
            self._lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise SweepError(f"{place}: its folder does not exist; make it, or choose another") from None
        except FileExistsError:
            raise SweepError(f"{place}: is not a folder; name another") from None
        except OSError as error:
            raise SweepError(f"{place}: cannot be used: {reason_of(error)}; choose another") from error
        try:
            self._take()
            self._check_files()
            self._check_manifest()
            self._read_journal()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        """Write the table of what is finished, even where that is not all, and let go of the folder."""
        try:
            replace_file(self.results, parquet_bytes(self.rows), SweepError)
        finally:
            self._close()

    def append(self, rows: Iterable[Row]) -> None:
        """Keep the rows of runs that have just been finished; they are on disk when this returns.

        Raises:
            SweepError: they cannot be written.
        """
        rows = list(rows)
        try:
            _write_all(self._journal, b"".join(map(_line, rows)))
            os.fdatasync(self._journal)
        except OSError as error:
            raise SweepError(
                f"{shown_path(self.path / JOURNAL)}: cannot be written: {reason_of(error)}; "
                "make space, and give the same command again"
            ) from error
        self._rows |= {str(row["run_id"]): row for row in rows}

    def _take(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SweepError(
                f"{shown_path(self.path)}: another sweep is at work in it; wait for it, or choose another folder"
            ) from None

    def _check_files(self) -> None:
        """See that nothing but regular files has the names of the sweep's files: a pipe may block for ever."""
        for path in (self.path / name for name in (MANIFEST, DEFINITION, JOURNAL, RESULTS)):
            try:
                is_regular = not os.path.lexists(path) or stat.S_ISREG(path.stat().st_mode)
            except OSError as error:  # a link to nowhere, or to itself
                raise SweepError(
                    f"{shown_path(path)}: cannot be used: {reason_of(error)}; choose another folder"
                ) from error
            if not is_regular:
                raise SweepError(f"{shown_path(path)}: is not a regular file; choose another folder")

    def _check_manifest(self) -> None:
        """See that the folder is this sweep's, or make it so where it is empty."""
        own = {
            "format": _FORMAT,
            "version": _FORMAT_VERSION,
            "blockstm_version": __version__,
            "sweep": blake3("\n".join(self._runs).encode()).hexdigest(),
            "runs": len(self._runs),
        }
        place = shown_path(self.path)
        manifest = self.path / MANIFEST
        if manifest.exists():
            self._check_found(_manifest(manifest), own, place)
        else:
            # A file that begins with a dot may be left over from a manifest that was not finished.
            if other := [name for name in os.listdir(self.path) if not name.startswith(".")]:
                raise SweepError(
                    f"{place}: is not empty ({shown(min(other))}), and no sweep; choose a new folder"
                )
            replace_file(manifest, json.dumps(own, indent=1).encode(), SweepError)
        if not (self.path / DEFINITION).exists():
            replace_file(self.path / DEFINITION, self._definition.encode(), SweepError)

    def _check_found(self, found: object, own: dict[str, object], place: str) -> None:
        if (
            not isinstance(found, dict)
            or found.get("format") != _FORMAT
            or found.get("version") != _FORMAT_VERSION
        ):
            raise SweepError(
                f"{place}: {MANIFEST} is not that of a sweep of this version; choose another folder"
            )
        if found.get("blockstm_version") != own["blockstm_version"]:
            raise SweepError(
                f"{place}: its runs are those of blockstm {shown(found.get('blockstm_version'))}, and this is "
                f"{own['blockstm_version']}; go on with that version, or choose another folder"
            )
        if found != own:
            raise SweepError(
                f"{place}: holds another sweep, of {shown(found.get('runs'))} runs (see {DEFINITION} there); "
                "choose another folder"
            )

    def _read_journal(self) -> None:
        path = self.path / JOURNAL
        content = b""
        if path.exists():
            bytes_max = (len(self._runs) + 1) * _LINE_BYTES_MAX
            content = read_bytes(path, bytes_max, SweepError, "choose another folder")
        for number, found in _whole_lines(content):
            row = self._checked(found, f"{shown_path(path)}: line {number}")
            self._rows.setdefault(str(row["run_id"]), row)
        kept = b"".join(map(_line, self._rows.values()))
        if kept != content:
            # Without what was cut short, so that the next line begins at the start of one.
            replace_file(path, kept, SweepError)
        try:
            self._journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise SweepError(
                f"{shown_path(path)}: cannot be written: {reason_of(error)}; choose another folder"
            ) from error

    def _checked(self, found: bytes, place: str) -> Row:
        """Return the row that a line of the journal holds."""
        fix = "it was changed since, or belongs to another sweep: choose another folder"
        try:
            row = decode_json(found.decode())
        except ValueError as error:
            raise SweepError(f"{place}: {one_line(str(error))}; {fix}") from error
        run_id = row.get("run_id") if isinstance(row, dict) else None
        run = self._runs.get(run_id) if isinstance(run_id, str) else None
        problem = "is not the row of any run of the sweep" if run is None else problem_of(row, run)
        if problem is not None:
            raise SweepError(f"{place}: {problem}; {fix}")
        checked: Row = row
        return checked

    def _close(self) -> None:
        for descriptor in (self._journal, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._journal = self._lock = -1


def _line(row: Row) -> bytes:
    content = json.dumps(row, ensure_ascii=False).encode()
    return _checksum(content) + b" " + content + b"\n"


def _whole_lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the number and the text of those lines of a journal that are whole."""
    for number, line in enumerate(content.split(b"\n"), 1):
        checksum, _, text = line.partition(b" ")
        if checksum == _checksum(text):
            yield number, text


def _manifest(path: Path) -> object:
    content = read_bytes(path, _MANIFEST_BYTES_MAX, SweepError, "choose another folder")
    try:
        return decode_json(content.decode())
    except ValueError as error:
        raise SweepError(f"{shown_path(path)}: {one_line(str(error))}; choose another folder") from error


def _checksum(content: bytes) -> bytes:
    return blake3(content).hexdigest()[:_CHECKSUM_CHARACTERS].encode()


def _write_all(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]
