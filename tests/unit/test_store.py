"""The store: blocks appended whole or not at all, read again as they were, and files that are none refused."""

from __future__ import annotations

import os
from pathlib import Path

import lmdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Store, StoreError
from blockstm.limits import KEY_BYTES_MAX
from blockstm.processes.pickling import dumps, loads
from blockstm.store import StoredBlock
from blockstm.store.record import encode_outcomes

KEYS = st.binary(max_size=KEY_BYTES_MAX)
CHANGES = st.dictionaries(KEYS, st.none() | st.binary(max_size=300), max_size=8)
OUTCOMES = [(0, 21_000, None, [b"paid"]), (1, 5, "too poor", []), (2, 0, "ValueError: no", [])]


def block(number: int, root: bytes | None = None) -> StoredBlock:
    return StoredBlock(number, root, len(OUTCOMES), b"\7" * 32, encode_outcomes(OUTCOMES))


@settings(max_examples=15)
@given(st.lists(CHANGES, min_size=1, max_size=6))
def test_what_blocks_have_changed_is_there_when_the_store_is_opened_again(
    tmp_path_factory: pytest.TempPathFactory, changes: list[dict[bytes, bytes | None]]
) -> None:
    path = tmp_path_factory.mktemp("store") / "state.lmdb"
    told: dict[bytes, bytes | None] = {}
    with Store.create(path, chain="paper") as store:
        assert (store.head, store.root, dict(store.items())) == (None, None, {})
    for number, of_block in enumerate(changes, 7):
        with Store(path) as store:
            store.append(block(number, bytes([number]) * 32), of_block, {b"place": b"node", b"gone": None})
        told |= of_block
    with Store(path) as store:
        there = {key: value for key, value in told.items() if value is not None}
        assert list(store.items()) == sorted(there.items())
        assert all(store.source.get(key) == told.get(key) for key in [*told, b"never told"])
        assert [store.told(key) for key in told] == [(True, value) for value in told.values()]
        assert store.told(b"k" * KEY_BYTES_MAX)[0] == (b"k" * KEY_BYTES_MAX in told)
        assert store.chain == "paper"
        assert (store.head, store.root) == (6 + len(changes), bytes([6 + len(changes)]) * 32)
        assert [stored.number for stored in store.blocks()] == list(range(7, 7 + len(changes)))
        assert store.block(7).outcomes == OUTCOMES
        assert store.nodes.get(b"place", b"") == b"node"
        assert store.nodes.get(b"gone", b"") is None


def test_a_source_is_pickled_as_its_path_and_sees_what_is_appended_later(tmp_path: Path) -> None:
    with Store.create(tmp_path / "state.lmdb") as store:
        packed = dumps(store.source)
        source = loads(packed)
        assert source.get(b"a") is None
        store.append(block(1), {b"a": b"1"}, {})
        assert source.get(b"a") == b"1"
        assert dumps(store.source) == packed
        assert source == store.source


class BrokenOffError(Exception):
    pass


@pytest.mark.parametrize("broken_at", ["begin", "values", "nodes", "record"])
def test_of_a_block_that_breaks_off_nothing_is_stored(tmp_path: Path, broken_at: str) -> None:
    def break_off(name: str) -> None:
        if name == broken_at:
            raise BrokenOffError

    with Store.create(tmp_path / "state.lmdb") as store:
        store.append(block(1), {b"a": b"1"}, {b"n": b"1"})
        with pytest.raises(BrokenOffError):
            store.append(block(2), {b"a": b"2", b"b": b"2"}, {b"n": b"2"}, break_off)
        assert (store.head, dict(store.items()), store.nodes.get(b"n", b"")) == (1, {b"a": b"1"}, b"1")
        store.append(block(2), {b"a": None}, {b"n": None})
        assert (store.head, dict(store.items()), store.nodes.get(b"n", b"")) == (2, {}, None)


def test_a_block_that_does_not_follow_is_refused(tmp_path: Path) -> None:
    with Store.create(tmp_path / "state.lmdb") as store:
        store.append(block(5), {}, {})
        for number in (4, 5, 7):
            with pytest.raises(StoreError, match=rf"block {number} does not follow block 5"):
                store.append(block(number), {b"a": b"1"}, {})
        assert (store.head, dict(store.items())) == (5, {})
        with pytest.raises(StoreError, match="has no block 6"):
            store.block(6)


def stored(path: Path) -> Path:
    with Store.create(path) as store:
        store.append(block(1), {bytes([number]): bytes(3000) for number in range(50)}, {})
    return path


def of_another_version(path: Path) -> Path:
    stored(path)
    with (
        lmdb.open(str(path), subdir=False, max_dbs=4) as environment,
        environment.begin(write=True) as transaction,
    ):
        about = environment.open_db(b"about", transaction)
        content = transaction.get(b"about", db=about)
        assert content is not None
        transaction.put(b"about", content.replace(b"\xa7version\x01", b"\xa7version\x02"), db=about)
    return path


def of_something_else(path: Path) -> Path:
    with lmdb.open(str(path), subdir=False) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"a", b"b")
    return path


def with_other_tables(path: Path) -> Path:
    with lmdb.open(str(path), subdir=False, max_dbs=4) as environment:
        for name in (b"about", b"blocks", b"state", b"nodes"):
            environment.open_db(name)
    return path


def cut_off(path: Path) -> Path:
    stored(path)
    os.truncate(path, 3 * os.sysconf("SC_PAGESIZE"))
    return path


def text(path: Path) -> Path:
    path.write_text("no store\n" * 5000)
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (of_another_version, "is of version 2 of the format, but this is version 1; make it anew"),
        (of_something_else, "is no store of blockstm; give another file"),
        (with_other_tables, "is damaged or no store; make it anew"),
        (cut_off, "it was cut off: make it anew"),
        (text, "is damaged or no store"),
        (empty, "is empty; remove it, or give another file"),
        (folder, "is no file; name a store"),
        (lambda path: path, "is not there; name a store, or have it made"),
    ],
)
def test_what_is_no_store_is_refused_and_left_as_it_is(tmp_path: Path, made: object, message: str) -> None:
    path = made(tmp_path / "state.lmdb")  # type: ignore[operator]
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StoreError, match=message) as caught:
        Store(path)
    assert str(path) in str(caught.value)
    assert before == (path.read_bytes() if path.is_file() else None)


def test_a_store_is_not_made_over_a_file(tmp_path: Path) -> None:
    path = text(tmp_path / "state.lmdb")
    with pytest.raises(StoreError, match="is there already; open it, or name another file"):
        Store.create(path)
    assert path.read_text().startswith("no store")
    with pytest.raises(StoreError, match="No such file"):
        Store.create(tmp_path / "nowhere" / "state.lmdb")
