"""JSON objects as dataclasses: each field is described once, and written and read by that description.

The type of a field says what stands in the object: `str` a text, `int` a whole number and `float` a number, both 0
or more, `bool` true or false, an `Entry` an object, a tuple a list, a mapping an object with names of its own. A
field that is None is left out, and one that has a default may be missing when it is read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import reduce
from operator import or_
from typing import Annotated, Any, ClassVar, Final, Self, TypeAlias, get_args, get_origin, get_type_hints

from blockstm.schema.fields import Fields, Scalar, check_cores

__all__ = ["SCHEMA", "AtMost", "Cores", "Entry", "Key", "Mark", "Output", "Whole"]

SCHEMA: Final = 1
"""The version of all objects."""
CORES_DIGITS_MAX: Final = 6


class Mark(Enum):
    """What the type of a field does not say; given by `typing.Annotated`."""

    FLAT = auto()
    """The fields of an entry stand among those of the object that it is in; it is None where none of them does."""
    LEFT_OUT_IF_EMPTY = auto()
    CORES = auto()
    """A number of cores, 1 or more."""
    WHOLE = auto()
    """A text that is not to be cut where it is long, nor to be cleaned of characters that do not print."""


@dataclass(frozen=True, slots=True)
class Key:
    """The name of a field in the object, where Python cannot have it."""

    name: str


@dataclass(frozen=True, slots=True)
class AtMost:
    """How many entries a list has at most."""

    objects_max: int


Cores: TypeAlias = Annotated[int, Mark.CORES]
Whole: TypeAlias = Annotated[str, Mark.WHOLE]


class Entry:
    """A JSON object. Subclasses are frozen dataclasses."""

    def as_json(self) -> dict[str, Any]:
        """Return the object, with what is not known left out."""
        entry: dict[str, Any] = {}
        for member in _members(type(self)):
            entry |= member.write(getattr(self, member.name))
        return entry

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """Return what an object says; its fields that are not known here are passed over.

        Raises:
            ContentError: a field is missing or not what it must be; names its place, and the fix.
        """
        values = {}
        for member in _members(cls):
            if not member.may_be_missing or member.is_in(fields):
                values[member.name] = member.read(fields)
        return cls(**values)


class Output(Entry):
    """What a command prints: an object that begins with ``schema`` and ``command``."""

    command: ClassVar[str]

    def as_json(self) -> dict[str, Any]:
        """Return the object, with what is not known left out."""
        return {"schema": SCHEMA, "command": self.command, **super().as_json()}


@dataclass(frozen=True, slots=True)
class _Kind:
    """How values of a type are read from a field of an object, and written."""

    read: Callable[[Fields, str], Any]
    write: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class _Member:
    """A field of a dataclass."""

    name: str
    may_be_missing: bool
    is_in: Callable[[Fields], bool]
    read: Callable[[Fields], Any]
    write: Callable[[Any], dict[str, Any]]


_known_members: Final[dict[type, tuple[_Member, ...]]] = {}


def _members(entry: Any) -> tuple[_Member, ...]:
    if entry not in _known_members:
        hints = get_type_hints(entry, include_extras=True)
        _known_members[entry] = tuple(
            _member(field, hints[field.name]) for field in dataclasses.fields(entry)
        )
    return _known_members[entry]


def _member(field: dataclasses.Field[Any], hint: Any) -> _Member:
    hint, marks = _parted(hint)
    hint, inner_marks = _parted(_without_none(hint))
    marks = (*marks, *inner_marks)
    has_default = field.default is not dataclasses.MISSING
    if Mark.FLAT in marks:
        keys = [each.name for each in _members(hint)]
        return _Member(
            field.name,
            has_default,
            lambda fields: any(map(fields.has, keys)),
            hint.read,
            lambda value: {} if value is None else value.as_json(),
        )
    key = next((mark.name for mark in marks if isinstance(mark, Key)), field.name)
    kind = _kind(hint, marks)
    leaves_out_empty = Mark.LEFT_OUT_IF_EMPTY in marks

    def write(value: Any) -> dict[str, Any]:
        written = None if value is None else kind.write(value)
        return {} if written is None or (leaves_out_empty and not written) else {key: written}

    return _Member(
        field.name,
        has_default,
        lambda fields: fields.has(key),
        lambda fields: kind.read(fields, key),
        write,
    )


def _parted(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        return inner, tuple(marks)
    return hint, ()


def _without_none(hint: Any) -> Any:
    if type(None) not in get_args(hint):
        return hint
    return reduce(or_, (each for each in get_args(hint) if each is not type(None)))


def _kind(hint: Any, marks: tuple[Any, ...] = ()) -> _Kind:
    if Mark.CORES in marks:
        return _Kind(Fields.cores)
    if Mark.WHOLE in marks:
        return _Kind(Fields.whole_text)
    if hint in _SIMPLE:
        return _Kind(_SIMPLE[hint])
    if isinstance(hint, type) and issubclass(hint, Entry):
        return _Kind(lambda fields, name: hint.read(fields.nested(name)), lambda value: value.as_json())
    if get_origin(hint) is tuple:
        return _list(get_args(hint)[0], marks)
    assert get_origin(hint) is Mapping, hint
    names, values = get_args(hint)
    return _by_cores() if names is int else _mapping(values)


def _list(item: Any, marks: tuple[Any, ...]) -> _Kind:
    if item is str:
        return _Kind(lambda fields, name: tuple(fields.texts(name)), list)
    limits = [mark.objects_max for mark in marks if isinstance(mark, AtMost)]
    return _Kind(
        lambda fields, name: tuple(map(item.read, fields.objects(name, *limits))),
        lambda value: [each.as_json() for each in value],
    )


def _mapping(value: Any) -> _Kind:
    kind = _kind(_without_none(value))
    with_null = type(None) in get_args(value)

    def read(fields: Fields, name: str) -> dict[str, Any]:
        inner = fields.nested(name)
        return {
            each: kind.read(inner, each) if inner.has(each) else None
            for each in inner.names(with_null=with_null)
        }

    return _Kind(
        read,
        lambda values: {name: None if each is None else kind.write(each) for name, each in values.items()},
    )


def _by_cores() -> _Kind:
    """Return how numbers by number of cores are read and written."""

    def read(fields: Fields, name: str) -> dict[int, float]:
        by_cores = fields.nested(name)
        check_cores(by_cores.names())
        numbers: dict[int, float] = {}
        for cores in by_cores.names():
            is_number = cores.isascii() and cores.isdecimal() and len(cores) <= CORES_DIGITS_MAX
            if not (is_number and int(cores)):
                by_cores.refuse(cores, "is not a number of cores")
            numbers[int(cores)] = by_cores.number(cores)
        return dict(sorted(numbers.items()))

    return _Kind(read, lambda values: {str(cores): number for cores, number in values.items()})


_SIMPLE: Final[dict[Any, Callable[[Fields, str], Any]]] = {
    str: Fields.text,
    int: Fields.count,
    float: Fields.number,
    bool: Fields.flag,
    Scalar: Fields.scalar,
}
