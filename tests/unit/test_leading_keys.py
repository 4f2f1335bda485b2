"""The leading keys of native programs: which they are, and that they are announced."""

from __future__ import annotations

import pytest

from blockstm import Block, NativeProgram, Parameter, ProgramError
from blockstm.explore.strategies import RandomStrategy
from blockstm.explore.trial import Step, Trials
from blockstm.native._core import STEPS
from blockstm.programs import trace, transfer

FIRST, SECOND = b"first", b"second"
PARAMETERS = (
    Parameter("first", "key"),
    Parameter("number", "u256"),
    Parameter("second", "key"),
    Parameter("both", "u64"),
    Parameter("raw", "bytes", b""),
    Parameter("late", "key", b""),
)


def program(leading_keys: tuple[str, ...] | None) -> NativeProgram:
    entry = "blockstm.native._coretest:lengthen_one_or_both_entry"
    return NativeProgram(f"tests.lengthen {leading_keys}", PARAMETERS, entry, leading_keys=leading_keys)


def test_keys_that_parameters_begin_with_lead_where_none_are_named() -> None:
    assert transfer.leading_keys == ("sender", "receiver")
    assert trace.leading_keys == ()
    assert program(None).leading_keys == ("first",)
    many = NativeProgram("tests.many", tuple(Parameter(f"k{n}", "key") for n in range(9)), "a.b:c")
    assert many.leading_keys == tuple(f"k{n}" for n in range(8))


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (("third",), "leading key 'third' is not a parameter of kind key that stands before all of kind"),
        (("number",), "leading key 'number' is not"),
        (("late",), "leading key 'late' is not a parameter of kind key that stands before all of kind"),
        (("first", "first"), "has 2 leading keys; name at most 8, each once"),
    ],
)
def test_leading_keys_are_checked(names: tuple[str, ...], problem: str) -> None:
    with pytest.raises(ProgramError, match=problem):
        program(names)


def intents(leading_keys: tuple[str, ...] | None) -> set[bytes]:
    """The keys on which intents are announced, in some schedules of a block.

    Only the first transaction touches the second key, and it never has to wait or to run again.
    """
    lengthen = program(leading_keys)
    trials = Trials(Block([lengthen.txn(FIRST, 1 << 200, SECOND, int(n == 0)) for n in range(5)]), 3)
    announced = set()
    try:
        for seed in range(20):
            steps: list[Step] = []
            _, finding = trials.run(RandomStrategy(seed), steps)
            assert finding is None, finding
            assert trials.result().state == {FIRST: b"\1" * 5, SECOND: b"\1"}
            announced |= {trials.observer.key(what) for _, kind, what in steps if kind == STEPS["intent"]}
    finally:
        trials.close()
    return announced


def test_transactions_that_wait_announce_the_leading_keys() -> None:
    assert intents(None) == intents(("first",)) == intents(()) == {FIRST}
    assert intents(("second",)) == intents(("second", "first")) == {FIRST, SECOND}
