"""The runs of a sweep, done one after the other and on a cluster: what their rows say."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from distributed import CancelledError, KilledWorker

import blockstm
from blockstm import Block, models
from blockstm.cli.sweep_tables import points_of, print_speedups
from blockstm.errors import MemoryLimitError, SweepError, UsageError
from blockstm.models import BlockStm
from blockstm.report.inputs import read_inputs
from blockstm.report.series import all_series
from blockstm.simulate import Simulation, default_model
from blockstm.sweep import Run, carry_out, read_sweep, runs_of
from blockstm.sweep.carryout import InProcess
from blockstm.sweep.cluster import Cluster, batches
from blockstm.sweep.execution import execute
from blockstm.sweep.rows import Row, problem_of
from blockstm.sweep.storage import ResultsFolder
from blockstm.workloads import scenario_from_text
from tests.support.sweeps import SMALL, without_chance, written

MEMORY = 1 << 28
SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_virtual_rows_are_the_simulations_figures(tmp_path: Path) -> None:
    runs = runs_of(read_sweep(written(tmp_path)))
    before = datetime.now(UTC)
    rows = list(execute(runs, MEMORY))
    for run, row in zip(runs, rows, strict=True):
        # From nothing but what the row says.
        block = scenario_from_text(str(row["scenario_text"]), "x.toml").block()
        with Simulation(block, default_model(), run.cores) as simulation:
            figures = simulation.figures(run.cores)
        assert row["seconds"] == figures.seconds
        assert row["speedup"] == figures.speedup
        assert row["bound_greedy"] == figures.bound_greedy
        assert row["utilisation"] == figures.utilisation
        assert row["commit_latency_p99_seconds"] == figures.commit_latency_seconds["p99"]
        assert (row["executions"], row["aborts"]) == (figures.executions, figures.aborts)
        assert (row["cores"], row["seed"], row["repeat"], row["clock"]) == (run.cores, run.seed, 0, "virtual")
        assert row["transactions"] == len(block)
        assert row["blockstm_version"] == blockstm.__version__
        assert (
            before.replace(microsecond=0)
            <= datetime.fromisoformat(str(row["started_at"]))
            <= datetime.now(UTC)
        )


def test_rows_of_recorded_blocks_in_several_models(tmp_path: Path) -> None:
    shutil.copy(SCENARIOS / "ethereum-116525.block", tmp_path)
    text = 'scenario = "ethereum-116525.block"\nmodels = ["block-stm", "sequential"]\ncores = [1, 4]'
    runs = runs_of(read_sweep(written(tmp_path, text)))
    rows = list(execute(pickle.loads(pickle.dumps(runs)), MEMORY))  # as a worker of a cluster gets them
    block = Block.load(SCENARIOS / "ethereum-116525.block")
    for run, row in zip(runs, rows, strict=True):
        with Simulation(block, default_model(), run.cores, model=run.model) as simulation:
            figures = simulation.figures(run.cores)
        assert (row["model"], row["cores"], row["seconds"]) == (run.model, run.cores, figures.seconds)
        assert (row["executions"], row["bound_greedy"]) == (figures.executions, figures.bound_greedy)
        assert (row["scenario"], row["seed"], row["transactions"]) == ("ethereum-116525", None, len(block))
        assert (row["scenario_text"], row["block_digest"]) == (None, run.block_digest)
        assert problem_of(row, run) is None
    assert rows[0]["seconds"] != rows[2]["seconds"] == rows[3]["seconds"]


class Refusing(BlockStm):
    """A model that no block fits."""

    name = "refusing"

    def options(self) -> tuple[int, ...]:
        raise UsageError("transaction 0 declares nothing")


@pytest.mark.parametrize("clock", ["virtual", "real"])
def test_a_model_that_cannot_run_a_block_has_rows_that_say_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], clock: str
) -> None:
    monkeypatch.setattr(models, "MODELS", {**models.MODELS, Refusing.name: Refusing})
    text = f'clock = "{clock}"\nrepeats = 2\nmodels = ["refusing", "block-stm"]\n'
    text += 'cores = [1]\nscenario.workload = "transfers"\nscenario.transactions = 20'
    runs = runs_of(read_sweep(written(tmp_path, text)))
    rows = list(execute(runs, MEMORY))
    assert [(row["model"], row["refused"], row["executions"]) for row in rows] == [
        ("refusing", "transaction 0 declares nothing", None), ("block-stm", None, 20),
    ] * 2  # fmt: skip
    assert all(problem_of(row, run) is None for run, row in zip(runs, rows, strict=True))
    sweep = read_sweep(tmp_path / "small.toml")
    print_speedups(sweep, rows)
    assert "\nrefusing was not run on small: transaction 0 declares nothing\n" in capsys.readouterr().out
    point, other = points_of(sweep, rows)
    assert (point.refused, point.speedup, other.refused) == ("transaction 0 declares nothing", None, None)
    with ResultsFolder(tmp_path / "out", text, runs) as folder:
        folder.append(rows)
    # A report shows what there is.
    (series,) = all_series(read_inputs([tmp_path / "out"]))
    assert series.model == "block-stm"


def test_a_real_ethereum_block_is_executed_in_a_virtual_machine(tmp_path: Path) -> None:
    pytest.importorskip("blockstm_evm", reason="the native EVM is not installed")
    text = f'scenario = "{SCENARIOS}/mainnet-116525.block"\ncores = [2]'
    (row,) = execute(runs_of(read_sweep(written(tmp_path, text))), MEMORY)
    assert str(row["virtual_machine"]).startswith("native (revm ")
    assert (row["scenario"], row["transactions"]) == ("mainnet-116525", 83)


def test_virtual_rows_do_not_depend_on_the_order(tmp_path: Path) -> None:
    runs = runs_of(read_sweep(written(tmp_path)))
    rows = without_chance(list(execute(runs, MEMORY)))
    assert without_chance(list(execute(runs[::-1], MEMORY)))[::-1] == rows
    assert [without_chance(list(execute([run], MEMORY)))[0] for run in runs[:4]] == rows[:4]


def test_a_repeated_virtual_run_is_the_same(tmp_path: Path) -> None:
    runs = runs_of(read_sweep(written(tmp_path, "repeats = 2\n" + SMALL.replace("[2, 50]", "[50]"))))
    rows = without_chance(list(execute(runs, MEMORY)))
    same = {name: value for name, value in rows[0].items() if name not in ("repeat", "run_id")}
    assert same == {name: value for name, value in rows[2].items() if name not in ("repeat", "run_id")}
    assert rows[0]["run_id"] != rows[2]["run_id"]


def test_empty_blocks(tmp_path: Path) -> None:
    sweep = read_sweep(written(tmp_path, SMALL.replace("[20, 40]", "[0]")))
    for row in execute(runs_of(sweep)[:2], MEMORY):
        assert (row["transactions"], row["executions"], row["commit_latency_p50_seconds"]) == (0, 0, None)


def test_real_rows(tmp_path: Path, leaves_nothing: None) -> None:
    text = 'clock = "real"\nrepeats = 2\n' + SMALL.replace("[1, 3]", "[1]").replace("[1, 2]", "[1]")
    runs = runs_of(read_sweep(written(tmp_path, text)))
    rows = list(execute(runs, MEMORY))
    assert [row["run_id"] for row in rows] == [run.run_id for run in runs]
    for row in rows:
        seconds, sequential = row["seconds"], row["sequential_seconds"]
        assert isinstance(seconds, float)
        assert isinstance(sequential, float)
        assert row["speedup"] == sequential / seconds > 0
        assert row["executions"] == row["transactions"]
        assert row["bound_greedy"] == pytest.approx(1)
        assert row["utilisation"] is row["cost_model"] is None
    # A run begins when the one before has ended.
    assert [row["started_at"] for row in rows] == sorted(str(row["started_at"]) for row in rows)


def test_more_cores_than_there_are(tmp_path: Path) -> None:
    usable = len(os.sched_getaffinity(0))
    text = 'clock = "real"\n' + SMALL.replace("[1, 3]", f"[1, {usable + 1}]")
    with pytest.raises(SweepError, match=f"cores is {usable + 1}, more than the {usable} usable"):
        next(execute(runs_of(read_sweep(written(tmp_path, text))), MEMORY))


def test_a_run_that_fails_is_named(tmp_path: Path) -> None:
    runs = runs_of(read_sweep(written(tmp_path, SMALL.replace("[20, 40]", "[40000]"))))
    with pytest.raises(MemoryLimitError, match=r"point 0 \(small, block-stm, 1 cores, seed 1\): .*memory"):
        list(execute(runs, 1 << 20))


def test_tasks_hold_all_runs_once_and_one_block_each(tmp_path: Path) -> None:
    text = SMALL.replace("[1, 3]", str(list(range(1, 65)))).replace("[20, 40]", "[10, 9000]")
    runs = runs_of(read_sweep(written(tmp_path, text)))
    tasks = list(batches(runs))
    assert [run for task in tasks for run in task] == runs
    assert all(len({run.scenario_text for run in task}) == 1 for task in tasks)
    assert len(tasks) > 4 * 2
    assert [len(task) for task in tasks if task[0].parameters["transactions"] == 10] == [64] * 4


class Failing:
    """Stands for a future of a cluster."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def result(self) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (MemoryLimitError("point 3: too little"), MemoryLimitError, "point 3: too little"),
        (KilledWorker("task", None, 3), SweepError, "several workers died of the same runs"),
        (
            ModuleNotFoundError("no", name="blockstm"),
            SweepError,
            "a worker of the cluster lacks blockstm; there, install it in the checkout",
        ),
        (
            ConnectionError("gone"),
            SweepError,
            r"the cluster was lost \(ConnectionError: gone\); give the same",
        ),
        (CancelledError("task"), SweepError, r"the cluster was lost \(CancelledError: task\); give the same"),
    ],
)
def test_what_goes_wrong_on_a_cluster(error: Exception, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        Cluster(None, 1, MEMORY)._result(Failing(error))


def test_workers_of_another_version_are_refused(tmp_path: Path) -> None:
    class Other(InProcess):
        def rows(self, runs: Sequence[Run]) -> Iterator[Sequence[Row]]:
            for rows in super().rows(runs):
                yield [{**row, "blockstm_version": "0.0.1"} for row in rows]

    runs = runs_of(read_sweep(written(tmp_path)))
    with (
        ResultsFolder(tmp_path / "out", SMALL, runs) as folder,
        pytest.raises(SweepError, match=r"a worker of the cluster has blockstm 0\.0\.1, and this is"),
    ):
        carry_out(folder, Other(MEMORY), lambda finished, cost: None)
    assert folder.missing == runs
