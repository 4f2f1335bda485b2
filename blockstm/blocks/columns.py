"""Checks of columns: all that stands in one place of many rows at once, by built-ins that loop in C.

Where a batch of rows breaks a rule, halving finds the first row.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import Any

from blockstm.files.content import ContentError

__all__ = [
    "Broken",
    "Column",
    "all_below",
    "all_of",
    "check_batch",
    "check_lists",
    "check_u64",
    "columns",
    "fit_u64",
    "named",
]

Column = Sequence[Any]


class Broken(Exception):  # noqa: N818 - a finding that travels to the place that knows the row
    """A rule is broken somewhere in a batch of rows."""


def check_batch(check: Callable[[Column], None], rows: Column, first: int, what: str) -> None:
    """Check a batch of rows.

    Arguments:
        check: raises Broken where a row breaks a rule.
        rows: the rows.
        first: the place of the first of them, for messages.
        what: what a row is, for messages.

    Raises:
        ContentError: a row breaks a rule; names the first such row.
    """
    try:
        check(rows)
    except Broken as broken:
        if len(rows) > 1:
            middle = len(rows) // 2
            check_batch(check, rows[:middle], first, what)
            check_batch(check, rows[middle:], first + middle, what)
        raise ContentError(f"{what} {first}: {broken}; make the file again") from None


def columns(rows: Column, fields: Sequence[str], what: str) -> list[Column]:
    """Return the columns of rows that all have these fields.

    Raises:
        Broken: one has not.
    """
    try:
        found: list[Column] = list(zip(*rows, strict=True))
        if len(found) == len(fields):
            return found
    except (TypeError, ValueError):  # not lists, or of different lengths
        pass
    raise Broken(f"{what} must have {len(fields)} elements ({', '.join(fields)})")


def named(what: str, check: Callable[[Column], None], column: Column) -> None:
    """Check a column, and say what it is where it breaks a rule."""
    try:
        check(column)
    except Broken as broken:
        raise Broken(f"{what}: {broken}") from None


def all_of(column: Column, kind: type) -> bool:
    """Tell whether every element is of exactly this type (so that a bool is not an int)."""
    return list(map(type, column)).count(kind) == len(column)


def all_below(column: Column, end: int) -> bool:
    """Tell whether every element is an int from 0 to `end` - 1, where `end` is at most 2**64."""
    return all_of(column, int) and fit_u64(column) and (not column or max(column) < end)


def fit_u64(integers: Column) -> bool:
    """Tell whether every one of these ints is from 0 to 2**64 - 1."""
    try:
        array("Q", integers)
    except OverflowError:
        return False
    return True


def check_lists(column: Column) -> None:
    """Check that every element is a list, as the decoder makes them: a tuple."""
    if not all_of(column, tuple):
        raise Broken("it is not a list")


def check_u64(column: Column) -> None:
    """Check that every element is an int from 0 to 2**64 - 1."""
    if not (all_of(column, int) and fit_u64(column)):
        raise Broken("it is not an integer from 0 to 2**64 - 1")
