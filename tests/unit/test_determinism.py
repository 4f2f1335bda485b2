"""Each way to break determinism has a canary that must be found and named; what breaks nothing must pass."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import pytest

from blockstm.block import Block
from blockstm.controlled.schedules import Schedule
from blockstm.errors import DeterminismError
from blockstm.testing import Checker
from tests.canaries import CANARIES, TWINS, UNDER_SCHEDULES, Canary


@pytest.fixture(scope="module")
def checker() -> Iterator[Checker]:
    with Checker() as checker:
        yield checker


def report_of(checker: Checker, block: Block, schedules: int = 0) -> str:
    with pytest.raises(DeterminismError) as found:
        checker.check(block, schedules=schedules)
    return str(found.value)


def marked_line(canary: Canary) -> int | None:
    """The line of the comment `# cause` in a program, or in the generator that it uses."""
    lines, first = inspect.getsourcelines(canary.program.function)
    for number, line in enumerate(lines):
        if line.rstrip().endswith("# cause"):
            return first + number
    return None


@pytest.mark.parametrize("canary", CANARIES, ids=lambda canary: canary.program.function.__name__)
def test_a_canary_is_found_and_named(checker: Checker, canary: Canary) -> None:
    report = report_of(checker, canary.block)
    assert report.startswith(f"{canary.kind}: transaction "), report
    assert f"({canary.program.name}) " in report.splitlines()[0]
    assert re.search(r"^mend      \w+", report, re.MULTILINE), report
    expected = marked_line(canary)
    if expected is not None:
        named = re.search(r"^cause     (\S+):(\d+): ", report, re.MULTILINE)
        assert named, report
        assert named[1].endswith("tests/canaries.py")
        assert int(named[2]) == expected, report


@pytest.mark.parametrize("twin", TWINS, ids=lambda canary: canary.program.function.__name__)
def test_a_twin_without_fault_passes(checker: Checker, twin: Canary) -> None:
    checked = checker.check(twin.block, schedules=20)
    assert checked.schedules == 20
    assert checked.steps > 20


def test_what_shows_under_schedules_only_comes_with_the_shortest_schedule(checker: Checker) -> None:
    report = report_of(checker, UNDER_SCHEDULES, schedules=50)
    assert report.startswith(
        "schedule: the block comes to something else under a schedule (sequential: state: "
    )
    assert re.search(
        r"^cause     module global surprises of tests.canaries was \[\] and is \[", report, re.MULTILINE
    )
    found, shortest = (
        Schedule.parse(text) for text in re.findall(r"^(?:schedule|shortest)  (\S+)$", report, re.MULTILINE)
    )
    assert shortest.switches <= 3 < found.switches
    assert re.search(r"^step    0  worker \d: start, take", report, re.MULTILINE)
