"""Snapshots of stores: what is restored is what was there, and nothing damaged or out of place is taken."""

from __future__ import annotations

from pathlib import Path

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm import Store
from blockstm.errors import SnapshotError, StoreError
from blockstm.limits import KEY_BYTES_MAX
from blockstm.store import StoredBlock
from blockstm.store.record import encode_outcomes
from blockstm.store.snapshot import is_sound, restore, take_snapshot
from blockstm.store.snapshot_file import read_header
from blockstm.store.state_trees import open_tree
from blockstm.trees.binary import state_root

Changes = dict[bytes, bytes | None]
CHANGES = st.dictionaries(st.binary(max_size=KEY_BYTES_MAX), st.none() | st.binary(max_size=200), max_size=10)


def append(store: Store, changes: Changes) -> None:
    number = 1 if store.head is None else store.head + 1
    tree = open_tree(store)
    root, nodes = None, dict[bytes, bytes | None]()
    if tree is not None:
        tree.update(changes)
        root, nodes = tree.commit()
    store.append(StoredBlock(number, root, 0, None, encode_outcomes([])), changes, nodes)


@settings(max_examples=15)
@given(st.lists(CHANGES, min_size=1, max_size=4), st.sampled_from(["binary", "none"]))
def test_a_snapshot_and_what_has_changed_since_make_the_same_store(
    tmp_path_factory: pytest.TempPathFactory, changes: list[Changes], tree: str
) -> None:
    folder = tmp_path_factory.mktemp("snapshots")
    files: list[Path] = []
    with Store.create(folder / "state.lmdb", chain="paper", tree=tree) as store:
        for number, of_block in enumerate(changes):
            append(store, of_block)
            file = folder / f"{number}.snapshot"
            header = take_snapshot(store, file, files)
            assert header == read_header(file)
            assert (header.number, header.base_number) == (number + 1, number or None)
            files.append(file)
        before = list(store.items())
        with restore(files, folder / "restored.lmdb") as restored:
            assert list(restored.items()) == before
            assert (restored.chain, restored.tree, restored.head) == ("paper", tree, len(changes))
            expected = state_root(dict(before)) if tree == "binary" else None
            assert restored.root == store.root == expected
            assert is_sound(store) and is_sound(restored)
            append(restored, {b"next": b"1", b"other": None})
            append(store, {b"next": b"1", b"other": None})
            assert (restored.root, list(restored.items())) == (store.root, list(store.items()))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A whole snapshot, with a dictionary, and two that follow it."""
    names = [tmp_path / f"{number}.snapshot" for number in range(3)]
    with Store.create(tmp_path / "state.lmdb", tree="binary") as store:
        for number, name in enumerate(names):
            append(
                store, {b"account%05d" % place: b"balance of %d" % (place + number) for place in range(3000)}
            )
            if number:
                append(store, {b"account%05d" % number: None})
            take_snapshot(store, name, names[:number])
    return names


def test_a_dictionary_makes_what_follows_smaller(files: list[Path], tmp_path: Path) -> None:
    assert read_header(files[0]).dictionary
    assert not read_header(files[1]).dictionary
    with Store(tmp_path / "state.lmdb") as store:
        append(store, {b"account%05d" % place: b"balance of 7" for place in range(0, 3000, 60)})
        take_snapshot(store, tmp_path / "last.snapshot", files)
    alone = len(msgpack.packb([[b"account%05d" % place, b"balance of 7"] for place in range(0, 3000, 60)]))
    assert (tmp_path / "last.snapshot").stat().st_size < alone / 2


def test_snapshots_that_do_not_follow_each_other_are_refused(files: list[Path], tmp_path: Path) -> None:
    wrong = {
        "tells only what has changed since block 1; name the snapshots before it first": [files[1]],
        "tells what has changed since block 3, and the one before it is of block 1": [files[0], files[2]],
        "is whole, and the one before it is of block 1": [files[0], files[0]],
        "no snapshot is named": [],
    }
    for message, given_files in wrong.items():
        with pytest.raises(SnapshotError, match=message):
            restore(given_files, tmp_path / "restored.lmdb")
        assert not (tmp_path / "restored.lmdb").exists()
    with Store.create(tmp_path / "other.lmdb", tree="binary") as other:
        with pytest.raises(StoreError, match="has no block yet, so no state"):
            take_snapshot(other, tmp_path / "x.snapshot")
        append(other, {b"a": b"1"})
        with pytest.raises(SnapshotError, match="block 1 has another root than in"):
            take_snapshot(other, tmp_path / "x.snapshot", files[:1])
        with pytest.raises(SnapshotError, match=r"is of block 5 of chain none, tree binary; .* of block 1"):
            take_snapshot(other, tmp_path / "x.snapshot", files)
    with pytest.raises(StoreError, match="is there already"):
        restore(files, tmp_path / "other.lmdb")
    assert (tmp_path / "other.lmdb").exists()
    assert not (tmp_path / "x.snapshot").exists()


def test_a_damaged_snapshot_is_refused_wherever_it_is_damaged(files: list[Path], tmp_path: Path) -> None:
    content = files[0].read_bytes()
    places = [*range(60), *range(60, len(content), len(content) // 60), len(content) - 1]
    damaged = tmp_path / "damaged.snapshot"
    for place in places:
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 0x11]) + content[place + 1 :])
        with pytest.raises(SnapshotError, match=str(damaged)):
            restore([damaged], tmp_path / "restored.lmdb")
        assert not (tmp_path / "restored.lmdb").exists()
        damaged.write_bytes(content[:place])
        with pytest.raises(SnapshotError, match=str(damaged)):
            restore([damaged], tmp_path / "restored.lmdb")


def test_a_snapshot_of_another_version_is_refused(files: list[Path], tmp_path: Path) -> None:
    content = files[0].read_bytes().replace(b"\xa7version\x01", b"\xa7version\x02")
    (tmp_path / "x.snapshot").write_bytes(content)
    with pytest.raises(SnapshotError, match="is of version 2, and this reads version 1; make it anew"):
        read_header(tmp_path / "x.snapshot")
