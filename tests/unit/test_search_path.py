"""Where processes of ours look for modules: for what they need themselves never in the current folder."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blockstm import Block
from blockstm.cli.options import import_programs
from blockstm.processes.interpreter import search_path
from blockstm.programs.built_in import transfer

ROOT = Path(__file__).parents[2]
OUR_LIBRARIES = ("blockstm", "cloudpickle", "greenlet", "msgpack", "multiprocessing_logging", "zstandard")

# As the command `blockstm` in bin/ is: a script, so the current folder is not among those of modules.
COMMANDS = """
import sys
from blockstm.cli import main

sys.exit(max([main(command.split()) for command in sys.argv[1:]]))
"""
CHECKING = """
import blockstm
from blockstm.programs.built_in import transfer
from blockstm.testing import check
check(blockstm.Block([transfer.txn(b"a", b"b", 1)], {b"a": b"\\5"}), schedules=2)
"""
IMPORTING = """
import shop, blockstm
from blockstm.explore.batches import explore
from blockstm.explore.explorer import Plan
from blockstm.simulate import Simulation, default_model
from blockstm.testing import check

block = blockstm.Block([shop.buy.txn(b"a"), shop.buy.txn(b"a")])
with blockstm.Engine(workers=2) as engine:
    print(engine.execute(block).state)
with Simulation(block, default_model(), 2) as simulation:
    print(simulation.run(2).state)
print(explore(block, Plan(schedules=2)).failures, check(block, schedules=2).schedules)
"""


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A folder with a module of every name that processes of ours might import; each leaves a file behind."""
    folder = tmp_path / "hostile"
    folder.mkdir()
    for name in {*sys.stdlib_module_names, *OUR_LIBRARIES}:
        (folder / f"{name}.py").write_text(
            f"open('executed-{name}', 'w').close()\nraise ImportError('hostile')\n"
        )
    return folder


def run_in(folder: Path, script: Path, *arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert sorted(path.name for path in folder.glob("executed-*")) == []
    assert done.returncode == 0, done.stderr


def test_no_command_executes_modules_of_the_current_folder(hostile: Path, tmp_path: Path) -> None:
    (script := tmp_path / "command.py").write_text(COMMANDS)
    Block([transfer.txn(b"a", b"b", 1)] * 3, {b"a": b"\5"}).save(hostile / "x.block")
    run_in(
        hostile,
        script,
        "replay x.block --verify",
        "simulate x.block --cores 1,2",
        "explore x.block --schedules 2",
        "explore x.block --schedules 2 --kill 1",
        "inspect x.block",
        "record trace --from x.block -o x.jsonl",
    )


def test_no_command_looks_for_modules_in_the_current_folder_unless_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # inspect and record trace did, so that Python 3.13's platform found the _wmi of the current folder.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    import_programs([])
    assert str(tmp_path) not in sys.path
    (tmp_path / "programs_of_this_test.py").write_text("")
    import_programs(["programs_of_this_test"])
    assert sys.path[0] == str(tmp_path)


def test_no_sweep_executes_modules_of_the_current_folder(hostile: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    (script := tmp_path / "command.py").write_text(COMMANDS)
    (hostile / "scenario.toml").write_text('workload = "counter"\nseed = 1\ntransactions = 10\n')
    (hostile / "sweep.toml").write_text(
        'scenario = "scenario.toml"\nclock = "virtual"\ncores = [1]\nseeds = [1]\n'
    )
    run_in(hostile, script, "sweep sweep.toml -o swept --workers 1")


def test_no_check_executes_modules_of_the_current_folder(hostile: Path, tmp_path: Path) -> None:
    (script := tmp_path / "checking.py").write_text(CHECKING)
    run_in(hostile, script)


def test_programs_of_the_current_folder_are_found_where_it_is_searched(
    run_script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(
        "import blockstm, json\n"
        "def number(value): return int.from_bytes(value or b'', 'big')\n"
        "@blockstm.program\n"
        "def buy(ctx, key: bytes):\n"
        "    import basket\n"
        "    ctx.write(key, bytes([number(ctx.read(key)) + basket.ITEMS]))\n"
    )
    (tmp_path / "basket.py").write_text("ITEMS = 3\n")
    done = run_script(IMPORTING)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["{b'a': b'\\x06'}", "{b'a': b'\\x06'}", "[] 2"]


def test_the_search_path_means_the_same_in_another_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.setattr(sys, "path", ["", "lib", "/usr/lib", b"bytes", None])
    monkeypatch.chdir(tmp_path)
    assert search_path() == [str(tmp_path), str(tmp_path / "lib"), "/usr/lib"]
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert search_path() == ["/usr/lib"]
