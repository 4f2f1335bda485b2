"""Hypothesis strategies for blocks over a user's programs.

They are put together of lists, tuples and choices from lists only, so that they shrink well: towards few
transactions, the first program, the first keys, and small values.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from blockstm.blocks.block import Block
from blockstm.errors import UsageError, shown
from blockstm.programs.parameters import REQUIRED, Parameter
from blockstm.programs.program import NativeProgram, Program, PythonProgram
from blockstm.programs.transaction import Transaction

__all__ = ["KEYS", "blocks", "transactions"]

KEYS: Final = (b"a", b"b", b"c", b"d")
NUMBER_MAX: Final = 100
ITEMS_MAX: Final = 3
BYTES_MAX: Final = 40

Arguments = Mapping[str, st.SearchStrategy[Any]]


def blocks(
    programs: Iterable[Program] | Mapping[Program, Arguments],
    *,
    state: Mapping[bytes, bytes | st.SearchStrategy[bytes]] | st.SearchStrategy[Mapping[bytes, bytes]] | None,
    keys: Sequence[bytes],
    min_transactions: int,
    max_transactions: int,
    gas_limit: st.SearchStrategy[int | None],
) -> st.SearchStrategy[Block]:
    """See `blockstm.testing.blocks`."""
    if not 0 <= min_transactions <= max_transactions:
        raise UsageError(
            f"{shown(min_transactions)} to {shown(max_transactions)} transactions: give 0 <= min <= max"
        )
    given = dict(programs) if isinstance(programs, Mapping) else {program: {} for program in programs}
    if not given:
        raise UsageError("programs is empty; give at least one program")
    one = st.one_of([transactions(program, own, keys, gas_limit) for program, own in given.items()])
    several = st.lists(one, min_size=min_transactions, max_size=max_transactions)
    if state is None:
        return on_numbers(several, keys)
    return st.builds(Block, several, given_state(state))


def transactions(
    program: Program,
    given: Arguments,
    keys: Sequence[bytes],
    gas_limit: st.SearchStrategy[int | None],
) -> st.SearchStrategy[Transaction]:
    """Return a strategy for transactions that run a program.

    Arguments:
        program: the program.
        given: strategies for its arguments by name; the others follow from type hints, or kinds.
        keys: the keys that an argument may be.
        gas_limit: a strategy for the gas limit.

    Raises:
        UsageError: an argument has neither a strategy nor a hint from which one follows.
    """
    if isinstance(program, NativeProgram):
        parameters = {parameter.name: of_kind(parameter, keys) for parameter in program.parameters}
    elif isinstance(program, PythonProgram):
        parameters = dict(of_hints(program, given, keys))
    else:
        raise UsageError(f"{shown(program)} is not a program; decorate a function with blockstm.program")
    unknown = [name for name in given if name not in parameters]
    if unknown:
        raise UsageError(
            f"program {program.name} has no parameter {shown(unknown[0])}; it has {', '.join(parameters)}"
        )
    arguments = st.tuples(*[given.get(name, strategy) for name, strategy in parameters.items()])
    return st.builds(Transaction, st.just(program), arguments, gas_limit)


def of_hints(
    program: PythonProgram[..., object], given: Arguments, keys: Sequence[bytes]
) -> Iterable[tuple[str, st.SearchStrategy[Any]]]:
    """Yield the parameters of a Python program, each with the strategy that follows from its hint or default."""
    try:
        hints = typing.get_type_hints(program.function)
    except Exception as error:  # a hint may be any expression
        raise UsageError(f"the type hints of program {program.name} cannot be resolved: {error}") from error
    for parameter in list(inspect.signature(program.function).parameters.values())[1:]:
        name = parameter.name
        if parameter.kind == parameter.VAR_POSITIONAL:
            continue
        if name in given:
            yield name, given[name]
        elif name in hints:
            strategy = of_hint(hints[name], keys)
            if strategy is None:
                raise UsageError(
                    f"program {program.name}: no strategy follows from {name}: {hints[name]}; give one: "
                    f"blocks({{program: {{{name!r}: ...}}}})"
                )
            yield name, strategy
        elif parameter.default is not parameter.empty:
            yield name, st.just(parameter.default)
        else:
            raise UsageError(
                f"program {program.name}: parameter {name} has neither a type hint nor a strategy; give one: "
                f"blocks({{program: {{{name!r}: ...}}}})"
            )


def of_hint(hint: Any, keys: Sequence[bytes]) -> st.SearchStrategy[Any] | None:
    """Return the strategy for a type hint, None where there is none."""
    simple: dict[Any, st.SearchStrategy[Any]] = {
        bytes: st.sampled_from(keys),
        bool: st.booleans(),
        int: st.integers(0, NUMBER_MAX),
        float: st.floats(allow_nan=False, width=32),
        str: st.text("abc", max_size=ITEMS_MAX),
        type(None): st.none(),
    }
    if hint in simple:
        return simple[hint]
    origin = typing.get_origin(hint)
    inner = [of_hint(argument, keys) for argument in typing.get_args(hint) if argument is not Ellipsis]
    parts = [strategy for strategy in inner if strategy is not None]
    if origin is typing.Literal:
        return st.sampled_from(typing.get_args(hint))
    if not parts or len(parts) < len(inner):
        return None
    if origin in (typing.Union, types.UnionType):
        return st.one_of(parts)
    if origin in (dict, Mapping):
        return st.dictionaries(*parts, max_size=ITEMS_MAX)
    if origin is tuple and Ellipsis not in typing.get_args(hint):
        return st.tuples(*parts)
    if origin in (list, tuple, Sequence):
        return st.lists(parts[0], max_size=ITEMS_MAX)
    return None


def of_kind(parameter: Parameter, keys: Sequence[bytes]) -> st.SearchStrategy[Any]:
    """Return the strategy for a parameter of a native program."""
    key, number = st.sampled_from(keys), st.integers(0, NUMBER_MAX)
    if parameter.kind == "key":
        return key
    if parameter.kind == "keys":
        return st.lists(key, max_size=ITEMS_MAX)
    if parameter.kind == "adds":
        return st.dictionaries(key, number, max_size=ITEMS_MAX)
    if parameter.kind == "bytes":
        return st.binary(max_size=BYTES_MAX)
    return number if parameter.default is REQUIRED else st.just(parameter.default)


def given_state(
    state: Mapping[bytes, bytes | st.SearchStrategy[bytes]] | st.SearchStrategy[Mapping[bytes, bytes]],
) -> st.SearchStrategy[Mapping[bytes, bytes]]:
    """Return the strategy for a state that the user has described."""
    if isinstance(state, st.SearchStrategy):
        return state
    return st.fixed_dictionaries(
        {
            key: value if isinstance(value, st.SearchStrategy) else st.just(value)
            for key, value in state.items()
        }
    )


@st.composite
def on_numbers(
    draw: st.DrawFn, transaction_lists: st.SearchStrategy[list[Transaction]], keys: Sequence[bytes]
) -> Block:
    """Draw a block on a state of numbers, for those keys that its transactions name.

    Most keys hold the same number. So a key in the arguments can be changed for another while the block shrinks,
    without the state changing at the same time.

    Arguments:
        draw: draws.
        transaction_lists: the strategy for the transactions.
        keys: the keys.
    """
    numbers = st.none() | st.integers(0, NUMBER_MAX)
    drawn = draw(transaction_lists)
    shared = draw(numbers)
    own = draw(st.dictionaries(st.sampled_from(keys), numbers))
    named = {part for transaction in drawn for part in parts(transaction.arguments)}
    held = {key: own.get(key, shared) for key in keys if key in named}
    state = {key: encoded(number) for key, number in held.items() if number is not None}
    return draw(st.builds(Block, st.just(drawn), st.just(state)))  # which hypothesis shows as this call


def encoded(number: int) -> bytes:
    """Return a number from 0 to NUMBER_MAX in the fewest bytes."""
    return number.to_bytes(number > 0, "big")


def parts(value: object) -> Iterator[bytes]:
    """Yield the bytes in an argument."""
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict):
        yield from parts([*value, *value.values()])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from parts(item)
