"""`blockstm record trace`: access traces into block files, and what is wrong with bad ones."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from blockstm import Block
from blockstm.programs import trace

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
        (1, HEADER.replace('"version":1', '"version":2')),
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
