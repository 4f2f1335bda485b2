"""What blockstm refuses: one line that says what, where and the fix; status 2; and no file is left."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zstandard

from blockstm import Block
from blockstm.errors import BlockstmError

Refused = Callable[..., str]
RawBlock = Callable[..., Path]


@pytest.fixture(autouse=True)
def nothing_written(tmp_path: Path) -> Iterator[None]:
    """Check that no command leaves a file behind; what the tests themselves make are blocks and modules."""
    yield
    assert {path.suffix for path in tmp_path.iterdir() if path.is_file()} <= {".block", ".py"}


def test_a_missing_file(refused: Refused) -> None:
    assert "nowhere.block: " in refused("replay", "nowhere.block")


def test_a_folder(refused: Refused, tmp_path: Path) -> None:
    assert str(tmp_path) in refused("replay", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(refused: Refused, small_block: Path) -> None:
    small_block.chmod(0)
    assert str(small_block) in refused("replay", small_block)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"\x89PNG\r\n\x1a\n" + b"\0" * 64, b'{"format":"access-trace"}\n']
)
def test_an_empty_or_foreign_file(refused: Refused, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "foreign.block"
    path.write_bytes(content)
    assert "foreign.block: " in refused("replay", path)


def test_a_foreign_file_that_is_compressed(refused: Refused, tmp_path: Path) -> None:
    path = tmp_path / "foreign.block"
    path.write_bytes(zstandard.ZstdCompressor(write_checksum=True).compress(b"something else\n" * 100))
    assert "foreign.block: " in refused("replay", path)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file(refused: Refused, small_block: Path, share: float) -> None:
    content = small_block.read_bytes()
    small_block.write_bytes(content[: max(1, int(len(content) * share))])
    assert "small.block: " in refused("replay", small_block)


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_bit(refused: Refused, small_block: Path, tmp_path: Path, seed: int) -> None:
    content = small_block.read_bytes()
    good = Block.load(small_block)
    flipped = tmp_path / "flipped.block"
    choose = random.Random(seed)
    while not flipped.exists() or loads_as(flipped, good):
        bit = choose.randrange(len(content) * 8)
        flipped.write_bytes(
            content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]
        )
    assert "flipped.block: " in refused("replay", flipped)


def loads_as(path: Path, good: Block) -> bool:
    """Tell whether the flipped bit was one of the few that zstd gives no meaning to."""
    try:
        return Block.load(path) == good
    except BlockstmError:
        return False


def test_something_after_the_end(refused: Refused, raw_block: RawBlock) -> None:
    assert "raw.block: " in refused("replay", raw_block(trailing=b"more"))


def test_another_version(refused: Refused, raw_block: RawBlock) -> None:
    message = refused("replay", raw_block(version=3))
    assert "version" in message
    assert "3" in message


def test_an_oversized_file(refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blockstm.blocks.block_file.BLOCK_FILE_BYTES_MAX", 100 << 20)
    path = tmp_path / "bomb.block"
    with path.open("wb") as file, zstandard.ZstdCompressor(write_checksum=True).stream_writer(file) as writer:
        writer.write(b"\x87")
        nothing = b"\xc0" * (1 << 20)
        for _ in range(101):
            writer.write(nothing)
    assert "bomb.block: the content takes more than 104857600 bytes" in refused("replay", path)


def test_a_key_over_64_bytes(refused: Refused, raw_block: RawBlock) -> None:
    message = refused("replay", raw_block(keys=[b"a", b"k" * 65]))
    assert "raw.block: " in message
    assert "64" in message


def test_a_value_over_64_kib(refused: Refused, raw_block: RawBlock) -> None:
    message = refused("replay", raw_block(state={0: bytes(65_537)}))
    assert "raw.block: " in message
    assert "65536" in message.replace(",", "").replace("_", "")


def test_an_unknown_program(refused: Refused, raw_block: RawBlock) -> None:
    message = refused("replay", raw_block(programs=("somewhere.pay",), rows=[[0, b"\x90", None, None]]))
    assert "somewhere.pay" in message
    assert "--programs" in message


def test_a_key_that_does_not_exist(refused: Refused, raw_block: RawBlock) -> None:
    message = refused("replay", raw_block(rows=[[0, [0, 7, 1, 0], None, None]]))
    assert "raw.block: " in message


def test_one_bad_block_among_good_ones_stops_all(refused: Refused, small_block: Path) -> None:
    message = refused("replay", small_block, "nowhere.block", "--receipts", "receipts.jsonl")
    assert "nowhere.block: " in message


@pytest.mark.parametrize(
    "options",
    [
        ("--workers", 0),
        ("--workers", -1),
        ("--workers", 10_000),
        ("--workers", "two"),
        ("--model", "magic"),
        ("--repeat", 0),
        ("--rounds-per-gas", "nan"),
        ("--rounds-per-gas", -1),
        ("--time-limit", 0),
        ("--time-limit", "inf"),
        ("--memory-limit", "much"),
        ("--memory-limit", "-5"),
        ("--memory-limit", 0),
        ("--memory-limit", "100000TiB"),
        ("--receipts", "nowhere/receipts.jsonl"),
        ("--receipts", "/dev/null"),
        ("--receipts", "small.block"),
        ("--timeline", "nowhere/timeline.json"),
        ("--timeline", "/dev/null"),
        ("--timeline", "small.block"),
        ("--programs", "no.such.module"),
    ],
)
def test_a_bad_value_names_its_option(
    refused: Refused, small_block: Path, options: tuple[str, object]
) -> None:
    assert options[0].strip("-").partition("-")[0] in refused("replay", small_block, *options)


def test_a_memory_limit_too_small_for_the_block(refused: Refused, raw_block: RawBlock) -> None:
    keys = [b"key %d" % number for number in range(40)]
    large = raw_block(keys=keys, state={number: bytes(65_536) for number in range(40)})
    message = refused("replay", large, "--memory-limit", "2MiB", "--json")
    assert "raw.block: " in message
    assert "memory" in message


@pytest.mark.parametrize("body", ["raise ValueError('two\\nlines')", "raise SystemExit", "def def"])
def test_a_module_of_programs_that_fails(
    refused: Refused, small_block: Path, tmp_path: Path, body: str
) -> None:
    (tmp_path / "broken.py").write_text(body)
    assert "--programs broken: " in refused("replay", small_block, "--programs", "broken")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("replai",),
        ("replay",),
        ("replay", "--workers"),
        ("replay", "small.block", "--no-such-option"),
        ("record",),
        ("record", "trace"),
        ("record", "trace", "in.jsonl"),
        ("record", "photo", "in.jsonl"),
    ],
)
def test_bad_usage(refused: Refused, arguments: tuple[str, ...]) -> None:
    assert "--help" in refused(*arguments)
