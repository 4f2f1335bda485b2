"""Which model suits a block and why, and where a model pays: said of made-up figures, word by word."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.compare import ComparedRun, gains_of, verdict_of
from blockstm.compare.figures import TOLERANCE, is_slower
from tests.support.comparisons import TRANSACTIONS, made_up, made_up_run

ABOUT = "(25 % of its transactions are independent, and its longest chain has 7 of 100)"
ROOM = f"its dependencies leave room for 4 cores {ABOUT}"
PERFECT = "of what list scheduling with perfect knowledge reaches"


def why(*runs: ComparedRun, **changes: Any) -> str:
    return verdict_of(made_up(runs, **changes)).why


def test_a_model_alone_comes_to_what_it_comes_to() -> None:
    found = verdict_of(made_up([made_up_run("a", 2, 1.9), made_up_run("a", 4, 3.8)]))
    assert (found.cores, found.suits) == (4, ("a",))
    assert found.why == f"a comes to 3.80 x on 4 cores, 95 % {PERFECT}; {ROOM}."


def test_one_that_executes_less_often_is_faster() -> None:
    runs = made_up_run("a", 4, 2.0, executions=180, utilisation=1.0), made_up_run("b", 4, 3.8)
    found = verdict_of(made_up(runs))
    assert found.suits == ("b",)
    assert found.why == (
        f"b suits it best: 3.80 x on 4 cores, 95 % {PERFECT}; a comes to 2.00 x, as it executes a transaction 1.80 "
        f"times, not 1.00; {ROOM}."
    )


def test_one_that_executes_more_often_and_waits_is_slower_for_both() -> None:
    runs = made_up_run("a", 4, 2.0, executions=180, utilisation=0.6), made_up_run("b", 4, 3.8)
    assert (
        "as it executes a transaction 1.80 times, not 1.00, and its cores work 60 % of the time, not 95 %;"
        in (why(*runs))
    )


def test_one_that_waits_is_slower() -> None:
    runs = made_up_run("a", 4, 2.0, utilisation=0.5), made_up_run("b", 4, 3.8)
    assert "a comes to 2.00 x, as its cores work 50 % of the time, not 95 %;" in why(*runs)


def test_one_that_is_as_busy_with_as_many_executions_keeps_books() -> None:
    runs = made_up_run("a", 4, 3.0, utilisation=0.95), made_up_run("b", 4, 3.8)
    assert "a comes to 3.00 x, as its bookkeeping takes longer;" in why(*runs)


def test_hints_that_cost_more_than_they_save() -> None:
    runs = (
        made_up_run("block-stm", 4, 3.8, executions=120, utilisation=1.0),
        made_up_run("hinted:60", 4, 3.5, executions=101, utilisation=1.0),
    )
    assert why(*runs) == (
        f"block-stm suits it best: 3.80 x on 4 cores, 95 % {PERFECT}; hinted:60 comes to 3.50 x, although it "
        f"executes a transaction 1.01 times, not 1.20: what that takes costs more than it saves; {ROOM}."
    )


def test_measured_runs_tell_of_no_utilisation() -> None:
    runs = (
        made_up_run("a", 4, 3.8, utilisation=None, seconds_by_turn=(0.25, 0.26, 0.27)),
        made_up_run("b", 4, 3.0, utilisation=None, seconds_by_turn=(0.32, 0.33, 0.34)),
    )
    assert "b comes to 3.00 x, as its bookkeeping takes longer;" in why(*runs)


def test_models_that_do_equally_well_are_both_named() -> None:
    found = verdict_of(made_up([made_up_run("a", 4, 3.8), made_up_run("b", 4, 3.81)]))
    assert found.suits == ("b", "a")
    assert found.why == f"b and a do equally well: 3.81 x on 4 cores, 95 % {PERFECT}; {ROOM}."


def test_a_chain_limits_a_block() -> None:
    run = made_up_run("a", 16, 7.9, bound_greedy=8.0, bound_critical_path=8.1)
    assert why(run, bound_critical_path=8.1) == (
        f"a comes to 7.90 x on 16 cores, 99 % {PERFECT}; its heaviest chain allows no more than 8.10 x on any "
        f"number of cores {ABOUT}."
    )


def test_dependencies_that_more_cores_would_help() -> None:
    assert why(made_up_run("a", 16, 7.5), bound_critical_path=10.0) == (
        f"a comes to 7.50 x on 16 cores, 94 % {PERFECT}; its dependencies allow 8.00 x on 16 cores and 10.00 x on "
        f"any number {ABOUT}."
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"utilisation": 0.5}, ", as its cores wait more than need be;"),
        (
            {"utilisation": 0.5, "executions": 150},
            ", as its cores wait more than need be, executing a transaction 1.50",
        ),
        ({"utilisation": 1.0}, ", as its bookkeeping takes time;"),
        ({"utilisation": 1.0, "executions": 150}, f"% {PERFECT}, executing a transaction 1.50 times;"),
        ({"utilisation": None}, f"% {PERFECT};"),
        ({"utilisation": None, "executions": 150}, f"% {PERFECT}, executing a transaction 1.50 times;"),
    ],
)
def test_what_takes_the_rest_up_to_the_bound(changes: dict[str, Any], reason: str) -> None:
    assert reason in why(made_up_run("a", 4, 2.0, **changes))


def test_where_nothing_gains_no_model_suits() -> None:
    runs = [
        made_up_run("a", 4, 0.9, executions=300),
        made_up_run("b", 4, 1.01),
        made_up_run("sequential", 1, 1.0),
    ]
    found = verdict_of(made_up(runs, bound_critical_path=1.02))
    assert found.suits == ()
    assert found.why.startswith("No model gains on 4 cores: the fastest, b, comes to 1.01 x; ")


def test_other_numbers_of_cores_are_told_of_where_others_are_faster_there() -> None:
    runs = [made_up_run("a", cores, speedup) for cores, speedup in ((1, 0.8), (2, 1.4), (4, 3.8))]
    runs += [made_up_run("b", cores, speedup) for cores, speedup in ((1, 1.0), (2, 1.9), (4, 3.0))]
    assert why(*runs).endswith(f"{ABOUT}; on 1 and 2 cores, b is faster.")


def test_an_order_of_its_own_is_told_of() -> None:
    text = why(made_up_run("locks", 4, 3.9, order="changed"), made_up_run("a", 4, 3.0))
    assert text.startswith("locks (in an order of its own) suits it best: 3.90 x on 4 cores")
    assert f"; in the preset order, {ROOM}." in text


def test_blocks_of_which_nothing_can_be_said() -> None:
    assert why(transactions=0) == "The block has no transactions, so there is nothing to gain."
    assert why(made_up_run("sequential", 1, 1.0)) == "No parallel model was compared on 1 core."


def test_a_single_disturbed_turn_decides_nothing() -> None:
    calm = made_up_run("a", 2, 1.0, seconds=1.0, seconds_by_turn=(1.0, 1.0, 1.0, 1.0, 1.0))
    slower = made_up_run("b", 2, 1.0, seconds=1.1, seconds_by_turn=(1.1, 1.1, 0.9, 1.1, 1.1))
    mixed = made_up_run("c", 2, 1.0, seconds=1.1, seconds_by_turn=(1.1, 0.9, 0.9, 1.1, 1.1))
    assert is_slower(slower, calm)
    assert not is_slower(mixed, calm)
    assert not is_slower(calm, slower)


def test_where_hints_pay() -> None:
    speeds = ((2.0, 3.0), (2.0, 1.5), (2.0, 2.01), (3.0, 3.9))
    blocks = [made_up([made_up_run("a", 4, ours), made_up_run("b", 4, theirs)]) for ours, theirs in speeds]
    (gain,) = gains_of(blocks)
    assert (gain.model, gain.against, gain.cores) == ("b", "a", 4)
    assert (gain.faster, gain.slower, gain.same) == (2, 1, 1)
    assert (gain.least, gain.greatest) == pytest.approx((0.75, 1.5))
    assert gain.times_first == pytest.approx(
        sum(1 / ours for ours, _ in speeds) / sum(1 / theirs for _, theirs in speeds)
    )


def test_a_model_that_no_block_was_run_in_has_no_gain() -> None:
    assert gains_of([made_up([made_up_run("a", 4, 2.0)], models=["a", "declared"])]) == []
    assert gains_of([made_up([made_up_run("a", 4, 2.0), made_up_run("sequential", 1, 1.0)])]) == []


MODELS = st.sampled_from(["a", "b", "c", "sequential"])
SPEEDUPS = st.floats(0.1, 40.0)
COUNTS = st.integers(TRANSACTIONS, 5 * TRANSACTIONS)
UTILISATIONS = st.none() | st.floats(0.0, 1.0)
RUNS = st.lists(
    st.builds(
        lambda model, cores, speedup, executions, utilisation: made_up_run(
            model,
            1 if model == "sequential" else cores,
            speedup,
            executions=executions,
            utilisation=utilisation,
        ),
        MODELS,
        st.sampled_from([1, 2, 16]),
        SPEEDUPS,
        COUNTS,
        UTILISATIONS,
    ),
    unique_by=lambda run: (run.model, run.cores),
    min_size=1,
)


@given(RUNS)
def test_what_suits_is_what_no_other_is_clearly_faster_than(runs: list[ComparedRun]) -> None:
    comparison = made_up(runs)
    found = verdict_of(comparison)
    there = [run for run in runs if run.cores == max(comparison.cores) and run.is_parallel]
    fastest = max((run.speedup or 0.0 for run in there), default=0.0)
    assert (found.suits == ()) == (fastest <= 1 + TOLERANCE)
    if found.suits:
        assert set(found.suits) == {
            run.model for run in there if 1 / (run.speedup or 0.0) <= (1 + TOLERANCE) / fastest * (1 + 1e-12)
        }
    # One sentence, which names what it is about.
    assert found.why.endswith(".") and "\n" not in found.why
    assert all(name in found.why for name in found.suits)
