"""Reading what may be compressed: several frames, skippable frames, byte order marks, and what is none of these."""

from __future__ import annotations

import gzip
import json
import struct
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from blockstm.blocks.access_trace import read_access_trace
from blockstm.errors import EthereumInputError
from blockstm.ethereum.node.nodejson import read_json
from blockstm.files.content import (
    GZIP_MAGIC,
    ContentError,
    DamagedError,
    TooLargeError,
    content_pieces,
    decompressed,
)

LIMIT = 1 << 20
MARK = b"\xef\xbb\xbf"
REPORTED = Path(__file__).resolve().parents[3] / "shared" / "reported"
reported = pytest.mark.skipif(not REPORTED.is_dir(), reason="the inputs of ../shared/reported are not here")


def frame(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(write_content_size=False).compress(content)


def skippable(content: bytes, kind: int = 0) -> bytes:
    return struct.pack("<II", 0x184D2A50 + kind, len(content)) + content


def content(data: bytes, limit: int = LIMIT) -> bytes:
    return b"".join(content_pieces(BytesIO(data), limit))


parts = st.lists(
    st.binary(max_size=5000).map(lambda data: (frame(data), data))
    | st.tuples(st.binary(max_size=5000), st.integers(0, 15)).map(lambda made: (skippable(*made), b"")),
    min_size=1,
    max_size=5,
)


@given(parts)
def test_any_frames_are_read(made: list[tuple[bytes, bytes]]) -> None:
    expected = b"".join(data for _, data in made)
    assert content(b"".join(data for data, _ in made)) == expected.removeprefix(MARK)


@given(parts, st.data())
def test_frames_that_are_cut_off_are_told(made: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    whole = b"".join(compressed for compressed, _ in made)
    ends = {0}
    for compressed, _ in made:
        ends.add(max(ends) + len(compressed))
    length = data.draw(st.integers(4, len(whole) - 1).filter(lambda length: length not in ends))
    with pytest.raises(ContentError):
        content(whole[:length])


def test_what_follows_is_told() -> None:
    with pytest.raises(ContentError, match=r"byte 13: something follows"):
        content(skippable(b"12345") + b"no frame at all")
    end = len(frame(b"a"))
    with pytest.raises(ContentError, match=f"byte {end}: something follows"):
        content(frame(b"a") + b"x")


def test_a_block_file_is_one_frame() -> None:
    two = frame(b"a") + frame(b"b")
    with pytest.raises(ContentError, match="something follows"):
        b"".join(decompressed(BytesIO(two), LIMIT, checksum_required=False))


def test_all_frames_together_are_within_the_limit() -> None:
    assert content(frame(b"a" * 60) + frame(b"b" * 40), 100) == b"a" * 60 + b"b" * 40
    sized = zstandard.ZstdCompressor().compress(b"b" * 41)
    for last in (frame(b"b" * 41), sized):
        with pytest.raises(TooLargeError, match="more than 100 bytes"):
            content(frame(b"a" * 60) + last, 100)


@given(st.lists(st.binary(max_size=5000), min_size=1, max_size=5))
def test_any_gzip_members_are_read(made: list[bytes]) -> None:
    assert content(b"".join(map(gzip.compress, made))) == b"".join(made).removeprefix(MARK)


@given(st.binary(min_size=100, max_size=5000), st.data())
def test_gzip_that_is_cut_short_or_damaged_is_refused(made: bytes, data: st.DataObject) -> None:
    whole = gzip.compress(made)
    with pytest.raises(DamagedError, match="ends too early; copy or make the file again"):
        content(whole[: data.draw(st.integers(len(GZIP_MAGIC), len(whole) - 1))])
    place = data.draw(st.integers(len(whole) - 8, len(whole) - 1))  # the checksum and the length
    with pytest.raises(DamagedError, match=r"damaged \(.*; copy or make the file again"):
        content(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])


def test_something_after_gzip_is_refused() -> None:
    with pytest.raises(DamagedError, match=r"damaged \(Not a gzipped file"):
        content(gzip.compress(b"some") + b"more")


def test_gzip_of_a_great_deal_is_refused_in_little_memory() -> None:
    great = gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    with pytest.raises(TooLargeError, match=f"more than {LIMIT} bytes"):
        for _ in content_pieces(BytesIO(great), LIMIT):
            pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


def test_the_number_of_frames_is_bounded() -> None:
    with pytest.raises(ContentError, match="more than 65536 frames"):
        content(skippable(b"") * 65_537)


def test_a_skippable_frame_that_says_it_is_longer_than_the_file() -> None:
    with pytest.raises(DamagedError, match="ends too early"):
        content(struct.pack("<II", 0x184D2A5F, 2**32 - 1) + bytes(10))


@pytest.mark.parametrize(
    "wrap", [bytes, frame, gzip.compress, lambda data: skippable(b"x") + frame(data[:2]) + frame(data[2:])]
)
def test_a_byte_order_mark_is_left_out(tmp_path: Path, wrap: object) -> None:
    assert callable(wrap)
    path = tmp_path / "a.json"
    path.write_bytes(wrap(MARK + json.dumps({"a": 1}).encode()))
    assert read_json(path) == {"a": 1}
    path.write_bytes(wrap(MARK + MARK + b"{}"))
    with pytest.raises(EthereumInputError, match="not JSON"):
        read_json(path)


@reported
@pytest.mark.parametrize("name", ["two.jsonl.zst", "skip.jsonl.zst"])
def test_reported_traces_are_read(name: str) -> None:
    assert len(read_access_trace(REPORTED / name)) == 2


@reported
def test_the_reported_byte_order_mark_is_read() -> None:
    answer = read_json(REPORTED / "bom.json")
    assert isinstance(answer, dict) and "transactionsRoot" in answer
