"""How a schedule is shown to people."""

from __future__ import annotations

import pytest

from blockstm.explore.explorer import Plan, search
from blockstm.explore.interleaving import DEEDS_MAX, LINES_MAX, ending, lines, loop_at_end
from tests.support import mutants


@pytest.mark.parametrize(
    ("steps", "loop"),
    [
        ("", None),
        ("abcdefg", None),
        ("abcdede", None),  # twice is no loop yet
        ("abcdedede", (3, 2)),
        ("xaaaa", (1, 1)),
        ("abcabcabcab", (0, 3)),
        ("zab" + "cab" * 5, (1, 3)),
    ],
)
def test_a_loop_is_found_where_it_begins(steps: str, loop: tuple[int, int] | None) -> None:
    assert loop_at_end(steps) == loop


def test_steps_of_one_worker_are_one_line() -> None:
    steps = [(0, "take"), (0, "read x"), (0, "read x"), (1, "idle"), (~1, "idle"), (0, "publish x")]
    assert lines(steps, 7) == [
        "step    7  worker 0: take, read x",
        "step   10  worker 1: idle",
        "step   11  worker 1 dies: idle",
        "step   12  worker 0: publish x",
    ]


def test_many_lines_are_cut() -> None:
    written = [f"line {number}" for number in range(LINES_MAX + 1234)]
    assert ending(written) == ["(1,234 lines left out)", *written[1234:]]
    assert ending(written[:LINES_MAX]) == written[:LINES_MAX]


def test_a_long_line_is_cut() -> None:
    steps = [(0, f"commit {number}") for number in range(DEEDS_MAX + 1)]
    assert lines(steps, 0)[0].startswith("step    0  worker 0: ... commit 1, commit 2, ")


def test_of_a_livelock_the_loop_is_shown() -> None:
    plan = Plan("random", 2, 2000, seed=1, mutant="leftovers-kept")
    failure = search(mutants.moving_place(), plan).failures[0]
    assert failure.shortest.check == "livelock"
    (heading,) = (place for place, line in enumerate(failure.lines) if "a loop of" in line)
    assert "gone through" in failure.lines[heading]
    loop = failure.lines[heading + 1 :]
    # The third transaction reads what the second no longer writes, and waits for it though it is done.
    assert loop
    assert any("wait 1" in line for line in loop)
    assert len(failure.lines) < 2 * LINES_MAX
