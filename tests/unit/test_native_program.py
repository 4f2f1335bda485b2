"""The worked example of docs/how-to/native-programs.md does what the page says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "native-example"


@pytest.fixture(scope="module")
def built_example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("example") / "native"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "*.so", "*.cpp"))
    run(folder, "setup.py", "build_ext", "--inplace")
    return folder


def run(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder)])}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_example_prints_what_the_page_shows(built_example: Path) -> None:
    printed = run(built_example, "election.py")
    page = (ROOT / "docs" / "how-to" / "native-programs.md").read_text()
    shown = page.partition("$ python election.py\n")[2]
    assert printed.splitlines() == [line.strip() for line in shown.splitlines() if line.strip()]


def test_program_compiled_against_another_version_is_refused(built_example: Path) -> None:
    (built_example / "stale.py").write_text(
        "import blockstm, vote as compiled\n"
        "entry = object()\n"
        "if __name__ == '__main__':\n"
        "    old = blockstm.NativeProgram('old', (blockstm.Parameter('k', 'key'),), 'stale:entry')\n"
        "    with blockstm.Engine(workers=1) as engine:\n"
        "        try:\n"
        "            engine.execute(blockstm.Block([old.txn(b'k')]))\n"
        "        except blockstm.ProgramError as error:\n"
        "            print('refused:', error)\n"
    )
    assert "compile it again" in run(built_example, "stale.py")
