"""Places in source code: where a program did what, and which except clause is around it."""

from __future__ import annotations

import ast
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType
from typing import Final

__all__ = ["Site", "caller", "callers", "is_checker", "is_library", "swallowing_clause"]

_TESTING: Final = os.path.dirname(__file__) + os.sep
_STDLIB: Final = sysconfig.get_path("stdlib") + os.sep
_SITE_PACKAGES: Final = tuple({sysconfig.get_path(name) + os.sep for name in ("purelib", "platlib")})
_CATCHES_ALL: Final = frozenset(("BaseException", "SpeculationAborted"))


@dataclass(frozen=True, slots=True)
class Site:
    """A line of a file."""

    file: str
    line: int

    def __str__(self) -> str:
        """Return `file:line`, the file relative to the working directory where it lies below."""
        relative = os.path.relpath(self.file) if os.path.isabs(self.file) else self.file
        return f"{self.file if relative.startswith('..') else relative}:{self.line}"


@lru_cache(maxsize=4096)
def is_library(file: str) -> bool:
    """Tell whether a file belongs to Python itself (not to what is installed) or to this package."""
    if file.startswith(_TESTING) or file.startswith("<frozen"):
        return True
    return file.startswith(_STDLIB) and not file.startswith(_SITE_PACKAGES)


def is_checker(file: str) -> bool:
    """Tell whether a file belongs to `blockstm.testing`."""
    return file.startswith(_TESTING)


def callers(depth: int = 1) -> Iterator[FrameType]:
    """Yield the frames on the stack from the caller outwards, without those of `blockstm.testing`.

    Arguments:
        depth: how many frames to leave out; 1 is the caller of this function.
    """
    frame: FrameType | None = sys._getframe(depth + 1)
    while frame is not None:
        if not is_checker(frame.f_code.co_filename):
            yield frame
        frame = frame.f_back


def caller() -> Site:
    """Return the nearest line on the stack that is not of a library; the nearest of all where there is none."""
    nearest = None
    for frame in callers(2):
        site = Site(frame.f_code.co_filename, frame.f_lineno)
        if not is_library(site.file):
            return site
        nearest = nearest or site
    return nearest or Site("<unknown>", 0)


def swallowing_clause(lines: list[tuple[CodeType, int]]) -> Site | None:
    """Return the clause that catches what is raised there and ought to pass; None where the source shows none.

    Arguments:
        lines: the code and line of each frame of the program at that time, innermost first.
    """
    for code, line in lines:
        source = "".join(linecache.getlines(code.co_filename))
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        found = _innermost_clause(tree, code.co_firstlineno, line)
        if found is not None:
            return Site(code.co_filename, found)
    return None


def _innermost_clause(tree: ast.AST, first: int, line: int) -> int | None:
    """Return the line of the innermost clause, of the function that begins at `first`, around a line."""
    best: tuple[int, int] | None = None
    for node in ast.walk(tree):
        clause = _clause_of(node, line)
        if clause is not None and node.lineno >= first and (best is None or node.lineno > best[0]):  # type: ignore[attr-defined]
            best = (node.lineno, clause)  # type: ignore[attr-defined]
    return None if best is None else best[1]


def _clause_of(node: ast.AST, line: int) -> int | None:
    """Return the line on which a try or with statement catches everything that its body's `line` raises."""
    if isinstance(node, ast.With):
        inside = node.body[0].lineno <= line <= (node.body[-1].end_lineno or line)
        return node.lineno if inside and any(_suppresses(item) for item in node.items) else None
    if not isinstance(node, ast.Try | ast.TryStar):
        return None
    if not node.body[0].lineno <= line <= (node.body[-1].end_lineno or line):
        return None
    for handler in node.handlers:
        if handler.type is None or _names(handler.type) & _CATCHES_ALL:
            return handler.lineno
    for statement in node.finalbody:
        if any(isinstance(inner, ast.Return | ast.Break | ast.Continue) for inner in ast.walk(statement)):
            return statement.lineno
    return None


def _suppresses(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and any(_names(argument) & _CATCHES_ALL for argument in call.args)


def _names(expression: ast.expr) -> set[str]:
    """Return the last parts of the names in an expression: of `errors.SpeculationAborted` that name."""
    found = {node.attr for node in ast.walk(expression) if isinstance(node, ast.Attribute)}
    return found | {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}
