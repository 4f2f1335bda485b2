"""The binary tree against its definition in plain Python: any changes, in any order and any batches."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.errors import BlockstmError, TreeError, UsageError
from blockstm.native._trees import first_nibbles
from blockstm.trees.binary import EMPTY_ROOT, BinaryTree, state_root
from blockstm.trees.nodes import PLACE_BYTES_MAX, MemoryNodes
from tests.support.binary_tree import H, root_of

KEYS = st.integers(0, 120).map(lambda number: b"key %d" % number)
CHANGES = st.dictionaries(KEYS, st.none() | st.binary(max_size=2), max_size=30)
BATCHES = st.lists(CHANGES, min_size=1, max_size=5)
STATES = st.dictionaries(st.binary(max_size=64), st.binary(max_size=40), max_size=40)
TWINS: Final = b"twin 2953", b"twin 18181"
"""Keys whose paths share their first 30 bits, so that pages with a single slot lie above them."""


def after(state: Mapping[bytes, bytes], changes: Mapping[bytes, bytes | None]) -> dict[bytes, bytes]:
    both = {**state, **changes}
    return {key: value for key, value in both.items() if value is not None}


def whole(state: Mapping[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes | None]]:
    """The root and the pages of a tree that is made at once."""
    tree = BinaryTree(MemoryNodes())
    tree.update(state)
    return tree.commit()


@given(STATES)
def test_it_is_the_tree_of_the_specification(state: dict[bytes, bytes]) -> None:
    assert state_root(state) == root_of(state)


@given(STATES, STATES)
def test_different_states_have_different_roots(one: dict[bytes, bytes], other: dict[bytes, bytes]) -> None:
    assert (state_root(one) == state_root(other)) == (one == other)


@given(BATCHES, st.data())
def test_root_and_pages_depend_on_the_state_only(
    batches: list[dict[bytes, bytes | None]], data: st.DataObject
) -> None:
    """However it was come to: with nodes in memory or read again, hashed ahead or not."""
    nodes, state = MemoryNodes(), dict[bytes, bytes]()
    tree = BinaryTree(nodes)
    for changes in batches:
        tree.update(changes)
        state = after(state, changes)
        then = data.draw(st.sampled_from(["go on", "ahead", "keep", "forget", "open again"]))
        if then == "ahead":
            tree._pages.hash_from(data.draw(st.integers(0, 3)))
        if then in ("go on", "ahead"):
            continue
        root, changed = tree.commit()
        assert all(node is not None or place in nodes._nodes for place, node in changed.items())
        nodes.put(changed)
        assert root == tree.root == root_of(state)
        if then == "forget":
            tree._pages.forget(data.draw(st.integers(0, 2)))
        elif then == "open again":
            tree = BinaryTree(nodes, root)
    nodes.put(tree.commit().nodes)
    root, pages = whole(state)
    assert tree.root == root == root_of(state)
    assert nodes._nodes == pages


@pytest.mark.parametrize("universe", [90, 700])
def test_many_small_changes(universe: int) -> None:
    """Of pages that are full, or nearly: what is kept of their hashes is right."""
    chance, nodes = random.Random(universe), MemoryNodes()
    keys = [b"key %d" % number for number in range(universe)]
    state = {key: b"value" for key in keys}
    tree = BinaryTree(nodes)
    tree.update(state)
    for number in range(40):
        changes = {
            key: chance.choice([None, b"", b"\0", b"\1"]) for key in chance.sample(keys, chance.randint(1, 9))
        }
        tree.update(changes)
        state = after(state, changes)
        tree._pages.hash_from(chance.randint(0, 2))
        if chance.random() < 0.5:
            nodes.put(tree.commit().nodes)
            tree._pages.forget(number % 3)
    nodes.put(tree.commit().nodes)
    root, pages = whole(state)
    assert tree.root == root == root_of(state)
    assert nodes._nodes == pages


@given(STATES, st.randoms())
def test_order_and_batches_do_not_matter(state: dict[bytes, bytes], chance: random.Random) -> None:
    pairs = list(state.items())
    chance.shuffle(pairs)
    tree = BinaryTree(MemoryNodes())
    while pairs:
        count = chance.randint(1, len(pairs))
        tree.update(dict(pairs[:count]))
        del pairs[:count]
    assert tree.commit().root == state_root(state)


@given(BATCHES, st.data())
def test_parts_that_others_commit_are_joined(
    batches: list[dict[bytes, bytes | None]], data: st.DataObject
) -> None:
    nodes, state = MemoryNodes(), dict[bytes, bytes]()
    first = BinaryTree(nodes)
    first.update(batches[0])
    root, changed = first.commit()
    nodes.put(changed)
    state = after(state, batches[0])
    count = data.draw(st.integers(1, 3))
    workers = [BinaryTree(nodes, root) for _ in range(count)]
    top = BinaryTree(nodes, root)
    for changes in batches[1:]:
        parts: dict[int, bytes] = {}
        for number, worker in enumerate(workers):
            own = {key: changes[key] for key in changes if first_nibbles([key])[0] % count == number}
            worker.update(own)
            done = worker.commit_parts()
            assert not parts.keys() & done.parts.keys()
            parts |= done.parts
            nodes.put(done.nodes)
        joined = top.join(parts)
        nodes.put(joined.nodes)
        state = after(state, changes)
        assert joined.root == root_of(state)
        if data.draw(st.booleans()):
            for tree in [*workers, top]:
                tree._pages.forget(0)
    assert nodes._nodes == whole(state)[1]


def test_long_shared_paths() -> None:
    """Found by trying."""
    one, other = TWINS
    shared = int.from_bytes(H(one), "big") ^ int.from_bytes(H(other), "big")
    assert shared.bit_length() <= 256 - 30
    state = {one: b"1", other: b"2", b"elsewhere": b"3"}
    root, pages = whole(state)
    assert root == root_of(state)
    assert max(place[-1] for place in pages) == 7
    tree = BinaryTree(MemoryNodes({place: page for place, page in pages.items() if page}), root)
    tree.update({other: None})
    root, changed = tree.commit()
    assert root == root_of({one: b"1", b"elsewhere": b"3"})
    assert [place for place, page in changed.items() if page is not None] == [b"\x00"]
    tree.update({one: None, b"elsewhere": None})
    assert tree.commit() == (EMPTY_ROOT, {b"\x00": None})


def test_what_does_not_change_is_not_handed_out() -> None:
    state = {b"key %d" % number: b"value" for number in range(1000)}
    tree = BinaryTree(MemoryNodes())
    tree.update(state)
    tree.commit()
    tree.update({b"key 5": b"value", b"absent": None})
    assert tree.commit().nodes == {}
    tree.update({b"key 5": b"other"})
    changed = tree.commit().nodes
    assert [place[-1] for place in sorted(changed, key=len)] == [*range(len(changed))]
    assert all(len(place) <= PLACE_BYTES_MAX for place in changed)


def stored_state() -> tuple[bytes, dict[bytes, bytes]]:
    root, pages = whole({b"key %d" % number: b"value" for number in range(500)})
    return root, {place: page for place, page in pages.items() if page is not None}


def test_every_page_that_is_missing_or_damaged_is_named_and_nothing_changes() -> None:
    root, pages = stored_state()
    keys = {b"key %d" % number: b"other" for number in range(500)}
    chance = random.Random(7)
    whole_again = BinaryTree(MemoryNodes(pages), root)
    whole_again.update(keys)
    expected = whole_again.commit()
    for place in [b"\x00", *chance.sample(sorted(pages), 40)]:
        nodes = MemoryNodes(pages)
        tree = BinaryTree(nodes, root)
        spoilt = bytearray(pages[place])
        spoilt[chance.randrange(len(spoilt))] ^= 1 << chance.randrange(8)
        name = f"at path 0x{place[:-1].hex()[: place[-1]]} of"
        for bad in (None, bytes(spoilt), pages[place][:-1], pages[place] + b"\0", b""):
            nodes.put({place: bad})
            if place == b"\x00":
                with pytest.raises(TreeError, match=name):
                    BinaryTree(nodes, root)
            else:
                with pytest.raises(TreeError, match=name):
                    tree.update(keys)
                assert tree.commit() == (root, {})
            nodes.put({place: pages[place]})
        tree.update(keys)
        assert tree.commit() == expected


def test_a_page_of_another_place_is_refused() -> None:
    """Its hash is right, but its leaf does not lie at this path."""
    leaf = H(b"key") + H(b"value")
    here = 1 << (leaf[0] >> 4)
    tree = BinaryTree(MemoryNodes({b"\x00": here.to_bytes(2, "big") + bytes(2) + leaf}), H(b"\x00" + leaf))
    tree.update({b"key": None})
    elsewhere = 1 << ((leaf[0] >> 4) ^ 1)
    for page in (elsewhere.to_bytes(2, "big") + bytes(2) + leaf, bytes(4)):
        with pytest.raises(TreeError, match="at path 0x of the state tree is damaged"):
            BinaryTree(MemoryNodes({b"\x00": page}), H(b"\x00" + leaf))


def test_errors_of_nodes_come_through() -> None:
    class Failing:
        def get(self, place: bytes, digest: bytes, /) -> bytes | None:
            raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        BinaryTree(Failing(), H(b"something"))


def test_a_tree_in_use_refuses_others() -> None:
    """Nodes that ask the tree by which they are asked; another thread would be as bad."""

    class Asking(MemoryNodes):
        def get(self, place: bytes, digest: bytes, /) -> bytes | None:
            if place != b"\x00":
                for call in (tree.commit, tree.forget, tree.commit_parts, lambda: tree.join({}), again):
                    with pytest.raises(UsageError, match="one thread at a time"):
                        call()
                asked.append(place)
            return super().get(place, digest)

    def again() -> None:
        tree.update({b"key 2": None})

    root, pages = stored_state()
    asked: list[bytes] = []
    tree = BinaryTree(Asking(pages), root)
    tree.update({b"key 1": None})
    assert asked
    again()
    assert tree.commit().root == root_of({b"key %d" % n: b"value" for n in range(500) if n not in (1, 2)})


def test_bad_keys_values_and_roots_are_refused() -> None:
    tree = BinaryTree(MemoryNodes())
    tree.update({b"key": b"value"})
    for changes, text in (
        ({b"a": b"", bytes(65): b""}, "65 bytes"),
        ({b"a": b"", "b": b""}, "a key is bytes"),
        ({b"a": b"", b"b": "text"}, "a value is bytes"),
    ):
        with pytest.raises(BlockstmError, match=text):
            tree.update(changes)  # type: ignore[arg-type]
    assert tree.commit().root == root_of({b"key": b"value"})
    with pytest.raises(BlockstmError, match="a root has 32"):
        BinaryTree(MemoryNodes(), b"short")
