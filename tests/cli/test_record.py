"""`blockstm record trace`: access traces into block files, and the other way; what is wrong with bad ones."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from blockstm import Block
from blockstm.blocks.access_trace import read_access_trace
from blockstm.programs.built_in import trace

Command = Callable[..., subprocess.CompletedProcess[str]]
Refused = Callable[..., str]

HEADER = '{"format":"access-trace","version":1,"chain":"test","number":5,"fork":"cancun","transactions":2}'
FIRST = '{"gas_used":21000,"reads":["0x61","0x62"],"writes":["0x61"],"adds":{"0x63":"0x05"},"seconds":0.001}'
SECOND = '{"gas_used":30000,"reads":["0x61"],"writes":["0x64"],"adds":{"0x63":"0x06"}}'
ETHEREUM = Path(__file__).parents[3] / "shared" / "ethereum"


def write_trace(folder: Path, *lines: str) -> Path:
    path = folder / "in.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize("compressed", [False, True])
def test_a_trace_becomes_a_block(command: Command, tmp_path: Path, compressed: bool) -> None:
    source = write_trace(tmp_path, HEADER, FIRST, SECOND)
    if compressed:
        source.write_bytes(zstandard.ZstdCompressor().compress(source.read_bytes()))
    completed = command("record", "trace", source, "-o", "out.block")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("out.block: 2 transactions, ")
    block = Block.load(tmp_path / "out.block")
    assert (block.chain, block.number, len(block)) == ("test", 5, 2)
    assert block.transactions[0].program == trace
    assert block.transactions[0].arguments == ((b"a", b"b"), (b"a",), {b"c": 5}, 21000)

    replayed = command("replay", "out.block", "--verify", "--json", "--rounds-per-gas", 0)
    assert json.loads(replayed.stdout)["blocks"][0]["verified"] is True


@pytest.mark.parametrize(
    ("number", "line"),
    [
        (1, "not json"),
        (1, HEADER.replace("access-trace", "photo")),
        (1, HEADER.replace('"version":1', '"version":3')),
        (2, "{"),
        (3, SECOND.replace("0x61", "0xzz")),
        (3, SECOND.replace("0x61", "0x" + "61" * 65)),
        (3, SECOND.replace("30000", "-1")),
        (3, SECOND.replace("30000", '"many"')),
        (3, "[]"),
    ],
)
def test_a_bad_line_is_named_by_its_number(refused: Refused, tmp_path: Path, number: int, line: str) -> None:
    lines = [HEADER, FIRST, SECOND]
    lines[number - 1] = line
    message = refused("record", "trace", write_trace(tmp_path, *lines), "-o", "out.block")
    assert "in.jsonl" in message
    assert f"line {number}:" in message
    assert not (tmp_path / "out.block").exists()


def test_a_trace_with_too_few_lines(refused: Refused, tmp_path: Path) -> None:
    assert "in.jsonl" in refused("record", "trace", write_trace(tmp_path, HEADER, FIRST), "-o", "out.block")
    assert not (tmp_path / "out.block").exists()


def test_a_truncated_trace(refused: Refused, tmp_path: Path) -> None:
    source = write_trace(tmp_path, HEADER, FIRST, SECOND)
    source.write_bytes(zstandard.ZstdCompressor().compress(source.read_bytes())[:-20])
    assert "in.jsonl" in refused("record", "trace", source, "-o", "out.block")
    assert not (tmp_path / "out.block").exists()


def test_missing_and_empty_traces(refused: Refused, tmp_path: Path) -> None:
    assert "nowhere.jsonl: " in refused("record", "trace", "nowhere.jsonl", "-o", "out.block")
    assert "in.jsonl" in refused("record", "trace", write_trace(tmp_path), "-o", "out.block")
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl"}


@pytest.mark.parametrize("output", ["nowhere/out.block", ".", "in.jsonl"])
def test_an_output_that_cannot_be_written(refused: Refused, tmp_path: Path, output: str) -> None:
    source = write_trace(tmp_path, HEADER, FIRST, SECOND)
    before = source.read_bytes()
    assert output in refused("record", "trace", source, "-o", output)
    assert source.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"in.jsonl"}


@pytest.mark.skipif(not ETHEREUM.is_dir(), reason="the recorded blocks of ../shared are not here")
def test_real_blocks(command: Command, tmp_path: Path) -> None:
    sources = sorted(ETHEREUM.glob("*/trace.jsonl.zst"), key=lambda path: path.stat().st_size)
    outputs = []
    for source in (*sources[:2], sources[len(sources) // 2]):
        output = tmp_path / f"{source.parent.name}.block"
        completed = command("record", "trace", source, "-o", output)
        assert completed.returncode == 0, completed.stderr
        outputs.append(output)
    completed = command("replay", *outputs, "--verify", "--json")
    assert completed.returncode == 0, completed.stderr
    parsed = json.loads(completed.stdout)
    assert [str(entry["number"]) for entry in parsed["blocks"]] == [output.stem for output in outputs]
    assert parsed["totals"]["verified"] is True


# --- traces of blocks -----------------------------------------------------------------------------

PROGRAM = """
import blockstm

@blockstm.program
def shop(ctx, buyer: bytes):
    ctx.charge(5)
    ctx.write(buyer, (ctx.read(buyer) or b"") + b".")
    ctx.add(b"sold", 2)
"""


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a trace without the times."""
    header, *lines = map(json.loads, path.read_bytes().splitlines())
    assert all(line.pop("seconds") >= 0 for line in lines)
    return [header, *lines]


def test_the_trace_of_a_block(command: Command, tmp_path: Path, small_block: Path) -> None:
    completed = command("record", "trace", "--from", small_block, "-o", "t.jsonl")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("t.jsonl: 20 transactions, ")
    lines = lines_of(tmp_path / "t.jsonl")
    expected = {"format": "access-trace", "version": 1, "chain": "test", "number": 7, "transactions": 20}
    assert lines[0] == expected
    assert lines[2]["writes"] == [f"0x{key.hex()}" for key in (b"account 1", b"account 2")]
    assert lines[20] == {
        "gas_used": 21_000,
        "reads": [f"0x{key.hex()}" for key in (b"nobody", b"account 0")],
        "writes": [],
        "adds": {},
    }
    # However it is run, it is the same; and the trace of a block made of it, too.
    ways = [("--model", "block-stm"), ("--model", "block-stm", "--workers", 3), ("--workers", 2)]
    for way in ways:
        assert command("record", "trace", "--from", small_block, "-o", "t.jsonl", *way).returncode == 0
        assert lines_of(tmp_path / "t.jsonl") == lines
    assert command("record", "trace", "t.jsonl", "-o", "again.block").returncode == 0
    assert command("record", "trace", "--from", "again.block", "-o", "again.jsonl").returncode == 0
    assert lines_of(tmp_path / "again.jsonl") == lines


def test_a_compressed_trace(command: Command, tmp_path: Path, small_block: Path) -> None:
    assert command("record", "trace", "--from", small_block, "-o", "t.jsonl.zst").returncode == 0
    assert (tmp_path / "t.jsonl.zst").read_bytes().startswith(b"\x28\xb5\x2f\xfd")
    assert len(read_access_trace(tmp_path / "t.jsonl.zst")) == 20


def test_a_block_of_python_programs(
    process: Command, refused: Refused, tmp_path: Path, environment: dict[str, str]
) -> None:
    (tmp_path / "shops.py").write_text(PROGRAM)
    making = "import blockstm, shops; blockstm.Block([shops.shop.txn(b'a')] * 2).save('x.block')"
    subprocess.run([sys.executable, "-c", making], cwd=tmp_path, env=environment, check=True)
    assert "x.block" in refused("record", "trace", "--from", "x.block", "-o", "t")
    assert not (tmp_path / "t").exists()
    completed = process("record", "trace", "--from", "x.block", "--programs", "shops", "-o", "t")
    assert (completed.returncode, completed.stderr) == (0, "")
    line = {"gas_used": 5, "reads": ["0x61"], "writes": ["0x61"], "adds": {f"0x{b'sold'.hex()}": "0x2"}}
    assert lines_of(tmp_path / "t")[1:] == [line, line]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "nothing to record: give an access trace, or --from and a block"),
        (["in.jsonl", "--from", "small.block"], "--from is for making a trace of a block"),
        (["in.jsonl", "--workers", 2], "--workers is for making a trace of a block"),
        (["in.jsonl", "--model", "block-stm"], "--model is for making a trace of a block"),
        (["in.jsonl", "--memory-limit", "2MiB"], "--memory-limit is for making a trace of a block"),
        (["in.jsonl", "--programs", "json"], "--programs is for making a trace of a block"),
        (["--from", "nowhere.block"], "nowhere.block: no such file; check the path"),
        (["--from", "in.jsonl"], "in.jsonl: byte 0: begins with"),
        (["--from", "."], ".: is a directory; name a file"),
        (["--from", "small.block", "--workers", 0], "'--workers'"),
        (["--from", "small.block", "--model", "other"], "'--model'"),
        (["--from", "small.block", "--memory-limit", "much"], "'--memory-limit'"),
        (["--from", "small.block", "--memory-limit", 5], "memory_limit_bytes is 5"),
        (["--from", "small.block", "--programs", "nowhere"], "--programs nowhere: importing it raised"),
        (["--from", "small.block", "in.jsonl", "more.jsonl"], "more.jsonl"),
    ],
)
def test_bad_usage(
    refused: Refused, tmp_path: Path, small_block: Path, arguments: list[object], expected: str
) -> None:
    write_trace(tmp_path, HEADER, FIRST, SECOND)
    assert expected in refused("record", "trace", *arguments, "-o", "out")
    assert not (tmp_path / "out").exists()


def test_a_block_that_does_not_fit_into_the_memory_limit(refused: Refused, tmp_path: Path) -> None:
    Block([trace.txn([], [b"%d" % n for n in range(50_000)], {}, 0)]).save(tmp_path / "x.block")
    message = refused("record", "trace", "--from", "x.block", "--memory-limit", "1MiB", "-o", "out")
    assert "x.block: " in message
    assert "--memory-limit" in message


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("nowhere/out", "its folder does not exist"),
        (".", "is not a regular file"),
        ("small.block", "is an input"),
        ("link", "is an input"),
    ],
)
def test_a_trace_that_cannot_be_written(
    refused: Refused, tmp_path: Path, small_block: Path, output: str, expected: str
) -> None:
    (tmp_path / "link").symlink_to(small_block)
    before = small_block.read_bytes()
    message = refused("record", "trace", "--from", small_block, "-o", output)
    assert f"-o {output}: {expected}" in message
    assert small_block.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"small.block", "link"}


def test_a_bad_block(refused: Refused, tmp_path: Path, small_block: Path) -> None:
    small_block.write_bytes(small_block.read_bytes()[:-9])
    assert "small.block: " in refused("record", "trace", "--from", small_block, "-o", "out")
    assert {path.name for path in tmp_path.iterdir()} == {"small.block"}
