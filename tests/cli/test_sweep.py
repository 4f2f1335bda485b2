"""blockstm sweep as a user meets it: results, going on after SIGKILL and Ctrl-C, clusters, refusals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import pytest

from blockstm.measure.spread import Spread
from blockstm.report.inputs import read_inputs
from blockstm.report.series import all_series
from blockstm.sweep import read_sweep, runs_of
from blockstm.sweep.execution import execute
from tests.support.sweeps import SMALL, table_of, without_chance, written

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

LONG = SMALL.replace("[1, 2]", str(list(range(10)))).replace("[20, 40]", "[200, 250]")
LONG_RUNS = 80
"""About ten milliseconds each."""


def test_a_table_and_then_nothing_left_to_do(command: Command, tmp_path: Path) -> None:
    path = written(tmp_path)
    completed = command("sweep", path, "-o", "out", "--workers", 1)
    assert (completed.returncode, completed.stderr) == (0, "")
    lines = completed.stdout.splitlines()
    assert [line.split()[:2] for line in lines[2:6]] == [["2", "20"], ["2", "40"], ["50", "20"], ["50", "40"]]
    assert "modelled time, medians of 2 runs" in completed.stdout
    assert "out/results.parquet: 16 runs in " in lines[-1]
    rows = table_of(tmp_path / "out")
    assert [row["run_id"] for row in rows] == [run.run_id for run in runs_of(read_sweep(path))]
    again = command("sweep", path, "-o", "out", "--workers", 1)
    assert "0 runs in 0.0 s; 16 were finished before" in again.stdout
    assert table_of(tmp_path / "out") == rows


def test_json(command: Command, tmp_path: Path) -> None:
    completed = command("sweep", written(tmp_path), "-o", "out", "--workers", 1, "--json")
    found = json.loads(completed.stdout)
    assert (found["schema"], found["command"], found["clock"]) == (1, "sweep", "virtual")
    assert (found["runs"], found["executed"], found["results"]) == (16, 16, "out/results.parquet")
    assert len(found["points"]) == 8
    point = found["points"][3]
    assert (point["cores"], point["runs"]) == (3, 2)
    assert point["parameters"] == {"transfers.accounts": 2, "transactions": 40}
    speedups = sorted(row["speedup"] for row in table_of(tmp_path / "out") if row["point"] == point["point"])
    assert point["speedup"] == pytest.approx(sum(speedups) / 2)
    assert [point["speedup_min"], point["speedup_max"]] == speedups


def test_the_table_and_the_report_say_the_same(command: Command, tmp_path: Path) -> None:
    """Of several seeds, both show the median speed-up, and how far the runs are apart."""
    pytest.importorskip("jinja2", reason="reports need an extra")
    text = SMALL.replace("seeds = [1, 2]", "seeds = [1, 2, 3, 4]").replace("transactions = [20, 40]", "")
    printed = command("sweep", written(tmp_path, text), "-o", "out", "--workers", 1)
    assert (printed.returncode, printed.stderr) == (0, "")
    assert all(line == line.rstrip() and len(line) <= 80 for line in printed.stdout.splitlines())
    by_point: dict[tuple[int, int], list[float]] = {}
    for row in table_of(tmp_path / "out"):
        by_point.setdefault((row["parameter.transfers.accounts"], row["cores"]), []).append(row["speedup"])
    lines = [line.split() for line in printed.stdout.splitlines()]
    for series in all_series(read_inputs([tmp_path / "out"])):
        accounts = int(series.name.split()[-1])
        (line,) = (line for line in lines if line[:1] == [str(accounts)])
        spreads = []
        for run, column in zip(series.runs, (1, 3), strict=True):
            speedups = by_point[accounts, run.cores]
            assert run.speedups == Spread(median(speedups), min(speedups), max(speedups), 4)
            assert run.speedup == median(speedups)
            assert line[column] == f"{run.speedup:.2f}"
            spreads.append((max(speedups) - min(speedups)) / median(speedups))
        assert line[-2:] == [f"{max(spreads) * 100:.1f}", "%"]


def test_recorded_blocks_in_several_models(command: Command, tmp_path: Path, small_block: Path) -> None:
    text = 'scenario = "small.block"\ncores = [1, 3]\n'
    completed = command("sweep", written(tmp_path, text), "-o", "out", "--workers", 1, "--json",
                        "--models", "block-stm,sequential")  # fmt: skip
    assert (completed.returncode, completed.stderr) == (0, "")
    points = json.loads(completed.stdout)["points"]
    assert [(point["scenario"], point["model"], point["cores"], point["parameters"]) for point in points] == [
        ("small", model, cores, {}) for model in ("block-stm", "sequential") for cores in (1, 3)
    ]
    # The folder says what was run, so the same comes of it where the models are named in the file.
    kept = (tmp_path / "out" / "sweep.toml").read_text()
    again = command("sweep", written(tmp_path, kept), "-o", "out", "--workers", 1)
    assert "0 runs in 0.0 s; 4 were finished before" in again.stdout
    lines = [line.split() for line in again.stdout.splitlines()]
    assert [line[:2] for line in lines[:4]] == [["1", "3"], ["block", "model"], ["small", "block-stm"],
                                                ["small", "sequential"]]  # fmt: skip
    assert [series.name for series in all_series(read_inputs([tmp_path / "out"]))] == [
        "small (block-stm)", "small (sequential)",
    ]  # fmt: skip


def test_the_real_clock_in_this_process(command: Command, tmp_path: Path) -> None:
    text = 'clock = "real"\nmodels = ["block-stm", "sequential"]\n' + SMALL.replace("[1, 3]", "[1]")
    completed = command("sweep", written(tmp_path, text), "-o", "out")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert "real time" in completed.stdout
    kinds = {(row["clock"], row["model"]) for row in table_of(tmp_path / "out")}
    assert kinds == {("real", "block-stm"), ("real", "sequential")}


def finished(folder: Path) -> int:
    journal = folder / "runs.journal"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def stopped_in_the_middle(
    folder: Path, environment: dict[str, str], number: int, workers: int
) -> tuple[int, str, str]:
    """Send a signal to a sweep once it has finished some more runs; as a terminal does, to all its processes."""
    before = finished(folder / "out")
    with subprocess.Popen(
        [sys.executable, "-m", "blockstm", "sweep", "long.toml", "-o", "out", "--workers", str(workers)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            deadline = time.monotonic() + 60
            while finished(folder / "out") < before + 5:
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.002)
            if number == signal.SIGKILL:
                process.kill()
            else:
                os.killpg(process.pid, number)
            output, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, output, errors


def test_sigkill_and_ctrl_c_lose_and_repeat_nothing(
    command: Command, environment: dict[str, str], tmp_path: Path
) -> None:
    path = written(tmp_path, LONG, "long")
    status, output, errors = stopped_in_the_middle(tmp_path, environment, signal.SIGINT, workers=2)
    assert (status, output) == (130, "")
    assert errors.startswith("interrupted: long: ")
    assert errors.endswith(f" of {LONG_RUNS} runs are finished; the same command goes on from there\n")
    assert errors.count("\n") == 1
    first = table_of(tmp_path / "out")
    assert 0 < len(first) < LONG_RUNS

    status, *_ = stopped_in_the_middle(tmp_path, environment, signal.SIGKILL, workers=1)
    assert status == -signal.SIGKILL
    kept = finished(tmp_path / "out")
    assert len(first) + 5 <= kept < LONG_RUNS
    assert len(table_of(tmp_path / "out")) == len(first)

    completed = command("sweep", path, "-o", "out", "--workers", 1)
    assert completed.returncode == 0, completed.stderr
    assert f"; {kept:,} were finished before" in completed.stdout
    rows = table_of(tmp_path / "out")
    # Each once, those from before as they were, and all as they are without interruptions.
    assert [row["run_id"] for row in rows] == [run.run_id for run in runs_of(read_sweep(path))]
    assert [row for row in rows if row in first] == first
    assert command("sweep", path, "-o", "whole", "--workers", 1).returncode == 0
    assert without_chance(rows) == without_chance(table_of(tmp_path / "whole"))


@pytest.fixture
def scheduler(environment: dict[str, str]) -> Iterator[str]:
    """The address of a Dask cluster with one worker, in a process of its own."""
    code = (
        "import sys\nfrom distributed import LocalCluster\n"
        "options = dict(processes=False, protocol='tcp', dashboard_address='127.0.0.1:0')\n"
        "with LocalCluster(n_workers=1, threads_per_worker=2, **options) as cluster:\n"
        "    print(cluster.scheduler_address, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate(timeout=30)


def test_an_existing_cluster(command: Command, scheduler: str, tmp_path: Path) -> None:
    path = written(tmp_path)
    completed = command("sweep", path, "-o", "out", "--scheduler", scheduler)
    assert (completed.returncode, completed.stderr) == (0, "")
    rows = table_of(tmp_path / "out")
    assert without_chance(rows) == without_chance(list(execute(runs_of(read_sweep(path)), 1 << 28)))
    real = written(tmp_path, 'clock = "real"\n' + SMALL.replace("[1, 3]", "[1]"), "real")
    completed = command("sweep", real, "-o", "real-out", "--scheduler", scheduler)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert [row["started_at"] for row in table_of(tmp_path / "real-out")] == sorted(
        row["started_at"] for row in table_of(tmp_path / "real-out")
    )


def test_refusals(refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    assert "no such file" in refused("sweep", "none.toml", "-o", "out")
    assert "--workers does not go with --scheduler" in refused(
        "sweep", path, "-o", "out", "--workers", 1, "--scheduler", "tcp://127.0.0.1:1"
    )
    assert not (tmp_path / "out").exists()
    assert "is not empty" in refused("sweep", path, "-o", ".", "--workers", 1)
    real = written(tmp_path, 'clock = "real"\n' + SMALL.replace("[1, 3]", "[256]"), "real")
    assert "more than the" in refused("sweep", real, "-o", "real-out")
    for missing, module in (("pyarrow", "storage"), ("distributed", "cluster")):
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, missing, None)
            for loaded in ("parquet", module):
                patched.delitem(sys.modules, f"blockstm.sweep.{loaded}", raising=False)
            message = refused("sweep", path, "-o", "out")
            assert f"sweep needs {missing}, which is not installed; install it in the checkout" in message
            assert "pip install -e '.[sweep]'" in message
