"""TOML of unknown origin: what Python's parser does not survive, told in one line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

from blockstm.errors import field_name, printable

__all__ = ["decode_toml"]

_DIGITS_MAX: Final = 4000
"""Python turns a decimal number of 4,300 digits into an integer, and raises a plain ValueError for a longer one."""
_LONG_NUMBER: Final = re.compile(rf"[0-9][0-9_]{{{_DIGITS_MAX},}}")
_STAND_IN: Final = "9" * _DIGITS_MAX


def decode_toml(text: str) -> dict[str, Any]:
    """Return what a TOML text says.

    Raises:
        ValueError: it is not TOML, is nested too deep, or holds a whole number with more digits than Python reads.
            The text is one printable line that says which, where (the line, or the field), and the fix.
    """
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("is not TOML: it is nested too deep to be read; use fewer brackets") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"is not TOML: {printable(str(error))}; correct it there") from error
    except ValueError as error:  # what `int` says, without a place
        raise ValueError(
            f"{_place_of_long_number(text)} has too many digits; give a smaller number"
        ) from error


def _place_of_long_number(text: str) -> str:
    """Return the field that holds a whole number of too many digits.

    The text is parsed again with a number that is just short enough in the place of those that are too long.
    """
    try:
        content = tomllib.loads(_LONG_NUMBER.sub(_STAND_IN, text))
    except (ValueError, RecursionError):  # something else is wrong as well
        return "a whole number"
    least = 10 ** (_DIGITS_MAX - 1)
    fields = (field for field, value in _flat(content, "") if isinstance(value, int) and abs(value) >= least)
    return next(fields, "a whole number")


def _flat(value: object, field: str) -> Iterator[tuple[str, object]]:
    """Yield each value that holds no others, after its dotted field."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(inner, f"{field}.{field_name(name)}" if field else field_name(name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _flat(inner, f"{field}[{index}]")
    else:
        yield field, value
