"""A structure of the core that breaks a rule, or that changes without a new version, does not compile.

Cython translates the structures once; what is changed is then changed in the C++ code.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "blockstm" / "native"
PROBE = "from blockstm.native.programs.layout_checks cimport check_layout\ncheck_layout()\n"
TRANSLATE = [sys.executable, "-m", "cython", "--cplus", "-3", "probe.pyx"]
COMPILE = ["g++", "-std=c++20", "-fsyntax-only", f"-I{sysconfig.get_path('include')}", "-I.", "probe.cpp"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the checks are, translated."""
    folder = tmp_path_factory.mktemp("layout")
    shutil.copytree(NATIVE, folder / "blockstm" / "native", ignore=shutil.ignore_patterns("*.so", "*.py*"))
    (folder / "probe.pyx").write_text(PROBE)
    subprocess.run(TRANSLATE, cwd=folder, check=True, capture_output=True)
    return folder


def compiler_says(folder: Path, *edits: tuple[str, str]) -> str:
    """What the compiler says with something replaced in the structures."""
    code = (folder / "probe.cpp").read_text()
    changed = code
    for old, new in edits:
        assert changed.count(old) == 1, old
        changed = changed.replace(old, new)
    (folder / "probe.cpp").write_text(changed)
    try:
        done = subprocess.run(COMPILE, cwd=folder, capture_output=True, text=True, check=False)
    finally:
        (folder / "probe.cpp").write_text(code)
    return done.stderr


def test_layout_that_changes_needs_a_new_version(folder: Path) -> None:
    # Two fields of Txn change places: all sizes, and where all else lies, are as before.
    said = compiler_says(
        folder, ("  uint32_t blocker;\n  uint32_t flags;\n", "  uint32_t flags;\n  uint32_t blocker;\n")
    )
    assert said.count("static assertion failed") == 1
    assert "count up the number in BLOCKSTM_CAPSULE_NAME" in said


def test_padding_that_is_wrong_does_not_compile(folder: Path) -> None:
    said = compiler_says(
        folder,
        ("  uint64_t spans_dropped;\n", "  uint64_t spans_dropped;\n  uint64_t one_more;\n"),
        ("  uint64_t execution_ns;\n", "  uint64_t execution_ns;\n  uint64_t one_more;\n"),
        ("  uint64_t commit_ns;\n", "  uint64_t commit_ns;\n  uint64_t one_more;\n"),
        ("  uint64_t tree;\n", "  uint64_t tree;\n  uint64_t one_more;\n"),
    )
    assert "a part of WorkerSlot does not begin a pair of cache lines" in said
    assert "a group of fields of Header does not begin a pair of cache lines" in said
    assert "blockstm::check_txn" in said
    assert "blockstm::check_location" in said
