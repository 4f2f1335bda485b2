"""Access traces of blocks that were run: what is in them, and that they come round."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import zstandard

from blockstm.blocks.access_trace import read_access_trace
from blockstm.blocks.block import Block
from blockstm.engine import Engine
from blockstm.errors import AccessTraceError, BlockstmError, LimitError, Revert, UsageError
from blockstm.programs.built_in import trace, transfer
from blockstm.programs.declared import Declared, Hints
from blockstm.programs.program import program
from blockstm.results import access_trace_writer as tracewriter
from blockstm.results.access_trace_writer import write_access_trace

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("ethereum-*.block"))
SHARED = ROOT.parent / "shared" / "ethereum"


@program
def do(ctx, *operations):
    for verb, *arguments in operations:
        getattr(ctx, verb)(*arguments)


@program
def read_in_vain(ctx, key: bytes, delta: int):
    """Add to a key, and read it in a nested program that fails."""
    ctx.add(key, delta)
    with suppress(Revert):
        ctx.call(read_and_revert, key)


@program
def read_and_revert(ctx, key: bytes):
    ctx.read(key)
    ctx.revert()


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """The work of `trace` takes no time here."""
    with Engine(3, active_workers=3, rounds_per_gas=0) as engine:
        yield engine


def lines_of(path: Path) -> list[dict[str, Any]]:
    return list(map(json.loads, path.read_bytes().splitlines()))


def recorded(
    engine: Engine, block: Block, path: Path, model: str = "sequential", *, timed: bool = False
) -> list[dict[str, Any]]:
    """Return the trace's lines: the header and one a transaction."""
    write_access_trace(block, engine.execute(block, model, timed=timed), path)
    return lines_of(path)


def accesses(engine: Engine, tmp_path: Path, transaction: Any, state: dict[bytes, bytes]) -> list[Any]:
    """Return reads, writes and adds of a block of one transaction, as recorded in either model."""
    block = Block([transaction], state)
    lines = recorded(engine, block, tmp_path / "t")
    assert recorded(engine, block, tmp_path / "t", "block-stm") == lines
    return [lines[1][name] for name in ("reads", "writes", "adds")]


def test_a_trace_says_what_happened(engine: Engine, tmp_path: Path) -> None:
    block = Block(
        [
            transfer.txn(b"a", b"b", 3),
            do.txn(["charge", 7], ["read", b"b"], ["write", b"c", b"1"], ["add", b"fees", 255], gas_limit=9),
            transfer.txn(b"nobody", b"a", 1),
        ],
        {b"a": b"\5"},
        chain="here",
        number=8,
        meta={"fork": "first"},
    )
    header, *transactions = recorded(engine, block, tmp_path / "t")
    assert header == {
        "format": "access-trace",
        "version": 1,
        "chain": "here",
        "number": 8,
        "fork": "first",
        "transactions": 3,
    }
    assert transactions == [
        {"gas_used": 21_000, "reads": ["0x61", "0x62"], "writes": ["0x61", "0x62"], "adds": {}},
        {"gas_used": 7, "reads": ["0x62"], "writes": ["0x63"], "adds": {"0x66656573": "0xff"}},
        {"gas_used": 21_000, "reads": [f"0x{b'nobody'.hex()}", "0x61"], "writes": [], "adds": {}},
    ]


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        # Only what changes a value is a write.
        ([["write", b"k", b"\5"]], [[], [], {}]),
        ([["write", b"k", b"\0\5"]], [[], ["0x6b"], {}]),
        ([["write", b"k", b"\6"], ["write", b"k", b"\5"]], [[], [], {}]),
        ([["delete", b"k"], ["delete", b"none"]], [[], ["0x6b"], {}]),
        ([["write", b"none", b""]], [[], ["0x6e6f6e65"], {}]),
        ([["write", b"none", b"1"], ["delete", b"none"]], [[], [], {}]),
        ([["read", b"k"], ["add", b"k", 0]], [["0x6b"], [], {}]),
        ([["read", b"k"], ["add", b"k", 1]], [["0x6b"], ["0x6b"], {}]),
        ([["add", b"k", 1], ["read", b"k"]], [["0x6b"], ["0x6b"], {}]),
        # Adds are amounts, whichever way they go; nothing is no amount.
        ([["add", b"k", 3]], [[], [], {"0x6b": "0x3"}]),
        ([["add", b"k", -3]], [[], [], {"0x6b": "0x3"}]),
        ([["add", b"k", 3], ["add", b"k", -5]], [[], [], {"0x6b": "0x2"}]),
        ([["add", b"k", 3], ["add", b"k", -3], ["add", b"none", 0]], [[], [], {}]),
        ([["add", b"none", (1 << 256) - 1]], [[], [], {"0x6e6f6e65": f"0x{64 * 'f'}"}]),
        # In the order in which each was first touched.
        (
            [
                ["write", b"2", b"x"],
                ["add", b"3", 1],
                ["write", b"1", b"x"],
                ["add", b"0", 1],
                ["add", b"3", 1],
            ],
            [[], ["0x32", "0x31"], {"0x33": "0x2", "0x30": "0x1"}],
        ),
        ([["read", b"2"], ["read", b"1"], ["read", b"2"]], [["0x32", "0x31"], [], {}]),
        ([["read", b""]], [["0x"], [], {}]),
    ],
)
def test_what_counts_as_an_access(
    engine: Engine, tmp_path: Path, operations: list[Any], expected: Any
) -> None:
    assert accesses(engine, tmp_path, do.txn(*operations), {b"k": b"\5"}) == expected


@pytest.mark.parametrize(("delta", "writes"), [(1, ["0x6b"]), (-1, ["0x6b"]), (0, [])])
def test_a_key_that_was_both_read_and_added_to_is_a_write(
    engine: Engine, tmp_path: Path, delta: int, writes: list[str]
) -> None:
    found = accesses(engine, tmp_path, read_in_vain.txn(b"k", delta), {b"k": b"\5"})
    assert found == [["0x6b"], writes, {}]


def test_what_changes_is_seen_in_the_preset_order(engine: Engine, tmp_path: Path) -> None:
    """A transaction that writes what the one before has left there changes nothing; what adds left counts."""
    block = Block(
        [
            do.txn(["write", b"k", b"\1"]),
            do.txn(["write", b"k", b"\1"]),
            do.txn(["add", b"k", 2]),
            do.txn(["write", b"k", b"\3"]),
            do.txn(["add", b"k", -3]),
            do.txn(["write", b"k", b""]),
            do.txn(["delete", b"k"]),
            do.txn(["delete", b"k"]),
        ]
    )
    for model in ("sequential", "block-stm"):
        _, *lines = recorded(engine, block, tmp_path / "t", model)
        assert [line["writes"] for line in lines] == [["0x6b"], [], [], [], [], [], ["0x6b"], []]
        assert [line["adds"] for line in lines] == [{}, {}, {"0x6b": "0x2"}, {}, {"0x6b": "0x3"}, {}, {}, {}]


@pytest.mark.parametrize(
    ("meta", "fork"),
    [
        ({}, None),
        ({"fork": "a"}, "a"),
        ({"ethereum": {"fork": "b", "header": {}}}, "b"),
        ({"fork": "a", "ethereum": {"fork": "b"}}, "a"),
        ({"fork": 7, "ethereum": {"fork": "b"}}, "b"),
        ({"fork": 7, "ethereum": "b"}, None),
        ({"ethereum": {"fork": None}}, None),
    ],
)
def test_the_fork_is_taken_from_the_meta(
    engine: Engine, tmp_path: Path, meta: dict[str, object], fork: str | None
) -> None:
    (header,) = recorded(engine, Block([], meta=meta), tmp_path / "t")
    known = {} if fork is None else {"fork": fork}
    assert header == {"format": "access-trace", "version": 1, **known, "transactions": 0}
    assert read_access_trace(tmp_path / "t").meta == known


def test_seconds_are_there_if_they_were_measured(engine: Engine, tmp_path: Path) -> None:
    block = Block([transfer.txn(b"a", b"b", 0)] * 3)
    assert all("seconds" not in line for line in recorded(engine, block, tmp_path / "t"))
    _, *lines = recorded(engine, block, tmp_path / "t", timed=True)
    assert all(0 <= line["seconds"] < 10 for line in lines)
    transactions = read_access_trace(tmp_path / "t").transactions
    assert [txn.recorded.seconds for txn in transactions if txn.recorded] == [ln["seconds"] for ln in lines]


def test_the_ending_of_the_name_says_whether_to_compress(engine: Engine, tmp_path: Path) -> None:
    block = Block([transfer.txn(b"a", b"b", 0)] * 9, chain="here")
    result = engine.execute(block)
    for name in ("t.jsonl", "t.zst", "t.jsonl.zst", "t.zst.txt"):
        write_access_trace(block, result, str(tmp_path / name))
    plain = (tmp_path / "t.jsonl").read_bytes()
    assert plain.startswith(b'{"format":"access-trace"')
    assert (tmp_path / "t.zst.txt").read_bytes() == plain
    packed = (tmp_path / "t.zst").read_bytes()
    assert packed == (tmp_path / "t.jsonl.zst").read_bytes() != plain
    assert zstandard.get_frame_parameters(packed).has_checksum
    assert zstandard.decompress(packed) == plain
    assert read_access_trace(tmp_path / "t.zst") == read_access_trace(tmp_path / "t.jsonl")


def check_round_trip(engine: Engine, block: Block, path: Path) -> list[dict[str, Any]]:
    lines = recorded(engine, block, path)
    for model in ("sequential", "block-stm"):
        assert recorded(engine, read_access_trace(path), path, model) == lines
    return lines


def test_a_trace_recorded_from_a_trace_is_the_same(engine: Engine, tmp_path: Path) -> None:
    operations = [["read", b"k"], ["add", b"k", 1], ["write", b"z", b"1"], ["add", b"fees", 5]]
    block = Block(
        [
            do.txn(*operations),
            transfer.txn(b"a", b"b", 1),
            transfer.txn(b"nobody", b"b", 1),
            do.txn(["add", b"fees", -2], ["delete", b"k"]),
            trace.txn([b"a", b"a"], [b"z", b"z", b"fees"], {b"z": 1, b"fees": 0, b"new": 0, b"b": 2}, 30),
        ],
        {b"a": b"\5"},
        chain="here",
    )
    lines = check_round_trip(engine, block, tmp_path / "t")
    assert lines[-1] == {
        "gas_used": 30,
        "reads": ["0x61"],
        "writes": ["0x7a", "0x66656573"],
        "adds": {"0x62": "0x2"},
    }


def test_what_was_not_measured_comes_round(engine: Engine, tmp_path: Path) -> None:
    move = transfer.txn(b"a", b"b", 1)
    declared = Declared(reads=[b"b", b"a"], writes=[b"a", b"b"], adds=[b"c"])
    block = Block(
        [
            move.replace(declared=declared, arrival_nanoseconds=0),
            move,
            move.replace(hints=Hints(), declared=Declared(), arrival_nanoseconds=(1 << 64) - 1),
        ],
        {b"a": b"\5"},
    )
    header, first, second, third = check_round_trip(engine, block, tmp_path / "t")
    assert header["version"] == 2
    both = ["0x61", "0x62"]
    assert first["declared"] == {"reads": both, "writes": both, "adds": ["0x63"]}
    assert (first["arrival_nanoseconds"], third["arrival_nanoseconds"]) == (0, (1 << 64) - 1)
    assert second.keys().isdisjoint({"declared", "hints", "arrival_nanoseconds"})
    assert third["hints"] == third["declared"] == {"reads": [], "writes": [], "adds": []}
    for given, read in zip(block.transactions, read_access_trace(tmp_path / "t").transactions, strict=True):
        assert (read.declared, read.hints, read.arrival_nanoseconds) == (
            given.declared,
            given.hints,
            given.arrival_nanoseconds,
        )


def known_accesses(entry: dict[str, Any]) -> tuple[int, list[str], set[str], dict[str, int]]:
    """What a line of a trace comes to: a key that is read and added to is written, and so is one written first."""
    written = set(entry["reads"]) & set(entry["adds"]) | set(entry["writes"])
    adds = {key: int(amount, 16) for key, amount in entry["adds"].items() if key not in written}
    return entry["gas_used"], entry["reads"], written, adds


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_the_trace_of_a_scenario_is_the_one_that_it_was_made_from(
    engine: Engine, tmp_path: Path, path: Path
) -> None:
    block = Block.load(path)
    header, *lines = check_round_trip(engine, block, tmp_path / "t")
    source = SHARED / str(block.number) / "trace.jsonl.zst"
    if not source.exists():
        pytest.skip("the recorded traces are not beside the checkout (../shared/ethereum)")
    original = zstandard.ZstdDecompressor().stream_reader(source.read_bytes()).read().splitlines()
    expected_header, *expected = map(json.loads, original)
    assert header == expected_header
    assert list(map(known_accesses, lines)) == list(map(known_accesses, expected))


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) == 6


# --- errors ---------------------------------------------------------------------------------------


def refused(error_type: type[BlockstmError], block: Block, result: Any, path: Path) -> str:
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(error_type) as caught:
        write_access_trace(block, result, path)
    assert "\n" not in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
    return str(caught.value)


@pytest.mark.parametrize(
    "other",
    [
        Block([do.txn(["add", b"k", -1])]),
        Block([do.txn(["add", b"k", -1])] * 2, {b"k": b"\6"}),
        Block([do.txn(["add", b"k", -1])] * 2, {b"k": b"\1"}),
        Block([do.txn(["add", b"k", -1])] * 2, {b"k": b"\5", b"more": b""}),
    ],
)
def test_a_result_of_another_block(engine: Engine, tmp_path: Path, other: Block) -> None:
    result = engine.execute(Block([do.txn(["add", b"k", -1])] * 2, {b"k": b"\5"}))
    assert "give the block that was executed" in refused(UsageError, other, result, tmp_path / "t")


@pytest.mark.parametrize("name", ["no/t", ".", "t\0"])
def test_a_file_that_cannot_be_written(engine: Engine, tmp_path: Path, name: str) -> None:
    block = Block([])
    path = Path(os.path.join(tmp_path, name))
    with pytest.raises(AccessTraceError, match=r"cannot be written|is not a regular file"):
        write_access_trace(block, engine.execute(block), path)
    assert list(tmp_path.iterdir()) == []


def test_a_trace_larger_than_a_trace_may_be(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t"
    path.write_bytes(b"before")
    block = Block([transfer.txn(b"a", b"b", 0), do.txn(*[["read", b"%d" % n] for n in range(100)])])
    result = engine.execute(block)
    monkeypatch.setattr(tracewriter, "ACCESS_TRACE_LINE_BYTES_MAX", 500)
    message = refused(LimitError, block, result, path)
    assert message.startswith(f"{path}: transaction 1 takes ")
    assert message.endswith(" bytes of the trace; the limit is 500: split it")
    monkeypatch.undo()
    monkeypatch.setattr(tracewriter, "ACCESS_TRACE_BYTES_MAX", 500)
    message = refused(LimitError, block, result, path)
    assert message.startswith(f"{path}: transactions 0 to 1 take ")
    assert message.endswith(" bytes; the limit is 500: split the block")
