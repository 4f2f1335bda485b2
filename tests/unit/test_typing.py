"""Programs are typed through, as mypy sees them; stubs say what is there."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blockstm.native import _core

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).with_name("typed_programs.py")
STUB = ast.parse((ROOT / "blockstm" / "native" / "_core.pyi").read_text())


def test_a_type_checker_takes_what_is_right_and_objects_to_what_is_wrong() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--cache-dir", "build/mypy", "--no-pretty", str(TYPED)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    wrong = {int(line) for line in re.findall(r"typed_programs\.py:(\d+): error: ", done.stdout)}
    found = re.findall(r'typed_programs\.py:(\d+): note: Revealed type is "(.*)"', done.stdout)
    types = {int(line): re.sub(r"\b[a-z_.]+\.(?=[A-Z])", "", told) for line, told in found}
    lines = list(enumerate(TYPED.read_text().splitlines(), 1))
    # The first line that speaks of marks is in the file's docstring.
    assert wrong == {number for number, line in lines if line.endswith("  # error")}, done.stdout
    assert types == {
        number: line.partition("  # type: ")[2] for number, line in lines if "reveal_type(" in line
    }
    assert (len(wrong), len(types)) == (11, 15)


def definitions() -> Iterator[tuple[str, ast.FunctionDef | ast.ClassDef, object]]:
    """What the stub of the core defines, by dotted name, and what there is at run time."""
    for node in STUB.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node, getattr(_core, node.name)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            found = getattr(_core, node.name)
            yield node.name, node, found
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield f"{node.name}.{inner.name}", inner, inspect.getattr_static(found, inner.name)


@pytest.mark.parametrize("name", [name for name, _, _ in definitions()])
def test_whatever_the_stub_of_the_core_defines_is_there_and_says_what_it_does(name: str) -> None:
    of_that_name = [each for each in definitions() if each[0] == name]
    documented = [node for _, node, _ in of_that_name if ast.get_docstring(node)]
    assert documented or name.rpartition(".")[2].startswith("__")


def test_the_context_that_programs_get_is_all_in_the_stub() -> None:
    written = {name.partition(".")[2] for name, _, _ in definitions() if name.startswith("Context.")}
    assert written == {name for name in vars(_core.Context) if not name.startswith("_")}
