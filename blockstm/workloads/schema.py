"""The fields of scenarios: their types, ranges and defaults, and the check of what a file says against them.

A table of fields is a frozen dataclass whose fields are made with `whole` and `choice`; docs/reference/workloads.md
shows them, and a test compares the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from blockstm.errors import ScenarioError, field_name, shown

__all__ = ["Allowed", "allowed_values", "checked_table", "choice", "whole"]

T = TypeVar("T")

_ALLOWED: Final = "allowed"


@dataclass(frozen=True)
class Allowed:
    """What values a field may have: whole numbers of a range, or some texts; and what it means."""

    meaning: str
    least: int = 0
    greatest: int = 0
    texts: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say it as messages and the documentation do."""
        if self.texts:
            return ", ".join(f'"{text}"' for text in self.texts)
        return f"whole numbers from {self.least:,} to {self.greatest:,}"

    def holds(self, value: object) -> bool:
        """Tell whether a value is allowed."""
        if self.texts:
            return value in self.texts if isinstance(value, str) else False
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.greatest


def whole(default: int, least: int, greatest: int, meaning: str) -> Any:
    """Return a dataclass field that holds a whole number."""
    return dataclasses.field(default=default, metadata={_ALLOWED: Allowed(meaning, least, greatest)})


def choice(texts: tuple[str, ...], meaning: str) -> Any:
    """Return a dataclass field that holds one of some texts, by default the first."""
    return dataclasses.field(default=texts[0], metadata={_ALLOWED: Allowed(meaning, texts=texts)})


def allowed_values(table: type) -> dict[str, tuple[Allowed, object]]:
    """Return what each field of a table may hold, and its default."""
    return {field.name: (field.metadata[_ALLOWED], field.default) for field in dataclasses.fields(table)}


def checked_table(table: type[T], values: Mapping[str, object], place: str, prefix: str) -> T:
    """Return a table made of values out of a file.

    Arguments:
        table: the dataclass.
        values: by field.
        place: where they come from, for messages.
        prefix: what comes before the fields' names there.

    Raises:
        ScenarioError: a field is unknown, or has a value that it cannot have.
    """
    fields = allowed_values(table)
    for name, value in values.items():
        if name not in fields:
            raise ScenarioError(
                f"{place}: {prefix}{field_name(name)} is unknown; allowed are {', '.join(fields)}"
            )
        allowed, _ = fields[name]
        if not allowed.holds(value):
            raise ScenarioError(f"{place}: {prefix}{name} is {shown(value)}; allowed are {allowed}")
    return table(**values)
