"""The verb interface in C: random scripts of verbs come to what they come to in Python, however they are run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import blockstm
from blockstm.explore.strategies import KillingStrategy, RandomStrategy
from blockstm.explore.trial import Trials
from blockstm.limits import U64_MAX
from blockstm.results.predicates import Checked, Predicate
from blockstm.results.verify import differences
from blockstm.simulate import Simulation, default_model
from tests.support import native_script
from tests.support.engines import run

KEYS = (b"a", b"b", b"c")
SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def part(data: bytes) -> bytes:
    return bytes([len(data)]) + data


def verb(number: int, *parts: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    return st.tuples(*parts).map(lambda given: bytes([number]) + b"".join(given))


BYTES = st.integers(0, 255).map(lambda number: bytes([number]))
KEY = st.integers(0, len(KEYS) - 1).map(lambda number: bytes([number]))
NUMBERS = st.sampled_from([0, 1, 3, 255, 1 << 64, (1 << 256) - 1]) | st.integers(0, 9)
NUMBER = NUMBERS.map(native_script.as_bytes).map(part)
VALUE = (st.binary(max_size=40) | NUMBERS.map(native_script.as_bytes)).map(part)
NAME = (st.sampled_from([b"", b"b", b"bb", b"c"]) | st.binary(max_size=70)).map(part)
SIMPLE = (
    verb(0, KEY)
    | verb(1, KEY, VALUE)
    | verb(2, KEY)
    | verb(3, KEY, BYTES, NUMBER, NUMBER, NUMBER)
    | verb(4, BYTES)
    | verb(5)
    | verb(6)
    | verb(8, KEY, KEY, NUMBER, BYTES)
    | verb(9, VALUE, VALUE)
    | verb(10, VALUE)
    | verb(11, BYTES)
    | verb(12, KEY)
    | verb(13, KEY, BYTES, NUMBER, NUMBER)
    | verb(14, NAME, NAME, BYTES, BYTES)
    | verb(15)
)
CODES = st.recursive(
    st.lists(SIMPLE, max_size=5).map(b"".join),
    lambda inner: st.lists(SIMPLE | inner.map(lambda code: b"\7" + part(code[:255])), max_size=5).map(
        b"".join
    ),
    max_leaves=8,
)


class Scripted(NamedTuple):
    """A transaction of a script."""

    code: bytes
    gas_limit: int | None


SCRIPTS = st.builds(
    Scripted, CODES | st.binary(max_size=60), st.none() | st.sampled_from([300, 21_500, 50_000])
)
STATES = st.dictionaries(st.sampled_from(KEYS), st.binary(max_size=34) | NUMBERS.map(native_script.as_bytes))
Make = Callable[[list[Scripted], dict[bytes, bytes]], blockstm.Block]


def in_python(scripts: list[Scripted], state: dict[bytes, bytes]) -> blockstm.Block:
    def transaction(code: bytes, limit: int | None) -> blockstm.Transaction:
        return native_script.in_python.txn(
            list(KEYS), code, U64_MAX if limit is None else limit, gas_limit=limit
        )

    return blockstm.Block([transaction(*each) for each in scripts], state)


@pytest.fixture(scope="module")
def in_c(tmp_path_factory: pytest.TempPathFactory) -> Make:
    library = native_script.compiled(tmp_path_factory.mktemp("script"), native_script.SOURCE)
    program = native_script.in_c(library)

    def block(scripts: list[Scripted], state: dict[bytes, bytes]) -> blockstm.Block:
        return blockstm.Block([program.txn(KEYS, code, gas_limit=limit) for code, limit in scripts], state)

    return block


@pytest.fixture(scope="module")
def engine() -> Iterator[blockstm.Engine]:
    with blockstm.Engine(2, active_workers=2) as engine:
        yield engine


def came_of(result: blockstm.Result) -> list[Any]:
    """All that came of a block, but for the words of errors that are told in more detail in Python."""
    seen: list[Any] = [dict(result.state)]
    for receipt in result.receipts:
        error = receipt.error if receipt.status == "reverted" else (receipt.error or "").partition(":")[0]
        seen.append((receipt.status, receipt.gas_used, receipt.events, error))
        seen.append(
            (result.reads(receipt.txn_idx), result.writes(receipt.txn_idx), result.adds(receipt.txn_idx))
        )
        seen.append([each for each in result.predicates(receipt.txn_idx) if not is_never(each)])
    return seen


def is_never(predicate: Predicate) -> bool:
    """Whether it was asked in bounds that no number lies within, which Python programs cannot ask for."""
    return isinstance(predicate, Checked) and predicate.minimum > predicate.maximum


ADDS = [
    b"\3%c%c%s" % (key, flags, b"".join(part(bytes([number])) for number in (delta, 3, 100)))
    for flags in range(8)
    for key in range(len(KEYS))
    for delta in (2, 97)
]
"""Each kind of add, to keys of which one is read, one has a value that is not read, and one has none."""


@given(st.lists(SCRIPTS, min_size=1, max_size=8), STATES, st.integers(1, 1000))
@example([Scripted(b"\0\0" + add + b"\0\1\0\2\0\0", None) for add in ADDS], {b"a": b"\5", b"b": b"\x50"}, 1)
@settings(SETTINGS, max_examples=60)
def test_scripts_come_to_the_same_in_c_and_in_python(
    engine: blockstm.Engine, in_c: Make, scripts: list[Scripted], state: dict[bytes, bytes], delay_seed: int
) -> None:
    block = in_c(scripts, state)
    in_order = engine.execute(block, "sequential")
    assert came_of(in_order) == came_of(engine.execute(in_python(scripts, state), "sequential"))
    assert differences(run(engine, block, 2, delay_seed), in_order) == []


@given(st.lists(SCRIPTS, min_size=2, max_size=5), STATES, st.integers(0, 1 << 20))
@settings(SETTINGS, max_examples=15)
def test_scripts_in_c_hold_under_adversarial_schedules_with_deaths(
    engine: blockstm.Engine, in_c: Make, scripts: list[Scripted], state: dict[bytes, bytes], seed: int
) -> None:
    block = in_c(scripts, state)
    expected = came_of(engine.execute(block, "sequential"))
    trials = Trials(block, 3)
    try:
        for strategy in (RandomStrategy(seed), KillingStrategy(RandomStrategy(seed), 2, seed)):
            _, finding = trials.run(strategy)
            assert finding is None, finding
            assert came_of(trials.result()) == expected
    finally:
        trials.close()


def test_scripts_in_c_can_be_simulated(engine: blockstm.Engine, in_c: Make) -> None:
    codes = [b"\0%c\3%c\0\1\5\0\0\4\x64" % (n % 3, (n + 1) % 3) for n in range(40)]
    block = in_c([Scripted(code, None) for code in codes], {})
    expected = came_of(engine.execute(block, "sequential"))
    seconds = []
    for gas in (0.0, 50.0):
        with Simulation(block, replace(default_model(), gas=gas), 4) as simulation:
            for cores in (1, 4):
                assert came_of(simulation.run(cores)) == expected
            seconds.append(simulation.run_sequentially().stats.wall_seconds)
    # As for a Python program, the gas stands for the time that it takes.
    assert seconds[1] - seconds[0] == pytest.approx(len(codes) * 100 * 50e-9, rel=0.05)


def test_a_program_in_c_can_say_its_time_in_place_of_its_gas(in_c: Make) -> None:
    """200 rounds in the second block, and 100 units of gas in both, whose price is of no account there."""
    charge, work = b"\4\x64", b"\x0b\x64"
    seconds = []
    for code, costs in [
        (charge, replace(default_model(), gas=0.0)),
        (work + charge + work, replace(default_model(), gas=50.0, round=3.0)),
    ]:
        block = in_c([Scripted(code, None)] * 40, {})
        with Simulation(block, costs, 1) as simulation:
            seconds.append(simulation.run_sequentially().stats.wall_seconds)
    assert seconds[1] - seconds[0] == pytest.approx(40 * 200 * 3e-9, rel=0.05)
