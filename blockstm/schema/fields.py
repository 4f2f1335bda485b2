"""Strict reading of the fields of a JSON object whose origin is not known."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias

from blockstm.errors import shown
from blockstm.files.content import ContentError

__all__ = ["NUMBER_MAX", "Fields", "Scalar", "check_cores", "is_count", "is_number", "printable"]

Scalar: TypeAlias = str | int | float | bool
"""What a field of a scenario can be."""

NAME_CHARACTERS_MAX: Final = 1000
NUMBER_MAX: Final = 1e30
"""More than any time, count or speed-up; what is computed of it stays finite."""
OBJECTS_MAX: Final = 100_000
"""Of one list, where no other limit is given: as many as a sweep has runs."""
CORES_MAX: Final = 1_000_000
CORES_DIFFERENT_MAX: Final = 256
"""Of one input: a table has a column for each number of cores."""


def printable(text: str) -> str:
    """Return a text with a question mark for each character that does not print, and not too long for a page."""
    start = text[:NAME_CHARACTERS_MAX]
    cleaned = "".join(character if character.isprintable() else "?" for character in start)
    return cleaned if len(text) <= NAME_CHARACTERS_MAX else cleaned + "..."


def is_number(value: object) -> bool:
    """Tell whether a value is a number from 0 to NUMBER_MAX."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= NUMBER_MAX


def is_count(value: object) -> bool:
    """Tell whether a value is a whole number, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_scalar(value: object) -> bool:
    """Tell whether a value is text, true or false, or a number from -NUMBER_MAX to NUMBER_MAX."""
    return isinstance(value, str | bool) or (
        isinstance(value, int | float) and -NUMBER_MAX <= value <= NUMBER_MAX
    )


def check_cores(cores: Collection[object]) -> None:
    """Check that an input does not have too many numbers of cores.

    Raises:
        ContentError: it has.
    """
    if len(cores) > CORES_DIFFERENT_MAX:
        raise ContentError(
            f"has {len(cores)} different numbers of cores, more than {CORES_DIFFERENT_MAX}, which is the limit; "
            "split it"
        )


class Fields:
    """The fields of one JSON object.

    A field that is null counts as missing. Texts come without characters that do not print.

    Arguments:
        value: what should be the object.
        place: where it stands, such as "blocks[3]"; empty for the outermost.

    Raises:
        ContentError: it is not an object. The methods raise it when a field is missing or not what it must be.
    """

    def __init__(self, value: object, place: str = "") -> None:
        """Check that it is an object."""
        self._place = place
        if not isinstance(value, dict):
            name = f"{place}: " if place else ""
            raise ContentError(f"{name}is {shown(value)}, not a JSON object; make the file again")
        self._values: Mapping[str, Any] = value

    def place(self, name: str) -> str:
        """Return where a field stands."""
        return f"{self._place}.{name}" if self._place else name

    def has(self, name: str) -> bool:
        """Tell whether a field is there and not null."""
        return self._values.get(name) is not None

    def value(self, name: str) -> Any:
        """Return a field as it is; None if it is missing."""
        return self._values.get(name)

    def text(self, name: str) -> str:
        """Return a field that is text."""
        return printable(self._checked(name, "text", lambda value: isinstance(value, str)))

    def optional_text(self, name: str) -> str | None:
        """Return a field that is text, or None if it is missing."""
        return self.text(name) if self.has(name) else None

    def whole_text(self, name: str) -> str:
        """Return a field that is text as it is, however long it is and whatever characters it has."""
        return str(self._checked(name, "text", lambda value: isinstance(value, str)))

    def count(self, name: str) -> int:
        """Return a field that is a whole number, 0 or more."""
        return int(self._checked(name, "a whole number, 0 or more", is_count))

    def optional_count(self, name: str) -> int | None:
        """Return a field that is a whole number, or None if it is missing."""
        return self.count(name) if self.has(name) else None

    def cores(self, name: str) -> int:
        """Return a field that is a number of cores, 1 or more."""
        cores = self.count(name)
        if not 1 <= cores <= CORES_MAX:
            self.refuse(name, f"is {cores}, not a number from 1 to {CORES_MAX}")
        return cores

    def number(self, name: str) -> float:
        """Return a field that is a number, 0 or more, and not beyond all measure."""
        return float(self._checked(name, f"a number from 0 to {NUMBER_MAX:g}", is_number))

    def optional_number(self, name: str) -> float | None:
        """Return a field that is a number, or None if it is missing."""
        return self.number(name) if self.has(name) else None

    def flag(self, name: str) -> bool:
        """Return a field that is true or false."""
        return bool(self._checked(name, "true or false", lambda value: isinstance(value, bool)))

    def scalar(self, name: str) -> Scalar:
        """Return a field that is text, true or false, or a number of either sign and not beyond all measure."""
        value = self._checked(name, "text, a number, true or false", is_scalar)
        return printable(value) if isinstance(value, str) else value

    def texts(self, name: str) -> list[str]:
        """Return a field that is a list of texts."""

        def is_texts(value: object) -> bool:
            return isinstance(value, list) and all(isinstance(each, str) for each in value)

        return list(map(printable, self._checked(name, "a list of texts", is_texts)))

    def nested(self, name: str) -> Fields:
        """Return a field that is an object."""
        return Fields(
            self._checked(name, "an object", lambda value: isinstance(value, dict)), self.place(name)
        )

    def optional_nested(self, name: str) -> Fields:
        """Return a field that is an object, or one without fields if it is missing."""
        return self.nested(name) if self.has(name) else Fields({}, self.place(name))

    def objects(self, name: str, objects_max: int = OBJECTS_MAX) -> Iterator[Fields]:
        """Yield the objects of a field that is a list of at most so many objects."""
        values = self._checked(name, "a list", lambda value: isinstance(value, list))
        if len(values) > objects_max:
            raise ContentError(
                f"{self.place(name)}: has {len(values)} entries, more than {objects_max}, which is the limit; "
                "split it"
            )
        for index, value in enumerate(values):
            yield Fields(value, f"{self.place(name)}[{index}]")

    def optional_objects(self, name: str) -> Iterator[Fields]:
        """Yield the objects of a field that is a list of objects, or none if it is missing."""
        if self.has(name):
            yield from self.objects(name)

    def names(self, *, with_null: bool = False) -> list[str]:
        """Return the names of the fields that are there, with or without those that are null."""
        return [name for name in self._values if with_null or self.has(name)]

    def refuse(self, name: str, problem: str) -> NoReturn:
        """Raise the error that a field is not as it must be.

        Raises:
            ContentError: always.
        """
        raise ContentError(f"{self.place(name)}: {problem}; make the file again")

    def _checked(self, name: str, kind: str, is_kind: Callable[[object], bool]) -> Any:
        value = self._values.get(name)
        if value is None:
            self.refuse(name, "is missing")
        if not is_kind(value):
            self.refuse(name, f"is {shown(value)}, not {kind}")
        return value
