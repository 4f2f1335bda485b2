"""JSON of unknown origin: what Python's decoder lets through and should not, and what it does not survive."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any, Final, NoReturn

from blockstm.errors import shown

DEPTH_MAX: Final = 100
_DIGITS_MAX: Final = 78
"""No number of a trace or of a node is over 256 bits."""
_STRING_OR_BRACKET: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{\]}]', re.DOTALL)


def decode_json(text: str) -> Any:
    """Return what a JSON text says.

    Arguments:
        text: one JSON value, and nothing else but white space.

    Raises:
        ValueError: it is not JSON, is nested deeper than DEPTH_MAX, names a key of an object twice, or holds
            a whole number of more than 78 digits. The text says which and, where that is known, the column.
    """
    # The decoder's own check relies on the recursion limit, which libraries raise beyond what the stack holds.
    if text.count("[") + text.count("{") > DEPTH_MAX:
        _check_depth(text)
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise ValueError(f"not JSON: {error.msg} at {line}column {error.colno}") from error


def _check_depth(text: str) -> None:
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise ValueError("it is nested too deep")
        elif first in "]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shown(twice)} comes twice in one object")
    return decoded


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        raise ValueError(f"a number of {len(digits)} digits is too large")
    return int(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_constant=_refuse_constant
)
