"""The folder of a sweep: what is finished stays, whatever happens to the process, and nothing else gets in."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.errors import SweepError
from blockstm.schema.sweep import COLUMNS
from blockstm.sweep import Run, read_sweep, runs_of
from blockstm.sweep import storage as storage_module
from blockstm.sweep.carryout import InProcess, carry_out
from blockstm.sweep.rows import Row
from blockstm.sweep.storage import ResultsFolder
from tests.support.sweeps import SMALL, table_of, without_chance, written


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    return runs_of(read_sweep(written(tmp_path_factory.mktemp("definition"))))


@pytest.fixture(scope="module")
def rows(runs: list[Run]) -> list[Row]:
    return [row for some in InProcess(1 << 28).rows(runs) for row in some]


class Whole:
    """All runs and their rows; Hypothesis shows what tests are given, and lists of these are long."""

    def __init__(self, runs: list[Run], rows: list[Row]) -> None:
        self.runs = runs
        self.rows = rows


@pytest.fixture(scope="module")
def whole(runs: list[Run], rows: list[Row]) -> Whole:
    return Whole(runs, rows)


def test_what_is_appended_is_there_again(tmp_path: Path, runs: list[Run], rows: list[Row]) -> None:
    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        assert folder.missing == runs
        folder.append(rows[4:7])
        folder.append(rows[1:2])
        assert folder.rows == [rows[1], *rows[4:7]]
    assert (tmp_path / "out" / "sweep.toml").read_text() == SMALL
    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        assert folder.rows == [rows[1], *rows[4:7]]
        assert len(folder.missing) == 12
        folder.append(row for row in rows if row not in folder.rows)
    assert table_of(tmp_path / "out") == rows


def test_the_columns_of_the_table(tmp_path: Path, runs: list[Run], rows: list[Row]) -> None:
    with ResultsFolder(tmp_path / "out", SMALL, runs):
        pass
    assert table_of(tmp_path / "out") == []
    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        folder.append(rows)
    first = table_of(tmp_path / "out")[0]
    assert list(first)[: len(COLUMNS)] == list(COLUMNS)
    assert first["parameter.transfers.accounts"] == 2
    assert first["parameter.transfers.shape"] == "plain"
    # A block that is made of a scenario has no file, and no choice of what executes it.
    missing = [name for name, value in first.items() if value is None]
    assert missing == ["refused", "block_digest", "virtual_machine"]


@settings(max_examples=25)
@given(share=st.floats(0, 1), rubbish=st.sampled_from([b"", b"\0" * 100, b"\n\n", b"{}"]))
def test_a_journal_cut_anywhere_keeps_what_is_whole(
    tmp_path_factory: pytest.TempPathFactory, whole: Whole, share: float, rubbish: bytes
) -> None:
    runs, rows = whole.runs, whole.rows
    path = tmp_path_factory.mktemp("cut") / "out"
    with ResultsFolder(path, SMALL, runs) as folder:
        folder.append(rows)
    journal = path / "runs.journal"
    content = journal.read_bytes()
    cut = round(share * len(content))
    journal.write_bytes(content[:cut] + rubbish)
    # A line that has lost nothing but its end is whole.
    ends = [place for place, byte in enumerate(content) if byte == ord("\n")]
    kept = sum(end < cut or (end == cut and rubbish in (b"", b"\n\n")) for end in ends)
    with ResultsFolder(path, SMALL, runs) as folder:
        assert folder.rows == rows[:kept]
        folder.append(rows[kept:])
    with ResultsFolder(path, SMALL, runs) as folder:
        assert folder.rows == rows


def test_damage_in_the_middle_costs_that_run_only(tmp_path: Path, runs: list[Run], rows: list[Row]) -> None:
    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        folder.append(rows)
    journal = tmp_path / "out" / "runs.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[5] = lines[5].replace(b'"aborts"', b'"aborta"')
    journal.write_bytes(b"".join(lines))
    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        assert folder.missing == [runs[5]]


def test_interrupted_after_any_run_it_goes_on_from_there(
    tmp_path: Path, runs: list[Run], rows: list[Row]
) -> None:
    """No run is lost, none is done again, and the figures are those of a sweep that was not interrupted."""

    class Interrupted(InProcess):
        def rows(self, runs: Sequence[Run]) -> Iterator[Sequence[Row]]:
            done.extend(run.run_id for run in runs[:3])
            yield from super().rows(runs[:3])
            raise KeyboardInterrupt

    done: list[str] = []
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt), ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
            carry_out(folder, Interrupted(1 << 28), lambda finished, cost: None)
    assert len(table_of(tmp_path / "out")) == 15
    told: list[tuple[int, int]] = []
    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        outcome = carry_out(folder, InProcess(1 << 28), lambda finished, cost: told.append((finished, cost)))
    assert (outcome.runs, outcome.executed, told) == (16, 1, [(16, runs[-1].cost)])
    assert done == [run.run_id for run in runs[:-1]]
    assert without_chance(table_of(tmp_path / "out")) == without_chance(list(rows))


def test_one_at_a_time(tmp_path: Path, runs: list[Run]) -> None:
    with (
        ResultsFolder(tmp_path / "out", SMALL, runs),
        pytest.raises(SweepError, match="another sweep is at work in it"),
        ResultsFolder(tmp_path / "out", SMALL, runs),
    ):
        pass
    with ResultsFolder(tmp_path / "out", SMALL, runs):
        pass


def refused(path: Path, runs: list[Run]) -> str:
    before = sorted(os.listdir(path)) if path.is_dir() else None
    with pytest.raises(SweepError) as error, ResultsFolder(path, SMALL, runs):
        pass
    assert before is None or sorted(os.listdir(path)) == before
    return str(error.value)


def test_folders_that_are_not_its_own(
    tmp_path: Path, runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "its folder does not exist" in refused(tmp_path / "none" / "out", runs)
    (tmp_path / "file").touch()
    assert "is not a folder" in refused(tmp_path / "file", runs)
    assert "is not empty ('file'), and no sweep" in refused(tmp_path, runs)
    out = tmp_path / "out"
    with ResultsFolder(out, SMALL, runs):
        pass
    assert "holds another sweep, of 16 runs" in refused(out, runs[:3])
    with monkeypatch.context() as patched:
        patched.setattr(storage_module, "__version__", "99.0")
        assert "and this is 99.0; go on with that version" in refused(out, runs)
    for manifest in (
        "[]",
        "{",
        "[" * 100_000,
        "1" * 5000,
        " " * (1 << 17),
        "\udc80",
        '{"format": "other"}',
        json.dumps({"format": "blockstm-sweep", "version": 2}),
        json.dumps({"format": "blockstm-sweep", "version": 1, "blockstm_version": "\x1b[31m"}),
    ):
        (out / "manifest.json").write_bytes(manifest.encode(errors="surrogateescape"))
        message = refused(out, runs)
        assert "manifest.json" in message or "its runs are those of" in message
        assert "choose another folder" in message and message.isprintable()


def line_of(content: bytes) -> bytes:
    """A line of the journal that says what it likes, with the right checksum."""
    return blake3(content).hexdigest()[:16].encode() + b" " + content + b"\n"


def forged(row: Row, changes: dict[str, object]) -> bytes:
    return json.dumps({name: value for name, value in {**row, **changes}.items() if value != "gone"}).encode()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"run_id": "x"}, "is not the row of any run of the sweep"),
        ({"run_id": ["x"]}, "is not the row of any run of the sweep"),
        ({"cores": 2}, "cores is 2, and the run's is 1"),
        ({"cores": True}, "cores is True, and the run's is 1"),
        ({"cost_model": None}, "cost_model is None, and the run's is"),
        ({"parameter.transfers.accounts": 3}, "parameter.transfers.accounts is 3, and the run's is 2"),
        ({"parameter.more": 3}, "'parameter.more' is a column too many or too few"),
        ({"seconds": "gone"}, "'seconds' is a column too many or too few"),
        ({"seconds": "1"}, "seconds is '1', which the column cannot hold"),
        ({"seconds": [1]}, "seconds is [1], which the column cannot hold"),
        ({"seconds": True}, "seconds is True, which the column cannot hold"),
        ({"aborts": 1.5}, "aborts is 1.5, which the column cannot hold"),
        ({"aborts": 1 << 63}, "aborts is 9223372036854775808, which the column cannot hold"),
        ({"machine": {"\x1b": 1}}, "machine is {'\\x1b': 1}, which the column cannot hold"),
    ],
)
def test_a_forged_row_is_refused(
    tmp_path: Path, runs: list[Run], rows: list[Row], changes: dict[str, object], told: str
) -> None:
    with ResultsFolder(tmp_path / "out", SMALL, runs):
        pass
    (tmp_path / "out" / "runs.journal").write_bytes(
        line_of(json.dumps(rows[1]).encode()) + line_of(forged(rows[0], changes))
    )
    message = refused(tmp_path / "out", runs)
    assert message.startswith(f"{tmp_path}/out/runs.journal: line 2: {told}")
    assert message.endswith("choose another folder") and message.isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"[]", b"3", b"null", b"", b"{", b"[" * 100_000, b"\xff", b"1" * 5000, b'{"run_id": NaN}',
        b'{"a": 1, "a": 1}',
    ],
)  # fmt: skip
def test_a_forged_line_is_refused(tmp_path: Path, runs: list[Run], content: bytes) -> None:
    with ResultsFolder(tmp_path / "out", SMALL, runs):
        pass
    (tmp_path / "out" / "runs.journal").write_bytes(line_of(content))
    message = refused(tmp_path / "out", runs)
    assert message.startswith(f"{tmp_path}/out/runs.journal: line 1: ") and message.isprintable()


def a_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # the address of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["manifest.json", "runs.journal", "sweep.toml", "results.parquet"])
@pytest.mark.parametrize(
    "make",
    [
        os.mkfifo,
        os.mkdir,
        a_socket,
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("nowhere"),
    ],
    ids=["pipe", "folder", "socket", "device", "loop", "nowhere"],
)
def test_what_is_no_file_is_refused_at_once(
    tmp_path: Path, runs: list[Run], name: str, make: Callable[[Path], None]
) -> None:
    with ResultsFolder(tmp_path / "out", SMALL, runs):
        pass
    (tmp_path / "out" / name).unlink(missing_ok=True)
    make(tmp_path / "out" / name)
    assert refused(tmp_path / "out", runs).startswith(f"{tmp_path}/out/{name}: ")


def test_a_scenario_whose_name_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\x1b.toml")
    path.write_text(SMALL)
    runs = runs_of(read_sweep(path))[:1]
    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        carry_out(folder, InProcess(1 << 28), lambda finished, cost: None)
    assert [row["scenario"] for row in table_of(tmp_path / "out")] == ["\\udcff\\x1b"]


def test_a_full_disk(
    tmp_path: Path, runs: list[Run], rows: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    with ResultsFolder(tmp_path / "out", SMALL, runs) as folder:
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(
                SweepError, match=r"runs\.journal: cannot be written: No space left on device; make"
            ):
                folder.append(rows[:1])
        assert folder.rows == []


def test_nothing_stays_open(
    tmp_path: Path, runs: list[Run], leaves_nothing: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ResultsFolder(tmp_path / "out", SMALL, runs):
        pass
    refused(tmp_path / "out", runs[:3])
