"""Block files that are refused: whatever is wrong with one is one clear error."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

from blockstm.blocks.block import Block
from blockstm.errors import BlockFileError, UnknownProgramError
from blockstm.limits import BLOCK_FILE_BYTES_MAX, VALUE_BYTES_MAX
from blockstm.programs.program import program
from tests.support.block_files import compress, content_of, note, raw, refused, varied_block, write_objects


@program
def exactly_two(ctx: Any, first: object, second: object) -> None:
    """Takes two arguments."""


# Damage.


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    varied_block().save(path)
    data = path.read_bytes()
    for length in range(len(data)):
        path.write_bytes(data[:length])
        refused(path)


def test_every_flipped_bit_is_refused_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    varied_block().save(path)
    data = path.read_bytes()
    harmless = []
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        try:
            loaded = Block.load(path)
        except BlockFileError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            assert loaded == varied_block()
            harmless.append(bit)
    # zstd leaves a few bits unused, and the checksum is of the content: only such bits may change unnoticed.
    assert len(harmless) < 8 * len(data) // 50, harmless


def test_damage_is_named_as_such_even_if_the_content_is_nonsense(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    varied_block().save(path)
    content = bytearray(content_of(path))
    content[-1] ^= 0xFF
    data = bytearray(compress(bytes(content)))
    data[-1] ^= 1
    path.write_bytes(data)
    assert "doesn't match checksum" in refused(path, "damaged")


def test_something_after_the_frame_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    varied_block().save(path)
    data = path.read_bytes()
    for more in (b"x", data, bytes(5000)):
        path.write_bytes(data + more)
        refused(path, f"byte {len(data)}: something follows the compressed data")


# Other files.


def test_no_file(tmp_path: Path) -> None:
    refused(tmp_path / "x.block", "no such file; check the path")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x.block").touch()
    refused(tmp_path / "x.block", "the file is empty")


def test_a_directory(tmp_path: Path) -> None:
    refused(tmp_path, "is a directory; name a file")


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.block")
    refused(tmp_path / "x.block", "not a regular file")


def test_a_path_that_cannot_be(tmp_path: Path) -> None:
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(BlockFileError, match="cannot be read"):
            Block.load(name)


def test_a_name_with_line_ends_is_shown_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BlockFileError) as caught:
        Block.load(tmp_path / "a\nb")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"\x7fELF" + bytes(100), b"{}", b"\x28", b"\x1f\x8b\x08", b"PK\x03\x04"])
def test_foreign_files(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.block").write_bytes(data)
    refused(tmp_path / "x.block", "byte 0: ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"\x90",
        b"\x80",
        b"\xc0",
        b"\xc1",
        msgpack.packb({"format": "other"}),
        b'{"format":1}\n',
    ],
)
def test_foreign_zstd_files(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.block").write_bytes(compress(content))
    refused(tmp_path / "x.block", "header")


def test_a_frame_without_checksum(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    varied_block().save(path)
    path.write_bytes(compress(content_of(path), write_checksum=False))
    refused(path, "has no checksum")


# Bad content. Each case changes a sound file's objects and says what the message must hold.


def _sound() -> list[Any]:
    return [
        {
            "format": "blockstm-block",
            "version": 1,
            "chain": "c",
            "number": 1,
            "meta": {},
            "programs": ["transfer", "trace", note.name, exactly_two.name, raw.name],
            "counts": {"keys": 3, "state": 1, "transactions": 5},
        },
        [b"a", b"b", b"c"],
        {0: b"\x01"},
        [
            [0, [0, 1, 5, 0], None, None],
            [0, [1, 2, b"\x01" + bytes(8), 0], 7, {"gas_used": 1, "seconds": 0.5, "reads": [0]}],
            [1, [[0, 1], [2], [0, 5, 1, b"\xff" * 32], 21_000], None, None],
            [2, b"\x93\x01\x02\x03", None, {"adds": [0, 1], "writes": []}],
            [4, [bytes(3)], None, None],
        ],
    ]


def _set(*path_and_value: Any) -> Callable[[list[Any]], None]:
    *path, last, value = path_and_value

    def change(objects: list[Any]) -> None:
        target: Any = objects
        for step in path:
            target = target[step]
        target[last] = value

    return change


def _drop(*path: Any) -> Callable[[list[Any]], None]:
    def change(objects: list[Any]) -> None:
        target: Any = objects
        for step in path[:-1]:
            target = target[step]
        del target[path[-1]]

    return change


BAD_CONTENT: list[tuple[Callable[[list[Any]], Any], str]] = [
    (_set(0, "version", 3), "version is 3, and this blockstm reads versions 1 and 2"),
    (_set(0, "counts", "declared", 4), "header: counts holds 'declared', which is unknown"),
    (_set(0, "version", True), "version is True"),
    (_set(0, "format", "x"), "so it is not a block file"),
    (_drop(0, "meta"), "field 'meta' is missing"),
    (_set(0, "more", 1), "field 'more' is unknown"),
    (_set(0, "chain", 5), "chain is 5"),
    (_set(0, "number", -5), "number is -5"),
    (_set(0, "meta", []), "meta is []"),
    (_set(0, "meta", {"a": {b"b": 1}}), "a bytes cannot be the key"),
    (_set(0, "meta", {"t": msgpack.Timestamp(1)}), "type Timestamp"),
    (_set(0, "programs", "transfer"), "programs is not a list"),
    (_set(0, "programs", ["transfer"] * 1025), "programs is not a list"),
    (_set(0, "programs", 0, b"transfer"), "programs is not a list"),
    (_set(0, "programs", 1, "transfer"), "programs holds a name twice"),
    (_drop(0, "counts", "keys"), "counts does not hold"),
    (_set(0, "counts", "keys", -1), "count of keys is -1"),
    (_set(0, "counts", "state", 1 << 40), "count of state is 1099511627776"),
    (_set(0, "counts", "transactions", 1_000_001), "count of transactions is 1000001"),
    (_set(0, "counts", "keys", 4), "keys, near byte"),
    (_set(0, "counts", "state", 0), "state, near byte"),
    (_set(0, "counts", "transactions", 6), "it has 5 entries, but the header announces 6"),
    (_set(1, {}), "keys, near byte"),
    (_set(1, 1, "b"), "keys, near byte"),
    (_set(1, 1, 5), "a key is not bytes"),
    (_set(1, 1, []), "a key is not bytes"),
    (_set(1, 1, [b"x"]), "exceeds max_array_len"),
    (_set(1, 1, bytes(65)), "65 exceeds max_bin_len(64)"),
    (_set(1, 1, b"a"), "a key comes twice"),
    (_set(2, []), "it is not a map"),
    (_set(2, {3: b""}), "it holds something other than indexes of the 3 keys"),
    (_set(2, {-1: b""}), "it holds something other"),
    (_set(2, {True: b""}), "it holds something other"),
    (_set(2, {b"a": b""}), "it holds something other"),
    (_set(2, {0: None}), "a value is neither bytes nor the index of a key before it"),
    (_set(2, {0: 0}), "a value is neither bytes nor the index"),
    (_set(2, {0: 1}), "a value is neither bytes nor the index"),
    (_set(2, {0: -1}), "a value is neither bytes nor the index"),
    (_set(2, {0: False}), "a value is neither bytes nor the index"),
    (_set(2, {0: bytes(VALUE_BYTES_MAX + 1)}), "exceeds max_bin_len(65536)"),
    (_set(3, {}), "it is not an array"),
    (_set(3, 3, 5), "transaction 3: a row must have 4 elements"),
    (_set(3, 2, b"abcd"), "transaction 2: "),
    (_set(3, 2, {"a": 1, "b": 2, "c": 3, "d": 4}), "transaction 2: "),
    (_set(3, 0, [0, [0, 1, 5, 0], None]), "transaction 0: a row must have 4 elements"),
    (_set(3, 1, 0, 5), "transaction 1: the program index is not that of one of 5 programs"),
    (_set(3, 1, 0, -1), "transaction 1: the program index"),
    (_set(3, 1, 0, False), "transaction 1: the program index"),
    (_set(3, 1, 0, []), "transaction 1: the program index"),
    (_set(3, 1, 1, [0, 1, 5]), "transaction 1: the arguments of 'transfer' must have 4 elements"),
    (_set(3, 1, 1, b"\x94\x00\x01\x05\x00"), "transaction 1: arguments: it is not a list"),
    (_set(3, 1, 1, 0, 3), "transaction 1: argument sender: it is not the index of one of 3 keys"),
    (_set(3, 1, 1, 1, True), "transaction 1: argument receiver: it is not the index"),
    (_set(3, 1, 1, 1, 1.0), "transaction 1: argument receiver: it is not the index"),
    (_set(3, 1, 1, 2, -1), "transaction 1: argument amount: it is not an integer from 0"),
    (_set(3, 1, 1, 2, bytes(9)), "transaction 1: argument amount: 0x000000000000000000 is not a number from"),
    (_set(3, 1, 1, 2, b"\x01" * 8), "transaction 1: argument amount"),
    (_set(3, 1, 1, 2, b"\x01" * 33), "transaction 1: argument amount"),
    (_set(3, 1, 1, 2, "5"), "transaction 1: argument amount"),
    (_set(3, 1, 1, 3, b"\x01" * 9), "transaction 1: argument work: it is not an integer"),
    (_set(3, 1, 1, 3, msgpack.ExtType(5, b"x")), "transaction 1: argument work"),
    (_set(3, 1, 2, -1), "transaction 1: gas limit: it is not an integer"),
    (_set(3, 1, 2, False), "transaction 1: gas limit"),
    (_set(3, 1, 3, []), "transaction 1: recorded is not a map"),
    (_set(3, 1, 3, "fee", 1), "transaction 1: recorded has an unknown field 'fee'"),
    (_set(3, 1, 3, "gas_used", 1.0), "transaction 1: recorded gas_used: it is not an integer"),
    (_set(3, 1, 3, "seconds", 1), "transaction 1: recorded seconds: 1 is not a finite float"),
    (_set(3, 1, 3, "seconds", float("nan")), "transaction 1: recorded seconds: nan is not"),
    (_set(3, 1, 3, "seconds", -1.0), "transaction 1: recorded seconds: -1.0 is not"),
    (_set(3, 1, 3, "reads", [3]), "transaction 1: recorded reads: it is not the index"),
    (_set(3, 1, 3, "writes", 3), "transaction 1: recorded writes: it is not a list"),
    (_set(3, 1, 3, "adds", [0, 1, 0, 2]), "transaction 1: recorded adds: names a key twice"),
    (_set(3, 2, 1, 0, 5), "transaction 2: argument reads: it is not a list"),
    (_set(3, 2, 1, 0, 0, 3), "transaction 2: argument reads: it is not the index"),
    (_set(3, 2, 1, 2, [0]), "transaction 2: argument adds: has 1 elements; they come in pairs"),
    (_set(3, 2, 1, 2, [0, -1]), "transaction 2: argument adds: it is not an integer"),
    (_set(3, 2, 1, 2, [0, 1, 0, 1]), "transaction 2: argument adds: names a key twice"),
    (_set(3, 3, 1, [1, 2, 3]), "are not bytes"),
    (_set(3, 3, 1, b"\x93\x01"), "transaction 3: program 'test"),
    (_set(3, 3, 1, b"\x91" * 1100), "transaction 3: program"),
    (_set(3, 3, 1, b"\x81\x01\x02"), "the encoded arguments are not a list"),
    (_set(3, 3, [3, b"\x91\x01", None, None]), "missing a required argument: 'second'"),
    (_set(3, 3, 1, bytes((1 << 20) + 1)), "exceeds max_bin_len"),
    (_set(3, 4, 1, 0, "x"), "transaction 4: argument raw: it is not bytes"),
    (_set(3, 4, 1, 0, 5), "transaction 4: argument raw: it is not bytes"),
    (_set(3, 4, 1, bytes(3)), "transaction 4: arguments: it is not a list"),
    (_set(3, 4, 1, 0, bytes((1 << 20) + 1)), "exceeds max_bin_len"),
]


@pytest.mark.parametrize(("change", "expected"), BAD_CONTENT, ids=[text for _, text in BAD_CONTENT])
def test_bad_content_is_refused(tmp_path: Path, change: Callable[[list[Any]], Any], expected: str) -> None:
    path = tmp_path / "x.block"
    objects = _sound()
    write_objects(path, objects)
    Block.load(path).transactions  # noqa: B018 - the unchanged file is sound
    change(objects)
    write_objects(path, objects)
    message = refused(path)
    # The ids of modules differ between ways to run pytest; messages show programs by such names.
    assert expected.replace("program 'test", "program '") in message


def test_an_unknown_program_is_named_with_its_file(tmp_path: Path) -> None:
    objects = _sound()
    objects[0]["programs"][2] = "nowhere.to_be_found"
    write_objects(tmp_path / "x.block", objects)
    with pytest.raises(UnknownProgramError, match=r"x\.block: program 'nowhere.to_be_found' is not known"):
        Block.load(tmp_path / "x.block")


def test_what_follows_the_transactions_is_refused(tmp_path: Path) -> None:
    content = b"".join(map(msgpack.packb, _sound()))
    for more in (b"\xc0", bytes(100_000)):
        (tmp_path / "x.block").write_bytes(compress(content + more))
        refused(tmp_path / "x.block", f"content byte {len(content)}: something follows the last section")


def test_content_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = b"".join(map(msgpack.packb, _sound()))
    for length in range(len(content)):
        (tmp_path / "x.block").write_bytes(compress(content[:length]))
        refused(tmp_path / "x.block", "near byte")


def test_a_key_twice_in_a_map_is_refused(tmp_path: Path) -> None:
    parts = list(map(msgpack.packb, _sound()))
    assert parts[0].startswith(b"\x87")
    more = b"\xa4more\x01" * 2
    (tmp_path / "x.block").write_bytes(compress(b"\x89" + parts[0][1:] + more + b"".join(parts[1:])))
    refused(tmp_path / "x.block", "a key comes twice in one map")
    (tmp_path / "x.block").write_bytes(
        compress(
            parts[0].replace(b"\xa5state\x01", b"\xa5state\x02")
            + parts[1]
            + b"\x82\0\xc4\0\0\xc4\0"
            + parts[3]
        )
    )
    refused(tmp_path / "x.block", "a key index comes twice")
    twice = parts[3].replace(b"\x83\xa8gas_used\x01", b"\x84\xa8gas_used\x01\xa8gas_used\x01")
    assert twice != parts[3]
    (tmp_path / "x.block").write_bytes(compress(b"".join(parts[:3]) + twice))
    refused(tmp_path / "x.block", "a key comes twice in one map")


# Hostile sizes: the loader runs in a process that may use little memory.

_LOADER = """
import sys
from blockstm.blocks.block import Block
from blockstm.errors import BlockFileError
for path in sys.argv[1:]:
    try:
        Block.load(path)
    except BlockFileError as error:
        print(error, flush=True)
    else:
        print("loaded", path, flush=True)
"""


def _load_in_little_memory(paths: list[Path], megabytes: int) -> list[str]:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

    done = subprocess.run(
        [sys.executable, "-c", _LOADER, *map(str, paths)],
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=limit,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, (lines, done.stderr)
    for path, line in zip(paths, lines, strict=True):
        assert line.startswith(f"{path}: ")
    return lines


def _bomb(path: Path, start: bytes, filler: bytes, size: int) -> None:
    """Write a small file whose content is `start` and then `size` bytes of `filler`."""
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    chunk = filler * ((1 << 20) // len(filler))
    with open(path, "wb") as file:
        file.write(compressor.compress(start))
        for _ in range(size >> 20):
            file.write(compressor.compress(chunk))
        file.write(compressor.flush())
    assert path.stat().st_size < 1 << 19


def _head(**counts: int) -> bytes:
    header = _sound()[0]
    header["programs"] = ["transfer", "trace"]
    header["counts"] = {"keys": 0, "state": 0, "transactions": 0, **counts}
    header["version"] = 2 if "access_list" in counts else 1
    packed = msgpack.packb(header)
    assert isinstance(packed, bytes)
    return packed


BOMBS = [
    (b"", b"\0"),
    (b"\xdd\xff\xff\xff\xff", b"\x90"),
    (b"\xdf\xff\xff\xff\xff", b"\x80"),
    (b"\x91" * 500, b"\x91"),
    (b"\xc6\xff\xff\xff\xff", b"\0"),
    (_head(keys=1 << 23) + b"\xdd\x00\x80\x00\x00", b"\0"),
    (_head(keys=1 << 23) + b"\xdd\x00\x80\x00\x00", b"\x90"),
    (_head() + b"\x90\x80\x90", b"\0"),
    (_head(access_list=1 << 23) + b"\x90\x80\x90\xdd\x00\x80\x00\x00", b"\x93"),
    (_head(access_list=1 << 23) + b"\x90\x80\x90\xdd\x00\x80\x00\x00\x93\0", b"\xdd\x00\x20\x00\x00"),
    (_head(transactions=1_000_000) + b"\x90\x80\xdd\x00\x0f\x42\x40", b"\x94"),
    (_head(transactions=1_000_000) + b"\x90\x80\xdd\x00\x0f\x42\x40\x94", b"\xdd\x00\x10\x00\x00"),
    (_head(transactions=1_000_000) + b"\x90\x80\xdd\x00\x0f\x42\x40\x94\0\xdd\x00\x10\x00\x00", b"\x90"),
]


def test_decompression_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.block" for number in range(len(BOMBS))]
    for path, (start, filler) in zip(paths, BOMBS, strict=True):
        _bomb(path, start, filler, 128 << 20)
    assert [line for line in _load_in_little_memory(paths, 300) if "more memory" in line] == []


def test_a_content_over_the_limit_is_refused_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    compressor = zstandard.ZstdCompressor(write_checksum=True).compressobj(size=BLOCK_FILE_BYTES_MAX + 1)
    path.write_bytes(
        compressor.compress(bytes(1 << 20)) + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
    )
    refused(path, f"more than {BLOCK_FILE_BYTES_MAX} bytes")


def test_too_little_memory_is_an_error_as_well(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    row = msgpack.packb([1, [[0] * 1000, [], [], 1], None, None])
    head = _head(keys=1, transactions=50_000) + b"\x91\xc4\x01a\x80\xdd" + (50_000).to_bytes(4, "big")
    path.write_bytes(compress(head + row * 50_000, level=1))
    assert "takes more memory than there is" in _load_in_little_memory([path], 300)[0]
