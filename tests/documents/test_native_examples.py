"""The worked examples of docs/how-to/native-programs.md, in C, Rust and Cython, do what the page says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.xdist_group("native examples")

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "native-example"
PAGE = (ROOT / "docs" / "how-to" / "native-programs.md").read_text()
COMPILERS = {"cc": "C", "rustc": "Rust"}


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the folder."""
    folder = tmp_path_factory.mktemp("example") / "native"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("build", "*.so", "*.cpp"))
    return folder


def run(folder: Path, command: str) -> str:
    """Run a command as the page shows it, with the python that runs the tests."""
    python = folder / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    python.unlink(missing_ok=True)
    python.symlink_to(sys.executable)
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(python.parent), os.environ["PATH"]]),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(folder), *sys.path]),
    }
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def lines_after(command: str) -> list[str]:
    """What the page shows that a command prints."""
    shown = PAGE.partition(f"    $ {command}\n")[2].partition("\n\n")[0]
    return [line.strip() for line in shown.splitlines()]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_examples_of_other_languages_print_what_the_page_shows(example: Path, compiler: str) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"needs a compiler for {COMPILERS[compiler]}, {compiler}, which is not installed")
    (compile_it,) = [line[6:] for line in PAGE.splitlines() if line.startswith(f"    $ {compiler} ")]
    assert run(example, compile_it) == ""
    library = compile_it.rpartition(" ")[2]
    election = f"python election.py ./{library}:vote"
    assert lines_after(election)
    assert run(example, election).splitlines() == lines_after(election)


@pytest.mark.parametrize("name", ["vote.c", "vote.rs"])
def test_page_shows_the_examples(name: str) -> None:
    code = (EXAMPLE / name).read_text()
    code = code.partition("\n\n")[2]  # what it is stands on the page already
    shown = "".join(f"    {line}\n" if line else "\n" for line in code.splitlines())
    assert shown in PAGE


@pytest.fixture(scope="module")
def in_cython(example: Path) -> Path:
    run(example, "python setup.py --quiet build_ext --inplace 2> /dev/null")
    return example


def test_example_in_cython_prints_what_the_page_shows(in_cython: Path) -> None:
    election = "python election.py vote:entry"
    assert run(in_cython, election).splitlines() == lines_after(election) != []


def test_program_compiled_against_another_version_is_refused(in_cython: Path) -> None:
    (in_cython / "stale.py").write_text(
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
    refused = run(in_cython, "python stale.py")
    assert "compile it again" in refused
    assert "importable" not in refused
