"""Access traces: JSON Lines that say what each transaction of a block read, wrote and added.

docs/reference/access-trace.md specifies the format. A trace becomes a block of `trace` transactions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from blockstm.blocks.block import Block
from blockstm.errors import (
    AccessTraceError,
    ProgramError,
    UsageError,
    shown,
    shown_path,
    type_shown,
)
from blockstm.files.content import ContentError, content_pieces, open_input, reason_of
from blockstm.files.strict_json import decode_json
from blockstm.limits import ACCESS_TRACE_BYTES_MAX, ACCESS_TRACE_LINE_BYTES_MAX, TRANSACTIONS_MAX, U64_MAX
from blockstm.programs.built_in import trace
from blockstm.programs.declared import ACCESS_KINDS, Declared, Hints
from blockstm.programs.parameters import check_integer
from blockstm.programs.transaction import Recorded, Transaction

FORMAT: Final = "access-trace"
VERSION_PLAIN: Final = 1
VERSION_TOLD: Final = 2
"""A trace that says more of a transaction than what was measured is of this version."""

_HEADER_REQUIRED: Final = frozenset(("format", "version", "transactions"))
_HEADER_OPTIONAL: Final = frozenset(("chain", "number", "fork"))
_LINE_REQUIRED: Final = frozenset(("gas_used", "reads", "writes", "adds"))
_LINE_OPTIONAL: Final = {
    VERSION_PLAIN: frozenset(("seconds",)),
    VERSION_TOLD: frozenset(("seconds", "declared", "hints", "arrival_nanoseconds")),
}
_KEY: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_AMOUNT: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")


def read_access_trace(path: str | os.PathLike[str]) -> Block:
    """Return the block of `trace` transactions that an access trace describes.

    Arguments:
        path: the trace, plain or zstd-compressed; its content tells which, not its name.

    Raises:
        AccessTraceError: the file is missing or damaged, or a line is bad; names file and line.
    """
    reader = _Reader()
    with open_input(path, AccessTraceError) as file:
        try:
            return reader.read(_lines(content_pieces(file, ACCESS_TRACE_BYTES_MAX)))
        except ContentError as error:
            place = f"after line {reader.line}: " if reader.line else ""
            raise AccessTraceError(f"{shown_path(path)}: {place}{error}") from error
        except (ValueError, ProgramError) as error:
            raise AccessTraceError(
                f"{shown_path(path)}: line {reader.line}: {error}; correct the line or record it again"
            ) from error
        except MemoryError:
            raise AccessTraceError(
                f"{shown_path(path)}: line {reader.line}: no memory is left; split the block"
            ) from None
        except OSError as error:
            raise AccessTraceError(
                f"{shown_path(path)}: cannot be read: {reason_of(error)}; try again"
            ) from error


def record_trace(input_path: str | os.PathLike[str], output_path: str | os.PathLike[str]) -> Block:
    """Make a .block file of an access trace, whole or not at all, and return the block.

    Arguments:
        input_path: the trace, plain or zstd-compressed.
        output_path: the .block file; an existing one is replaced.

    Raises:
        AccessTraceError: the trace is missing, damaged or bad.
        BlockFileError: the block file cannot be written.
        LimitError: the block is larger than a file may be.
        UsageError: both paths name one file.
    """
    block = read_access_trace(input_path)
    if os.path.exists(output_path) and os.path.samefile(input_path, output_path):
        raise UsageError(f"{shown_path(output_path)}: is the trace itself; name another output file")
    block.save(output_path)
    return block


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    parts: list[bytes] = []
    for piece in pieces:
        first, *others = piece.split(b"\n")
        parts.append(first)
        if sum(map(len, parts)) > ACCESS_TRACE_LINE_BYTES_MAX:
            raise ContentError(f"a line is longer than {ACCESS_TRACE_LINE_BYTES_MAX} bytes; split it")
        if others:
            yield b"".join(parts)
            yield from others[:-1]
            parts = others[-1:]
    if last := b"".join(parts):
        yield last


class _KeyCache(dict[str, bytes]):
    """Decodes each key once."""

    def __missing__(self, text: str) -> bytes:
        if not _KEY.fullmatch(text):
            raise ValueError(f"key {shown(text)} is not 0x and pairs of hex digits")
        key = self[text] = bytes.fromhex(text[2:])
        return key


class _Reader:
    """Turns the lines of a trace into a block; `line` is the number of the line at work, from 1."""

    def __init__(self) -> None:
        self.line = 0
        self._keys = _KeyCache()
        self._line_optional: frozenset[str] = frozenset()

    def read(self, lines: Iterator[bytes]) -> Block:
        """Return the block of all lines."""
        self.line = 1
        header = self._header(next(lines, b""))
        announced = header["transactions"]
        transactions: list[Transaction] = []
        for line in lines:
            self.line += 1
            if len(transactions) == announced:
                raise ValueError(f"the header announces {announced} transactions, but here is one more")
            transactions.append(self._transaction(line))
        if len(transactions) < announced:
            self.line += 1
            raise ValueError(
                f"the header announces {announced} transactions, but the file ends after {len(transactions)}"
            )
        self.line = 1  # what the header says about the block is checked by the block
        meta = {"fork": header["fork"]} if header.get("fork") is not None else {}
        return Block(transactions, chain=header.get("chain"), number=header.get("number"), meta=meta)

    def _header(self, line: bytes) -> dict[str, Any]:
        if not line:
            raise ValueError("the header is missing")
        header = self._object(line)
        if header.get("format") != FORMAT:
            raise ValueError(f"the header does not say format {FORMAT}, so this is not an access trace")
        if type(header.get("version")) is not int or header["version"] not in _LINE_OPTIONAL:
            raise ValueError(
                f"version is {shown(header.get('version'))}, and this blockstm reads versions {VERSION_PLAIN} "
                f"and {VERSION_TOLD}"
            )
        self._line_optional = _LINE_OPTIONAL[header["version"]]
        _check_fields(header, _HEADER_REQUIRED, _HEADER_OPTIONAL)
        count = header["transactions"]
        if type(count) is not int or not 0 <= count <= TRANSACTIONS_MAX:
            raise ValueError(f"transactions is {shown(count)}; it must be from 0 to {TRANSACTIONS_MAX}")
        if not isinstance(header.get("fork"), str | None):
            raise ValueError(f"fork is {shown(header['fork'])}, not text")
        return header

    def _transaction(self, line: bytes) -> Transaction:
        fields = self._object(line)
        _check_fields(fields, _LINE_REQUIRED, self._line_optional)
        gas_used = check_integer(fields["gas_used"], U64_MAX, "gas_used")
        arguments = (
            self._key_list(fields["reads"], "reads"),
            self._key_list(fields["writes"], "writes"),
            self._amounts(fields["adds"]),
            gas_used,
        )
        return Transaction(
            trace, arguments, None, Recorded(gas_used, fields.get("seconds")), **self._told(fields)
        )

    def _told(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Return what a line says of the transaction beside what was measured."""
        decoders: dict[str, Callable[[Any], object]] = {
            "declared": lambda value: Declared(**self._keys_by_access(value, "declared")),
            "hints": lambda value: Hints(**self._keys_by_access(value, "hints")),
            "arrival_nanoseconds": lambda value: check_integer(value, U64_MAX, "arrival_nanoseconds"),
        }
        return {name: decode(fields[name]) for name, decode in decoders.items() if name in fields}

    def _keys_by_access(self, value: object, what: str) -> dict[str, list[bytes]]:
        if not isinstance(value, dict):
            raise ValueError(f"{what} is {shown(value)}, not an object of reads, writes and adds")
        found = {}
        try:
            _check_fields(value, frozenset(ACCESS_KINDS), frozenset())
            for kind in ACCESS_KINDS:
                found[kind] = keys = self._key_list(value[kind], kind)
                if len(set(keys)) != len(keys):
                    raise ValueError(f"{kind} names a key twice")
        except ValueError as error:
            raise ValueError(f"{what}: {error}") from None
        return found

    def _object(self, line: bytes) -> dict[str, Any]:
        decoded = decode_json(line.decode())
        if not isinstance(decoded, dict):
            raise ValueError(f"it is {type_shown(decoded)}, not a JSON object")
        return decoded

    def _key_list(self, keys: object, name: str) -> list[bytes]:
        if not isinstance(keys, list):
            raise ValueError(f"{name} is {shown(keys)}, not a list of keys")
        for key in keys:
            if not isinstance(key, str):
                raise ValueError(f"{name} holds {shown(key)}, which is not a key")
        return [self._keys[key] for key in keys]

    def _amounts(self, adds: object) -> dict[bytes, int]:
        if not isinstance(adds, dict):
            raise ValueError(f"adds is {shown(adds)}, not an object of keys and amounts")
        amounts: dict[bytes, int] = {}
        for text, amount in adds.items():
            if not isinstance(amount, str) or not _AMOUNT.fullmatch(amount):
                raise ValueError(f"amount {shown(amount)} is not 0x and 1 to 64 hex digits")
            amounts[self._keys[text]] = int(amount, 16)
        if len(amounts) != len(adds):
            raise ValueError("adds names a key twice")
        return amounts


def _check_fields(fields: dict[str, Any], required: frozenset[str], optional: frozenset[str]) -> None:
    for name in sorted(required.difference(fields)):
        raise ValueError(f"field {name} is missing")
    for name in sorted(set(fields) - required - optional):
        raise ValueError(f"field {shown(name)} is unknown")
