"""Sweep definitions: what they may say, what is refused, and which runs come of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from blockstm import Block
from blockstm.blocks.block_file import content_digest
from blockstm.errors import BlockFileError, BlockstmError, ScenarioError, SweepError
from blockstm.programs.built_in import transfer
from blockstm.simulate import default_model, model_text
from blockstm.sweep import read_sweep, runs_of
from blockstm.sweep.points import whole_text
from blockstm.workloads import read_scenario, scenario_from_text
from tests.support.sweeps import SMALL, written

SCENARIOS = Path(__file__).parents[2] / "scenarios"
LEAST = 'cores = [1]\n[scenario]\nworkload = "transfers"\n'


def test_all_runs_of_a_grid(tmp_path: Path) -> None:
    runs = runs_of(read_sweep(written(tmp_path)))
    seen = {
        (run.parameters["transfers.accounts"], run.parameters["transactions"], run.seed, run.cores)
        for run in runs
    }
    assert len(runs) == len(seen) == 16
    assert len({run.run_id for run in runs}) == 16
    assert {run.point for run in runs} == set(range(8))
    for run in runs:
        scenario = scenario_from_text(run.scenario_text or "", "x.toml")
        assert scenario.parameters == run.parameters
        assert scenario.parameters["seed"] == run.seed
        assert scenario.parameters["transfers.work"] == 100
    # Runs of a point differ in the seed only.
    assert all(
        (one.cores, {**one.parameters, "seed": 0}) == (other.cores, {**other.parameters, "seed": 0})
        for one in runs
        for other in runs
        if one.point == other.point
    )


def test_a_run_has_the_same_name_wherever_it_stands(tmp_path: Path) -> None:
    names = {run.run_id for run in runs_of(read_sweep(written(tmp_path)))}
    alone = SMALL.replace("[2, 50]", "[50]").replace("[20, 40]", "[20]").replace("[1, 3]", "[3]")
    others = [run.run_id for run in runs_of(read_sweep(written(tmp_path, alone, "alone")))]
    assert len(others) == 2
    assert set(others) <= names


def test_what_determines_a_run_is_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "costs.toml").write_text(model_text(default_model()).replace("task = ", "task = 1"))
    texts = [
        LEAST,
        LEAST.replace("[1]", "[2]"),
        'clock = "real"\n' + LEAST,
        'cost_model = "costs.toml"\n' + LEAST,
        "seeds = [7]\n" + LEAST,
        LEAST + "transfers.work = 1\n",
    ]
    names = [runs_of(read_sweep(written(tmp_path, text)))[0].run_id for text in texts]
    assert len(set(names)) == len(texts)


def test_repeats_take_turns(tmp_path: Path) -> None:
    runs = runs_of(
        read_sweep(written(tmp_path, 'clock = "real"\nrepeats = 2\n' + LEAST.replace("[1]", "[1, 2]")))
    )
    assert [(run.repeat, run.cores) for run in runs] == [(0, 1), (0, 2), (1, 1), (1, 2)]
    assert [run.point for run in runs] == [0, 1, 0, 1]


def test_several_grids_and_what_they_share(tmp_path: Path) -> None:
    grids = (
        '[[grid]]\n"transfers.shape" = ["diem"]\ntransfers.work = [5, 6]\n'
        '[[grid]]\ntransfers.shape = ["aptos", "diem"]\ntransfers.work = [6]\n'
    )
    runs = runs_of(read_sweep(written(tmp_path, LEAST + grids)))
    found = [(run.parameters["transfers.shape"], run.parameters["transfers.work"]) for run in runs]
    assert found == [("diem", 5), ("diem", 6), ("aptos", 6)]


def test_a_scenario_of_its_own_file(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "mine.toml").write_text('workload = "counter"\nseed = 5\n')
    path = written(tmp_path / "inner", 'scenario = "../mine.toml"\ncores = [1]\n')
    (run,) = runs_of(read_sweep(path))
    assert (run.scenario_name, run.seed, run.parameters["workload"]) == ("mine", 5, "counter")


def test_each_model_is_a_point_of_its_own(tmp_path: Path) -> None:
    text = 'models = ["block-stm", "sequential"]\n' + LEAST.replace("[1]", "[1, 2]")
    runs = runs_of(read_sweep(written(tmp_path, text)))
    assert [(run.point, run.model, run.cores) for run in runs] == [
        (0, "block-stm", 1), (1, "block-stm", 2), (2, "sequential", 1), (3, "sequential", 2),
    ]  # fmt: skip
    # A run is called as it was when there was but one model.
    alone = runs_of(read_sweep(written(tmp_path, LEAST.replace("[1]", "[1, 2]"))))
    assert [run.run_id for run in runs[:2]] == [run.run_id for run in alone]
    assert len({run.run_id for run in runs}) == 4


def test_models_may_be_named_for_one_run(tmp_path: Path) -> None:
    sweep = read_sweep(written(tmp_path, LEAST), ["sequential"])
    assert sweep.models == ["sequential"]
    # The text that is kept says what was run.
    assert runs_of(read_sweep(written(tmp_path, sweep.text, "small"))) == runs_of(sweep)
    with pytest.raises(
        SweepError, match="models is given in the file and for this run; leave out one of them"
    ):
        read_sweep(written(tmp_path, sweep.text), ["block-stm"])


def saved(path: Path, transactions: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    Block([transfer.txn(b"from %d" % number, b"to", 0) for number in range(transactions)]).save(path)
    return path


def test_recorded_blocks(tmp_path: Path) -> None:
    one, two = (saved(tmp_path / "blocks" / f"{name}.block", count) for name, count in (("b", 3), ("a", 4)))
    (tmp_path / "blocks" / "note.txt").write_text("no block")
    sweep = read_sweep(written(tmp_path, 'scenario = "blocks"\ncores = [1, 2]\nrepeats = 2'))
    runs = runs_of(sweep)
    assert len(runs) == sweep.run_count == 8
    assert [(run.scenario_name, run.source.transactions, run.cores, run.repeat) for run in runs[::2]] == [
        ("a", 4, 1, 0), ("a", 4, 1, 1), ("b", 3, 1, 0), ("b", 3, 1, 1),
    ]  # fmt: skip
    assert {(run.seed, run.scenario_text, *run.parameters) for run in runs} == {(None, None)}
    assert [run.point for run in runs] == [0, 1, 0, 1, 2, 3, 2, 3]
    assert runs[0].block_digest == content_digest(two)
    # What a block holds counts, and not where it lies; from the sweep's folder.
    alone = runs_of(read_sweep(written(tmp_path / "blocks", 'scenario = "b.block"\ncores = [1, 2]')))
    assert [run.run_id for run in alone] == [run.run_id for run in runs[4:6]]
    assert runs[0].source.block() == Block.load(two)
    one.replace(two)
    with pytest.raises(SweepError, match=r"a\.block: was changed since the sweep began; begin it anew"):
        runs[0].source.block()


def test_recorded_blocks_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    saved(tmp_path / "a.block", 1)
    (tmp_path / "bad.block").write_bytes(b"no block")
    for text, error, message in (
        (
            'scenario = "empty"',
            SweepError,
            r"small\.toml: scenario is the folder \S*/empty, which has no files \*",
        ),
        ('scenario = "gone.block"', BlockFileError, r"gone\.block: no such file"),
        ('scenario = "bad.block"', BlockFileError, r"bad\.block: "),
        ('scenario = "a.block"\nseeds = [1]', SweepError, "seeds does not go with recorded blocks"),
        (
            'scenario = "a.block"\ngrid.transactions = [1]',
            SweepError,
            "grid does not go with recorded blocks",
        ),
    ):
        with pytest.raises(error, match=message):
            read_sweep(written(tmp_path, f"cores = [1]\n{text}"))


@pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.toml")), ids=lambda path: path.stem)
def test_the_whole_text_of_a_scenario_is_the_scenario(path: Path) -> None:
    scenario = read_scenario(path).with_parameters({"transactions": 30, "seed": 3})
    again = scenario_from_text(whole_text(scenario), "again.toml")
    assert again.parameters == scenario.parameters
    assert again.block()._packed == scenario.block()._packed


@pytest.mark.parametrize("path", sorted((SCENARIOS / "sweeps").glob("*.toml")), ids=lambda path: path.stem)
def test_the_sweeps_that_ship(path: Path) -> None:
    sweep = read_sweep(path)
    runs = runs_of(sweep)
    assert len(runs) == sweep.run_count
    assert (sweep.clock == "real") == path.stem.endswith("-real")


def test_distance_is_what_it_says() -> None:
    sweep = read_sweep(SCENARIOS / "sweeps" / "distance.toml")
    assert sweep.scenario is not None
    for accounts in (2, 8):
        scenario = sweep.scenario.with_parameters({"transfers.accounts": accounts, "transactions": 20})
        arguments = [txn.arguments[:2] for txn in scenario.block().transactions]
        for place, keys in enumerate(arguments):
            shares = [set(keys) & set(earlier) != set() for earlier in arguments[:place]]
            assert [
                place - earlier
                for earlier, does in enumerate(shares)
                if does and place - earlier <= accounts // 2
            ] == [accounts // 2] * (place >= accounts // 2)


BAD = {
    "": "scenario is missing; give",
    "scenario = 3": "scenario is 3; give",
    "cores = [1]\n[scenario]\nseed = 1": "workload is missing; allowed are",
    LEAST.replace("transfers", "payments"): "workload is 'payments'; allowed are",
    LEAST + "transfers.acounts = 3": "transfers.acounts is unknown; allowed are",
    "x = 1\n" + LEAST: "x is unknown; allowed are scenario, models, clock",
    "clock = 3\n" + LEAST: "clock is 3; allowed are 'virtual', 'real'",
    'models = "block-stm"\n' + LEAST: "models is 'block-stm'; give a list of execution models",
    "models = []\n" + LEAST: "models is []; give a list of execution models",
    "models = [1]\n" + LEAST: "models is [1]; give a list of execution models",
    'models = ["blok"]\n' + LEAST: "models: model 'blok' is unknown; choose one of block-stm",
    'models = ["sequential", "sequential"]\n' + LEAST: "models names 'sequential' twice",
    LEAST.replace("cores = [1]\n", ""): "cores is missing; give a list of whole numbers from 1 to 256",
    LEAST.replace("[1]", "1"): "cores is 1; give a list",
    LEAST.replace("[1]", "[]"): "cores is []; give a list",
    LEAST.replace("[1]", "[1, 300]"): "cores is 300; allowed are whole numbers from 1 to 256",
    LEAST.replace("[1]", "[1, true]"): "cores names True twice",
    LEAST.replace("[1]", "[true]"): "cores is True; allowed are",
    LEAST.replace("[1]", "[1, 1]"): "cores names 1 twice",
    "seeds = [-1]\n" + LEAST: "seeds is -1; allowed are",
    "repeats = 0\n" + LEAST: "repeats is 0; allowed are whole numbers from 1 to 1,000",
    "cost_model = 3\n" + LEAST: "cost_model is 3; give a file's path",
    'clock = "real"\ncost_model = "x"\n' + LEAST: "cost_model does not go with",
    "grid = 3\n" + LEAST: "grid is 3; give a table",
    LEAST + "[grid]\nseed = [1]": "grid.seed is not allowed; the field seeds",
    LEAST + "[grid]\ntransfers.accounts = 3": "grid.transfers.accounts is 3; give a list",
    LEAST + '[grid]\n"transfers.work" = [1]\ntransfers.work = [1]': "grid.transfers.work comes twice",
    LEAST + "[grid]\ntransfers.accounts = [1]": "transfers.accounts is 1; allowed are",
    LEAST + "[grid]\ntransactions = [[1]]": "transactions is [1]; allowed are",
    LEAST + "[grid]\ntransfers.a.b = [1]": "grid.transfers.a is {'b': [1]}; give a list",
    LEAST.replace("[1]", str(list(range(1, 101))))
    + f"[grid]\ntransactions = {list(range(1001))}": "100,100 runs; at most 100,000 are allowed",
    "scenario = [": "is not TOML",
}


@pytest.mark.parametrize(("text", "message"), BAD.items(), ids=range(len(BAD)))
def test_what_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BlockstmError) as error:
        runs_of(read_sweep(written(tmp_path, text)))
    assert "small" in str(error.value)
    assert message in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SweepError, match="no such file"):
        read_sweep(tmp_path / "none.toml")
    with pytest.raises(SweepError, match="is not UTF-8"):
        (tmp_path / "odd.toml").write_bytes(b"\xff")
        read_sweep(tmp_path / "odd.toml")
    with pytest.raises(SweepError, match="larger than"):
        read_sweep(written(tmp_path, "#" * 70_000))
    with pytest.raises(ScenarioError, match=r"gone\.toml: no such file"):
        read_sweep(written(tmp_path, 'scenario = "gone.toml"\ncores = [1]'))


def test_the_definitions_in_the_documentation(tmp_path: Path) -> None:
    """Each can be typed as it stands, next to the folder scenarios."""
    root = Path(__file__).parents[2]
    (tmp_path / "scenarios").symlink_to(root / "scenarios")
    page = (root / "docs" / "how-to" / "sweeps.md").read_text()
    first, second, recorded = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    found = read_sweep(written(tmp_path, first, "mine"))
    assert len(runs_of(found)) == 144
    scenario = read_sweep(written(tmp_path, f"cores = [1]\n{second}")).scenario
    assert scenario is not None and scenario.general.transactions == 2_000
    runs = runs_of(read_sweep(written(tmp_path, recorded)))
    assert {run.scenario_name for run in runs} == {"ethereum-19932148"} and len(runs) == 6
