"""What programs can reach outside of their context: globals, closures, defaults, class attributes; and what it is.

The walk follows the names in a function's code, into the user's own functions, classes and modules, and not into
Python's library or this package. A *snapshot* holds a value of every variable found on the way, deep enough to see
that it has changed.
"""

from __future__ import annotations

import dis
import functools
import itertools
import random
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.errors import shown
from blockstm.programs.program import PythonProgram
from blockstm.testing.sites import Site, is_library

__all__ = ["Reach", "Variable", "python_programs", "reach"]

NODES_MAX: Final = 20_000
DEPTH_MAX: Final = 12
FUNCTIONS_MAX: Final = 2_000


def python_programs(block: Block) -> list[PythonProgram[..., object]]:
    """Return the Python programs of a block, each once."""
    return [program for program in block.programs if isinstance(program, PythonProgram)]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable outside of contexts, as it is at one time."""

    label: str
    name: str
    fingerprint: object
    shown: str


@dataclass
class Reach:
    """What a walk has found."""

    variables: dict[str, Variable] = field(default_factory=dict)
    namespaces: list[dict[str, Any]] = field(default_factory=list)
    functions: list[FunctionType] = field(default_factory=list)
    _seen: set[int] = field(default_factory=set)

    def visit(self, value: object) -> bool:
        """Walk into code; tell whether the value was code, and so no variable."""
        if isinstance(value, PythonProgram):
            return self.visit(value.function)
        if isinstance(value, staticmethod | classmethod):
            return self.visit(value.__func__)
        if isinstance(value, property):
            return any([self.visit(part) for part in (value.fget, value.fset, value.fdel)])
        if isinstance(value, functools.partial):
            return self.visit(value.func)
        if isinstance(value, MethodType):
            self._variable(f"object of method {value.__qualname__}", value.__name__, value.__self__)
            return self.visit(value.__func__)
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif callable(value) and hasattr(value, "__wrapped__"):
            return self.visit(value.__wrapped__)
        else:
            return callable(value) and not hasattr(value, "__dict__")
        return True

    def _function(self, function: FunctionType) -> None:
        known = id(function) in self._seen or len(self.functions) >= FUNCTIONS_MAX
        if known or is_library(function.__code__.co_filename):
            return
        self._seen.add(id(function))
        self.functions.append(function)
        if id(function.__globals__) not in self._seen:
            self._seen.add(id(function.__globals__))
            self.namespaces.append(function.__globals__)
        where = f"of {function.__qualname__}"
        names = list(dict.fromkeys(names_in(function.__code__)))
        module = function.__globals__.get("__name__", "?")
        for name in names:
            if name in function.__globals__:
                self._global(f"module global {name} of {module}", name, function.__globals__[name], names)
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self._found(f"closure variable {name} {where}", name, contents(cell))
        for name, value in defaults(function):
            self._found(f"default of parameter {name} {where}", name, value)
        for name, value in vars(function).items():
            self._found(f"attribute {name} {where}", name, value)

    def _global(self, label: str, name: str, value: object, names: list[str]) -> None:
        if not isinstance(value, ModuleType):
            self._found(label, name, value)
        elif not is_library(getattr(value, "__file__", None) or "<frozen>"):
            for attribute in names:
                if attribute in vars(value):
                    label = f"module global {attribute} of {value.__name__}"
                    self._global(label, attribute, vars(value)[attribute], [])

    def _class(self, found: type) -> None:
        if id(found) in self._seen or not is_own_class(found):
            return
        self._seen.add(id(found))
        for name, value in list(vars(found).items()):
            if not (name.startswith("__") and name.endswith("__") and not callable(value)):
                self._found(f"class attribute {found.__qualname__}.{name}", name, value)
        for base in found.__bases__:
            self._class(base)

    def _found(self, label: str, name: str, value: object) -> None:
        if not self.visit(value):
            self._variable(label, name, value)

    def _variable(self, label: str, name: str, value: object) -> None:
        self._class(type(value))
        self.variables.setdefault(label, Variable(label, name, fingerprint(value), shown(value)))

    def site_of(self, name: str) -> Site | None:
        """Return the line where the code sets a variable, else one where it uses it."""
        used = None
        for function in self.functions:
            for operation, line in uses(function.__code__, name):
                site = Site(function.__code__.co_filename, line)
                if operation.startswith("STORE"):
                    return site
                used = used or site
        return used


def reach(programs: Iterable[Callable[..., object]]) -> Reach:
    """Walk from these programs."""
    found = Reach()
    for program in programs:
        found.visit(program)
    return found


def codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and those of the functions defined within."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes(constant)


def names_in(code: CodeType) -> Iterator[str]:
    """Yield the global names and attributes that code uses."""
    for part in codes(code):
        yield from part.co_names


def uses(code: CodeType, name: str) -> Iterator[tuple[str, int]]:
    """Yield the operations on a name, with their lines."""
    for part in codes(code):
        line = part.co_firstlineno
        for instruction in dis.get_instructions(part):
            if instruction.positions is not None and instruction.positions.lineno is not None:
                line = instruction.positions.lineno
            if instruction.argval == name and instruction.opname.startswith(("STORE", "LOAD")):
                yield instruction.opname, line


def defaults(function: FunctionType) -> Iterator[tuple[str, object]]:
    """Yield the parameters that have a default, with it."""
    values = function.__defaults__ or ()
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    yield from zip(names[len(names) - len(values) :], values, strict=True)
    yield from (function.__kwdefaults__ or {}).items()


def contents(cell: CellType) -> object:
    """Return what a closure's cell holds, None for an empty one."""
    try:
        return cell.cell_contents
    except ValueError:
        return None


def is_own_class(found: type) -> bool:
    """Tell whether a class is neither Python's nor this package's."""
    package = found.__module__.partition(".")[0]
    return package not in sys.stdlib_module_names and package != "blockstm"


def fingerprint(value: object) -> object:
    """Return something that is equal for two values where nothing in them differs."""
    return _fingerprint(value, 0, itertools.count())


def _fingerprint(value: Any, depth: int, nodes: Iterator[int]) -> object:
    kind = type(value)
    if value is None or kind in (bool, int, float, str, bytes, complex):
        return kind, value
    if depth > DEPTH_MAX or next(nodes) > NODES_MAX:
        return kind

    def inner(items: Iterable[object]) -> tuple[object, ...]:
        return tuple([_fingerprint(item, depth + 1, nodes) for item in items])

    if isinstance(value, list | tuple | deque):
        return kind, inner(value)
    if isinstance(value, set | frozenset):
        return kind, frozenset(inner(value))
    if isinstance(value, dict):
        return kind, inner(value), inner(value.values())
    if isinstance(value, bytearray):
        return kind, bytes(value)
    if isinstance(value, random.Random):
        return kind, value.getstate()
    if isinstance(value, GeneratorType):
        return kind, None if value.gi_frame is None else value.gi_frame.f_lasti
    if isinstance(value, itertools.count):
        return kind, repr(value)
    if is_own_class(kind) and hasattr(value, "__dict__"):
        return kind.__qualname__, inner(vars(value)), inner(vars(value).values())
    slots = [name for name in getattr(kind, "__slots__", ()) if hasattr(value, name)]
    if slots:
        return kind.__qualname__, inner(getattr(value, name) for name in slots)
    return kind.__qualname__, id(value)
