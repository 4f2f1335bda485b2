"""Strict reading of the JSON that Ethereum nodes answer with, and of the numbers and bytes in it.

Whatever is wrong is a `ContentError` that says where in the file, what, and the fix; `named` puts the
file's name before it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from blockstm.errors import EthereumInputError, shown, shown_path
from blockstm.files.content import ContentError, open_input
from blockstm.files.json_answers import JsonFields, json_answer
from blockstm.limits import ETHEREUM_JSON_BYTES_MAX

_QUANTITY: Final = re.compile(r"0x[0-9a-fA-F]+")
_QUANTITY_DIGITS_MAX: Final = 64
AUTHORIZATION_VARIABLE: Final = "BLOCKSTM_RPC_AUTHORIZATION"
"""The environment variable with the header Authorization for a node; an option could be seen by other users."""
ADDRESS_BYTES: Final = 20
HASH_BYTES: Final = 32


@contextmanager
def named(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn the `ContentError` of what is inside into an `EthereumInputError` that names the file."""
    try:
        yield
    except ContentError as error:
        raise EthereumInputError(f"{shown_path(path)}: {error}") from error


def read_json(path: str | os.PathLike[str]) -> object:
    """Return what a node answered, without the JSON-RPC envelope that may be around it.

    Arguments:
        path: JSON text in UTF-8, plain or compressed with zstd or gzip (the content tells), at most
            ETHEREUM_JSON_BYTES_MAX bytes.

    Raises:
        EthereumInputError: the file is missing, too large, damaged or not JSON, an object in it names a key
            twice, or it is a node's report of an error.
    """
    with named(path), open_input(path, EthereumInputError) as file:
        return decode_answer(file)


def decode_answer(file: BinaryIO) -> object:
    """Return what `read_json` does, of an open file.

    Raises:
        ContentError: as `read_json`.
    """
    return json_answer(file, ETHEREUM_JSON_BYTES_MAX, "a state is shortest as one object for the whole block")


def quantity(value: object, bits: int) -> int:
    """Return a number that is written as 0x and hex digits.

    Raises:
        ValueError: it is not, or takes more than `bits` bits; the text completes "it is not ...".
    """
    if not isinstance(value, str) or len(value) > _QUANTITY_DIGITS_MAX + 2 or not _QUANTITY.fullmatch(value):
        raise ValueError(f"0x and 1 to {(bits + 3) // 4} hex digits")
    number = int(value, 16)
    if number >> bits:
        raise ValueError(f"a number of at most {bits} bits")
    return number


def data(value: object, length: int | None = None) -> bytes:
    """Return the bytes that are written as 0x and two hex digits each, in either case.

    Raises:
        ValueError: it is not that, or not `length` bytes; the text completes "it is not ...".
    """
    count = "pairs of" if length is None else str(2 * length)
    problem = f"0x and {count} hex digits"
    if (
        not isinstance(value, str)
        or value[:2] != "0x"
        or (length is not None and len(value) != 2 * length + 2)
    ):
        raise ValueError(problem)
    try:
        decoded = bytes.fromhex(value[2:])
    except ValueError:
        raise ValueError(problem) from None
    if 2 * len(decoded) + 2 != len(value):  # fromhex passes over spaces
        raise ValueError(problem)
    return decoded


class Fields(JsonFields):
    """The fields of one JSON object of a node's answer; numbers and bytes are text that begins with 0x."""

    def quantity(self, name: str, bits: int = 64) -> int:
        """Return a field that is a number of at most that many bits."""
        value = self[name]
        try:
            return quantity(value, bits)
        except ValueError as error:
            self.refuse(f"field {name} is {shown(value)}, which is not {error}")

    def data(self, name: str, length: int | None = None) -> bytes:
        """Return a field that is bytes: `length` of them, if that is given."""
        value = self[name]
        try:
            return data(value, length)
        except ValueError as error:
            self.refuse(f"field {name} is {shown(value)}, which is not {error}")
