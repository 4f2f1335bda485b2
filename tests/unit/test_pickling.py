"""What programs are when they arrive in another process: their code names its file, whatever cloudpickle does."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from types import CodeType
from typing import Any

import cloudpickle
import pytest

from blockstm.blocks.block import Block
from blockstm.errors import DeterminismError
from blockstm.processes.pickling import dumps, loads
from blockstm.programs.program import program
from blockstm.testing import check
from tests.support.canaries import hidden_global

Reduction = tuple[Callable[..., CodeType], tuple[Any, ...]]


@pytest.fixture(params=["kept", "replaced"])
def cloudpickle_file_names(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Cloudpickle as it treats the names of files before 3.1.3, and since."""
    table = cloudpickle.CloudPickler.dispatch_table
    reduce = table[CodeType]
    names = {"kept": lambda code: code.co_filename, "replaced": lambda _: "<dynamic-code>"}
    name = names[request.param]

    def simulated(code: CodeType) -> Reduction:
        make, arguments = reduce(code)
        # Of the arguments of code only the name of its file is among these two.
        files = ("<dynamic-code>", code.co_filename)
        return make, tuple(name(code) if each in files else each for each in arguments)

    monkeypatch.setitem(table, CodeType, simulated)
    yield request.param


def with_inner_code(values: list[int]) -> Any:
    def inner(value: int) -> int:
        return (lambda: value)()

    class Adder:
        def add(self, value: int) -> int:
            return value + 1

    return inner, Adder, [inner(value) for value in values]


def codes_in(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from codes_in(constant)


def test_the_simulated_cloudpickle_does_what_its_name_says(cloudpickle_file_names: str) -> None:
    function = cloudpickle.loads(cloudpickle.dumps(lambda: 1))
    assert (function.__code__.co_filename == __file__) == (cloudpickle_file_names == "kept")


def test_all_code_of_a_function_names_its_file(cloudpickle_file_names: str) -> None:
    @program
    def nested(ctx: Any) -> Any:
        return lambda: {value: (lambda key: key) for value in ctx}

    arrived = loads(dumps(nested.function))
    assert arrived is not nested.function
    assert [code.co_filename for code in codes_in(arrived.__code__)] == [
        __file__ for _ in codes_in(nested.function.__code__)
    ]
    assert arrived.__code__.co_firstlineno == nested.function.__code__.co_firstlineno
    inner = loads(dumps(with_inner_code([1])[0]))
    assert {code.co_filename for code in codes_in(inner.__code__)} == {__file__}
    adder = loads(dumps(with_inner_code([])[1]))
    assert adder.add.__code__.co_filename == __file__
    assert adder().add(2) == 3


def test_what_is_sent_does_not_change_from_one_time_to_the_next(cloudpickle_file_names: str) -> None:
    """The engine sends a program anew where its bytes are not those sent before."""
    inner = with_inner_code([])[0]
    assert dumps(inner) == dumps(inner)


def test_the_checker_names_file_and_line(cloudpickle_file_names: str) -> None:
    with pytest.raises(DeterminismError) as found:
        check(Block([hidden_global.txn(b"a")]), schedules=0)
    lines, first = inspect.getsourcelines(hidden_global.function)
    line = first + next(number for number, text in enumerate(lines) if text.rstrip().endswith("# cause"))
    assert f"tests/support/canaries.py:{line}: module global executions " in str(found.value)


@pytest.mark.parametrize(
    "count", [itertools.count(), itertools.count(7), itertools.count(-3, 2), itertools.count(0.5)]
)
def test_counters_arrive_as_they_are(count: itertools.count[Any]) -> None:
    """Without the warning of Python 3.12 and 3.13 (an error in these tests), and on 3.14, which pickles none."""
    next(count)
    shown = repr(count)
    assert repr(loads(dumps(count))) == shown == repr(count)
