"""Access traces: real ones and bad ones."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from blockstm.blocks.access_trace import read_access_trace, record_trace
from blockstm.blocks.block import Block
from blockstm.errors import AccessTraceError, BlockFileError, UsageError
from blockstm.limits import ACCESS_TRACE_LINE_BYTES_MAX
from blockstm.programs.built_in import trace
from blockstm.programs.declared import Declared, Hints
from blockstm.programs.transaction import Recorded

REAL_TRACES = sorted(Path(__file__).resolve().parents[3].glob("shared/ethereum/*/trace.jsonl.zst"))

HEADER = {
    "format": "access-trace",
    "version": 1,
    "chain": "test",
    "number": 7,
    "fork": "cancun",
    "transactions": 2,
}
LINES: list[dict[str, Any]] = [
    {
        "gas_used": 21_000,
        "reads": ["0xAB", "0x"],
        "writes": ["0xab"],
        "adds": {"0x02": "0x0", "0x01": "0xfff"},
        "seconds": 0.5,
    },
    {"gas_used": 0, "reads": [], "writes": [], "adds": {}},
]


def _text(*lines: object) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _changed(line: int, **changes: Any) -> list[dict[str, Any]]:
    lines = [dict(HEADER), *map(dict, LINES)]
    lines[line - 1].update(changes)
    return lines


TOLD = {"reads": ["0xab", "0x"], "writes": ["0xAB"], "adds": ["0x01"]}


def _told(**fields: Any) -> list[dict[str, Any]]:
    """The lines of version 2, with these fields in the second transaction."""
    header, first, second = _changed(3, **fields)
    return [{**header, "version": 2}, first, second]


def _without(line: int, name: str) -> list[dict[str, Any]]:
    lines = _changed(line)
    del lines[line - 1][name]
    return lines


def _refused(path: Path, expected: str) -> None:
    with pytest.raises(AccessTraceError) as caught:
        read_access_trace(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300
    assert expected in message


def test_a_trace_becomes_a_block(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(_text(HEADER, *LINES))
    block = read_access_trace(path)
    assert (block.chain, block.number, block.meta) == ("test", 7, {"fork": "cancun"})
    assert block.state == {}
    first, second = block.transactions
    assert first.program is trace
    assert first.arguments == ((b"\xab", b""), (b"\xab",), {b"\x02": 0, b"\x01": 0xFFF}, 21_000)
    assert first.recorded == Recorded(gas_used=21_000, seconds=0.5)
    assert second.recorded == Recorded(gas_used=0)


def test_version_2_tells_what_was_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "trace"
    path.write_bytes(
        _text(*_told(declared=TOLD, hints={**TOLD, "reads": []}, arrival_nanoseconds=(1 << 64) - 1))
    )
    first, second = read_access_trace(path).transactions
    assert (first.declared, first.hints, first.arrival_nanoseconds) == (None, None, None)
    assert second.declared == Declared(reads=[b"", b"\xab"], writes=[b"\xab"], adds=[b"\1"])
    assert second.hints == Hints(writes=[b"\xab"], adds=[b"\1"])
    assert second.arrival_nanoseconds == (1 << 64) - 1
    assert second.recorded == Recorded(gas_used=0)
    path.write_bytes(_text(*_told()))
    assert [t.declared for t in read_access_trace(path).transactions] == [None, None]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_compression_and_the_last_line_end_do_not_matter(tmp_path: Path, ending: bytes) -> None:
    plain, packed, bare = tmp_path / "a.zst", tmp_path / "b.jsonl", tmp_path / "c"
    text = _text(HEADER, *LINES).replace(b"\n", ending)
    plain.write_bytes(text)
    packed.write_bytes(zstandard.compress(text))
    bare.write_bytes(text.rstrip())
    assert read_access_trace(plain) == read_access_trace(packed) == read_access_trace(str(bare))


def test_the_examples_of_the_specification_run(tmp_path: Path) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "access-trace.md"
    json_part, python_part = page.read_text().split("```")[1::2]
    path = tmp_path / "t"
    path.write_text(json_part.removeprefix("json\n"))
    assert len(read_access_trace(path)) == 2
    subprocess.run([sys.executable, "-c", python_part.removeprefix("python\n"), path], check=True)
    block = read_access_trace(path)
    assert block.transactions[0].arguments == ((b"alice",), (b"alice",), {b"miner": 500}, 21_000)


def test_what_is_optional_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(_text({"format": "access-trace", "version": 1, "transactions": 0}))
    assert read_access_trace(tmp_path / "t") == Block([])


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], "line 1: the header is missing"),
        ([HEADER, LINES[0]], "line 3: the header announces 2 transactions, but the file ends after 1"),
        ([HEADER, *LINES, LINES[0]], "line 4: the header announces 2 transactions, but here is one more"),
        ([[1]], "line 1: it is a list, not a JSON object"),
        (_changed(1, format="other"), "line 1: the header does not say format access-trace"),
        (_changed(1, version=3), "line 1: version is 3, and this blockstm reads versions 1 and 2"),
        (_changed(1, version=2.0), "line 1: version is 2.0, and this blockstm reads versions 1 and 2"),
        (_changed(2, declared=TOLD), "line 2: field 'declared' is unknown"),
        (_changed(3, arrival_nanoseconds=5), "line 3: field 'arrival_nanoseconds' is unknown"),
        (_told(declared=[]), "line 3: declared is [], not an object of reads, writes and adds"),
        (_told(declared=None), "line 3: declared is None, not an object"),
        (_told(declared={**TOLD, "gas": 1}), "line 3: declared: field 'gas' is unknown"),
        (_told(declared={"reads": [], "writes": []}), "line 3: declared: field adds is missing"),
        (_told(declared={**TOLD, "adds": {}}), "line 3: declared: adds is {}, not a list of keys"),
        (_told(hints={**TOLD, "reads": ["ab"]}), "line 3: hints: key 'ab' is not 0x and pairs"),
        (_told(hints={**TOLD, "writes": ["0xab", "0xAB"]}), "line 3: hints: writes names a key twice"),
        (_told(hints={**TOLD, "writes": [5]}), "line 3: hints: writes holds 5, which is not a key"),
        (_told(hints={**TOLD, "writes": ["0x" + 65 * "ab"]}), "is 65 bytes long; a key has at most 64"),
        (_told(arrival_nanoseconds=None), "line 3: arrival_nanoseconds is None, a NoneType; give an int"),
        (_told(arrival_nanoseconds=0.5), "line 3: arrival_nanoseconds is 0.5, a float; give an int"),
        (_told(arrival_nanoseconds=-1), "line 3: arrival_nanoseconds is -1; it must be from 0 to 2**64 - 1"),
        (_told(arrival=1), "line 3: field 'arrival' is unknown"),
        (_changed(1, transactions=-1), "line 1: transactions is -1"),
        (_changed(1, transactions=1_000_001), "line 1: transactions is 1000001"),
        (_changed(1, number="7"), "line 1: number is '7', a str; give an int"),
        (_changed(1, number=1 << 64), "line 1: number is 18446744073709551616"),
        (_changed(1, chain=7), "line 1: chain is 7"),
        (_changed(1, fork=7), "line 1: fork is 7, not text"),
        (_changed(1, more=1), "line 1: field 'more' is unknown"),
        (_without(1, "transactions"), "line 1: field transactions is missing"),
        (_without(2, "adds"), "line 2: field adds is missing"),
        (_changed(3, fee=1), "line 3: field 'fee' is unknown"),
        (_changed(2, gas_used=-1), "line 2: gas_used is -1"),
        (_changed(2, gas_used=1 << 64), "line 2: gas_used is 18446744073709551616"),
        (_changed(2, gas_used=1.5), "line 2: gas_used is 1.5, a float"),
        (_changed(2, gas_used=None), "line 2: gas_used is None"),
        (_changed(2, seconds=-0.1), "line 2: recorded seconds are -0.1"),
        (_changed(2, seconds="1"), "line 2: recorded seconds are '1'"),
        (_changed(2, seconds=float("nan")), "line 2: NaN is not a JSON number"),
        (_changed(3, reads="0xab"), "line 3: reads is '0xab', not a list of keys"),
        (_changed(3, reads=[7]), "line 3: reads holds 7, which is not a key"),
        (_changed(3, writes=[["0x"]]), "line 3: writes holds ['0x'], which is not a key"),
        (_changed(3, reads=["ab"]), "line 3: key 'ab' is not 0x and pairs of hex digits"),
        (_changed(3, reads=["0xabc"]), "line 3: key '0xabc' is not 0x"),
        (_changed(3, reads=["0xab cd"]), "line 3: key '0xab cd' is not 0x"),
        (_changed(3, reads=["0x\u0660\u0660"]), "line 3: key '0x\u0660\u0660' is not 0x"),
        (_changed(3, reads=["0xab\n"]), "line 3: key '0xab\\n' is not 0x"),
        (_changed(3, reads=["0x" + 65 * "ab"]), "is 65 bytes long; a key has at most 64 bytes"),
        (_changed(3, adds=[]), "line 3: adds is [], not an object"),
        (_changed(3, adds={"0x01": 5}), "line 3: amount 5 is not 0x and 1 to 64 hex digits"),
        (_changed(3, adds={"0x01": "0x"}), "line 3: amount '0x' is not 0x"),
        (_changed(3, adds={"0x01": "0x_1"}), "line 3: amount '0x_1' is not 0x"),
        (_changed(3, adds={"0x01": "-0x1"}), "line 3: amount '-0x1' is not 0x"),
        (_changed(3, adds={"0x01": "0x1" + 64 * "0"}), "line 3: amount '0x1000"),
        (_changed(3, adds={"01": "0x1"}), "line 3: key '01' is not 0x"),
        (_changed(3, adds={"0xab": "0x1", "0xAB": "0x1"}), "line 3: adds names a key twice"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[Any], expected: str) -> None:
    (tmp_path / "t").write_bytes(_text(*lines))
    _refused(tmp_path / "t", expected)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", "line 3: not JSON: Expecting value at column 1"),
        (b"{", "line 3: not JSON"),
        (b"{} {}", "line 3: not JSON: Extra data"),
        (b"\xff", "line 3: "),
        (b'{"gas_used":1,"gas_used":2}', "line 3: the key 'gas_used' comes twice in one object"),
        (b"[" * 100_000, "line 3: it is nested too deep"),
        (b'{"gas_used":' + b"9" * 5000 + b"}", "line 3: a number of 5000 digits is too large"),
        (b'{"gas_used":Infinity}', "line 3: Infinity is not a JSON number"),
        (
            b'{"gas_used":1,"reads":[],"writes":[],"adds":{},"seconds":1e999}',
            "line 3: recorded seconds are inf",
        ),
    ],
)
def test_a_line_that_is_not_right_json_is_named(tmp_path: Path, line: bytes, expected: str) -> None:
    (tmp_path / "t").write_bytes(_text(HEADER, LINES[0]) + line + b"\n")
    _refused(tmp_path / "t", expected)


def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    text = _text(HEADER) + b" " * (ACCESS_TRACE_LINE_BYTES_MAX + 1)
    (tmp_path / "t").write_bytes(zstandard.compress(text))
    _refused(tmp_path / "t", "after line 1: a line is longer than 16777216 bytes")


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t"
    text = _text(HEADER, *LINES)
    for data in (text, zstandard.ZstdCompressor(write_checksum=True).compress(text)):
        # The last line end alone does not matter.
        for length in range(len(data) - (data is text)):
            path.write_bytes(data[:length])
            _refused(path, "line " if data is text else "")


def test_other_files_are_refused(tmp_path: Path) -> None:
    _refused(tmp_path / "none", "no such file; check the path")
    _refused(tmp_path, "is a directory; name a file")
    (tmp_path / "block").write_bytes(b"\x1f\x8b\x08\x00")
    _refused(tmp_path / "block", "line 1: ")
    Block([]).save(tmp_path / "block")
    _refused(tmp_path / "block", "line 1: ")
    flipped = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(_text(HEADER, *LINES)))
    flipped[-1] ^= 1
    (tmp_path / "block").write_bytes(flipped)
    _refused(tmp_path / "block", "damaged (Restored data doesn't match checksum)")


def test_recording_writes_a_block_file(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(_text(HEADER, *LINES))
    block = record_trace(tmp_path / "t", tmp_path / "x.block")
    assert Block.load(tmp_path / "x.block") == block == read_access_trace(tmp_path / "t")


def test_recording_leaves_nothing_when_it_fails(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(_text(HEADER, LINES[0]))
    with pytest.raises(AccessTraceError):
        record_trace(tmp_path / "t", tmp_path / "x.block")
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]
    (tmp_path / "t").write_bytes(_text(HEADER, *LINES))
    with pytest.raises(BlockFileError):
        record_trace(tmp_path / "t", tmp_path / "no" / "x.block")
    with pytest.raises(UsageError, match="is the trace itself"):
        record_trace(tmp_path / "t", tmp_path / "." / "t")
    assert [entry.name for entry in tmp_path.iterdir()] == ["t"]


@pytest.mark.skipif(not REAL_TRACES, reason="no recorded blocks beside the checkout (../shared/ethereum)")
def test_there_are_as_many_real_traces_as_there_should_be() -> None:
    assert len(REAL_TRACES) == 46


@pytest.mark.skipif(not REAL_TRACES, reason="no recorded blocks beside the checkout (../shared/ethereum)")
@pytest.mark.parametrize("path", REAL_TRACES, ids=lambda path: path.parent.name)
def test_real_traces(path: Path, tmp_path: Path) -> None:
    block = record_trace(path, tmp_path / "x.block")
    assert Block.load(tmp_path / "x.block") == block
    lines = zstandard.ZstdDecompressor().stream_reader(path.read_bytes()).read().splitlines()
    header, *expected = map(json.loads, lines)
    assert (block.chain, block.number) == ("ethereum", int(path.parent.name))
    assert block.meta == {"fork": header["fork"]}
    assert len(block) == len(expected) == header["transactions"]
    for transaction, line in zip(block.transactions, expected, strict=True):
        reads, writes, adds, gas = transaction.arguments
        assert [f"0x{key.hex()}" for key in reads] == line["reads"]  # type: ignore[attr-defined]
        assert [f"0x{key.hex()}" for key in writes] == line["writes"]  # type: ignore[attr-defined]
        assert {f"0x{key.hex()}": hex(n) for key, n in adds.items()} == line["adds"]  # type: ignore[attr-defined]
        assert gas == line["gas_used"]
        assert transaction.recorded == Recorded(gas_used=gas, seconds=line["seconds"])  # type: ignore[arg-type]
