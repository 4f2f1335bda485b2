"""The Merkle Patricia trie against the library `trie` and the execution specifications; and nodes that are bad."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
import rlp
from ethereum.forks.london.trie import Trie, root, trie_set
from ethereum_types.bytes import Bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from trie import HexaryTrie

from blockstm.errors import TreeError, UsageError
from blockstm.native import _trees
from blockstm.trees.nodes import MemoryNodes
from blockstm.trees.patricia import EMPTY_TRIE_ROOT, PatriciaTrie

SETTINGS = settings(deadline=None, print_blob=True, max_examples=50)
# Long common beginnings, and parts at every nibble.
keys = st.lists(st.sampled_from([0x00, 0x01, 0x10, 0x5A]), min_size=4, max_size=4).map(bytes) | st.lists(
    st.sampled_from([0xFE, 0xFF]), min_size=4, max_size=4
).map(bytes)
# So short that nodes stand in each other, and longer.
values = st.binary(min_size=1, max_size=3) | st.binary(min_size=28, max_size=34) | st.just(b"v" * 80)
batches = st.lists(st.dictionaries(keys, st.none() | values, max_size=12), max_size=8)


class Asked(MemoryNodes):
    """Nodes that note what they are asked for, and may lack some."""

    def __init__(self, nodes: Mapping[bytes, bytes] | None = None) -> None:
        super().__init__(nodes)
        self.places: set[bytes] = set()
        self.missing: set[bytes] = set()

    def get(self, place: bytes, digest: bytes, /) -> bytes | None:
        self.places.add(place)
        return None if place in self.missing else super().get(place, digest)


def specified_root(content: Mapping[bytes, bytes]) -> bytes:
    trie: Trie[Bytes, Bytes] = Trie(secured=False, default=b"")
    for key, value in content.items():
        trie_set(trie, Bytes(key), Bytes(value))
    return bytes(root(trie))


def stored(content: Mapping[bytes, bytes]) -> tuple[bytes, dict[bytes, bytes]]:
    """The root of a trie that is made at once, and its nodes."""
    trie = PatriciaTrie(MemoryNodes())
    trie.update(content)
    made = trie.commit()
    return made.root, {place: node for place, node in made.nodes.items() if node is not None}


@given(changes=batches, reopened=st.sets(st.integers(0, 7)), forgotten=st.sets(st.integers(0, 7)))
@SETTINGS
def test_after_any_changes_the_root_is_that_of_others_and_the_nodes_are_those_of_a_trie_made_at_once(
    changes: list[dict[bytes, bytes | None]], reopened: set[int], forgotten: set[int]
) -> None:
    library, content = HexaryTrie({}), dict[bytes, bytes]()
    nodes = MemoryNodes()
    trie = PatriciaTrie(nodes)
    for number, batch in enumerate(changes):
        if number in reopened:
            trie = PatriciaTrie(nodes, trie.root)
        trie.update(batch)
        for key, value in batch.items():
            if value is None:
                content.pop(key, None)
                library.delete(key)
            else:
                content[key] = value
                library.set(key, value)
        assert all(trie.get(key) == content.get(key) for key in batch)
        made = trie.commit()
        nodes.put(made.nodes)
        assert made.root == trie.root == library.root_hash == specified_root(content)
        if number in forgotten:
            trie.forget()
        assert all(trie.get(key) == value for key, value in content.items())
    whole_root, whole = stored(content)
    assert (trie.root, nodes._nodes) == (whole_root, whole)
    if not content:
        assert (trie.root, whole) == (EMPTY_TRIE_ROOT, {})


@given(
    before=st.dictionaries(keys, values, min_size=1),
    changes=st.dictionaries(keys, st.none() | values, max_size=4),
)
@SETTINGS
def test_steps_on_the_way_ask_for_nothing_that_what_they_come_to_does_not_need(
    before: dict[bytes, bytes], changes: dict[bytes, bytes | None]
) -> None:
    """A key that is removed and set again, or set and removed: no sibling is asked for."""
    whole_root, whole = stored(before)
    straight, crooked = Asked(whole), Asked(whole)
    trie = PatriciaTrie(straight, whole_root)
    trie.update(changes)
    expected = trie.commit()
    trie = PatriciaTrie(crooked, whole_root)
    trie.update({key: b"other" if value is None else None for key, value in changes.items()})
    trie.update(changes)
    assert trie.commit().root == expected.root
    assert crooked.places <= straight.places


@given(content=st.dictionaries(keys, values, min_size=2), chance=st.randoms(use_true_random=False))
@SETTINGS
def test_a_node_that_is_missing_or_another_one_is_named_with_its_path(
    content: dict[bytes, bytes], chance: object
) -> None:
    whole_root, whole = stored(content)
    for place in whole:
        nibbles = place[1:].hex()[: place[0]]
        key = next(key for key in content if key.hex().startswith(nibbles))
        at = re.escape(f"0x{nibbles}" if nibbles else "the root")
        nodes = Asked(whole)
        nodes.missing = {place}
        with pytest.raises(
            TreeError, match=rf"^the trie: the node at path {at} is missing, whose hash is 0x"
        ):
            PatriciaTrie(nodes, whole_root).update({key: b"new"})
        with pytest.raises(
            TreeError, match=rf"^the trie: the node at path {at} is not the one whose hash is 0x"
        ):
            PatriciaTrie(MemoryNodes(whole | {place: whole[place] + b"\0"}), whole_root).get(key)


def test_the_only_child_that_is_left_is_asked_for_and_named() -> None:
    content = {b"\x11": b"one" * 20, b"\x12": b"two" * 20, b"\x20": b"three" * 20}
    whole_root, whole = stored(content)
    nodes = Asked(whole)
    nodes.missing = {b"\x02\x12"}
    trie = PatriciaTrie(nodes, whole_root)
    trie.update({b"\x11": None})
    with pytest.raises(TreeError, match="path 0x12 is missing"):
        trie.commit()
    with pytest.raises(TreeError, match="is broken"):
        trie.commit()


@given(
    content=st.dictionaries(keys, values, min_size=3),
    place=st.integers(0, 1 << 30),
    node=st.binary(max_size=80) | st.lists(st.binary(max_size=34), max_size=18).map(_trees.encode_strings),
    changed=st.dictionaries(keys, st.none() | values, max_size=6),
)
@SETTINGS
def test_a_node_that_is_rubbish_is_refused_or_read(
    content: dict[bytes, bytes], place: int, node: bytes, changed: dict[bytes, bytes | None]
) -> None:
    """Whatever stands where a node should, there is an error of ours or a root."""
    whole_root, whole = stored(content)
    nodes = MemoryNodes(whole | {sorted(whole)[place % len(whole)]: node})
    tries = _trees.PatriciaTries(nodes.get, True)
    trie = tries.open(b"", "the trie", whole_root)
    try:
        for key, value in changed.items():
            if value is None:
                tries.remove(trie, key)
            else:
                tries.put(trie, key, value)
        tries.leaves(trie)
        tries.commit([trie])
    except TreeError as error:
        assert re.match(r"the trie: (the node at path|a path has)", str(error))
    except UsageError as error:
        assert "begins with another" in str(error)


def test_what_is_no_node_is_refused() -> None:
    leaf = _trees.encode_strings([b"\x20\x11", b"value"])
    wrong = {
        b"": "its RLP is damaged",
        b"\x83abc": "its RLP is damaged",
        b"\xc2\x81\x05": "its RLP is damaged",  # one byte that stands for itself, with a length
        leaf + b"\0": "its RLP is damaged",
        b"\xf8" + bytes([leaf[0] - 0xC0]) + leaf[1:]: "its RLP is damaged",  # a long form of a short length
        _trees.encode_strings([b"a", b"b", b"c"]): "neither a pair nor a branch",
        _trees.encode_strings([b""] * 18): "its RLP is damaged",
        _trees.encode_strings([b""] * 16 + [b"value"]): "neither a pair nor a branch without a value",
        _trees.encode_strings([b"h" * 32] + [b""] * 16): "a branch of fewer than two",
        _trees.encode_strings([b"h" * 32, b"h" * 31] + [b""] * 15): "what it refers to is no hash",
        _trees.encode_strings([b"\x40", b"value"]): "its path is malformed",
        _trees.encode_strings([b"\x21" + bytes(33), b"value"]): "its path is malformed",
        _trees.encode_strings([b"\x00", b"h" * 32]): "its path is malformed",  # an extension by nothing
        _trees.encode_strings(
            [b"\x0f", b"h" * 32]
        ): "its path is malformed",  # an even one has no nibble there
        _trees.encode_strings([b"\x20", b""]): "it has no value",
        _trees.encode_strings([b"\x11", b"short"]): "what it refers to is no hash",
    }
    for node, why in wrong.items():
        digest = _trees.keccak_256(node)
        with pytest.raises(TreeError, match=f"the node at path the root is no node of a trie: .*{why}"):
            PatriciaTrie(MemoryNodes({b"\0": node}), digest).get(b"\x11")


def test_keys_and_values_that_no_trie_has_are_refused() -> None:
    trie = PatriciaTrie(MemoryNodes())
    for key in (b"", b"k" * 33):
        with pytest.raises(UsageError, match="has 1 to 32 bytes"):
            trie.update({key: b"value"})
    with pytest.raises(UsageError, match="no empty values"):
        trie.update({b"key": b""})
    for pair in ({b"ab": b"1", b"abc": b"2"}, {b"abc": b"1", b"ab": b"2"}):
        with pytest.raises(UsageError, match="begins with another"):
            PatriciaTrie(MemoryNodes()).update(pair)
    with pytest.raises(UsageError, match="has 32 bytes"):
        PatriciaTrie(MemoryNodes(), b"root")


@given(st.lists(st.binary(max_size=70)))
@SETTINGS
def test_lists_of_strings_are_written_and_read_as_rlp(items: list[bytes]) -> None:
    written = _trees.encode_strings(items)
    assert written == rlp.encode(items)
    assert _trees.decode_strings(written) == items
    assert _trees.decode_strings(written + b"\0") is None
    assert _trees.decode_strings(written[:-1]) is None


@pytest.mark.parametrize("wrong", [None, "text", 5])
def test_what_is_not_bytes_has_no_rlp(wrong: object) -> None:
    with pytest.raises(TypeError):
        _trees.encode_strings([b"", wrong])  # type: ignore[list-item]
