"""Proofs of what a state holds: what is true can be proved, and nothing else is believed."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blockstm.errors import BlockstmError, LimitError, ProofError, TreeError, UsageError
from blockstm.limits import PROOF_KEYS_MAX
from blockstm.trees.binary import EMPTY_ROOT
from blockstm.trees.nodes import MemoryNodes
from blockstm.trees.proof_files import decode_proof, encode_proof, read_proof, write_proof
from blockstm.trees.proofs import MappingState, Proof, prove
from tests.support.binary_tree import H, root_of

KEYS = st.integers(0, 60).map(lambda number: b"key %d" % number)
STATES = st.dictionaries(KEYS, st.binary(max_size=3), max_size=50)
WANTED = st.lists(KEYS, min_size=1, max_size=12)
STATE: Final = {b"key %d" % number: b"value %d" % number for number in range(40)}
HASH_BYTES: Final = 32


def refuses(encoded: bytes, root: bytes) -> bool:
    """Tell whether a proof is not believed; anything but an error of ours is let out."""
    try:
        decode_proof(encoded).verify(root)
    except ProofError:
        return True
    return False


def is_true(proof: Proof, state: Mapping[bytes, bytes]) -> bool:
    return all(state.get(key) == value for key, value in proof.values.items())


def checked(content: bytes) -> bytes:
    return content + H(content)[:8]


@given(STATES, WANTED)
def test_what_is_true_is_proved(state: dict[bytes, bytes], wanted: list[bytes]) -> None:
    proof = prove(MappingState(state), wanted)
    proof.verify(root_of(state))
    assert proof.values == {key: state.get(key) for key in wanted}
    assert decode_proof(encode_proof(proof)) == proof


@given(STATES, WANTED, st.data())
def test_what_is_not_true_is_refused(
    state: dict[bytes, bytes], wanted: list[bytes], data: st.DataObject
) -> None:
    proof = prove(MappingState(state), wanted)
    key = data.draw(st.sampled_from(sorted(proof.values)))
    value = data.draw(st.none() | st.binary(max_size=3))
    if value == proof.values[key]:
        return
    with pytest.raises(ProofError):
        replace(proof, values={**proof.values, key: value}).verify(root_of(state))


@given(STATES, STATES, WANTED)
def test_a_proof_is_one_of_its_own_root_only(
    state: dict[bytes, bytes], other: dict[bytes, bytes], wanted: list[bytes]
) -> None:
    proof = prove(MappingState(state), wanted)
    assert refuses(encode_proof(proof), root_of(other)) == (state != other)


@given(STATES, WANTED, st.randoms())
def test_what_is_believed_is_true_however_a_proof_was_come_by(
    state: dict[bytes, bytes], wanted: list[bytes], chance: random.Random
) -> None:
    """A liar may change the shape and the hashes, and compute the checksum anew."""
    proof, root = prove(MappingState(state), wanted), root_of(state)
    for _ in range(10):
        shape, hashes = bytearray(proof.shape), bytearray(proof.hashes)
        values = dict(proof.values)
        for _ in range(chance.randint(1, 3)):
            match chance.randrange(5):
                case 0:
                    shape[chance.randrange(len(shape))] = chance.randrange(256)
                case 1:
                    at = chance.randint(0, len(hashes))
                    hashes[at:at] = bytes(HASH_BYTES) if chance.random() < 0.5 else H(b"any")
                case 2:
                    del hashes[: chance.choice([1, HASH_BYTES])]
                case 3:
                    values[b"key %d" % chance.randrange(60)] = chance.choice([None, b"", b"\0"])
                case _:
                    shape.insert(chance.randint(0, len(shape)), chance.randrange(256))
        lie = Proof(values, bytes(shape), bytes(hashes))
        assert refuses(encode_proof(lie), root) or is_true(lie, state)


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (STATE, [b"key 1", b"absent"]),
        ({b"key 1": b"value", b"key 2": b""}, [b"key 1", b"absent"]),
        ({b"key 1": b"value"}, [b"key 1"]),
        ({}, [b"key 1"]),
    ],
)
def test_every_single_bit_matters(state: dict[bytes, bytes], wanted: list[bytes]) -> None:
    encoded, root = encode_proof(prove(MappingState(state), wanted)), root_of(state)
    assert not refuses(encoded, root)
    for bit in range(8 * len(encoded)):
        flipped = (int.from_bytes(encoded, "big") ^ 1 << bit).to_bytes(len(encoded), "big")
        assert refuses(flipped, root), f"bit {bit}"
        content = flipped[:-8]
        if content != encoded[:-8] and not refuses(checked(content), root):
            # Another key, of which the same hashes show that it is absent.
            assert is_true(decode_proof(checked(content)), state)


def test_truncated_and_extended_proofs_are_refused() -> None:
    encoded, root = encode_proof(prove(MappingState(STATE), [b"key 1", b"absent"])), root_of(STATE)
    for size in range(len(encoded)):
        assert refuses(encoded[:size], root)
        assert size == len(encoded) - 8 or refuses(checked(encoded[:size]), root)
    for more in (b"\0", b"\xc0", encoded):
        assert refuses(encoded + more, root)
        assert refuses(checked(encoded[:-8] + more), root)


@pytest.mark.parametrize("depth", [255, 256, 257])
def test_a_proof_as_deep_as_paths_are_and_deeper(depth: int) -> None:
    """It is read to its end, and refused all the same."""
    key = b"key 1"
    path = int.from_bytes(H(key), "big")
    rights = [path >> (255 - level) & 1 if level < 256 else 0 for level in range(depth)]
    tokens = [token for right in rights for token in ((3, 1) if right else (3,))]
    tokens += [0] + [1 for right in rights if not right]
    tokens += [0] * (-len(tokens) % 4)
    shape = bytes(sum(tokens[at + n] << (6 - 2 * n) for n in range(4)) for at in range(0, len(tokens), 4))
    lie = Proof({key: None}, shape, H(b"any") * depth)
    text = "not of 0x" if depth <= 256 else "does not fit"
    with pytest.raises(ProofError, match=text):
        decode_proof(encode_proof(lie)).verify(root_of(STATE))


def test_each_proof_has_one_form() -> None:
    proof = prove(MappingState(STATE), [b"key 1", b"key 2"])
    claims = sorted([key, value] for key, value in proof.values.items())
    fields = ["blockstm-proof", 1, claims, proof.shape, proof.hashes]
    assert decode_proof(checked(msgpack.packb(fields))) == proof
    wrong: dict[str, object] = {
        "a proof": ["blockstm-block", *fields[1:]],
        "version": [fields[0], 2, *fields[2:]],
        "version None": [fields[0]],
        "fields": [*fields, b""],
        "no list of keys": [*fields[:2], [], *fields[3:]],
        "key 0": [*fields[:2], [[b"k"]], *fields[3:]],
        "not at most 64": [*fields[:2], [[bytes(65), None]], *fields[3:]],
        "not at most 65536": [*fields[:2], [[b"k", bytes(65537)]], *fields[3:]],
        "are not bytes": [*fields[:3], "text", fields[4]],
        "the one form": [*fields[:2], claims[::-1], *fields[3:]],
    }
    for text, content in wrong.items():
        with pytest.raises(ProofError, match=text):
            decode_proof(checked(msgpack.packb(content)))
    padded = msgpack.packb(fields).replace(b"\xc4", b"\xc5\x00", 1)
    with pytest.raises(ProofError, match="the one form"):
        decode_proof(checked(padded))
    for foreign in (b"", b"\xc1", b"text", bytes(100), b"\x91" * 2000, msgpack.packb({"a": 1})):
        with pytest.raises(ProofError):
            decode_proof(checked(foreign))


def test_what_keys_share_stands_in_a_proof_once() -> None:
    state = MappingState({b"key %d" % number: b"value" for number in range(1000)})
    wanted = [b"key %d" % number for number in range(50)]
    together = prove(state, wanted)
    alone = [prove(state, [key]) for key in wanted]
    hashes = [together.hashes[at : at + HASH_BYTES] for at in range(0, len(together.hashes), HASH_BYTES)]
    assert len(hashes) == len({*hashes})
    assert len(together.hashes) < sum(len(each.hashes) for each in alone) / 2
    assert len(prove(state, state._state).hashes) == 0


def test_values_that_are_not_the_trees_are_found() -> None:
    state = MappingState(STATE)
    for other in ({**STATE, b"key 1": b"other"}, {k: v for k, v in STATE.items() if k != b"key 1"}):
        assert state.root == root_of(STATE)
        state._state = other
        with pytest.raises(ProofError, match="not those that its tree was made of"):
            prove(state, [b"key 1"])


def test_pages_that_are_missing_or_wrong_are_found() -> None:
    state = MappingState(STATE)
    root, nodes = state._tree
    place = next(place for place in nodes._nodes if place[-1] == 1)
    key = next(key for key in STATE if H(key)[0] >> 4 == place[0] >> 4)
    page = nodes._nodes[place]
    name = f"at path 0x{place.hex()[0]} of the state tree"
    for bad in (None, page[:-1] + bytes([page[-1] ^ 1]), page[:-1], b""):
        nodes.put({place: bad})
        with pytest.raises(TreeError, match=name):
            prove(state, [key])
    nodes.put({place: page})
    prove(state, [key]).verify(root)


def test_bad_arguments_are_refused() -> None:
    state = MappingState(STATE)
    with pytest.raises(UsageError, match="name one"):
        prove(state, [])
    with pytest.raises(LimitError, match=f"at most {PROOF_KEYS_MAX}"):
        prove(state, (b"%d" % number for number in range(PROOF_KEYS_MAX + 1)))
    with pytest.raises(BlockstmError, match="a key is bytes"):
        prove(state, ["text"])  # type: ignore[list-item]
    with pytest.raises(UsageError, match="32 bytes"):
        prove(MappingState({}), [b"key"]).verify(EMPTY_ROOT[:-1])


def test_files(tmp_path: Path) -> None:
    proof, file = prove(MappingState(STATE), [b"key 1"]), tmp_path / "one.proof"
    write_proof(proof, file)
    assert read_proof(file) == proof
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(ProofError, match=r"one\.proof: "):
        read_proof(file)
    assert isinstance(MappingState({}).nodes, MemoryNodes)
