"""The state root, against a second implementation and fixed values."""

from pathlib import Path
from typing import Any

import pytest
from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from blockstm.errors import BlockstmError
from blockstm.results.state_root import state_root

STATES = st.dictionaries(st.binary(max_size=64), st.binary(max_size=40), max_size=40)


def _recursive(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """The same tree from the top: the left part is the largest power of two below the number of pairs."""
    if len(pairs) == 1:
        key, value = pairs[0]
        return blake3(b"\x01" + len(key).to_bytes(1, "big") + key + value).digest()
    left = 1 << ((len(pairs) - 1).bit_length() - 1)
    return blake3(b"\x02" + _recursive(pairs[:left]) + _recursive(pairs[left:])).digest()


@given(STATES)
def test_it_is_the_tree_of_the_specification(state: dict[bytes, bytes]) -> None:
    expected = _recursive(sorted(state.items())) if state else blake3(b"\x00").digest()
    assert state_root(state) == expected


@given(STATES, st.randoms())
def test_order_does_not_matter(state: dict[bytes, bytes], random: object) -> None:
    pairs = list(state.items())
    random.shuffle(pairs)  # type: ignore[attr-defined]
    assert state_root(dict(pairs)) == state_root(state)


@given(STATES, STATES)
def test_different_states_have_different_roots(one: dict[bytes, bytes], other: dict[bytes, bytes]) -> None:
    assert (state_root(one) == state_root(other)) == (one == other)


def test_where_a_key_ends_matters() -> None:
    assert state_root({b"ab": b"c"}) != state_root({b"a": b"bc"})
    assert state_root({b"a": b""}) != state_root({})


def test_fixed_values() -> None:
    assert state_root({}).hex() == "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213"
    one = {b"a": b"b"}
    assert state_root(one).hex() == "647a90ffdfcbd32183e0fa0acbc0366a50f8ec003d3786d9d962c3f69140a12d"
    three = {b"alice": b"\x0a", b"bob": b"", b"carol": bytes(32)}
    assert state_root(three).hex() == "56f9a0fb350b7b3d24dcc8ee5a414e9f9c148b05fda5606408a9d74506184ee2"


def test_the_example_of_the_specification_runs() -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "reference" / "state-root.md"
    names: dict[str, Any] = {}
    exec(page.read_text().split("```python\n")[1].split("```")[0], names)
    state = {bytes([i]) * (i % 5): bytes(i) for i in range(1, 60)}
    assert names["state_root"](state) == state_root(state)


def test_other_keys_are_refused() -> None:
    with pytest.raises(BlockstmError, match="65 bytes"):
        state_root({bytes(65): b""})
    with pytest.raises(BlockstmError, match="a key is bytes"):
        state_root({"a": b""})  # type: ignore[dict-item]
