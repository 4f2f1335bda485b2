"""The values that a transaction may hand to a Python program, and how they are written as bytes.

Allowed are None, bool, int (magnitude below 2**256), float, str, bytes, lists, and dicts of those whose keys
are scalars. A program gets what it would get from a file: tuples arrive as lists. The encoding is msgpack; an
integer that does not fit 64 bits is extension type 1: a sign byte (0 or 1) and the big-endian magnitude.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgpack

from blockstm.errors import ProgramError, one_line, shown, type_shown
from blockstm.limits import ARGUMENTS_BYTES_MAX, ARGUMENTS_DEPTH_MAX, U64_MAX, U256_MAX

BIG_INTEGER_EXTENSION = 1

_I64_MIN = -(1 << 63)
_I64_MAX = (1 << 63) - 1
_SCALARS = (type(None), bool, float, str, bytes)


def plain(value: object, *, portable: bool = False, depth: int = 0) -> Any:
    """Return a copy of `value` made of the allowed types only; tuples become lists.

    Arguments:
        value: what to check and copy.
        portable: allow only what every msgpack library reads: integers of 64 bits with sign, str as keys.
        depth: how many containers `value` is already inside of.

    Raises:
        ValueError: a value is of another type, too large, or nested too deep; the text says which.
    """
    kind = type(value)
    if kind in _SCALARS:
        return value
    if isinstance(value, int) and kind is int:
        largest = _I64_MAX if portable else U256_MAX
        if -largest <= value <= largest:
            return value
        raise ValueError(f"{shown(value)} does not fit into {largest.bit_length()} bits")
    if depth >= ARGUMENTS_DEPTH_MAX:
        raise ValueError(f"lists and dicts are nested deeper than {ARGUMENTS_DEPTH_MAX}")
    if isinstance(value, list | tuple) and kind in (list, tuple):
        return [plain(item, portable=portable, depth=depth + 1) for item in value]
    if isinstance(value, dict) and kind is dict:
        return {
            _plain_key(key, portable): plain(item, portable=portable, depth=depth + 1)
            for key, item in value.items()
        }
    raise ValueError(
        f"a value of type {kind.__name__} cannot be kept in a block; "
        "use None, bool, int, float, str, bytes, list or dict"
    )


def _plain_key(key: object, portable: bool) -> object:
    if isinstance(key, list | tuple | dict) or (portable and type(key) is not str):
        raise ValueError(f"{type_shown(key)} cannot be the key of a dict here")
    return plain(key, portable=portable)


def encode_arguments(arguments: Iterable[object]) -> bytes:
    """Return the arguments of one transaction as bytes.

    Raises:
        ProgramError: an argument is of a type that cannot be kept, too large or nested too deep.
    """
    try:
        checked = [_numbered(number, argument) for number, argument in enumerate(arguments, start=1)]
        encoded: bytes = msgpack.packb(checked, default=_encode_other)
    except (TypeError, ValueError, OverflowError) as error:
        raise ProgramError(str(error)) from error
    if len(encoded) > ARGUMENTS_BYTES_MAX:
        raise ProgramError(
            f"the arguments take {len(encoded)} bytes; the limit is {ARGUMENTS_BYTES_MAX}: "
            "put large data into the state"
        )
    return encoded


def _numbered(number: int, argument: object) -> object:
    try:
        return plain(argument)
    except ValueError as error:
        raise ValueError(f"argument {number}: {error}") from error


def _encode_other(value: object) -> msgpack.ExtType:
    # plain() has let through nothing else that msgpack cannot write itself.
    if not isinstance(value, int):
        raise TypeError(f"a value of type {type(value).__name__} cannot be kept in a block")
    magnitude = abs(value)
    data = bytes([value < 0]) + magnitude.to_bytes((magnitude.bit_length() + 7) // 8, "big")
    return msgpack.ExtType(BIG_INTEGER_EXTENSION, data)


def decode_arguments(encoded: bytes) -> list[object]:
    """Return the arguments that `encode_arguments` wrote.

    Raises:
        ProgramError: the bytes are not such an encoding.
    """
    try:
        decoded = msgpack.unpackb(
            encoded, strict_map_key=False, ext_hook=_decode_extension, object_pairs_hook=unique_dict
        )
    except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
        raise ProgramError(f"the encoded arguments cannot be read: {one_line(str(error))}") from error
    if type(decoded) is not list:
        raise ProgramError("the encoded arguments are not a list")
    return decoded


def check_encoded_arguments(encoded: bytes) -> list[object]:
    """Decode bytes of unknown origin and check that the arguments are of the allowed types.

    Raises:
        ProgramError: the bytes are not an encoding of allowed arguments.
    """
    if len(encoded) > ARGUMENTS_BYTES_MAX:
        raise ProgramError(f"the arguments take {len(encoded)} bytes; the limit is {ARGUMENTS_BYTES_MAX}")
    decoded = decode_arguments(encoded)
    try:
        for number, argument in enumerate(decoded, start=1):
            _numbered(number, argument)
    except ValueError as error:
        raise ProgramError(str(error)) from error
    return decoded


def _decode_extension(code: int, data: bytes) -> int:
    magnitude = int.from_bytes(data[1:], "big")
    value = -magnitude if data[:1] == b"\x01" else magnitude
    minimal = 1 < len(data) <= 33 and data[0] <= 1 and data[1] != 0
    if code != BIG_INTEGER_EXTENSION or not minimal or _I64_MIN <= value <= U64_MAX:
        raise ValueError(f"extension type {code} with {shown(data)} is not an integer beyond 64 bits")
    return value


def unique_dict(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return the pairs of one decoded map as a dict; the object_pairs_hook of the strict decoders.

    Raises:
        ValueError: a key comes twice.
    """
    decoded = dict(pairs)
    if len(decoded) != len(pairs):
        raise ValueError("a key comes twice in one map")
    return decoded
