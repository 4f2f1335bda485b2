"""Decoding the content of a block file: strict and bounded.

The content comes in pieces, and each batch of what is decoded from a piece is checked before the next is
made, so that a hostile file is found out early and cheaply. docs/reference/block-file.md specifies the format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from operator import lt
from types import MappingProxyType
from typing import Any, Final

import msgpack

import blockstm.programs.built_in  # noqa: F401 - registers what files may name without a further import
from blockstm.blocks.block_header import BlockHeader
from blockstm.blocks.columns import all_below, all_of
from blockstm.blocks.packed import RECORDED_FIELDS, PackedBlock
from blockstm.blocks.row_check import RowChecker
from blockstm.blocks.section_check import SectionChecker
from blockstm.blocks.sections import NO_SECTIONS, PER_TRANSACTION, SECTIONS, PackedSections
from blockstm.errors import LimitError, UsageError, one_line, shown
from blockstm.files.content import ContentError
from blockstm.limits import (
    ACCESSES_MAX,
    ARGUMENTS_BYTES_MAX,
    BLOCK_HEADER_BYTES_MAX,
    BLOCK_ROW_BYTES_MAX,
    BYTES_ARGUMENT_BYTES_MAX,
    KEY_BYTES_MAX,
    KEYS_MAX,
    PROGRAMS_MAX,
    TRANSACTIONS_MAX,
    VALUE_BYTES_MAX,
)
from blockstm.programs.arguments import unique_dict
from blockstm.programs.program import Program, lookup

FORMAT: Final = "blockstm-block"
VERSION_PLAIN: Final = 1
VERSION_WITH_SECTIONS: Final = 2
"""A block with any of the optional sections is of this version; one without is written as it always was."""

_HEADER_FIELDS: Final = ("format", "version", "chain", "number", "meta", "programs", "counts")
_COUNT_LIMITS: Final = {"keys": KEYS_MAX, "state": KEYS_MAX, "transactions": TRANSACTIONS_MAX}
_AGAIN: Final = "make the file again"


def decode(pieces: Iterator[bytes]) -> tuple[BlockHeader, PackedBlock]:
    """Return the block that the content of a block file holds, all of it checked.

    Arguments:
        pieces: the content, decompressed, in pieces of moderate size.

    Raises:
        ContentError: the content is not that of a block file, or breaks a rule or a limit.
        UnknownProgramError: it names a program that no imported module defines.
    """
    sections = _Sections(pieces)
    header, programs, counts = _decode_header(sections)
    keys = _decode_keys(sections, counts["keys"])
    state = _decode_state(sections, counts["state"], len(keys))
    rows = _decode_rows(sections, counts["transactions"], RowChecker(programs, len(keys)))
    checker = SectionChecker(len(keys), len(rows))
    optional = {
        name: _decode_section(sections, name, counts[name], checker) for name in SECTIONS if name in counts
    }
    sections.expect_end()
    return header, PackedBlock(
        tuple(programs), tuple(keys), state, rows, PackedSections(**optional) if optional else NO_SECTIONS
    )


def decode_header(pieces: Iterator[bytes]) -> tuple[BlockHeader, list[Program], dict[str, int], int]:
    """Return the header of a block file, its programs and counts, and at what byte of the content it ends.

    Arguments:
        pieces: the content, or its beginning; for the errors see `decode`.
    """
    sections = _Sections(pieces)
    return *_decode_header(sections), sections.offset


class _Sections:
    """Decodes one section after the other out of the pieces of the content.

    Arguments:
        pieces: the content.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = b""
        self._piece_start = 0
        self._section_start = 0
        self._name = ""
        self._unpacker = msgpack.Unpacker()

    def begin(self, name: str, **limits: Any) -> None:
        """Begin the next section where the last one ended, with limits of its own for the decoder."""
        rest = self._piece[self.offset - self._piece_start :]
        self._section_start = self.offset
        self._name = name
        self._unpacker = msgpack.Unpacker(
            **{"object_pairs_hook": unique_dict, "max_buffer_size": BLOCK_ROW_BYTES_MAX, **limits}
        )
        self._unpacker.feed(rest)

    @property
    def offset(self) -> int:
        """How many bytes of the content are decoded."""
        return self._section_start + int(self._unpacker.tell())

    def one(self) -> object:
        """Decode one object."""
        return next(self.batches(1))[0]

    def expect_array(self, length: int) -> None:
        """Decode the head of an array of an announced length."""
        self._expect("an array", self._unpacker.read_array_header, length)

    def expect_map(self, length: int) -> None:
        """Decode the head of a map of an announced length."""
        self._expect("a map", self._unpacker.read_map_header, length)

    def _expect(self, what: str, read_header: Callable[[], int], length: int) -> None:
        while True:
            try:
                found = read_header()
                break
            except msgpack.OutOfData:
                self._feed()
            except ValueError:
                raise self.bad(f"it is not {what}") from None
        if found != length:
            raise self.bad(f"it has {found} entries, but the header announces {length}")

    def batches(self, count: int) -> Iterator[list[Any]]:
        """Decode `count` objects, and yield them in lists as they come."""
        while count:
            try:
                batch = list(islice(self._unpacker, count))
            except (ValueError, TypeError, msgpack.UnpackException, RecursionError) as error:
                raise self.bad(_reason(error)) from error
            if batch:
                count -= len(batch)
                yield batch
            if count:
                self._feed()

    def _feed(self) -> None:
        piece = next(self._pieces, None)
        if piece is None:
            raise self.bad("the content ends too early")
        self._piece_start += len(self._piece)
        self._piece = piece
        try:
            self._unpacker.feed(piece)
        except msgpack.BufferFull:
            raise self.bad("an object is larger than it may be") from None

    def expect_end(self) -> None:
        """Check that the content ends here."""
        if self.offset != self._piece_start + len(self._piece) or any(self._pieces):
            raise ContentError(f"content byte {self.offset}: something follows the last section; {_AGAIN}")

    def bad(self, problem: str) -> ContentError:
        """Return the error of a problem in this section."""
        return ContentError(f"{self._name}, near byte {self.offset} of the content: {problem}; {_AGAIN}")


def _reason(error: Exception) -> str:
    if isinstance(error, msgpack.StackError | RecursionError):
        return "it is nested too deep"
    if isinstance(error, msgpack.FormatError):
        return "this is not msgpack"
    text = one_line(str(error))
    return f"something is longer than it may be: {text}" if "exceeds max_" in text else text


def _decode_header(sections: _Sections) -> tuple[BlockHeader, list[Program], dict[str, int]]:
    sections.begin("header", max_buffer_size=BLOCK_HEADER_BYTES_MAX)
    header = sections.one()
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise ContentError(f"header: it does not say format {FORMAT}, so it is not a block file; name one")
    version = header.get("version")
    if type(version) is not int or version not in (VERSION_PLAIN, VERSION_WITH_SECTIONS):
        raise ContentError(
            f"header: version is {shown(version)}, and this blockstm reads versions {VERSION_PLAIN} and "
            f"{VERSION_WITH_SECTIONS}; "
            "make the file again, or use the blockstm that made it"
        )
    for name in set(_HEADER_FIELDS).symmetric_difference(header):
        problem = "is missing" if name in _HEADER_FIELDS else "is unknown"
        raise ContentError(f"header: field {shown(name)} {problem}; {_AGAIN}")
    try:
        block_header = BlockHeader(header["chain"], header["number"], header["meta"])
    except (UsageError, LimitError) as error:
        raise ContentError(f"header: {error}") from error
    counts = _decode_counts(header["counts"], SECTIONS if version == VERSION_WITH_SECTIONS else ())
    return block_header, _decode_programs(header["programs"]), counts


def _decode_programs(names: object) -> list[Program]:
    if (
        not isinstance(names, list)
        or len(names) > PROGRAMS_MAX
        or not all(type(name) is str for name in names)
    ):
        raise ContentError(f"header: programs is not a list of at most {PROGRAMS_MAX} names; {_AGAIN}")
    if len(set(names)) != len(names):
        raise ContentError(f"header: programs holds a name twice; {_AGAIN}")
    return [lookup(name) for name in names]


def _decode_counts(counts: object, optional: Sequence[str]) -> dict[str, int]:
    if not isinstance(counts, dict) or not _COUNT_LIMITS.keys() <= counts.keys():
        raise ContentError(f"header: counts does not hold {', '.join(_COUNT_LIMITS)}; {_AGAIN}")
    for name, count in counts.items():
        if name not in _COUNT_LIMITS and name not in optional:
            raise ContentError(f"header: counts holds {shown(name)}, which is unknown; {_AGAIN}")
        limit = _COUNT_LIMITS.get(name, KEYS_MAX)
        if type(count) is not int or not 0 <= count <= limit:
            raise ContentError(
                f"header: count of {name} is {shown(count)}; it must be from 0 to {limit}: {_AGAIN}"
            )
    for name in PER_TRANSACTION:
        if counts.get(name, counts["transactions"]) != counts["transactions"]:
            raise ContentError(
                f"header: count of {name} is {counts[name]}; it must be that of transactions, "
                f"{counts['transactions']}: {_AGAIN}"
            )
    return counts


def _decode_keys(sections: _Sections, count: int) -> list[bytes]:
    sections.begin("keys", max_bin_len=KEY_BYTES_MAX, max_str_len=0, max_array_len=0, max_map_len=0)
    sections.expect_array(count)
    keys: list[bytes] = []
    for batch in sections.batches(count):
        if not all_of(batch, bytes):
            raise sections.bad("a key is not bytes")
        keys += batch
    if len(set(keys)) != len(keys):
        raise sections.bad("a key comes twice")
    return keys


def _decode_state(sections: _Sections, count: int, key_count: int) -> dict[int, bytes]:
    sections.begin("state", max_bin_len=VALUE_BYTES_MAX, max_str_len=0, max_array_len=0, max_map_len=0)
    sections.expect_map(count)
    state: dict[int, bytes] = {}
    flat: list[Any] = []
    for batch in sections.batches(2 * count):
        flat += batch
        whole = len(flat) & ~1  # a batch may end between an index and its value
        indexes, values = flat[:whole:2], flat[1:whole:2]
        del flat[:whole]
        if not all_below(indexes, key_count):
            raise sections.bad(f"it holds something other than indexes of the {key_count} keys")
        if all_of(values, bytes):
            state.update(zip(indexes, values, strict=True))
        else:
            _add_sharing(sections, state, indexes, values)
    if len(state) != count:
        raise sections.bad("a key index comes twice")
    return state


def _add_sharing(sections: _Sections, state: dict[int, bytes], indexes: list[int], values: list[Any]) -> None:
    """Add values of which some are the index of a key before them, whose value they share."""
    for index, value in zip(indexes, values, strict=True):
        shared = state.get(value) if type(value) is int else value
        if type(shared) is not bytes:
            raise sections.bad("a value is neither bytes nor the index of a key before it")
        state[index] = shared


def _read_only(pairs: list[tuple[Any, Any]]) -> Mapping[Any, Any]:
    return MappingProxyType(unique_dict(pairs))


def _decode_rows(sections: _Sections, count: int, checker: RowChecker) -> tuple[tuple[Any, ...], ...]:
    sections.begin(
        "transactions",
        max_bin_len=max(ARGUMENTS_BYTES_MAX, BYTES_ARGUMENT_BYTES_MAX),
        max_str_len=max(map(len, RECORDED_FIELDS)),
        max_array_len=2 * ACCESSES_MAX,
        max_map_len=len(RECORDED_FIELDS),
        use_list=False,
        object_pairs_hook=_read_only,
    )
    sections.expect_array(count)
    rows: list[tuple[Any, ...]] = []
    for batch in sections.batches(count):
        checker.check(batch, len(rows))
        rows += batch
    return tuple(rows)


def _decode_section(
    sections: _Sections, name: str, count: int, checker: SectionChecker
) -> tuple[Any, ...] | None:
    sections.begin(
        name,
        max_bin_len=VALUE_BYTES_MAX,
        max_str_len=0,
        max_array_len=2 * ACCESSES_MAX,
        max_map_len=0,
        use_list=False,
    )
    sections.expect_array(count)
    entries: list[Any] = []
    for batch in sections.batches(count):
        checker.check(name, batch, len(entries))
        entries += batch
    if name == "access_list":
        indexes = [entry[0] for entry in entries]
        if not all(map(lt, indexes, indexes[1:])):
            raise sections.bad("the entries are not in ascending order of their keys' indexes, each once")
    elif entries.count(None) == len(entries):  # says nothing
        return None
    return tuple(entries)
