"""Each way to break determinism has a canary that must be found and named; what breaks nothing must pass."""

from __future__ import annotations

import inspect
import os
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

import tests.support.canaries
from blockstm.blocks.block import Block
from blockstm.errors import DeterminismError, ProgramError, UsageError
from blockstm.explore.schedules import Schedule
from blockstm.programs.built_in import transfer
from blockstm.programs.program import program
from blockstm.testing import Checker, check
from tests.support.blocks import SETTINGS, native_transactions, simple_operations, states
from tests.support.canaries import (
    CANARIES,
    TWINS,
    UNDER_SCHEDULES,
    Canary,
    hidden_global,
    state_kept_in_the_state,
)
from tests.support.programs import script


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
    assert re.search(r"^fix       \w+", report, re.MULTILINE), report
    expected = marked_line(canary)
    if expected is not None:
        named = re.search(r"^cause     (\S+):(\d+): ", report, re.MULTILINE)
        assert named, report
        assert named[1].endswith("tests/support/canaries.py")
        assert int(named[2]) == expected, report


@pytest.mark.parametrize("twin", TWINS, ids=lambda canary: canary.program.function.__name__)
def test_a_twin_without_fault_passes(checker: Checker, twin: Canary) -> None:
    checked = checker.check(twin.block, schedules=20)
    assert checked.schedules == 20
    assert checked.steps > 20


def test_what_shows_under_schedules_only_comes_with_the_shortest_schedule(checker: Checker) -> None:
    report = report_of(checker, UNDER_SCHEDULES, schedules=50)
    assert report.startswith(
        "schedule: the result of the block is different under a schedule (sequential: state: "
    )
    assert re.search(
        r"^cause     module global surprises of tests.support.canaries was \[\] and is \[",
        report,
        re.MULTILINE,
    )
    found, shortest = (
        Schedule.parse(text) for text in re.findall(r"^(?:schedule|shortest)  (\S+)$", report, re.MULTILINE)
    )
    assert shortest.switches <= 4 < found.switches
    assert re.search(r"^step    0  worker \d: start", report, re.MULTILINE)


def test_what_is_found_does_not_depend_on_earlier_checks(checker: Checker) -> None:
    """Nothing is executed in this process, and everything in processes that have executed nothing."""
    block = Block([hidden_global.txn(b"a")], {})
    assert report_of(checker, block) == report_of(checker, block)
    assert tests.support.canaries.executions == 0


operations = st.recursive(
    st.lists(simple_operations, max_size=4),
    lambda inner: st.lists(
        simple_operations
        | st.tuples(st.just("branch"), st.integers(2, 3), inner, inner)
        | st.tuples(st.just("loop"), inner)
        | st.tuples(st.just("call"), inner, st.booleans()),
        max_size=4,
    ),
    max_leaves=3,
)


@given(
    block=st.builds(
        Block,
        st.lists(st.builds(script.txn, operations, st.integers(0, 7)) | native_transactions, max_size=4),
        states,
    )
)
@hypothesis_settings(SETTINGS, max_examples=12)
def test_no_false_alarm_on_any_script(checker: Checker, block: Block) -> None:
    checker.check(block, schedules=4)


def test_blocks_without_python_programs_are_explored_only(checker: Checker) -> None:
    block = Block([transfer.txn(b"a", b"b", 1)] * 3, {b"a": b"\2"})
    assert checker.check(block, schedules=9, workers=3, strategies=["random", "exhaustive"]).schedules == 9
    assert checker.check(Block([], {}), schedules=2).schedules == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers is 0; give a whole number, 1 to 16"),
        ({"schedules": 1.5}, "schedules is 1.5; give a whole number, 0 to"),
        ({"seed": -1}, "seed is -1; give"),
        ({"strategies": "pct"}, "strategies is 'pct'; give a list of some of random, pct, exhaustive"),
        ({"strategies": ["lucky"]}, "strategies is .'lucky'.; give a list"),
    ],
)
def test_a_wrong_option_is_told(checker: Checker, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        checker.check(Block([state_kept_in_the_state.txn(b"a")]), **options)


def test_no_block_is_told(checker: Checker) -> None:
    with pytest.raises(UsageError, match=r"block is 'x', a str; give a blockstm.Block"):
        checker.check("x")  # type: ignore[arg-type]


def test_a_program_that_no_other_process_can_have_is_told(checker: Checker) -> None:
    lock = threading.Lock()

    @program
    def locked(ctx: Any, key: bytes) -> None:
        with lock:
            ctx.read(key)

    with pytest.raises(
        ProgramError, match=r"cannot be sent to another process: TypeError: .*lock.*; what they refer"
    ):
        checker.check(Block([locked.txn(b"a")]))


def test_a_program_that_ends_its_process_is_told(checker: Checker) -> None:
    @program
    def deadly(ctx: Any) -> None:
        os._exit(3)

    with pytest.raises(
        ProgramError,
        match=r"transaction 0 \(program .*deadly\): .* exited with status 3; correct the program",
    ):
        checker.check(Block([deadly.txn()]))


def test_nothing_is_left_behind(leaves_nothing: None) -> None:
    with pytest.raises(DeterminismError):
        check(Block([hidden_global.txn(b"a")]))
