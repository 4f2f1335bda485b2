"""The rooms of the package, and the storeys of its core, stand in an order: each imports only from those before it.

The order is that of docs/architecture.md. What is imported within a function counts as well; what is imported for
type checkers only does not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "blockstm"
NATIVE = PACKAGE / "native"
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()


def section(title: str) -> str:
    """What stands under a heading of docs/architecture.md."""
    return ARCHITECTURE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def first_column(title: str) -> list[str]:
    """The names in the first column of the table under a heading."""
    rows = re.findall(r"^\| (`.*?) \|", section(title), re.M)
    return [name.rstrip("/") for row in rows for name in re.findall(r"`([^`]*)`", row)]


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(file): file for file in PACKAGE.rglob("*.py")}
COMPILED = {module_of(file): file for file in NATIVE.glob("*.pyx")}


def imported(node: ast.AST) -> Iterator[str]:
    """The modules that code imports when it runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.ImportFrom) and child.module:
            for alias in child.names:
                inner = f"{child.module}.{alias.name}"
                yield inner if inner in MODULES or inner in COMPILED else child.module
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        else:
            yield from imported(child)


def imported_by_compiled(file: Path) -> Iterator[str]:
    """The Python modules that a compiled module imports."""
    sources = [file, *(NATIVE / "faces").glob("*.pxi")] if file.stem == "_core" else [file]
    for source in sources:
        for module, names in re.findall(
            r"^\s*from (blockstm[\w.]*) import ([\w, ]*)", source.read_text(), re.M
        ):
            for name in names.replace(" ", "").split(","):
                yield f"{module}.{name}" if f"{module}.{name}" in MODULES else module


def arrows() -> dict[str, set[str]]:
    """What each module imports of this package; the package itself, which hands out all names, aside."""
    found = {}
    for module, file in MODULES.items():
        found[module] = set(imported(ast.parse(file.read_text())))
    for module, file in COMPILED.items():
        found[module] = set(imported_by_compiled(file))
    return {
        module: {each for each in targets if each.startswith("blockstm.") and each != module}
        for module, targets in found.items()
        if module != "blockstm"
    }


ARROWS = arrows()


def room_of(module: str) -> str:
    return module.split(".")[1]


def test_every_room_stands_in_the_picture() -> None:
    names = {file.stem if file.is_file() else file.name for file in PACKAGE.iterdir()}
    names -= {"__init__", "__pycache__", "py"}  # py.typed
    assert sorted(first_column("The rooms")) == sorted(names)


def test_rooms_import_from_those_before_them_only() -> None:
    order = {room: place for place, room in enumerate(first_column("The rooms"))}
    up = [
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        for target in targets
        if order[room_of(target)] > order[room_of(module)]
    ]
    assert up == []


def test_only_the_registry_knows_which_chains_there_are() -> None:
    """What knows a chain is found by the chain's name (`blockstm.chains`); nothing else names the room."""
    outside = [
        f"{module} -> {target}"
        for module, targets in ARROWS.items()
        for target in targets
        if room_of(target) in ("ethereum", "solana") and room_of(module) != room_of(target)
    ]
    assert outside == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {module: {target for target in targets if target in ARROWS} for module, targets in ARROWS.items()}
    packages = {module for module, file in MODULES.items() if file.stem == "__init__"}
    # What a package hands out of its modules is no arrow of theirs.
    inner = {
        module: {
            target for target in targets if target not in packages or not module.startswith(f"{target}.")
        }
        for module, targets in known.items()
    }
    TopologicalSorter(inner).prepare()


def test_tests_are_no_libraries() -> None:
    """What several tests need stands in tests/support."""
    borrowed = [
        f"{file.relative_to(ROOT)} -> {name}"
        for file in (ROOT / "tests").rglob("*.py")
        for name in re.findall(r"^(?:from|import) (tests\.[\w.]*test_\w+)", file.read_text(), re.M)
    ]
    assert borrowed == []


STOREYS = first_column("The core, storey by storey")


def cimports() -> Iterator[tuple[Path, str]]:
    """Files of the core, and what they cimport; headers of the storeys count as well, but for a file's own."""
    for file in NATIVE.rglob("*.pxd"):
        text, own = file.read_text(), ".".join(file.relative_to(NATIVE).with_suffix("").parts)
        headers = re.findall(r'^cdef extern from "blockstm/native/(\w+/[\w/]*)\.h"', text, re.M)
        targets = re.findall(r"^from blockstm\.native\.([\w.]*) cimport", text, re.M)
        for target in (*targets, *(header.replace("/", ".") for header in headers)):
            if target != own:
                yield file.relative_to(NATIVE), target


def test_every_storey_of_the_core_stands_in_the_picture() -> None:
    folders = {
        file.relative_to(NATIVE).parts[0] for kind in ("pxd", "pxi") for file in NATIVE.rglob(f"*.{kind}")
    }
    assert sorted(STOREYS) == sorted(folders)


def test_storeys_of_the_core_cimport_from_those_before_them_only() -> None:
    found = list(cimports())
    assert len(found) > 150
    up = [
        f"{file} -> {target}"
        for file, target in found
        if STOREYS.index(target.split(".")[0]) > STOREYS.index(file.parts[0])
    ]
    assert up == []


def test_models_of_the_core_do_not_cimport_from_each_other() -> None:
    across = [
        f"{file} -> {target}"
        for file, target in cimports()
        if file.parts[0] == "models" == target.split(".")[0]
        and len(file.parts) > 2
        and target.count(".") > 1
        and target.split(".")[1] != file.parts[1]
    ]
    assert across == []


def test_files_of_the_core_do_not_cimport_each_other_in_a_circle() -> None:
    inner: dict[str, set[str]] = {}
    for file, target in cimports():
        inner.setdefault(".".join(file.with_suffix("").parts), set()).add(target)
    TopologicalSorter(inner).prepare()


LISTED = re.compile(r"^- (`[\w/]+`(?:,\s+`[\w/]+`)*): ", re.M)
ROOMS = sorted(module for module, file in MODULES.items() if file.stem == "__init__" and module != "blockstm")


def listed(room: str) -> list[str]:
    """The modules that the docstring of a room lists, in its order."""
    text = ast.get_docstring(ast.parse(MODULES[room].read_text())) or ""
    return [name for names in LISTED.findall(text) for name in re.findall(r"`([^`]*)`", names)]


def modules_in(room: str) -> set[str]:
    """The modules of a room, and the rooms in it; of the core the files, by their paths."""
    if room == "blockstm.native":
        files = [file for kind in ("pyx", "pxd", "pxi", "h") for file in NATIVE.rglob(f"*.{kind}")]
        return {str(file.relative_to(NATIVE).with_suffix("")) for file in files}
    return {module.rpartition(".")[2] for module in MODULES if module.rpartition(".")[0] == room}


def made_of(room: str) -> Iterator[tuple[str, str]]:
    """Pairs of modules of a room of which the first imports the second."""
    modules = {f"{room}.{name}": name for name in modules_in(room)}

    def within(module: str) -> str | None:
        return next((name for whole, name in modules.items() if f"{module}.".startswith(f"{whole}.")), None)

    for module, targets in ARROWS.items():
        for target in targets:
            user, used = within(module), within(target)
            if user and used:
                yield user, used


def core_made_of() -> Iterator[tuple[str, str]]:
    """Pairs of files of the core of which the first cimports or includes the second."""
    for file, target in cimports():
        yield str(file.with_suffix("")), target.replace(".", "/")
    for file in [file for kind in ("pyx", "pxd", "pxi") for file in NATIVE.rglob(f"*.{kind}")]:
        for path in re.findall(r'^include "([^"]*)"', file.read_text(), re.M):
            included = (file.parent / path).resolve()
            yield (
                str(file.relative_to(NATIVE).with_suffix("")),
                str(included.relative_to(NATIVE).with_suffix("")),
            )


@pytest.mark.parametrize("room", ROOMS)
def test_the_docstring_of_a_room_lists_its_modules(room: str) -> None:
    assert sorted(listed(room)) == sorted(modules_in(room))


@pytest.mark.parametrize("room", ROOMS)
def test_each_module_of_a_room_is_listed_after_those_that_it_imports(room: str) -> None:
    place = {name: number for number, name in enumerate(listed(room))}
    found = set(core_made_of() if room == "blockstm.native" else made_of(room))
    assert found or len(place) < 5
    assert [f"{user} -> {used}" for user, used in sorted(found) if place[used] > place[user]] == []
