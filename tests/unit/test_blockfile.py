"""Block files: they come back as they were, and writing one leaves it whole or not at all."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import msgpack
import pytest
import zstandard

from blockstm.blocks.access_trace import read_access_trace
from blockstm.blocks.block import Block
from blockstm.blocks.block_file import check_rows
from blockstm.blocks.packed import PackedBlock
from blockstm.errors import BlockFileError, LimitError, UsageError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.program import NativeProgram
from blockstm.simulate import read_model
from blockstm.workloads.scenario import read_scenario
from tests.support.block_files import compress, content_of, varied_block

# What is good comes back.


def test_a_block_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    varied_block().save(path)
    loaded = Block.load(path)
    assert loaded == varied_block()
    assert len(loaded) == 6
    check_rows(loaded._packed)
    loaded.save(tmp_path / "y.block")
    assert (tmp_path / "y.block").read_bytes() == path.read_bytes()


def test_an_empty_block_comes_back(tmp_path: Path) -> None:
    Block([]).save(tmp_path / "x.block")
    assert Block.load(str(tmp_path / "x.block")) == Block([])


def test_many_pieces_come_back(tmp_path: Path) -> None:
    state = {i.to_bytes(4, "big"): os.urandom(i % 700) for i in range(3000)}
    keys = list(state)
    block = Block([transfer.txn(keys[i], keys[-i - 1], i**9) for i in range(3000)], state)
    block.save(tmp_path / "x.block")
    assert Block.load(tmp_path / "x.block") == block


def test_a_large_value_is_written_once(tmp_path: Path) -> None:
    code, short = os.urandom(20_000), b"short"
    state = {b"a": code, b"b": short, b"c": code, b"d": short, b"e": code + b"!", b"f": code}
    Block([], state).save(tmp_path / "x.block")
    assert content_of(tmp_path / "x.block").count(code) == 2
    assert (tmp_path / "x.block").stat().st_size < 41_000
    loaded = Block.load(tmp_path / "x.block")
    assert loaded.state == state
    loaded.save(tmp_path / "y.block")
    assert (tmp_path / "y.block").read_bytes() == (tmp_path / "x.block").read_bytes()


def test_any_msgpack_library_reads_it(tmp_path: Path) -> None:
    varied_block().save(tmp_path / "x.block")
    unpacker = msgpack.Unpacker(strict_map_key=False)
    unpacker.feed(content_of(tmp_path / "x.block"))
    header, keys, state, rows = unpacker
    assert header["format"] == "blockstm-block"
    assert header["counts"] == {"keys": len(keys), "state": 2, "transactions": 6}
    assert {keys[index]: value for index, value in state.items()} == varied_block().state
    assert [header["programs"][row[0]] for row in rows][:2] == ["transfer", "transfer"]


def test_frames_of_other_writers_load(tmp_path: Path) -> None:
    varied_block().save(tmp_path / "x.block")
    content = content_of(tmp_path / "x.block")
    path = tmp_path / "y.block"
    path.write_bytes(compress(content, level=1, write_content_size=False))
    assert Block.load(path) == varied_block()
    streamed = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    path.write_bytes(
        b"".join(streamed.compress(bytes([b])) + streamed.flush(1) for b in content) + streamed.flush()
    )
    assert Block.load(path) == varied_block()


def _example(page: str, number: int) -> str:
    """Return one of the Python examples of a page of docs/."""
    text = (Path(__file__).resolve().parents[2] / "docs" / page).read_text()
    return text.split("```python\n")[number + 1].split("```")[0]


def test_the_examples_of_the_specification_run(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    subprocess.run([sys.executable, "-c", _example("reference/block-file.md", 1), path], check=True)
    block = Block.load(path)
    assert block.transactions == (transfer.txn(b"alice", b"bob", 30),)
    assert block.state == {b"alice": b"\x64"}
    varied_block().save(path)
    reading = [sys.executable, "-c", _example("reference/block-file.md", 0), str(path)]
    shown = subprocess.run(reading, check=True, capture_output=True, text=True).stdout
    assert f"transfer {b'b'.hex()} {b'c'.hex()} {1 << 255}" in shown
    assert "trace reads ['61', '61'] gas 21000" in shown


# Writing.


def _only(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def test_an_existing_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.block"
    path.write_bytes(b"old")
    path.chmod(0o600)
    varied_block().save(path)
    assert Block.load(path) == varied_block()
    assert _only(tmp_path) == ["x.block"]


def test_nothing_is_left_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.block"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(BlockFileError, match=r"x\.block: cannot be written: No space left on device; "):
        varied_block().save(path)
    assert path.read_bytes() == b"old"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        varied_block().save(path)
    assert _only(tmp_path) == ["x.block"]


@pytest.mark.parametrize("name", ["no/such/directory.block", ".", "a\0b"])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(BlockFileError) as caught:
        varied_block().save(f"{tmp_path}/{name}")
    assert "\n" not in str(caught.value)
    assert _only(tmp_path) == []


def test_a_device_is_not_replaced() -> None:
    with pytest.raises(BlockFileError, match="/dev/null: is not a regular file"):
        varied_block().save("/dev/null")
    assert Path("/dev/null").is_char_device()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link.block").symlink_to("real.block")
    varied_block().save(tmp_path / "link.block")
    assert (tmp_path / "link.block").is_symlink()
    assert Block.load(tmp_path / "real.block") == varied_block()


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [i.to_bytes(8, "big") for i in range(1 << 10)]
    huge = Block([trace.txn(keys * 1024, keys * 1024, {}, 1) for _ in range(1)])
    monkeypatch.setattr("blockstm.blocks.block_file.BLOCK_ROW_BYTES_MAX", 1 << 20)
    with pytest.raises(LimitError, match=r"transaction 0 takes .* bytes"):
        huge.save(tmp_path / "x.block")
    monkeypatch.setattr("blockstm.blocks.block_file.BLOCK_FILE_BYTES_MAX", 100)
    with pytest.raises(LimitError, match=r"the block takes .* bytes; the limit is 100"):
        varied_block().save(tmp_path / "x.block")
    assert _only(tmp_path) == []


def test_the_collector_is_as_it_was(tmp_path: Path) -> None:
    import gc

    varied_block().save(tmp_path / "x.block")
    assert gc.isenabled()
    Block.load(tmp_path / "x.block")
    assert gc.isenabled()
    gc.disable()
    try:
        Block.load(tmp_path / "x.block")
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_several_threads_may_load(tmp_path: Path) -> None:
    varied_block().save(tmp_path / "x.block")
    loaded: list[Block] = []
    threads = [
        threading.Thread(target=lambda: loaded.append(Block.load(tmp_path / "x.block"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == [varied_block()] * 8


# The check of rows by itself: whoever makes a PackedBlock by hand may use it.


def test_a_program_without_parameters() -> None:
    bare = NativeProgram("bare", (), "some.module:capsule")
    row = (0, (), None, None)
    check_rows(PackedBlock((bare,), (), {}, (row, row)))
    with pytest.raises(BlockFileError, match=r"^transaction 1: the arguments of 'bare' must have 0 elements"):
        check_rows(PackedBlock((bare,), (), {}, (row, (0, (5,), None, None))))


def test_check_rows_finds_the_first_bad_row() -> None:
    rows: list[tuple[Any, ...]] = [(0, (0, 1, 5, 0), None, None)] * 1000

    def packed() -> PackedBlock:
        return PackedBlock((transfer,), (b"a", b"b"), {}, tuple(rows))

    check_rows(packed())
    rows[999] = (0, (2, 1, 5, 0), None, None)
    rows[617] = (0, (0, 1, 1 << 64, 0), None, None)
    with pytest.raises(BlockFileError, match=r"^transaction 617: argument amount: "):
        check_rows(packed())


@pytest.mark.parametrize("path", [None, 5, True, 1.5, [], object()])
def test_what_is_no_path_is_told(path: Any) -> None:
    """A number above all: the system would take it for an open file."""
    for use in (Block.load, Block([]).save, read_access_trace, read_model, read_scenario):
        with pytest.raises(UsageError, match="give the path of a file, as text or as a Path"):
            use(path)
