"""Programs, their parameters, and transactions."""

import functools
import pickle
from collections.abc import Callable
from typing import Any

import cloudpickle
import pytest

from blockstm.errors import LimitError, ProgramError, UnknownProgramError
from blockstm.limits import ACCESSES_MAX, BYTES_ARGUMENT_BYTES_MAX, U64_MAX, U256_MAX
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram, PythonProgram, lookup, program
from blockstm.programs.transaction import Recorded, Transaction


@program
def pay(ctx: Any, sender: bytes, receiver: bytes, amount: int = 1, *notes: str) -> object:
    """Pays."""
    return (ctx, sender, receiver, amount, notes)


raw = NativeProgram("tests.program.raw", (Parameter("raw", "bytes"),), "some.module:capsule")


def test_native_arguments_are_bound_to_the_full_tuple() -> None:
    assert transfer.txn(b"a", b"b", 5).arguments == (b"a", b"b", 5, 0)
    assert transfer.txn(b"a", amount=U256_MAX, receiver=b"b", work=U64_MAX).arguments == (
        b"a",
        b"b",
        U256_MAX,
        U64_MAX,
    )
    assert trace.txn([b"r"], (), {b"b": 2, b"a": 1}, gas=7).arguments == (
        (b"r",),
        (),
        {b"b": 2, b"a": 1},
        7,
    )
    assert list(trace.txn([], [], {b"b": 2, b"a": 1}, 7).arguments[2]) == [b"b", b"a"]  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("make", "error", "problem"),
    [
        (lambda: transfer.txn(b"a", b"b"), ProgramError, "amount is missing"),
        (lambda: transfer.txn(b"a", b"b", 1, 2, 3), ProgramError, "5 arguments were given"),
        (lambda: transfer.txn(b"a", b"b", 1, sender=b"c"), ProgramError, "'sender' is unknown or given"),
        (lambda: transfer.txn(b"a", b"b", 1, wrok=1), ProgramError, "'wrok' is unknown"),
        (lambda: transfer.txn("a", b"b", 1), ProgramError, "sender is 'a', a str; a key is bytes"),
        (lambda: transfer.txn(bytes(65), b"b", 1), LimitError, "sender 0x0.* is 65 bytes long"),
        (lambda: transfer.txn(b"a", b"b", -1), LimitError, "amount is -1; it must be from 0"),
        (lambda: transfer.txn(b"a", b"b", 1 << 256), LimitError, "amount is an integer of 257 bits"),
        (lambda: transfer.txn(b"a", b"b", True), ProgramError, "amount is True, a bool; give an int"),
        (lambda: transfer.txn(b"a", b"b", 1.0), ProgramError, "amount is 1.0, a float"),
        (lambda: transfer.txn(b"a", b"b", 10**6000), LimitError, "amount is an integer of 19932 bits"),
        (lambda: transfer.txn(b"a", b"b", 1, 1 << 64), LimitError, "work is 18446744073709551616"),
        (lambda: transfer.txn(b"a", b"b", 1, gas_limit=-1), LimitError, "gas_limit is -1"),
        (lambda: trace.txn(b"ab", [], {}, 1), ProgramError, "reads is 0x6162, a bytes; give a list of keys"),
        (lambda: trace.txn([1], [], {}, 1), ProgramError, "a key of reads is 1, an int"),
        (lambda: trace.txn([], [bytes(65)], {}, 1), LimitError, "a key of writes 0x0.* 65 bytes"),
        (lambda: trace.txn([], [], [], 1), ProgramError, "adds is .*, a list; give a dict"),
        (lambda: trace.txn([], [], {b"a": -1}, 1), LimitError, "an amount of adds is -1"),
        (lambda: trace.txn([], [], {"a": 1}, 1), ProgramError, "a key of adds is 'a'"),
        (lambda: trace.txn([b""] * (ACCESSES_MAX + 1), [], {}, 1), LimitError, "reads has 1048577 entries"),
        (lambda: raw.txn("a"), ProgramError, "raw is 'a', a str; give bytes"),
        (lambda: raw.txn(bytearray(1)), ProgramError, "raw is .*, a bytearray; give bytes"),
        (
            lambda: raw.txn(bytes(BYTES_ARGUMENT_BYTES_MAX + 1)),
            LimitError,
            "raw is 1048577 bytes long; the limit",
        ),
        (lambda: pay.txn(b"a"), ProgramError, "missing a required argument: 'receiver'; it takes"),
        (lambda: pay.txn(b"a", b"b", 1, oops=1), ProgramError, "unexpected keyword argument 'oops'"),
        (lambda: pay.txn(b"a", b"b", {1}), ProgramError, "test_program.pay.*: argument 3: .*type set"),
        (lambda: Transaction(transfer, (b"a",)), ProgramError, "receiver is missing"),
        (lambda: Transaction(transfer, (b"a", b"b", 1), None, 5), ProgramError, "give a Recorded"),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_are_refused(
    make: Callable[[], Transaction], error: type[Exception], problem: str
) -> None:
    with pytest.raises(error, match=problem) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_python_arguments_are_kept_as_the_program_gets_them() -> None:
    original = [b"a", b"b", (1, 2), {"k": (3,)}]
    transaction = pay.txn(*original)
    assert transaction.arguments == (b"a", b"b", [1, 2], {"k": [3]})
    assert transaction.encoded is not None
    assert transfer.txn(b"a", b"b", 1).encoded is None


def test_python_arguments_by_name_become_positional() -> None:
    assert pay.txn(receiver=b"b", sender=b"a").arguments == (b"a", b"b")

    @program
    def with_defaults(ctx: object, first: int = 1, second: int = 2, third: int = 3) -> None: ...

    assert with_defaults.txn(third=9).arguments == (1, 2, 9)
    assert with_defaults.txn(5).arguments == (5,)


def test_a_program_can_still_be_called() -> None:
    assert pay("ctx", b"a", b"b", 3, "note") == ("ctx", b"a", b"b", 3, ("note",))
    assert pay.__doc__ == "Pays."


def test_transactions_are_values_that_cannot_be_set() -> None:
    one, same = transfer.txn(b"a", b"b", 5), transfer.txn(b"a", b"b", 5, work=0)
    assert one == same != transfer.txn(b"a", b"b", 6)
    assert one != transfer.txn(b"a", b"b", 5, gas_limit=1)
    assert one != "something else"
    assert pickle.loads(pickle.dumps(one)) == one
    assert "transfer" in repr(one)
    with pytest.raises(AttributeError):
        one.gas_limit = 5  # type: ignore[misc]


async def _coroutine(ctx: object) -> None: ...


def _generator(ctx: object) -> Any:
    yield 1


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (lambda: 1, "takes no context"),
        (lambda *, ctx: 1, "takes no context"),
        (lambda ctx, *, late: 1, "parameter late cannot be given by position"),
        (lambda ctx, **late: 1, "parameter late cannot be given by position"),
        (_coroutine, "async or a generator"),
        (_generator, "async or a generator"),
        (int, "cannot be a program"),
        (5, "cannot be a program"),
        (functools.partial(_coroutine), "cannot be a program"),
    ],
)
def test_other_things_are_no_programs(function: Any, problem: str) -> None:
    with pytest.raises(ProgramError, match=problem):
        program(function)


def test_lookup_finds_the_last_definition() -> None:
    assert lookup("transfer") is transfer
    assert lookup(pay.name) is pay
    assert pay.name == f"{__name__}.pay"
    again = PythonProgram(pay.function)
    assert lookup(pay.name) is again
    assert again == pay
    with pytest.raises(UnknownProgramError, match=r"'no\.such' is not known; import .*--programs MODULE"):
        lookup("no.such")


def test_native_definitions_are_checked() -> None:
    with pytest.raises(ProgramError, match="is built in; choose another name"):
        NativeProgram("transfer", (Parameter("x", "key"),), "a.b:c")
    assert lookup("transfer") is transfer
    with pytest.raises(ProgramError, match="two parameters of one name"):
        NativeProgram("mine", (Parameter("x", "key"), Parameter("x", "u64")), "a.b:c")
    with pytest.raises(ProgramError, match=r"is not package\.module:attribute"):
        NativeProgram("mine", (), "a.b")
    with pytest.raises(ProgramError, match="is not a text of 1 to 512 bytes"):
        NativeProgram("x" * 513, (), "a.b:c")
    with pytest.raises(ProgramError, match="of kind 'i64'; use one of key, keys"):
        Parameter("x", "i64")  # type: ignore[arg-type]
    with pytest.raises(LimitError, match="the default of x is -1"):
        Parameter("x", "u64", -1)


def test_programs_survive_pickling() -> None:
    assert pickle.loads(pickle.dumps(transfer)) == transfer

    @program
    def recursive(ctx: Any, depth: int) -> int:
        return 0 if depth == 0 else 1 + int(recursive(ctx, depth - 1))  # type: ignore[call-overload]

    copy = pickle.loads(cloudpickle.dumps(recursive))
    assert copy(None, 5) == 5
    assert copy.name == recursive.name
    assert pickle.loads(cloudpickle.dumps(pay)).name == pay.name


def test_recorded_is_checked() -> None:
    recorded = Recorded(gas_used=1, seconds=0.5, reads=[b"a"], writes=(), adds={b"b": 3})  # type: ignore[arg-type]
    assert recorded.reads == (b"a",)
    for bad in ({"gas_used": -1}, {"reads": [bytes(65)]}, {"adds": {b"a": 1 << 256}}):
        with pytest.raises(LimitError, match="recorded"):
            Recorded(**bad)
    for seconds in (-1.0, float("nan"), float("inf"), "1", True):
        with pytest.raises(ProgramError, match="recorded seconds are"):
            Recorded(seconds=seconds)  # type: ignore[arg-type]
