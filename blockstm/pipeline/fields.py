"""The fields of a pipeline file: each taken once, checked, and whatever is left over refused by name."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from blockstm.errors import PipelineError, field_name, shown
from blockstm.pipeline.latency import Constant, Latency, Lognormal, Measured

__all__ = ["SECONDS_MAX", "Fields"]

SECONDS_MAX: Final = 1e4
_MEASURED_MAX: Final = 100_000
_LATENCY: Final = (
    "give seconds, as in 80e-6, or { median = 80e-6, p99 = 400e-6 }, or a list of measured seconds"
)


class Fields:
    """A table of a TOML file.

    Arguments:
        values: what it holds.
        place: the file, for messages.
        table: its name there; empty for the file itself.

    Raises:
        PipelineError: a field is not what it must be; the message names the place, the field and what is allowed.
    """

    def __init__(self, values: object, place: str, table: str = "") -> None:
        """Check that it is a table."""
        self._place = place
        self._table = table
        self._known: list[str] = []
        if not isinstance(values, Mapping):
            raise PipelineError(f"{place}: {table} is {shown(values)}; give a table [{table}]")
        self._values: Mapping[str, Any] = values

    def has(self, name: str) -> bool:
        """Tell whether a field is there."""
        self._take(name, None)
        return name in self._values

    def nested(self, name: str) -> Fields:
        """Return a field that is a table, or one without fields if it is missing."""
        return Fields(self._take(name, {}), self._place, self._name(name))

    def number(self, name: str, default: float | None, greatest: float, least: float = 0.0) -> float:
        """Return a field that is a number in a range; a default of None: it must be given."""
        value = self._take(name, default)
        allowed = f"give a number from {least:g} to {greatest:g}"
        if value is None:
            self.refuse(name, "is missing", allowed)
        if not _is_number(value) or not least <= value <= greatest:
            self.refuse(name, f"is {shown(value)}", allowed)
        return float(value)

    def seconds(self, name: str, default: float | None = 0.0) -> float:
        """Return a field that is a time."""
        return self.number(name, default, SECONDS_MAX)

    def whole(self, name: str, default: int | None, least: int, greatest: int) -> int:
        """Return a field that is a whole number in a range; a default of None: it must be given."""
        value = self._take(name, default)
        allowed = f"give a whole number from {least:,} to {greatest:,}"
        if value is None:
            self.refuse(name, "is missing", allowed)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= greatest:
            self.refuse(name, f"is {shown(value)}", allowed)
        return value

    def choice(self, name: str, allowed: Sequence[str], default: str) -> str:
        """Return a field that is one of some texts."""
        value = self._take(name, default)
        if value not in allowed:
            self.refuse(name, f"is {shown(value)}", f"allowed are {', '.join(map(repr, allowed))}")
        return str(value)

    def choices(self, name: str, allowed: Sequence[str], default: Sequence[str]) -> tuple[str, ...]:
        """Return a field that lists some of some texts, none of them twice."""
        values = self._take(name, list(default))
        fix = f"give a list of {', '.join(map(repr, allowed))}"
        if not isinstance(values, list) or not values:
            self.refuse(name, f"is {shown(values)}", fix)
        for index, value in enumerate(values):
            if value not in allowed:
                self.refuse(name, f"names {shown(value)}", fix)
            if value in values[:index]:
                self.refuse(name, f"names {shown(value)} twice", "leave one out")
        return tuple(values)

    def latency(self, name: str) -> Latency:
        """Return a field that says how long a read takes."""
        value = self._take(name, None)
        if value is None:
            self.refuse(name, "is missing", _LATENCY)
        if isinstance(value, Mapping):
            inner = Fields(value, self._place, self._name(name))
            median = inner.number("median", None, SECONDS_MAX, 1e-9)
            found = Lognormal(median, inner.number("p99", None, SECONDS_MAX, median))
            inner.end()
            return found
        if isinstance(value, list):
            if not 1 <= len(value) <= _MEASURED_MAX or not all(map(_is_seconds, value)):
                self.refuse(
                    name,
                    f"is {shown(value)}",
                    f"give 1 to {_MEASURED_MAX:,} measured times in seconds, each from 0 to {SECONDS_MAX:g}",
                )
            return Measured(tuple(map(float, value)))
        if not _is_seconds(value):
            self.refuse(name, f"is {shown(value)}", _LATENCY)
        return Constant(float(value))

    def refuse(self, name: str, problem: str, fix: str) -> NoReturn:
        """Raise the error that a field is not as it must be.

        Raises:
            PipelineError: always.
        """
        raise PipelineError(f"{self._place}: {self._name(name)} {problem}; {fix}")

    def end(self) -> None:
        """Refuse a field that nobody has asked for."""
        for name in self._values:
            if name not in self._known:
                self.refuse(field_name(name), "is unknown", f"allowed are {', '.join(self._known)}")

    def _take(self, name: str, default: object) -> Any:
        if name not in self._known:
            self._known.append(name)
        return self._values.get(name, default)

    def _name(self, name: str) -> str:
        return f"{self._table}.{name}" if self._table else name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_seconds(value: object) -> bool:
    return _is_number(value) and isinstance(value, int | float) and 0 <= value <= SECONDS_MAX
