"""Version 2 of block files: optional sections for declared accesses, hints, arrival times and an access list."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack
import pytest

from blockstm import Block, BlockAccessList, Declared, Hints, KeyAccesses, LimitError, Recorded
from blockstm.limits import ACCESSES_MAX, VALUE_BYTES_MAX
from blockstm.programs.built_in import trace, transfer
from tests.support.block_files import compress, content_of, read_by_the_page, refused, write_objects

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = sorted((ROOT / "scenarios").glob("*.block"))

ACCESS_LIST = BlockAccessList(
    {
        b"y": KeyAccesses([(1, b"\x04"), (3, None)], [2]),
        b"b": KeyAccesses([(0, b"\x01")]),
        b"a": KeyAccesses(reads=[0, 4]),
        b"new": KeyAccesses(),
    }
)


def _block() -> Block:
    moved = transfer.txn(b"b", b"a", 5)
    return Block(
        [
            moved.replace(
                declared=Declared([b"z", b"a"], [b"b"], [b"fee"]), arrival_nanoseconds=(1 << 64) - 1
            ),
            moved.replace(hints=Hints(writes=[b"y"]), recorded=Recorded(gas_used=1)),
            trace.txn([b"y"], [], {}, 1).replace(declared=Declared(), arrival_nanoseconds=0),
        ],
        {b"b": b"\x05"},
        access_list=ACCESS_LIST,
    )


def _saved(block: Block, path: Path) -> Path:
    block.save(path)
    return path


# Version 1 stays what it was.


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_blocks_without_sections_are_written_as_before(path: Path, tmp_path: Path) -> None:
    block = Block.load(path)
    as_loaded = _saved(block, tmp_path / "x.block")
    assert content_of(as_loaded) == content_of(path)
    anew = Block(block.transactions, block.state, chain=block.chain, number=block.number, meta=block.meta)
    assert read_by_the_page(_saved(anew, tmp_path / "y.block"))["header"]["version"] == 1


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 9


def test_a_block_that_loses_its_sections_is_version_1_again(tmp_path: Path) -> None:
    block = _block()
    assert read_by_the_page(_saved(block, tmp_path / "x.block"))["header"]["version"] == 2
    plain = [t.replace(declared=None, hints=None, arrival_nanoseconds=None) for t in block.transactions]
    expected = Block([transfer.txn(b"b", b"a", 5), plain[1], trace.txn([b"y"], [], {}, 1)], block.state)
    path = _saved(Block(plain, block.state), tmp_path / "y.block")
    assert path.read_bytes() == _saved(expected, tmp_path / "z.block").read_bytes()
    assert read_by_the_page(path)["header"]["version"] == 1


# What is good comes back.


def test_all_sections_come_back(tmp_path: Path) -> None:
    path = _saved(_block(), tmp_path / "x.block")
    loaded = Block.load(path)
    assert repr(loaded) == "<Block of 3 transactions, 1 key of state, with an access list>"
    assert loaded == _block()
    assert loaded.access_list == ACCESS_LIST
    assert [t.arrival_nanoseconds for t in loaded.transactions] == [(1 << 64) - 1, None, 0]
    assert loaded.transactions[2].declared == Declared()
    assert _saved(loaded, tmp_path / "y.block").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["declared", "hints", "arrival_nanoseconds"])
@pytest.mark.parametrize("with_access_list", [False, True])
def test_any_of_the_sections_may_be_alone(tmp_path: Path, name: str, with_access_list: bool) -> None:
    said: dict[str, Any] = {name: getattr(_block().transactions[int(name == "hints")], name)}
    access_list = BlockAccessList({}) if with_access_list else None
    block = Block([transfer.txn(b"b", b"a", 5).replace(**said)], access_list=access_list)
    path = _saved(block, tmp_path / "x.block")
    there = {"access_list"} if with_access_list else set()
    assert read_by_the_page(path)["header"]["counts"].keys() - {"keys", "state", "transactions"} == there | {
        name
    }
    assert Block.load(path) == block


def test_an_independent_reader_finds_the_same(tmp_path: Path) -> None:
    block = _block()
    found = read_by_the_page(_saved(block, tmp_path / "x.block"))
    for name in ("declared", "hints"):
        said = [getattr(transaction, name) for transaction in block.transactions]
        kinds = ("reads", "writes", "adds")
        assert found[name] == [
            None if entry is None else {kind: set(getattr(entry, kind)) for kind in kinds} for entry in said
        ]
    assert found["arrival_nanoseconds"] == [(1 << 64) - 1, None, 0]
    assert found["access_list"] == {
        b"y": ({1: b"\x04", 3: None}, [2]),
        b"b": ({0: b"\x01"}, []),
        b"a": ({}, [0, 4]),
        b"new": ({}, []),
    }
    assert {b"z", b"fee", b"new"} <= found["keys"]


def test_the_example_of_the_specification_shows_the_sections(tmp_path: Path) -> None:
    pages = [page for page in (ROOT / "docs").rglob("block-file.md")]
    example = pages[0].read_text().split("```python\n")[1].split("```")[0]
    path = _saved(_block(), tmp_path / "x.block")
    shown = subprocess.run([sys.executable, "-c", example, path], check=True, capture_output=True, text=True)
    lines = shown.stdout.splitlines()
    assert "2 declared reads [] writes [] adds []" in lines
    assert f"1 hints reads [] writes ['{b'y'.hex()}'] adds []" in lines
    assert "arrival times: [18446744073709551615, None, 0]" in lines
    assert rf"{b'y'.hex()} changes {{1: b'\x04', 3: None}} reads [2]" in lines


def test_sections_written_by_others_load(tmp_path: Path) -> None:
    """By the page's words alone: counts in any order, and sections that say nothing, too."""
    objects = _sound()
    counts = objects[0]["counts"]
    objects[0]["counts"] = {name: counts[name] for name in reversed(counts)}
    write_objects(tmp_path / "x.block", objects)
    loaded = Block.load(tmp_path / "x.block")
    assert loaded.transactions[0].declared == Declared([b"a", b"c"], [b"a"], [b"b"])
    assert loaded.transactions[1].hints == Hints(adds=[b"b"])
    assert loaded.transactions[1].arrival_nanoseconds == 5
    assert loaded.access_list == BlockAccessList(
        {b"a": KeyAccesses([(0, b"\x07"), (3, None)]), b"c": KeyAccesses(reads=[1, 2])}
    )
    objects = _sound()[:4]
    objects[0]["counts"] = {"keys": 3, "state": 1, "transactions": 2, "declared": 2}
    write_objects(tmp_path / "y.block", [*objects, [None, None]])
    plain = Block.load(tmp_path / "y.block")
    assert plain == Block(plain.transactions, plain.state)
    assert read_by_the_page(_saved(plain, tmp_path / "z.block"))["header"]["version"] == 1


def test_many_pieces_come_back(tmp_path: Path) -> None:
    keys = [i.to_bytes(4, "big") for i in range(3000)]
    transactions = [
        transfer.txn(keys[i], keys[-i - 1], i).replace(
            declared=Declared(keys[i : i + 9], keys[i:i:7]),
            hints=Hints(adds=[keys[i // 2]]) if i % 5 else None,
            arrival_nanoseconds=i**5,
        )
        for i in range(3000)
    ]
    changed = {key: KeyAccesses([(i % 3001, os.urandom(i % 300))], [i]) for i, key in enumerate(keys)}
    block = Block(transactions, access_list=BlockAccessList(changed))
    assert Block.load(_saved(block, tmp_path / "x.block")) == block


# Bad content. Each case changes a sound file's objects and says what the message must hold.


def _sound() -> list[Any]:
    counts = {"keys": 3, "state": 1, "transactions": 2}
    return [
        {
            "format": "blockstm-block",
            "version": 2,
            "chain": None,
            "number": None,
            "meta": {},
            "programs": ["transfer"],
            "counts": {**counts, "declared": 2, "hints": 2, "arrival_nanoseconds": 2, "access_list": 2},
        },
        [b"a", b"b", b"c"],
        {0: b"\x01"},
        [[0, [0, 1, 5, 0], None, None], [0, [1, 2, 5, 0], None, {"gas_used": 1}]],
        [[[0, 2], [0], [1]], None],
        [None, [[], [], [1]]],
        [None, 5],
        [[0, [0, b"\x07", 3, None], []], [2, [], [1, 2]]],
    ]


def _set(*path: Any) -> Callable[[list[Any]], None]:
    """Set what a path of indexes and keys leads to; the last element of the path is the new value."""

    def change(objects: list[Any]) -> None:
        target: Any = objects
        for step in path[:-2]:
            target = target[step]
        target[path[-2]] = path[-1]

    return change


def _count(name: str, count: object) -> Callable[[list[Any]], None]:
    return _set(0, "counts", name, count)


DECLARED, HINTS, ARRIVALS, LIST = 4, 5, 6, 7
INDEXES = "holds something other than block access indexes from 0 to 3"
ASCENDING = "is not in ascending order, each once"

BAD_CONTENT: list[tuple[Callable[[list[Any]], None], str]] = [
    (_set(0, "version", 1), "header: counts holds 'declared', which is unknown"),
    (
        _set(0, "version", 3),
        "version is 3, and this blockstm reads versions 1 and 2; make the file again, or use",
    ),
    (_set(0, "version", True), "version is True, and"),
    (_set(0, "version", 2.0), "version is 2.0, and"),
    (_count("declare", 2), "header: counts holds 'declare', which is unknown"),
    (_count("declared", 1), "header: count of declared is 1; it must be that of transactions, 2"),
    (_count("hints", 3), "header: count of hints is 3; it must be that of transactions, 2"),
    (_count("arrival_nanoseconds", 0), "header: count of arrival_nanoseconds is 0; it must be that of"),
    (_count("access_list", -1), "header: count of access_list is -1; it must be from 0 to 8388608"),
    (_count("access_list", (1 << 23) + 1), "header: count of access_list is 8388609; it must be from 0"),
    (_count("access_list", True), "header: count of access_list is True"),
    (_count("access_list", None), "header: count of access_list is None"),
    (_count("access_list", 3), "access_list, near byte"),
    (lambda objects: objects[0]["counts"].pop("access_list"), "something follows the last section"),
    (lambda objects: objects[0]["counts"].pop("hints"), "arrival_nanoseconds: transaction 1: it is not"),
    (lambda objects: objects[0]["counts"].pop("keys"), "counts does not hold keys, state, transactions"),
    (lambda objects: objects.pop(), "access_list, near byte"),
    (lambda objects: objects.append([]), "something follows the last section"),
    (_set(DECLARED, {}), "declared, near byte"),
    (_set(DECLARED, []), "it has 0 entries, but the header announces 2"),
    (_set(DECLARED, [None, None, None]), "it has 3 entries, but the header announces 2"),
    (_set(DECLARED, 0, {}), "declared: transaction 0: it is not a list"),
    (_set(DECLARED, 1, 5), "declared: transaction 1: it is not a list"),
    (_set(DECLARED, 1, b"abc"), "declared: transaction 1: it is not a list"),
    (_set(DECLARED, 1, []), "declared: transaction 1: it must have 3 elements (reads, writes, adds)"),
    (_set(DECLARED, 1, [[], []]), "declared: transaction 1: it must have 3 elements"),
    (_set(DECLARED, 1, [[], [], [], []]), "declared: transaction 1: it must have 3 elements"),
    (_set(DECLARED, 1, [[], [], 0]), "declared: transaction 1: adds: it is not a list"),
    (_set(DECLARED, 0, 0, [3]), "declared: transaction 0: reads: it is not the index of one of 3 keys"),
    (_set(DECLARED, 0, 1, [-1]), "declared: transaction 0: writes: it is not the index"),
    (_set(DECLARED, 0, 1, [False]), "declared: transaction 0: writes: it is not the index"),
    (_set(DECLARED, 0, 1, [0.0]), "declared: transaction 0: writes: it is not the index"),
    (_set(DECLARED, 0, 1, [None]), "declared: transaction 0: writes: it is not the index"),
    (_set(DECLARED, 0, 1, [b"a"]), "declared: transaction 0: writes: it is not the index"),
    (_set(DECLARED, 0, 1, [1 << 63]), "declared: transaction 0: writes: it is not the index"),
    (_set(DECLARED, 0, 1, [[0]]), "declared: transaction 0: writes: it is not the index"),
    (_set(DECLARED, 0, 0, [2, 0]), f"declared: transaction 0: reads: {ASCENDING}"),
    (_set(DECLARED, 0, 2, [1, 1]), f"declared: transaction 0: adds: {ASCENDING}"),
    (_set(DECLARED, 0, 2, ["a"]), "declared, near byte"),
    (_set(HINTS, 1, 0, [2, 1]), f"hints: transaction 1: reads: {ASCENDING}"),
    (_set(HINTS, 0, True), "hints: transaction 0: it is not a list"),
    (_set(ARRIVALS, 0, -1), "arrival_nanoseconds: transaction 0: it is not an integer from 0 to 2**64 - 1"),
    (_set(ARRIVALS, 1, 5.0), "arrival_nanoseconds: transaction 1: it is not an integer"),
    (_set(ARRIVALS, 1, True), "arrival_nanoseconds: transaction 1: it is not an integer"),
    (_set(ARRIVALS, 1, msgpack.ExtType(1, b"\0\5")), "arrival_nanoseconds: transaction 1: it is not an"),
    (_set(ARRIVALS, 1, msgpack.Timestamp(5)), "arrival_nanoseconds: transaction 1: it is not an integer"),
    (_set(LIST, 1, None), "access_list: entry 1: it is not a list"),
    (_set(LIST, 1, [2, []]), "access_list: entry 1: it must have 3 elements (key, changes, reads)"),
    (_set(LIST, 1, 0, 3), "access_list: entry 1: key: it is not the index of one of 3 keys"),
    (_set(LIST, 1, 0, b"c"), "access_list: entry 1: key: it is not the index"),
    (_set(LIST, 1, 0, 0), "the entries are not in ascending order of their keys' indexes, each once"),
    (_set(LIST, 0, 0, 2), "the entries are not in ascending order"),
    (_set(LIST, 0, 1, 0), "access_list: entry 0: changes: it is not a list"),
    (_set(LIST, 0, 1, [0]), "access_list: entry 0: changes: has an odd number of elements"),
    (_set(LIST, 0, 1, [4, b""]), f"access_list: entry 0: changes: {INDEXES}"),
    (_set(LIST, 0, 1, [-1, b""]), f"access_list: entry 0: changes: {INDEXES}"),
    (_set(LIST, 0, 1, [b"", 0]), f"access_list: entry 0: changes: {INDEXES}"),
    (_set(LIST, 0, 1, [1, b"", 0, b""]), f"access_list: entry 0: changes: {ASCENDING}"),
    (_set(LIST, 0, 1, [1, b"", 1, b""]), f"access_list: entry 0: changes: {ASCENDING}"),
    (_set(LIST, 0, 1, [1, 5]), "access_list: entry 0: changes: a value is neither bytes nor nil"),
    (_set(LIST, 0, 1, [1, []]), "access_list: entry 0: changes: a value is neither bytes nor nil"),
    (_set(LIST, 0, 1, [1, bytes(VALUE_BYTES_MAX + 1)]), "exceeds max_bin_len(65536)"),
    (_set(LIST, 0, 2, [4]), f"access_list: entry 0: reads: {INDEXES}"),
    (_set(LIST, 0, 2, [1, 1]), f"access_list: entry 0: reads: {ASCENDING}"),
    (_set(LIST, 0, 2, b""), "access_list: entry 0: reads: it is not a list"),
]


@pytest.mark.parametrize(
    ("change", "expected"), BAD_CONTENT, ids=[f"{i}: {text}" for i, (_, text) in enumerate(BAD_CONTENT)]
)
def test_bad_sections_are_refused(tmp_path: Path, change: Callable[[list[Any]], None], expected: str) -> None:
    path = tmp_path / "x.block"
    objects = _sound()
    write_objects(path, objects)
    Block.load(path).transactions  # noqa: B018 - the unchanged file is sound
    change(objects)
    write_objects(path, objects)
    assert "; " in refused(path, expected)


def test_the_first_bad_entry_of_many_is_named(tmp_path: Path) -> None:
    objects = _sound()
    objects[0]["counts"] = {"keys": 3, "state": 1, "transactions": 1000, "declared": 1000}
    objects[3] = [objects[3][0]] * 1000
    entries: list[Any] = [[[0, 2], [1], []]] * 1000
    entries[999] = entries[617] = [[0], [3], []]
    write_objects(tmp_path / "x.block", [*objects[:4], entries])
    refused(tmp_path / "x.block", "declared: transaction 617: writes: it is not the index of one of 3 keys")


def test_content_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = b"".join(map(msgpack.packb, _sound()))
    for length in range(len(whole)):
        (tmp_path / "x.block").write_bytes(compress(whole[:length]))
        refused(tmp_path / "x.block", "near byte")


def test_too_long_a_list_is_refused(tmp_path: Path) -> None:
    objects = _sound()
    objects[DECLARED][0][0] = [0] * (ACCESSES_MAX + 1)
    write_objects(tmp_path / "x.block", objects)
    refused(tmp_path / "x.block", f"declared: transaction 0: reads: has more than {ACCESSES_MAX} entries")


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [i.to_bytes(4, "big") for i in range(1000)]
    monkeypatch.setattr("blockstm.blocks.block_file.BLOCK_ROW_BYTES_MAX", 1000)
    for block, problem in (
        (
            Block([transfer.txn(b"a", b"b", 1).replace(hints=Hints(many))]),
            "hints: entry 0 takes .* split the block",
        ),
        (
            Block([], access_list=BlockAccessList({b"a": KeyAccesses([(0, bytes(2000))])})),
            "access_list: entry 0 takes .* bytes; the limit is 1000: split the block",
        ),
    ):
        with pytest.raises(LimitError, match=problem):
            block.save(tmp_path / "x.block")
    monkeypatch.undo()
    monkeypatch.setattr("blockstm.blocks.packed.KEYS_MAX", 900)
    with pytest.raises(LimitError, match="the block names 1002 keys; the limit is 900"):
        Block([transfer.txn(b"a", b"b", 1).replace(declared=Declared(many))]).save(tmp_path / "x.block")
    assert list(tmp_path.iterdir()) == []
