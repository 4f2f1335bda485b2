"""Small files that would take all memory or hours: ``blockstm report`` refuses them in one line, at once."""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

pytest.importorskip("jinja2", reason="reports need blockstm[report]")
pytest.importorskip("pyarrow", reason="reports need blockstm[report]")
pytest.importorskip("vl_convert", reason="reports need blockstm[report]")

import pyarrow
import pyarrow.parquet

from blockstm.errors import ReportError
from blockstm.files.content import ContentError
from blockstm.report import columns as columns_module
from blockstm.report import inputs as inputs_module
from blockstm.report import read_inputs
from blockstm.report import timelines as timelines_module
from blockstm.report.columns import decoded_columns
from blockstm.report.page import sections_of
from blockstm.report.sweeps import WANTED
from tests.support import reports

Refused = Callable[..., str]

ROWS = 100_000
PARAMETERS = [f"parameter.x{number}" for number in range(150)]
MEMORY_BYTES = 2 << 30
SECONDS = 60
"""Without the limits the smallest takes minutes, and more memory than that."""


def write_columns(folder: Path, columns: dict[str, Any], rows: int = ROWS, **options: Any) -> Path:
    folder.mkdir()
    all_columns = {
        "cores": pyarrow.repeat(1, rows),
        "seconds": pyarrow.repeat(1.0, rows),
        **{name: pyarrow.repeat(name, rows) for name in ("clock", "model", "scenario")},
        **columns,
    }
    pyarrow.parquet.write_table(pyarrow.table(all_columns), folder / "results.parquet", **options)
    return folder


def one_text(text: str, rows: int = ROWS) -> Any:
    places = pyarrow.array([0] * rows, pyarrow.int32())
    return pyarrow.DictionaryArray.from_arrays(places, pyarrow.array([text]))


def write_compressed(path: Path, start: str, repeated: str, times: int, end: str) -> Path:
    piece = (repeated * 100_000).encode()
    with path.open("wb") as file, zstandard.ZstdCompressor().stream_writer(file) as writer:
        writer.write(start.encode())
        for _ in range(times // 100_000):
            writer.write(piece)
        writer.write(end.encode())
    return path


UNSORTED = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
"""To write a long text quickly."""

SIMULATION_START = '{"schema": 1, "command": "simulate", "file": "x", "results": [{}'

RUN = """
import sys
from blockstm.cli import main
for path in sys.argv[1:]:
    print(main(["report", path, "-o", "page.html"]))
"""


def test_bombs_are_refused_in_little_memory_and_time(tmp_path: Path) -> None:
    bombs = {
        write_columns(tmp_path / "dictionary", {"scenario": one_text("x" * 1_000_000)}):
            "results.parquet: the texts of its rows take more than 67108864 bytes",
        write_columns(tmp_path / "long", {"parameter.x": ["x" * 70_000_000]}, 1, **UNSORTED):
            "results.parquet: the texts of its rows take more than 67108864 bytes",
        write_columns(tmp_path / "wide", dict.fromkeys(PARAMETERS, pyarrow.repeat(0, ROWS))):
            "results.parquet: has 100000 rows of 155 columns, more than 5000000 values",
        write_compressed(tmp_path / "objects.json.zst", SIMULATION_START, ",{}", 20_000_000, "]}"):
            "objects.json.zst: has more than 2000000 brackets",
        write_compressed(tmp_path / "numbers.json.zst", SIMULATION_START, ",0", 20_000_000, "]}"):
            "numbers.json.zst: has more than 10000000 commas",
    }  # fmt: skip
    for bomb in bombs:
        path = bomb / "results.parquet" if bomb.is_dir() else bomb
        assert path.stat().st_size < 300_000
    completed = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, bombs)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES)),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    lines = completed.stderr.splitlines()
    assert (completed.returncode, completed.stdout.split()) == (0, ["2"] * len(bombs)), completed.stderr
    assert len(lines) == len(bombs)
    for line, (bomb, told) in zip(lines, bombs.items(), strict=True):
        assert line.startswith(f"error: {bomb}") and told in line and line.isprintable()
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"parameter.x": [float("inf")]}, "column 'parameter.x' has inf, neither a text nor a number from"),
        ({"parameter.x": [-1e300]}, "column 'parameter.x' has -1e+300, neither a text nor a number from"),
        ({"parameter.\x1b[31m": [float("inf")]}, r"column 'parameter.\x1b[31m' has inf"),
        ({"parameter.x": [[1]]}, "column 'parameter.x' holds list<element: int64>, neither numbers nor texts"),
        ({"parameter.x": [b"x"]}, "column 'parameter.x' holds binary, neither numbers nor texts"),
        ({"parameter.x": [{"a\n": 1}]}, "column 'parameter.x' holds struct<a?: int64>, neither numbers"),
        ({"scenario": [b"x"]}, "column 'scenario' holds binary"),
        ({"scenario": [3]}, "row 0.scenario: is 3, not text"),
        ({"seconds": [float("nan")]}, "row 0.seconds: is missing"),
        ({"seconds": [float("inf")]}, "row 0.seconds: is inf, not a number from 0"),
        ({"aborts": [1 << 62], "speedup": [-1.0]}, "row 0.speedup: is -1.0, not a number from 0"),
        ({"cores": [0]}, "row 0.cores: is 0, not a number from 1"),
    ],
)  # fmt: skip
def test_columns_that_are_refused(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: dict[str, Any], told: str
) -> None:
    reports.decode_here(monkeypatch)
    folder = write_columns(tmp_path / "sweep", columns, 1)
    message = refused("report", folder, "-o", "page.html")
    assert told in message and message.rstrip("\n").isprintable()


def test_a_parameter_that_is_missing_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports.decode_here(monkeypatch)
    columns = {"parameter.x": [float("nan"), 1.0, 1e20], "parameter.same": ["x", "x", None]}
    (sweep,) = read_inputs([write_columns(tmp_path / "sweep", columns, 3)]).sweeps
    assert [run.parameters for run in sweep.runs] == [{}, {"x": 1.0}, {"x": 1e20}]


def message_of(path: Path) -> str:
    with pytest.raises(ReportError) as error:
        read_inputs([path])
    message = str(error.value)
    assert message.isprintable()
    return message


def test_the_limits_of_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_columns(tmp_path / "sweep", {"parameter.x": ["a", "b"] * 50}, 100, row_group_size=10)
    read_inputs([folder])
    for name, limit, told in (
        ("ROWS_MAX", 99, "has more than 99 rows"),
        ("COLUMNS_MAX", 5, "has more than 5 columns"),
        ("ROW_GROUPS_MAX", 9, "has more than 9 row groups"),
        ("VALUES_MAX", 599, "has 100 rows of 6 columns, more than 599 values"),
        ("DECODED_BYTES_MAX", 1000, "takes more than 1000 bytes decompressed"),
        ("TEXT_BYTES_MAX", 1000, "the texts of its rows take more than 1000 bytes"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(columns_module, name, limit)
            with (
                pytest.raises(ContentError, match=re.escape(told)),
                (folder / "results.parquet").open("rb") as file,
            ):
                decoded_columns(file, WANTED)
    reports.decode_here(monkeypatch)
    cores = write_columns(tmp_path / "cores", {"cores": list(range(1, 258))}, 257)
    assert "has 257 different numbers of cores, more than 256" in message_of(cores)
    texts = write_columns(
        tmp_path / "shared",
        {"parameter.x": ["x" * 1000 + str(number) for number in range(100)]},
        100,
        use_dictionary=False,
        column_encoding={"parameter.x": "DELTA_BYTE_ARRAY"},
    )
    assert "column 'parameter.x' is encoded as DELTA_BYTE_ARRAY, which is not read" in message_of(texts)


def test_the_limits_of_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = reports.write(tmp_path, "t.json", reports.timeline(8))
    for module, name, limit, told in (
        (inputs_module, "JSON_BYTES_MAX", 1000, "the content takes more than 1000 bytes"),
        (inputs_module, "BRACKETS_MAX", 10, "has more than 10 brackets"),
        (inputs_module, "COMMAS_MAX", 10, "has more than 10 commas"),
        (timelines_module, "EVENTS_MAX", 10, "traceEvents: has 11 entries, more than 10"),
        (timelines_module, "THREADS_MAX", 0, "has spans of more than 0 threads"),
    ):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, limit)
            assert told in message_of(path)
    bounds = {str(number): 1.0 for number in range(1, 258)}
    many = reports.inspection()
    many["bounds"][0]["cores"] = bounds
    assert "has 257 different numbers of cores" in message_of(reports.write(tmp_path, "i.json", many))
    many = reports.inspection()
    many["bounds"] = [many["bounds"][0]] * 1001
    assert "bounds: has 1001 entries, more than 1000" in message_of(reports.write(tmp_path, "i.json", many))
    many = reports.simulation()
    many["results"] = [{"cores": cores, "seconds": 1} for cores in range(1, 258)]
    assert "has 257 different numbers of cores" in message_of(reports.write(tmp_path, "s.json", many))


def aborting(content: bytes) -> bytes:
    """A column that is neither required nor optional nor repeated: pyarrow aborts when it is asked for it."""
    return content.replace(b"%\x02\x18", b"%\x74\x18", 1)


def test_a_damaged_table_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    folder = reports.write_sweep(tmp_path / "sweep", reports.sweep_rows())
    path = folder / "results.parquet"
    content = path.read_bytes()
    footer_bytes = int.from_bytes(content[-8:-4], "little")

    def refuses(damaged: bytes) -> None:
        path.write_bytes(damaged)
        message = refused("report", folder, "-o", "page.html")
        assert message.startswith(f"error: {path}: is not a readable Parquet file: ")

    refuses(aborting(content))
    refuses(content[: len(content) // 2])
    reports.decode_here(monkeypatch)
    for damaged in (
        b"",
        b"PAR1",
        content[:-1],
        content.replace(b"PAR1", b"\x1b[1m"),
        content[: -footer_bytes - 8] + b"\x1b\n" * (footer_bytes // 2) + content[-8 - footer_bytes % 2 :],
    ):
        refuses(damaged)


@pytest.mark.timeout(60)
def test_many_series_and_long_spans_take_time_in_proportion(tmp_path: Path) -> None:
    """Not as if each series were compared with each other, or a span took a step for each column it covers."""
    rows = 10_000
    sweep = write_columns(tmp_path / "sweep", {"parameter.x": list(range(rows))}, rows)
    blocks = [reports.replay(f"{number}/a.block")["blocks"][0] for number in range(1_000)] * 5
    replays = reports.write(tmp_path, "replay.json", {**reports.replay(), "blocks": blocks})
    events = [
        {"ph": "X", "name": "a", "pid": 1, "tid": 1, "ts": 0, "dur": 9, "cat": str(number % 9)}
        for number in range(10_000)
    ]
    timeline = reports.write(tmp_path, "t.json", {"traceEvents": events})
    sections = sections_of(read_inputs([sweep, replays, timeline]), "x.html")
    assert {section.identifier for section in sections} >= {"replays", "scaling", "timeline"}
    assert (
        len(json.dumps([part.rows for part in sections[0].parts if hasattr(part, "rows")], default=str)) < 1e5
    )
