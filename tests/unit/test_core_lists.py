"""What the core lists once (mutants, invariants, steps, costs), Python knows by the same names and numbers."""

from __future__ import annotations

import re
from dataclasses import fields
from enum import IntEnum
from pathlib import Path

import pytest

from blockstm.native import _core
from blockstm.simulate import CostModel

NATIVE = Path(_core.__file__).parent
LISTS = [
    (_core.StepKind, "memory/steps.pxi", 0),
    (_core.Mutant, "instruments/mutants.pxi", 1),
    (_core.Cost, "instruments/costs.pxi", 0),
    (_core.Invariant, "instruments/invariants.pxi", 0),
]


@pytest.mark.parametrize(("names", "file", "first"), LISTS)
def test_the_numbers_of_a_list_are_all_different_and_without_gaps(
    names: type[IntEnum], file: str, first: int
) -> None:
    listed = re.findall(r"^    (\w+) = (\d+)", (NATIVE / file).read_text(), re.M)
    assert [(name, int(number)) for name, number in listed] == list(names.__members__.items())
    assert [member.value for member in names] == list(range(first, first + len(listed)))


@pytest.mark.parametrize(("names", "file", "first"), LISTS)
def test_nothing_else_in_the_core_gives_them_numbers(names: type[IntEnum], file: str, first: int) -> None:
    again = re.compile(rf"^\s*({'|'.join(names.__members__)})\s*=\s", re.M)
    sources = [each for kind in ("pyx", "pxd", "pxi") for each in NATIVE.rglob(f"*.{kind}")]
    assert [str(each) for each in sources if again.search(each.read_text())] == [str(NATIVE / file)]


def test_every_kind_of_work_has_a_price() -> None:
    assert tuple(field.name for field in fields(CostModel)) == _core.COST_NAMES
    assert len(_core.COST_NAMES) == len(_core.Cost) - 1  # but COST_PROGRAM


def test_every_invariant_is_said_in_words() -> None:
    assert _core.INVARIANTS.keys() == set(_core.Invariant) - {_core.Invariant["HOLDS"]}
    assert len(set(_core.INVARIANTS.values())) == len(_core.INVARIANTS)


def test_steps_and_mutants_are_known_by_name() -> None:
    assert _core.STEPS["idle"] == _core.StepKind["STEP_IDLE"]
    assert set(_core.STEPS.values()) == set(_core.StepKind)
    assert _core.MUTANTS["waiter-lost"] == _core.Mutant["MUTANT_WAITER_LOST"]
    assert set(_core.MUTANTS.values()) == set(_core.Mutant)
