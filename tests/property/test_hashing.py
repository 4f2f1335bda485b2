"""Keccak-256 of many inputs at once, in each width that this CPU has, against the libraries `sha3` and `Crypto`."""

from __future__ import annotations

import pytest
import sha3
from Crypto.Hash import keccak as pycryptodome
from hypothesis import given, settings
from hypothesis import strategies as st

from blockstm.native import _trees

WIDTHS = (1, 4, 8)
SETTINGS = settings(deadline=None, print_blob=True, max_examples=60)
# Up to four blocks of 136 bytes, with every length at which a block begins or ends among them.
LENGTHS = st.one_of(
    st.integers(0, 600),
    st.sampled_from([136 * blocks + near for blocks in (1, 2, 3, 4) for near in (-1, 0, 1)]),
)


@st.composite
def inputs(draw: st.DrawFn) -> list[bytes]:
    """Some inputs, which differ from each other in every block."""
    lengths = draw(st.lists(LENGTHS, max_size=40))
    seed = draw(st.randoms(use_true_random=False))
    return [seed.randbytes(length) for length in lengths]


def reference(data: bytes) -> bytes:
    digest: bytes = sha3.keccak_256(data).digest()
    return digest


@pytest.mark.parametrize("lanes", WIDTHS)
@given(data=inputs())
@SETTINGS
def test_many_inputs_have_the_hashes_that_a_library_gives(lanes: int, data: list[bytes]) -> None:
    if lanes > _trees.LANES_MAX:
        pytest.skip(f"this CPU has no vectors of {lanes} lanes")
    assert _trees.keccak_256_many(data, lanes) == [reference(each) for each in data]


@given(data=inputs())
@SETTINGS
def test_what_is_hashed_singly_and_as_it_pays_is_the_same(data: list[bytes]) -> None:
    assert _trees.keccak_256_many(data) == [_trees.keccak_256(each) for each in data]
    assert _trees.keccak_256_many(iter(data)) == [reference(each) for each in data]


def test_every_length_up_to_600_bytes_has_the_hash_that_two_libraries_give() -> None:
    data = [bytes((length + place) % 251 for place in range(length)) for length in range(601)]
    assert _trees.keccak_256_many(data) == [reference(each) for each in data]
    assert [_trees.keccak_256(each) for each in data] == [
        pycryptodome.new(digest_bits=256, data=each).digest() for each in data
    ]


def test_known_answers() -> None:
    """Of the Yellow Paper: the empty code, the empty trie, the empty list of uncles."""
    assert [digest.hex() for digest in _trees.keccak_256_many([b"", b"\x80", b"\xc0"])] == [
        "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
        "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421",
        "1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    ]


@pytest.mark.parametrize("wrong", [None, "text", bytearray(3), 5])
def test_what_is_not_bytes_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError):
        _trees.keccak_256(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        _trees.keccak_256_many([b"", wrong])  # type: ignore[list-item]


def test_widths_that_there_are_not_are_refused() -> None:
    for lanes in (2, 3, 16, *(width for width in WIDTHS if width > _trees.LANES_MAX)):
        with pytest.raises(ValueError, match=f"no vectors of {lanes} lanes"):
            _trees.keccak_256_many([b""], lanes)
