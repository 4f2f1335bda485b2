"""Whether a measured figure met its target."""

from __future__ import annotations

import operator
import re
from typing import Final

_COMPARED: Final = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
_TARGET: Final = re.compile(r"(<=|>=|<|>) ([\d,.]+) (\S+)")
_VALUE: Final = re.compile(r"(-?[\d,.]+) (\S+)")
NO_TARGET: Final = "-"


def verdict(value: str, target: str) -> str:
    """Return "met" or "MISSED", and nothing where there is no target.

    Arguments:
        value: what was measured, a number and its unit: "596 ns".
        target: how it should compare with a number of the same unit, "<= 300 ns"; NO_TARGET for none.

    Raises:
        ValueError: one of the two is written otherwise, or the units differ.
    """
    if target == NO_TARGET:
        return ""
    measured, wanted = _VALUE.fullmatch(value), _TARGET.fullmatch(target)
    if measured is None or wanted is None or measured[2] != wanted[3]:
        raise ValueError(f"{value!r} cannot be compared with the target {target!r}")
    is_met = _COMPARED[wanted[1]](_number(measured[1]), _number(wanted[2]))
    return "met" if is_met else "MISSED"


def _number(text: str) -> float:
    return float(text.replace(",", ""))
