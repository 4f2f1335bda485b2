"""The string form of schedules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.errors import ScheduleError
from blockstm.explore.schedules import Schedule, death_of


def test_runs_are_written_short() -> None:
    schedule = Schedule(3, (0, 0, 0, 1, death_of(2), 0))
    assert str(schedule) == "1.3.a3bCa"
    assert schedule.switches == 3


@given(st.integers(1, 16), st.lists(st.tuples(st.integers(0, 15), st.integers(1, 30), st.booleans())))
def test_a_schedule_survives_its_string_form(workers: int, runs: list[tuple[int, int, bool]]) -> None:
    decisions: list[int] = []
    for worker, count, dies in runs:
        decisions += [death_of(worker % workers) if dies else worker % workers] * count
    schedule = Schedule(workers, tuple(decisions))
    assert Schedule.parse(str(schedule)) == schedule


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it does not begin with 1.WORKERS."),
        ("a3", "it does not begin with 1.WORKERS."),
        ("2.2.a", "its version is 2, not 1"),
        ("1.17.a", "17 workers are not 1 to 16"),
        ("1.0.", "0 workers are not 1 to 16"),
        ("1.2.a3c", "run 2, 'c', is of worker 2, and there are 2 workers"),
        ("1.2.a3b0", "character 8, '0', is neither a worker"),
        ("1.2.a3 b", "character 7, ' ', is neither a worker"),
        ("1.2.a1", "its runs are not written in their shortest form"),
        ("1.2.aa", "its runs are not written in their shortest form"),
        ("1.2.a9999999b9999999", "goes past 10000000 steps"),
        ("1.2.a\n", "character 6"),
    ],
)
def test_what_is_no_schedule_is_refused(text: str, message: str) -> None:
    with pytest.raises(ScheduleError, match="^schedule .*" + message.replace(".", r"\.")) as refused:
        Schedule.parse(text)
    assert "\n" not in str(refused.value)
