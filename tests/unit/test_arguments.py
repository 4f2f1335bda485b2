"""The values that Python programs can be given."""

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.errors import ProgramError
from blockstm.limits import ARGUMENTS_BYTES_MAX, ARGUMENTS_DEPTH_MAX
from blockstm.programs.arguments import check_encoded_arguments, decode_arguments, encode_arguments

INTEGER_MAX = (1 << 256) - 1
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(SCALARS, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=4))
def test_what_is_encoded_comes_back(arguments: list[object]) -> None:
    encoded = encode_arguments(arguments)
    assert decode_arguments(encoded) == arguments
    assert check_encoded_arguments(encoded) == arguments


@given(st.binary(max_size=60))
def test_bytes_of_unknown_origin_decode_or_are_refused(data: bytes) -> None:
    try:
        decoded = check_encoded_arguments(data)
    except ProgramError:
        return
    assert decode_arguments(encode_arguments(decoded)) == decoded or "nan" in repr(decoded)


@pytest.mark.parametrize("bits", [63, 64, 65, 255, 256])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("step", [-1, 0])
def test_integers_around_the_edges(bits: int, sign: int, step: int) -> None:
    value = sign * ((1 << bits) + step)
    if abs(value) > INTEGER_MAX:
        with pytest.raises(ProgramError, match=r"argument 1: .*256 bits"):
            encode_arguments([value])
    else:
        assert decode_arguments(encode_arguments([value])) == [value]


def test_tuples_arrive_as_lists() -> None:
    assert decode_arguments(encode_arguments(((1, (2,)),))) == [[1, [2]]]


def test_big_integers_are_extension_1() -> None:
    raw = msgpack.unpackb(encode_arguments([-(1 << 64)]))
    assert raw == [msgpack.ExtType(1, b"\x01\x01" + bytes(8))]


def _nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


def _cycle() -> object:
    cycle: list[object] = []
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({1, 2}, "type set"),
        (object(), "type object"),
        (bytearray(b"x"), "type bytearray"),
        (msgpack.Timestamp(1, 2), "type Timestamp"),
        (msgpack.ExtType(1, b"\x00\x01"), "type ExtType"),
        (_nested(ARGUMENTS_DEPTH_MAX + 1), "nested deeper"),
        (_cycle(), "nested deeper"),
        ({(1, 2): 3}, "tuple cannot be the key"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_other_values_are_refused(value: object, problem: str) -> None:
    with pytest.raises(ProgramError, match=problem) as caught:
        encode_arguments([b"fine", value])
    assert "\n" not in str(caught.value)


def test_too_many_bytes_are_refused() -> None:
    with pytest.raises(ProgramError, match="put large data into the state"):
        encode_arguments([bytes(ARGUMENTS_BYTES_MAX)])
    with pytest.raises(ProgramError, match="the limit is"):
        check_encoded_arguments(bytes(ARGUMENTS_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x91",
        b"\x01",
        b"\x90\x90",
        b"\xc1",
        b"\x91" * 2000 + b"\x90",
        b"\x91" * 40 + b"\x90",
        b"\x91\x82\x01\x01\x01\x01",  # a key twice
        b"\x91\x81\x90\x01",  # a list as key
        b"\x91\xd6\xff\x00\x00\x00\x00",  # a timestamp
        b"\x91\xd4\x02\x00",  # extension 2
        b"\x91\xd5\x01\x00\x01",  # a small integer as extension
        msgpack.packb([msgpack.ExtType(1, b"\x02" + bytes([1] * 9))]),  # no such sign
        msgpack.packb([msgpack.ExtType(1, b"\x00\x00" + bytes([1] * 9))]),  # a leading zero
        msgpack.packb([msgpack.ExtType(1, b"\x00" + bytes([1] * 33))]),  # beyond 256 bits
        msgpack.packb([msgpack.ExtType(1, b"")]),
        b"\xdd\xff\xff\xff\xff",
    ],
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ProgramError) as caught:
        check_encoded_arguments(data)
    assert "\n" not in str(caught.value)
