"""Block files for tests: their content, files with any content, and a reader of its own after the specification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

from blockstm.blocks.block import Block
from blockstm.errors import BlockFileError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.parameters import Parameter
from blockstm.programs.program import NativeProgram, program
from blockstm.programs.transaction import Recorded, Transaction

OPTIONAL_SECTIONS = ("declared", "hints", "arrival_nanoseconds", "access_list")


@program
def note(ctx: Any, *values: object) -> None:
    """Takes anything."""


raw = NativeProgram("tests.blockfile.raw", (Parameter("raw", "bytes"),), "some.module:capsule")


def varied_block() -> Block:
    """Return a block with native, Python and foreign programs, arguments of many types, and a record."""
    recorded = Recorded(
        gas_used=21_000, seconds=0.25, reads=(b"a", b"z"), writes=(b"a",), adds={b"e": 1 << 70}
    )
    return Block(
        [
            transfer.txn(b"a", b"b", 5, gas_limit=9),
            transfer.txn(b"b", b"c", 1 << 255, work=3),
            trace.txn([b"a", b"a"], [b"d"], {b"e": 1 << 64, b"a": 1}, 21_000),
            note.txn(1, [2, {"x": 1 << 200}], None),
            raw.txn(bytes(range(256)) * 512),
            Transaction(trace, ([], [], {}, 0), None, recorded),
        ],
        {b"a": b"\x05", b"only in state": b"\x01\x02"},
        chain="test",
        number=7,
        meta={"fork": "x"},
    )


def content_of(path: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompress(path.read_bytes())


def compress(content: bytes, **options: Any) -> bytes:
    return zstandard.ZstdCompressor(**{"write_checksum": True, **options}).compress(content)


def write_objects(path: Path, objects: list[Any]) -> None:
    """Write a file that has these objects for its content, however wrong they are."""
    path.write_bytes(compress(b"".join(map(msgpack.packb, objects))))


def refused(path: Path, expected: str = "") -> str:
    """Load a bad file; return the message after checking its form."""
    with pytest.raises(BlockFileError) as caught:
        Block.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300
    assert expected in message
    return message


def read_by_the_page(path: Path) -> dict[str, Any]:
    """Return what docs/reference/block-file.md says that a file holds, with keys in the place of their indexes.

    It uses zstd and msgpack alone, and insists on every rule of the page about the optional sections.
    """
    unpacker = msgpack.Unpacker(strict_map_key=False, max_buffer_size=0)
    unpacker.feed(content_of(path))
    header, keys, _, rows, *following = unpacker
    there = [name for name in OPTIONAL_SECTIONS if name in header["counts"]]
    assert header["version"] in (1, 2)
    assert header["version"] == 2 or not there
    assert set(header["counts"]) == {"keys", "state", "transactions", *there}
    assert len(following) == len(there)
    found: dict[str, Any] = {"header": header, "transactions": len(rows), "keys": set(keys)}
    for name, section in zip(there, following, strict=True):
        assert header["counts"][name] == len(section)
        if name == "access_list":
            found[name] = _access_list(section, keys, len(rows))
            continue
        assert len(section) == len(rows)
        if name == "arrival_nanoseconds":
            assert all(entry is None or (type(entry) is int and 0 <= entry < 1 << 64) for entry in section)
            found[name] = section
        else:
            found[name] = [None if entry is None else _accesses(entry, keys) for entry in section]
    return found


def _accesses(entry: list[list[int]], keys: list[bytes]) -> dict[str, set[bytes]]:
    reads, writes, adds = entry
    for indexes in entry:
        assert indexes == sorted(set(indexes))
    named = {"reads": reads, "writes": writes, "adds": adds}
    return {kind: {keys[index] for index in indexes} for kind, indexes in named.items()}


def _access_list(
    section: list[Any], keys: list[bytes], transactions: int
) -> dict[bytes, tuple[dict[int, bytes | None], list[int]]]:
    indexes = [key for key, _, _ in section]
    assert indexes == sorted(set(indexes))
    found = {}
    for key, changes, reads in section:
        for places in (changes[::2], reads):
            assert places == sorted(set(places))
            assert all(0 <= place <= transactions + 1 for place in places)
        assert all(value is None or type(value) is bytes for value in changes[1::2])
        found[keys[key]] = (dict(zip(changes[::2], changes[1::2], strict=True)), reads)
    return found
